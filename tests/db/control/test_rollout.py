"""Deployments that fail, are stopped, rolled back or overtaken. The scheduler's own rules are tested on their own;
here it is what becomes of the rows."""

from __future__ import annotations

import pytest

from base.errors import OperationError
from clusters.engine.fake_world import Behaviour
from console.aws.ecs.services import shapes
from services.definitions import deregister_task_definition
from services.deployment_operations import roll_back, stop_service_deployment
from services.models import ServiceRevision

from .world import CALLER, World, accounts

CHECK = {"command": ["CMD", "/bin/health"], "interval": 5, "retries": 2, "timeout": 2}


@pytest.fixture
def web(world: World) -> World:
    """Four tasks of web:1 (image web:1); the images web:2 (well), sick and crash are there."""
    host = world.host("one", "web:1", "web:2")
    host.add_image("sick", Behaviour(healthy_after=None))
    host.add_image("crash", Behaviour(exits_after=20, exit_code=3))
    host.add_image("dead", Behaviour(start_error='exec: "/bin/nonesuch": no such file or directory'))
    world.register(healthCheck=CHECK)
    world.create(count=4)
    world.until_steady()
    return world


def deploy(world: World, image: str, **container: object) -> str:
    definition = world.register(image=image, **container)
    world.update(task_definition=definition)
    return definition


def least_running(world: World, definition: str, until_done: bool = True) -> int:
    """Let the deployment end; the fewest containers of `definition` that ran meanwhile."""
    fewest = [len(world.running())]

    def done() -> bool:
        own = {
            row.containers.get().runtime_id for row in world.tasks() if str(row.task_definition) == definition
        }
        states = {one.id for one in world.engine().list_containers() if one.status == "running"}
        fewest.append(len(own & states))
        return world.deployment().finished_at is not None

    world.until(done, 1200)
    return min(fewest)


@pytest.mark.parametrize("image", ["sick", "crash", "dead"])
def test_the_breaker_ends_it_rolls_back_and_says_why(web: World, image: str) -> None:
    old = {task.pk for task in web.tasks()}
    definition = deploy(web, image, **({"healthCheck": CHECK} if image == "sick" else {}))
    assert least_running(web, "web:1") == 4
    deployment = web.deployment()
    assert deployment.status == "ROLLBACK_SUCCESSFUL"
    assert 3 <= deployment.failed_tasks <= 4  # the threshold; all four may fail at one moment
    assert deployment.rollback is not None
    assert str(deployment.rollback.task_definition) == "web:1"
    assert deployment.status_reason.startswith("ECS deployment circuit breaker: tasks failed to start")
    service = web.until_steady()
    assert str(service.completed_revision.task_definition) == "web:1"
    assert {task.pk for task in web.tasks()} == old
    assert not [task for task in web.tasks() if str(task.task_definition) == definition]
    failed = [task for task in web.tasks(status="STOPPED") if task.failed]
    assert len(failed) == deployment.failed_tasks
    assert all(task.stopped_reason for task in failed)
    assert [event for event in web.events() if "rolling back to web:1" in event]
    assert accounts() == []


def test_without_rollback_the_breaker_leaves_what_ran(web: World) -> None:
    web.update(deployment_configuration={"deploymentCircuitBreaker": {"enable": True, "rollback": False}})
    deploy(web, "crash")
    web.until(lambda: web.deployment().finished_at is not None, 1200)
    assert web.deployment().status == "STOPPED"
    service = web.until_steady()
    assert str(service.completed_revision.task_definition) == "web:1"
    assert len([task for task in web.tasks() if str(task.task_definition) == "web:1"]) == 4


def test_a_first_deployment_that_fails_has_nowhere_to_go_back_to(world: World) -> None:
    world.host().add_image("crash", Behaviour(exits_after=1, exit_code=3))
    world.register(image="crash")
    world.create(count=2)
    world.until(lambda: world.deployment().finished_at is not None)
    assert world.deployment().status == "STOPPED"
    world.run(300)
    assert world.running() == []
    assert world.service().waiting.startswith("Waiting for a new deployment")
    world.hosts["one"].add_image("web:2")
    world.update(task_definition=world.register(image="web:2"))
    world.until_steady()
    assert len(world.running()) == 2


def test_a_rollback_brings_back_the_whole_revision_though_it_is_inactive(web: World) -> None:
    deploy(web, "web:2", environment=[{"name": "NEW", "value": "1"}])
    web.until_steady()
    deregister_task_definition(CALLER, task_definition="web:1")
    first = ServiceRevision.objects.get(service=web.service(), task_definition__revision=1)
    web.update(desired_count=2)
    web.until_steady()
    roll_back(CALLER, service="web")
    service = web.until_steady()
    assert service.completed_revision_id == first.pk
    assert service.desired_count == 2  # left alone
    assert {str(task.task_definition) for task in web.tasks()} == {"web:1"}
    assert web.running() == [first.images["web"]["pin"]] * 2
    assert web.deployment().is_rollback
    assert web.deployment().status == "SUCCESSFUL"


def test_an_inactive_definition_still_replaces_what_dies(web: World) -> None:
    deregister_task_definition(CALLER, task_definition="web:1")
    web.hosts["one"].end_container(web.tasks()[0].containers.get().runtime_id, 1)
    web.run(2)
    assert len(web.running()) == 4


