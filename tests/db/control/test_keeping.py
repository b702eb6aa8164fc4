"""What is kept: the logs of containers that are gone, and history for as long as it is due."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.engine.errors import EngineUnavailable
from services.control import logs, observe, retention
from services.models import Deployment, Service, ServiceRevision, Task
from services.operations import delete_service
from telemetry.models import LogEvent, LogStream

from .world import CALLER, World

HOUR, DAY = 3600.0, 86400.0


@pytest.fixture
def web(world: World) -> World:
    """One task of web:1, whose container writes what tests let it say."""
    world.host("one", "web:1", "web:2")
    world.register()
    world.create(count=1)
    world.until_steady()
    return world


def say(world: World, *messages: str) -> None:
    for message in messages:
        world.hosts["one"].say(world.tasks()[0].containers.get().runtime_id, message)


def collect(world: World, **more: Any) -> int:
    return logs.collect(observe.load(world.tasks()[0].pk), world.engine(), **more)


def kept() -> list[str]:
    return list(LogEvent.objects.order_by("at", "id").values_list("message", flat=True))


# ---- logs ----------------------------------------------------------------------------------------


def test_a_line_is_kept_once_however_often_it_is_fetched(web: World) -> None:
    say(web, "one", "two")
    assert collect(web) == 2
    assert collect(web) == 0
    say(web, "three")  # at the very time of "two"
    assert collect(web) == 1
    web.clock.advance(1)
    say(web, "four")
    assert collect(web) == 1
    assert kept() == ["one", "two", "three", "four"]


def test_two_collectors_at_once_keep_a_line_once(web: World, monkeypatch: pytest.MonkeyPatch) -> None:
    say(web, "one", "two")
    fetched = logs._after
    again = [True]

    def overtaken(*args: Any) -> Any:
        if again:
            again.pop()
            collect(web)
        return fetched(*args)

    collect(web)
    web.clock.advance(1)
    say(web, "three")
    monkeypatch.setattr(logs, "_after", overtaken)
    collect(web)
    assert kept() == ["one", "two", "three"]


def test_they_are_bounded_and_the_newest_stay(web: World, settings: Any) -> None:
    settings.SLIPWAY_LOG_LINES = 5
    for number in range(12):
        say(web, f"line {number}")
        web.clock.advance(1)
        collect(web)
    assert kept() == [f"line {number}" for number in range(7, 12)]
    stream = LogStream.objects.get()
    assert (stream.lines, stream.dropped) == (5, 7)


def test_a_line_too_long_is_cut_and_says_so_and_a_nul_is_no_harm(web: World) -> None:
    say(web, "x" * 100_000, "a\x00b")
    collect(web)
    long, other = kept()
    assert len(long) < 17_000
    assert long.endswith("(cut)")
    assert other == "a�b"


def test_the_last_words_are_kept_before_the_container_is_removed(web: World) -> None:
    task = web.tasks()[0]
    say(web, "last words")
    web.hosts["one"].end_container(task.containers.get().runtime_id, 1)
    web.run(2)
    assert web.engine().inspect_container(task.containers.get().runtime_id) is None
    assert kept() == ["last words"]
    assert LogStream.objects.get(task_id=task.pk).complete


def test_a_container_is_not_removed_while_its_log_cannot_be_read(web: World) -> None:
    task = web.tasks()[0]
    runtime_id = task.containers.get().runtime_id
    say(web, "last words")
    web.hosts["one"].fail("logs", EngineUnavailable("away"), times=2)
    web.hosts["one"].end_container(runtime_id, 1)
    web.run(1)
    assert web.engine().inspect_container(runtime_id) is not None
    web.run(10)
    assert web.engine().inspect_container(runtime_id) is None
    assert kept() == ["last words"]


def test_group_and_stream_are_named_as_awslogs_names_them(world: World) -> None:
    host = world.host("one", "web:1")
    options = {"awslogs-group": "/app/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "blue"}
    task = world.run_task(
        world.register(logConfiguration={"logDriver": "awslogs", "options": options})
    ).tasks[0]
    world.run(1)
    host.say(task.containers.get().runtime_id, "hello")
    logs.collect(observe.load(task.pk), world.engine())
    stream = LogStream.objects.get()
    assert (stream.group, stream.name) == ("/app/web", f"blue/web/{task.pk}")


def test_another_driver_s_log_is_not_collected(world: World) -> None:
    host = world.host("one", "web:1")
    task = world.run_task(world.register(logConfiguration={"logDriver": "syslog"})).tasks[0]
    world.run(1)
    runtime_id = task.containers.get().runtime_id
    assert host.containers[runtime_id].spec.log_driver == "syslog"
    host.say(runtime_id, "hello")
    host.end_container(runtime_id, 0)
    world.run(2)
    assert not LogStream.objects.exists()


# ---- retention -----------------------------------------------------------------------------------


def test_stopped_tasks_go_after_their_time_and_their_logs_after_theirs(web: World) -> None:
    web.sweep_every = HOUR
    task = web.tasks()[0]
    say(web, "hello")
    web.hosts["one"].end_container(task.containers.get().runtime_id, 1)
    web.run(23 * HOUR)
    retention.apply()
    assert Task.objects.filter(pk=task.pk).exists()
    web.run(2 * HOUR)
    assert retention.apply()["tasks"] == 1
    assert not Task.objects.filter(pk=task.pk).exists()
    assert len(web.running()) == 1
    assert kept() == ["hello"]
    web.run(14 * DAY)
    assert retention.apply()["logs"] == 1
    assert kept() == []


def test_a_deployment_in_progress_keeps_the_failures_its_breaker_counts(web: World) -> None:
    web.sweep_every = HOUR
    web.hosts["one"].cpu = 128
    web.update(deployment_configuration={"deploymentCircuitBreaker": {"enable": False}})
    web.update(task_definition=web.register(image="none:1"))
    failed = Task.objects.create(
        id="f" * 32, arn="arn:failed", cluster=web.service().cluster, status="STOPPED", failed=True,
        task_definition=web.tasks()[0].task_definition, service=web.service(), deployment=web.deployment(),
        stopped_at=web.clock.now(), group="service:web",
    )  # fmt: skip
    web.run(25 * HOUR)
    retention.apply()
    assert Task.objects.filter(pk=failed.pk).exists()


def test_the_newest_deployments_stay_and_so_does_what_a_rollback_needs(web: World) -> None:
    web.sweep_every = DAY
    first = ServiceRevision.objects.get()
    for number in range(12):
        web.update(task_definition=web.register(image=f"web:{1 + number % 2}"))
        web.until_steady()
    web.run(100 * DAY)
    retention.apply()
    web.run(1)
    assert retention.apply()["deployments"] == 0
    assert Deployment.objects.count() == 10
    assert not ServiceRevision.objects.filter(pk=first.pk).exists()
    service = web.service()
    assert service.completed_revision is not None
    from services.deployment_operations import roll_back

    roll_back(CALLER, service="web")
    web.until_steady()


def test_a_deleted_service_goes_with_its_history(web: World) -> None:
    web.sweep_every = DAY
    delete_service(CALLER, service="web", force=True)
    web.run(50)
    retention.apply()
    assert Service.objects.count() == 1
    web.run(91 * DAY)
    retention.apply()  # its tasks
    retention.apply()
    assert not Service.objects.exists()
