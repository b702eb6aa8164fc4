"""Images come to the instance that needs them: carried from another, one transfer at a time, tried for a while."""

from __future__ import annotations

from datetime import timedelta

import pytest

from base import clock
from clusters.engine.errors import EngineUnavailable, InvalidRequest, PullFailed
from clusters.engine.fake_host import FakeHost
from clusters.models import InstanceImage
from services.control import supply
from services.control.claim import claim
from services.models import Task

from .world import World, accounts

IMAGE = "registry.example/web:v1"


@pytest.fixture
def built(world: World) -> World:
    """Two instances with room for one task each; the image was built on the first, where a task of it runs."""
    world.host("one", "local:1", cpu=128)
    world.register(image="local:1", cpu=128)
    world.create(count=1)
    world.until_steady()
    world.host("two", cpu=128)
    return world


def calls(host: FakeHost, operation: str) -> int:
    return sum(1 for call in host.calls if call.operation == operation)


def only_task() -> Task:
    return Task.objects.prefetch_related("containers").get()


def test_an_image_built_on_one_instance_is_carried_to_the_other(built: World) -> None:
    built.update(desired_count=2)
    built.until_steady()
    image_id = built.hosts["one"].images["local:1"].id
    assert (built.running("one"), built.running("two")) == ([image_id], [image_id])
    assert calls(built.hosts["two"], "pull") == 0
    row = InstanceImage.objects.get(instance=built.instance("two"), pin=image_id)
    assert (row.origin, row.image_id, row.source_id) == ("CARRIED", image_id, built.instances["one"])
    assert row.brought_at is not None
    # No name came with it: a name there may stand for another image.
    assert "local:1" not in built.hosts["two"].images
    assert Task.objects.exclude(pull_started_at=None).filter(instance=built.instance("two")).exists()
    assert accounts() == []


def test_what_was_there_before_is_noted_as_found(built: World) -> None:
    rows = InstanceImage.objects.filter(instance=built.instance("one"))
    assert {row.origin for row in rows} == {"FOUND"}


def test_tasks_that_wait_for_one_image_share_one_transfer(world: World) -> None:
    world.host("one", "local:1", cpu=128)
    two = world.host("two")
    world.register(image="local:1", cpu=128)
    world.create(count=6)
    world.until_steady()
    assert len(world.running("two")) == 5
    assert calls(two, "load_image") == 1


def test_a_transfer_that_another_job_makes_is_waited_for_with_its_progress(built: World) -> None:
    pin = built.hosts["one"].images["local:1"].id
    row = InstanceImage.objects.create(
        instance=built.instance("two"), pin=pin, progress="carried from one, 45 %"
    )
    assert claim(InstanceImage, row.pk) is not None
    built.update(desired_count=2)
    built.run(10)
    waiting = Task.objects.get(instance=built.instance("two"))
    assert (waiting.status, waiting.pull_progress) == ("PROVISIONING", "web: carried from one, 45 %")
    assert calls(built.hosts["two"], "load_image") == 0
    # The other job's worker has died: its lease ends, and the task's own job brings it.
    built.run(30)
    assert built.running("two") == [pin]
    assert Task.objects.get(pk=waiting.pk).pull_progress == ""


def test_an_image_that_no_instance_has_any_more_is_a_failure_that_says_so(built: World) -> None:
    built.hosts["one"].images.clear()
    built.update(desired_count=2)
    built.run(10)
    reasons = {task.stopped_reason for task in built.tasks(status="STOPPED")}
    assert reasons
    assert all("is in no registry, and no other instance of the cluster has it" in one for one in reasons)
    assert all("local:1" in one for one in reasons)


def test_an_instance_that_is_away_may_have_it_and_is_named(built: World) -> None:
    built.lose("one")
    built.update(desired_count=2)
    built.run(3)
    waiting = Task.objects.get(instance=built.instance("two"))
    assert waiting.status == "PROVISIONING"
    assert "not asked: one" in waiting.pull_progress
    built.find("one")
    built.run(60)
    assert len(built.running("two")) == 1


def test_a_source_that_breaks_off_is_tried_again(built: World) -> None:
    built.hosts["one"].fail("save_image", EngineUnavailable("reset by peer"))
    built.update(desired_count=2)
    built.until_steady()
    assert calls(built.hosts["one"], "save_image") == 2
    assert Task.objects.filter(status="STOPPED").count() == 0


def test_an_engine_that_refuses_the_image_fails_the_task_with_its_words(built: World) -> None:
    built.hosts["two"].fail("load_image", InvalidRequest("invalid layer"), times=None)
    built.update(desired_count=2)
    built.run(5)
    assert "invalid layer" in built.tasks(status="STOPPED")[0].stopped_reason


def test_an_instance_with_another_processor_is_no_source(built: World) -> None:
    one = built.instance("one")
    one.info = {**one.info, "architecture": "arm64"}
    one.save(update_fields=["info"])
    built.update(desired_count=2)
    built.run(20)
    stopped = built.tasks(status="STOPPED")
    assert stopped and all("no other instance" in task.stopped_reason for task in stopped)


# ---- standalone tasks: what their image's name stands for is found out per task ---------------------


def test_a_standalone_task_runs_what_was_built_on_another_instance(world: World) -> None:
    world.host("one", cpu=256).add_image("local:1")
    world.host("two", cpu=512, memory=512)
    world.register(image="local:1", cpu=512)
    assert not world.run_task().failures
    world.run(5)
    image_id = world.hosts["one"].images["local:1"].id
    assert world.running("two") == [image_id]
    task = only_task()
    assert task.images["web"] == {"image": "local:1", "digest": image_id, "pin": image_id}
    assert task.containers.get().image_digest == image_id


def test_a_standalone_task_is_pinned_to_what_its_tag_named_when_it_was_pulled(world: World) -> None:
    world.host().publish(IMAGE, content="first")
    world.register(image=IMAGE)
    world.run_task()
    world.run(5)
    first = only_task().images["web"]["pin"]
    assert first.startswith("registry.example/web@sha256:")
    world.hosts["one"].publish(IMAGE, content="second")
    world.run(120)
    world.run_task()
    world.run(5)
    assert len(set(world.running())) == 2
    assert first in world.running()


def test_a_registry_that_fails_is_asked_ever_more_slowly_and_then_the_task_fails(world: World) -> None:
    host = world.host()
    host.publish(IMAGE)
    host.fail("pull", PullFailed("connection refused"), times=None)
    world.register(image=IMAGE)
    began = clock.now()
    world.run_task()
    world.run(3)
    task = only_task()
    assert "connection refused, 2 of 5 attempts failed" in task.pull_progress
    world.until(lambda: only_task().status == "STOPPED", 300)
    assert calls(host, "pull") == supply.MOST_ATTEMPTS
    task = only_task()
    assert task.stop_code == "TaskFailedToStart"
    assert task.stopped_reason.startswith("CannotPullContainerError")
    assert "connection refused (5 attempts)" in task.stopped_reason
    assert timedelta(seconds=25) < clock.now() - began < timedelta(seconds=90)


def test_a_registry_that_comes_back_is_tried_at_once_by_the_next_task(world: World) -> None:
    host = world.host()
    host.publish(IMAGE)
    fault = host.fail("pull", PullFailed("connection refused"), times=None)
    world.register(image=IMAGE)
    world.run_task()
    world.until(lambda: only_task().status == "STOPPED", 300)
    host.lift(fault)
    world.run(61)
    world.run_task()
    world.run(5)
    assert len(world.running()) == 1
    assert InstanceImage.objects.get(pin=IMAGE).failures == 0
