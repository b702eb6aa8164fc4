"""From a click to containers and back: the loop brings them about, however messages, workers and plans fare."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from clusters.engine.port import LABEL_TASK_ARN

from .world import Behaviour, World, accounts


@pytest.fixture
def web(world: World) -> World:
    """Three tasks of web:1, steady."""
    world.host().add_image("web:1")
    world.register()
    world.create()
    world.until_steady()
    return world


def test_a_service_becomes_containers_and_is_steady_after_forty_seconds(world: World) -> None:
    world.host().add_image("web:1")
    world.register()
    began = world.clock.now()
    world.create()
    world.run(5)
    assert len(world.running()) == 3
    assert world.service().waiting == "Waiting for 3 tasks to run for 40 s."
    service = world.until_steady()
    assert 40 <= (world.clock.now() - began).total_seconds() <= 42
    assert (service.running_count, service.pending_count) == (3, 0)
    assert str(service.completed_revision.task_definition) == "web:1"
    assert world.deployment().status == "SUCCESSFUL"
    assert world.events()[-1] == "(service web) has reached a steady state."
    assert accounts() == []


def test_scaling_out_and_in_and_deleting(web: World) -> None:
    web.update(desired_count=5)
    web.until_steady()
    assert len(web.running()) == 5
    web.update(desired_count=1)
    web.until_steady()
    assert len(web.running()) == 1
    web.update(desired_count=0)
    web.until_steady()
    assert web.running() == []
    assert accounts() == []


def test_a_deleted_service_leaves_nothing_behind(web: World) -> None:
    from services.operations import delete_service

    from .world import CALLER

    delete_service(CALLER, service="web", force=True)
    web.until(lambda: web.service().status == "INACTIVE")
    assert web.engine().list_containers() == []
    assert {task.stopped_reason for task in web.tasks(status="STOPPED")} == {"The service was deleted"}
    assert accounts() == []
    assert web.instance().cpu_reserved == 0


def test_a_dead_container_is_replaced_by_the_event_alone(web: World) -> None:
    web.sweeping = False
    victim = web.tasks()[0]
    web.hosts["one"].end_container(victim.containers.get().runtime_id, 1)
    web.run(2)
    assert len(web.running()) == 3
    victim.refresh_from_db()
    assert (victim.status, victim.stop_code) == ("STOPPED", "EssentialContainerExited")
    assert victim.stopped_reason == "Essential container in task exited: web (exit code 1)"
    assert not victim.failed
    assert accounts() == []


@pytest.mark.parametrize("before_it_is_healthy", [True, False])
def test_a_container_stopped_by_hand_never_counts_whatever_its_code(
    world: World, before_it_is_healthy: bool
) -> None:
    world.host().add_image("web:1", Behaviour(stop_code=0))
    world.register()
    world.create(count=3)
    world.until(lambda: len(world.running()) == 3)
    if not before_it_is_healthy:
        world.until_steady()
    victim = world.tasks()[0]
    assert (victim.healthy_at is None) is before_it_is_healthy
    world.engine().stop_container(victim.containers.get().runtime_id, 5)
    world.run(90)
    assert len(world.running()) == 3
    victim.refresh_from_db()
    assert victim.stopped_reason == "Essential container in task exited: web (exit code 0)"
    assert not victim.failed
    assert accounts() == []


def test_an_exit_long_after_somebodys_signal_is_the_tasks_own(world: World) -> None:
    world.host().add_image("web:1", Behaviour(stop_code=0))
    world.register(healthCheck={"command": ["CMD-SHELL", "true"], "interval": 300, "startPeriod": 300})
    world.create(count=1)
    world.until(lambda: len(world.running()) == 1)
    victim = world.tasks()[0]
    container = victim.containers.get().runtime_id
    world.engine().kill_container(container, "SIGHUP")
    world.run(150)
    world.hosts["one"].end_container(container, 0)
    world.run(5)
    victim.refresh_from_db()
    assert victim.status == "STOPPED"
    assert victim.failed


def test_an_old_death_told_again_is_not_believed(web: World) -> None:
    from services.control.standing import take_event

    victim = web.tasks()[0].containers.get()
    web.hosts["one"].end_container(victim.runtime_id, 1)
    told = next(event for _, event in reversed(web.hosts["one"].history) if event.action == "die")
    web.run(2)
    survivor = web.tasks()[0].containers.get()
    # The same news, as if of a container that was started since.
    take_event(replace(told, container_id=survivor.runtime_id, labels={**told.labels}))
    survivor.refresh_from_db()
    assert survivor.status == "RUNNING"
    arn = survivor.task.arn
    take_event(
        replace(
            told,
            container_id=survivor.runtime_id,
            labels={**told.labels, LABEL_TASK_ARN: arn},
            time=survivor.started_at - timedelta(seconds=1),
        )
    )
    survivor.refresh_from_db()
    assert survivor.status == "RUNNING"


def test_an_end_by_sigkill_that_nobody_sent_is_asked_about_for_memory(web: World) -> None:
    victim = web.tasks()[0]
    container = victim.containers.get()
    web.hosts["one"].end_container(container.runtime_id, 137, oom=True)
    web.run(2)
    container.refresh_from_db()
    assert container.oom_killed
    victim.refresh_from_db()
    assert victim.status == "STOPPED"


def test_a_death_nobody_told_of_is_found_by_comparing(web: World) -> None:
    web.watching = web.sweeping = False
    web.hosts["one"].end_container(web.tasks()[0].containers.get().runtime_id, 1)
    web.run(60)
    assert len(web.running()) == 2
    assert web.align() == (1, 0)
    web.run(1)
    assert len(web.running()) == 3


def test_health_nobody_heard_of_is_found_by_comparing(world: World) -> None:
    """The engine tells a change of health once; a watcher that was down then must not leave a deployment waiting."""
    check = {"command": ["CMD", "/bin/health"], "interval": 5, "retries": 2, "timeout": 2}
    world.host().add_image("web:1", Behaviour(unhealthy_after=100))
    world.register(healthCheck=check)
    world.watching = False
    world.create(count=2)
    world.run(30)
    assert world.service().waiting == "Waiting for 2 tasks to pass their health checks."
    assert world.align() == (2, 0)
    world.run(1)
    assert world.deployment().status == "SUCCESSFUL"
    first = {task.pk for task in world.tasks()}
    world.run(120)
    assert {task.pk for task in world.tasks()} == first
    assert world.align() == (2, 0)
    world.run(2)
    assert {task.health for task in world.tasks() if task.pk in first} == {"UNHEALTHY"}
    assert len(world.tasks()) == 4  # their replacements are on their way


def test_a_container_without_a_live_task_is_removed_and_a_strangers_is_not(web: World) -> None:
    from clusters.engine.fake import FakeEngine
    from clusters.engine.port import ContainerSpec

    stranger = FakeEngine(web.hosts["one"], "another-installation")
    own = web.engine()
    labels = {"com.amazonaws.ecs.task-arn": "arn:of:no:task", "slipway.role": "container"}
    for engine, name in ((stranger, "theirs"), (own, "ours")):
        engine.start_container(engine.create_container(ContainerSpec(name, "web:1", labels)))
    assert web.align() == (0, 1)
    assert own.inspect_container("ours") is None
    assert stranger.inspect_container("theirs") is not None


# ---- messages ------------------------------------------------------------------------------------


def test_every_message_doubled_changes_nothing(world: World) -> None:
    world.copies = 2
    world.host().add_image("web:1")
    world.register()
    world.create(count=5)
    world.until_steady()
    assert len(world.running()) == 5
    assert len(world.engine().list_containers()) == 5
    assert len(world.tasks()) == 5
    assert accounts() == []


def test_every_message_lost_costs_time_only(world: World) -> None:
    """All messages but those the sweep sends."""
    world.host().add_image("web:1")
    world.register()
    with world.no_jobs():
        world.create(count=4)
    assert world.count("services.reconcile_service") == 0
    world.run(1)
    assert world.running() == []
    world.until_steady()
    assert len(world.running()) == 4


def test_the_broker_forgets_everything_in_mid_deployment(web: World) -> None:
    web.hosts["one"].add_image("web:2")
    for _ in range(6):
        web.update(task_definition=web.register(image="web:2"))
        web.run(0.5)
        web.forget_messages()
    web.until_steady()
    assert web.running() == ["web:2"] * 3 or len(web.running()) == 3
    assert {str(task.task_definition) for task in web.tasks()} == {"web:7"}
    assert accounts() == []


def test_a_burst_of_wake_ups_is_one_message(web: World) -> None:
    from services.wakeup import wake_service

    before = web.count("services.reconcile_service")
    for _ in range(50):
        wake_service(web.service().pk)
    web.run(0)
    assert web.count("services.reconcile_service") == before + 1


def test_an_idle_service_costs_nothing(web: World) -> None:
    web.run(1)
    before = len(web.job_log)
    calls = len(web.hosts["one"].calls)
    web.run(600)
    assert len(web.job_log) == before
    assert len(web.hosts["one"].calls) == calls


def test_the_trail_names_the_revision_that_was_registered(world: World) -> None:
    from access.models import AuditRecord

    world.register()
    record = AuditRecord.objects.get(operation="register_task_definition")
    assert record.resource.endswith(":task-definition/web:1")
