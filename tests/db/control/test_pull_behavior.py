"""The ECS agent's four pull behaviours, of the installation and of one instance."""

from __future__ import annotations

from typing import Any

import pytest

from base.errors import InvalidParameter, OperationError
from clusters.engine.errors import PullDenied
from clusters.engine.fake_host import FakeHost
from clusters.models import InstanceImage
from clusters.upkeep import update_container_instance_settings
from services.control import effects
from services.models import Task
from services.task_operations import stop_task

from .world import CALLER, World

IMAGE = "registry.example/web:v1"


def pulls(host: FakeHost) -> int:
    return sum(1 for call in host.calls if call.operation == "pull")


def behave(world: World, behavior: str) -> FakeHost:
    """One instance that pulls so; the registry has the image."""
    host = world.host()
    host.publish(IMAGE, content="first")
    world.register(image=IMAGE)
    update_container_instance_settings(
        CALLER, container_instance=world.instances["one"], image_pull_behavior=behavior
    )
    return host


def run(world: World) -> Task:
    """One standalone task, as far as it gets in a minute."""
    task = world.run_task().tasks[0]
    world.run(60)
    task.refresh_from_db()
    return task


def pin(task: Task) -> str:
    return str(task.images["web"]["pin"])


@pytest.fixture(autouse=True)
def every_task_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is taken for granted because it was seen a moment ago."""
    monkeypatch.setattr(effects, "_FRESH", -1.0)


def test_default_pulls_and_falls_back_on_what_is_there(world: World) -> None:
    host = behave(world, "default")
    first = run(world)
    host.publish(IMAGE, content="second")
    second = run(world)
    assert (first.status, second.status) == ("RUNNING", "RUNNING")
    assert pin(first) != pin(second)
    host.publish(IMAGE, content="third", error=PullDenied("no basic auth credentials"))
    third = run(world)
    assert third.status == "RUNNING"
    assert pin(third) == pin(second)
    assert pulls(host) == 3


def test_always_asks_for_every_task_and_fails_with_the_registry(world: World) -> None:
    host = behave(world, "always")
    first = run(world)
    assert first.status == "RUNNING"
    before = pulls(host)
    assert run(world).status == "RUNNING"
    assert pulls(host) > before
    host.publish(IMAGE, content="first", error=PullDenied("no basic auth credentials"))
    refused = run(world)
    assert refused.status == "STOPPED"
    assert refused.stopped_reason.startswith("CannotPullContainerError")
    assert "no basic auth credentials" in refused.stopped_reason


def test_always_pulls_a_digest_too(world: World) -> None:
    host = behave(world, "always")
    world.create(count=1)
    world.until_steady()
    before = pulls(host)
    world.update(desired_count=2)
    world.until_steady()
    assert pulls(host) == before + 1


def test_always_refuses_an_image_that_is_in_no_registry(world: World) -> None:
    host = behave(world, "default")
    image_id = host.add_image("local:1").id
    update_container_instance_settings(
        CALLER, container_instance=world.instances["one"], image_pull_behavior="always"
    )
    world.register("by-id", image=image_id)
    task = world.run_task("by-id").tasks[0]
    world.run(10)
    task.refresh_from_db()
    assert task.status == "STOPPED"
    assert "is in no registry, and one pulls always" in task.stopped_reason


def test_once_pulls_what_no_pull_of_ours_brought(world: World) -> None:
    host = behave(world, "once")
    first = run(world)
    host.publish(IMAGE, content="second")
    second = run(world)
    assert pulls(host) == 1
    assert pin(first) == pin(second)
    # Cleaned up, it is pulled again.
    stop_task(CALLER, task=first.pk)
    stop_task(CALLER, task=second.pk)
    world.run(60)
    InstanceImage.objects.all().delete()
    host.images.clear()
    assert pin(run(world)) != pin(first)
    assert pulls(host) == 2


def test_once_pulls_what_somebody_else_had_there(world: World) -> None:
    host = behave(world, "once")
    host.add_image(IMAGE, from_registry=True)
    run(world)
    assert pulls(host) == 1


def test_prefer_cached_pulls_only_what_is_missing(world: World) -> None:
    host = behave(world, "prefer-cached")
    host.add_image(IMAGE, from_registry=True)
    assert run(world).status == "RUNNING"
    assert pulls(host) == 0
    host.images.clear()
    assert run(world).status == "RUNNING"
    assert pulls(host) == 1


def test_an_instance_without_its_own_has_the_installations(world: World, settings: Any) -> None:
    host = behave(world, "")
    host.add_image(IMAGE, from_registry=True)
    settings.SLIPWAY_IMAGE_PULL_BEHAVIOR = "prefer-cached"
    run(world)
    assert pulls(host) == 0
    settings.SLIPWAY_IMAGE_PULL_BEHAVIOR = "default"
    run(world)
    assert pulls(host) == 1


def test_a_deployment_asks_as_the_instance_that_pins_it_does(world: World) -> None:
    host = behave(world, "prefer-cached")
    host.add_image(IMAGE, from_registry=True)
    world.create(count=2)
    world.until_steady()
    assert pulls(host) == 0
    assert world.running()[0].startswith("registry.example/web@sha256:")


def test_many_tasks_that_start_at_once_pull_once(world: World) -> None:
    host = behave(world, "prefer-cached")
    for _ in range(5):
        world.run_task()
    world.run(30)
    assert len(world.running()) == 5
    assert pulls(host) == 1


# ---- the setting -------------------------------------------------------------------------------


def test_settings_are_changed_one_by_one_and_taken_back(world: World) -> None:
    world.host()
    one = world.instances["one"]
    row = update_container_instance_settings(CALLER, container_instance=one, image_pull_behavior="once")
    assert row.settings == {"imagePullBehavior": "once"}
    row = update_container_instance_settings(CALLER, container_instance=one, image_cleanup="disabled")
    assert row.settings == {"imagePullBehavior": "once", "imageCleanup": "disabled"}
    row = update_container_instance_settings(CALLER, container_instance=one, image_pull_behavior="")
    assert row.settings == {"imageCleanup": "disabled"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"image_pull_behavior": "sometimes"}, "imagePullBehavior"),
        ({"image_cleanup": "off"}, "imageCleanup"),
    ],
)
def test_a_word_that_is_none_is_refused_by_the_name_of_its_field(
    world: World, given: dict[str, str], field: str
) -> None:
    world.host()
    with pytest.raises(OperationError) as refused:
        update_container_instance_settings(CALLER, container_instance=world.instances["one"], **given)
    assert isinstance(refused.value, InvalidParameter)
    assert list(refused.value.fields) == [field]
    assert world.instance().settings == {}
