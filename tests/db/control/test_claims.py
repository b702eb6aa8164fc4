"""Workers that die, plans that are overtaken, room that is gone, answers that are lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from base import clock
from clusters import reservation
from clusters.engine.errors import EngineBusy, EngineTimeout, EngineUnavailable, StartFailed
from services.control import apply as applying
from services.control import reconcile, snapshot, sweep
from services.control.claim import again, claim, release, renew
from services.models import Service, Task
from services.wakeup import wake_service, wake_task

from .world import World, accounts


@pytest.fixture
def web(world: World) -> World:
    world.host().add_image("web:1")
    world.register()
    world.create()
    world.until_steady()
    return world


# ---- the claim -----------------------------------------------------------------------------------


def test_only_one_holds_a_claim_and_it_ends_by_itself(web: World) -> None:
    key = web.service().pk
    owner = claim(Service, key)
    assert owner is not None
    assert claim(Service, key) is None
    web.clock.advance(19)
    assert claim(Service, key) is None
    assert renew(Service, key, owner)
    web.clock.advance(19)
    assert claim(Service, key) is None
    web.clock.advance(2)
    other = claim(Service, key)
    assert other is not None
    assert not renew(Service, key, owner)
    assert not release(Service, key, owner)
    assert release(Service, key, other)


def test_a_wake_up_during_the_claim_is_not_lost(web: World) -> None:
    key = web.service().pk
    owner = claim(Service, key)
    assert owner is not None
    wake_service(key)
    assert not release(Service, key, owner)
    assert again(Service, key, owner)
    assert release(Service, key, owner)


def test_what_a_dead_worker_held_is_found_by_the_sweep_once_its_lease_ended(web: World) -> None:
    with web.no_jobs():
        web.update(desired_count=5)
        assert claim(Service, web.service().pk) is not None  # and it dies
    began = web.clock.now()
    web.until(lambda: len(web.running()) == 5)
    assert 20 <= (web.clock.now() - began).total_seconds() <= 31


def test_a_worker_that_is_started_again_takes_over_at_once(web: World) -> None:
    with web.no_jobs():
        web.update(desired_count=5)
        assert claim(Service, web.service().pk) is not None  # and it dies
    sweep.take_over()
    web.run(1)
    assert len(web.running()) == 5


def test_messages_that_come_doubled_do_not_breed(web: World) -> None:
    """A task whose engine is silent is looked at every second, and each look sends for the next one."""
    web.copies = 2
    web.hosts["one"].go_down()
    for task in web.tasks():
        wake_task(task.pk)
    began = len(web.job_log)
    web.run(12)
    looks = len(web.job_log) - began
    # 2 to the power of 12 for each task, where every message sent one and its double.
    assert 12 <= looks < 200


def test_another_worker_s_claims_are_left_to_it(web: World, settings: Any) -> None:
    key = web.service().pk
    owner = claim(Service, key)
    settings.SLIPWAY_HOME = "/another/home"
    sweep.take_over()
    assert owner is not None
    assert release(Service, key, owner)


def test_a_job_that_crashes_gives_its_claim_back_and_is_tried_again(
    web: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = [True]

    def once(*args: Any) -> Any:
        if crash.pop() if crash else False:
            raise RuntimeError("a bug of ours")
        return planned(*args)

    planned = reconcile.plan
    monkeypatch.setattr(reconcile, "plan", once)
    web.update(desired_count=5)
    with pytest.raises(RuntimeError, match="a bug of ours"):
        web.run(1)
    web.run(10)
    assert len(web.running()) == 5


# ---- plans that are overtaken --------------------------------------------------------------------


def in_between(monkeypatch: pytest.MonkeyPatch, what: Callable[[], Any]) -> None:
    """Do something once, after the facts of a plan were read and before it is applied."""
    left = [what]
    planned = reconcile.plan

    def plan(*args: Any) -> Any:
        if left:
            left.pop()()
        return planned(*args)

    monkeypatch.setattr(reconcile, "plan", plan)


def test_a_plan_that_an_operation_overtook_is_made_anew(web: World, monkeypatch: pytest.MonkeyPatch) -> None:
    in_between(monkeypatch, lambda: web.update(desired_count=2))
    web.update(desired_count=9)
    web.run(2)
    assert len(web.running()) == 2
    assert len(web.tasks(status="STOPPED")) == 1  # nothing was started for the nine
    assert accounts() == []


def test_a_plan_under_another_claim_is_not_applied(web: World) -> None:
    service = snapshot.load(web.service().pk)
    with pytest.raises(applying.Outdated):
        applying.apply(service, reconcile.plan(snapshot.snapshot(service), clock.now()), "somebody-else")


def test_room_that_went_meanwhile_is_looked_for_elsewhere(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        world.host(name, "web:1", cpu=1024)
    world.register(cpu=512)
    one, two = world.instance("one"), world.instance("two")
    holders = [(one.pk, "a"), (one.pk, "b")]
    in_between(
        monkeypatch,
        lambda: [reservation.reserve(i, cpu=512, memory=0, ports=(), holder=h) for i, h in holders],
    )
    world.create(count=2)
    world.run(5)
    assert [task.instance_id for task in world.tasks()] == [two.pk, two.pk]
    assert not [event for event in world.events() if "unable to place" in event]


def test_no_room_is_said_and_waited_for(world: World) -> None:
    world.host(cpu=1024).add_image("web:1")
    world.register(cpu=512)
    world.create(count=3)
    world.run(5)
    assert len(world.running()) == 2
    closest = f"The closest matching (container-instance {world.instance().pk}) has insufficient CPU units available."
    unplaced = "was unable to place a task because no container instance met all of its requirements."
    said = f"(service web) {unplaced} {closest}"
    assert world.events().count(said) == 1
    assert world.service().waiting == f"Waiting for room: {closest}"
    world.run(120)
    assert world.events().count(said) == 1  # not again and again
    world.host("two", "web:1")
    world.run(1)
    assert len(world.running("two")) == 1
    assert accounts() == []


# ---- engines that answer late, wrongly, or not at all ------------------------------------------------


def test_a_lost_answer_to_a_creation_does_not_double_the_container(world: World) -> None:
    host = world.host()
    host.add_image("web:1")
    host.fail("create_container", EngineTimeout("no answer"), times=2, after_effect=True)
    host.fail("start_container", EngineTimeout("no answer"), times=2, after_effect=True)
    world.register()
    world.create()
    world.until_steady()
    assert len(world.engine().list_containers()) == 3
    assert accounts() == []


@pytest.mark.parametrize(
    "operation", ["create_container", "start_container", "inspect_container", "image", "*"]
)
def test_an_engine_that_is_busy_is_tried_again(world: World, operation: str) -> None:
    host = world.host()
    host.add_image("web:1")
    world.register()
    host.fail(operation, EngineBusy("too much to do"), times=5)
    world.create()
    service = world.until_steady()
    assert len(world.running()) == 3
    assert service.deployments.get().failed_tasks == 0
    assert Task.objects.filter(failed=True).count() == 0


def test_removal_goes_on_when_the_engine_answers_again(web: World) -> None:
    fault = web.hosts["one"].fail("remove_container", EngineUnavailable("away"), times=None)
    web.update(desired_count=0)
    web.run(30)
    assert [task.status for task in web.tasks(status="DEPROVISIONING")] == ["DEPROVISIONING"] * 3
    web.hosts["one"].lift(fault)
    web.run(10)
    assert web.engine().list_containers() == []
    assert accounts() == []


def test_a_start_that_a_restarting_engine_refuses_is_no_failure(web: World) -> None:
    """As dockerd does for a container whose start it was killed in."""
    web.lose()
    web.run(1)
    web.update(desired_count=4)
    web.find()
    web.hosts["one"].fail("start_container", StartFailed("task 4711: already exists"))
    web.until_steady()
    ended = web.tasks(status="STOPPED")
    assert [(task.stop_code, task.failed) for task in ended] == [("TaskFailedToStart", False)]
    assert "already exists" in ended[0].stopped_reason


def test_a_start_that_an_engine_refuses_otherwise_is_a_failure(web: World) -> None:
    web.run(60)
    web.hosts["one"].fail("start_container", StartFailed("no such executable"))
    web.update(desired_count=4)
    web.until_steady()
    assert [task.failed for task in web.tasks(status="STOPPED")] == [True]


def test_a_wake_up_of_the_future_is_kept(web: World) -> None:
    key = web.service().pk
    later = clock.now() + timedelta(seconds=300)
    owner = claim(Service, key)
    assert owner is not None
    release(Service, key, owner, later)
    assert Service.objects.get(pk=key).wake_at == later