def test_a_rollback_in_mid_deployment_is_the_deployment_s_own(web: World) -> None:
    deploy(web, "web:2", healthCheck=CHECK)
    web.run(2)
    assert len(web.running()) == 8
    deployment = roll_back(CALLER, service="web")
    assert deployment.pk == web.deployment().pk
    web.until(lambda: web.deployment().finished_at is not None)
    assert web.deployment().status == "ROLLBACK_SUCCESSFUL"
    web.until_steady()
    assert {str(task.task_definition) for task in web.tasks()} == {"web:1"}
    with pytest.raises(OperationError):
        stop_service_deployment(CALLER, service_deployment=deployment.arn)


def test_no_client_takes_a_service_for_stable_while_it_rolls_back(web: World) -> None:
    def stable_after() -> bool:
        """As the waiter services-stable asks, after whether the deployment has ended."""
        ended = web.deployment().finished_at is not None
        told = shapes([web.service()], ())[0]
        stable = len(told["deployments"]) == 1 and told["runningCount"] == told["desiredCount"]
        seen.append((stable, ended))
        return stable and ended

    seen: list[tuple[bool, bool]] = []
    deploy(web, "sick", healthCheck=CHECK)
    web.run(2)
    stop_service_deployment(CALLER, service_deployment=web.deployment().arn, stop_type="ROLLBACK")
    web.until(stable_after)
    assert len(seen) > 1
    assert all(ended for stable, ended in seen if stable), seen
    assert web.deployment().status == "ROLLBACK_SUCCESSFUL"


def test_abort_starts_and_stops_nothing_more_and_heals_from_the_last_completed(web: World) -> None:
    web.update(deployment_configuration={"minimumHealthyPercent": 50, "maximumPercent": 150})
    deploy(web, "web:2", healthCheck=CHECK)
    web.run(1)
    stop_service_deployment(CALLER, service_deployment=web.deployment().arn, stop_type="ABORT")
    started = {task.pk for task in web.tasks() if str(task.task_definition) == "web:2"}
    assert started
    web.run(300)
    assert web.deployment().status == "STOPPED"
    left = web.tasks()
    assert len(left) == 4
    assert {task.pk for task in left if str(task.task_definition) == "web:2"} <= started
    web.hosts["one"].end_container(left[0].containers.get().runtime_id, 1)
    web.run(5)
    assert len(web.tasks()) == 4
    newest = max(web.tasks(), key=lambda task: task.created_at)
    assert str(newest.task_definition) == "web:1"
    assert accounts() == []


def test_a_newer_deployment_overtakes_one_in_progress(web: World) -> None:
    deploy(web, "sick", healthCheck=CHECK)
    web.run(3)
    overtaken = web.deployment()
    deploy(web, "web:2")
    web.until_steady()
    overtaken.refresh_from_db()
    assert (overtaken.status, overtaken.status_reason) == ("STOPPED", "Superseded by a newer deployment.")
    assert {str(task.task_definition) for task in web.tasks()} == {"web:3"}


def test_scaling_in_mid_deployment_counts_at_once(web: World) -> None:
    deploy(web, "web:2", healthCheck=CHECK)
    web.run(2)
    web.update(desired_count=1)
    web.until_steady()
    assert len(web.running()) == 1
    assert {str(task.task_definition) for task in web.tasks()} == {"web:2"}


def test_deleting_in_mid_deployment_ends_it(web: World) -> None:
    from services.operations import delete_service

    deploy(web, "sick", healthCheck=CHECK)
    web.run(3)
    delete_service(CALLER, service="web", force=True)
    web.until(lambda: web.service().status == "INACTIVE")
    assert web.engine().list_containers() == []
    assert web.deployment().status_reason == "The service was deleted."
    assert accounts() == []


def test_stops_by_engine_and_user_never_count(web: World) -> None:
    deploy(web, "web:2")  # no check: healthy after 40 s
    for _ in range(3):
        web.run(4)
        young = [task for task in web.tasks() if str(task.task_definition) == "web:2"]
        from services.task_operations import stop_task

        stop_task(CALLER, task=young[0].pk)
        web.engine().remove_container(young[1].containers.get().runtime_id)
        web.engine().kill_container(young[2].containers.get().runtime_id)
    web.run(1)
    web.lose()
    web.run(20)
    web.find(restarted=True)
    web.until_steady()
    assert web.deployment().status == "SUCCESSFUL"
    assert [task for task in web.tasks(status="STOPPED") if task.failed] == []
    assert {str(task.task_definition) for task in web.tasks()} == {"web:2"}
    assert accounts() == []


def test_what_never_starts_is_throttled_and_said(world: World) -> None:
    world.host().add_image("dead", Behaviour(start_error="no such executable"))
    world.register(image="dead")
    world.create(count=1, deployment_configuration={"deploymentCircuitBreaker": {"enable": False}})
    world.sweep_every = 30
    world.run(3600)
    tries = world.tasks(status="STOPPED")
    assert 8 <= len(tries) <= 14  # 5, 10, 20 … 900 s
    assert "(service web) is unable to consistently start tasks successfully." in world.events()
    assert "no such executable" in world.service().waiting
    assert accounts() == []
