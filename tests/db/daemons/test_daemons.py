"""Daemons through the control loop: where they run, how they are deployed, what they keep others from."""

from __future__ import annotations

from typing import Any

import pytest

from base.errors import (
    ClientError,
    DaemonNotActive,
    DaemonNotFound,
    InvalidParameter,
    ResourceInUse,
    ServiceDeploymentNotFound,
    ServiceNotFound,
    Unsupported,
)
from clusters.capacity import put_cluster_capacity_providers
from clusters.engine.fake_world import Behaviour
from clusters.operations import create_cluster, delete_cluster
from services import queries
from services.control import retention
from services.daemons.counts import counts
from services.daemons.lookup import find_daemon
from services.daemons.operations import delete_daemon, update_daemon
from services.daemons.queries import (
    describe_daemon_deployment,
    list_daemon_deployments,
    list_daemon_events,
    list_daemon_revisions,
    list_daemons,
)
from services.daemons.task_definitions import delete_daemon_task_definition
from services.models import Service, TaskDefinition
from services.protection import update_task_protection
from services.task_operations import stop_task
from tests.db.control.world import CALLER, World, accounts
from tests.db.daemons.conftest import create, hosts, join, register


def update(**given: Any) -> Service:
    return update_daemon(
        CALLER,
        **{
            "daemon": "agent",
            "daemon_task_definition": "agent",
            "capacity_providers": ["workers"],
            **given,
        },
    )


@pytest.fixture
def running(fleet: World) -> World:
    create()
    fleet.until_steady("agent")
    return fleet


# ---- where -------------------------------------------------------------------------------------


def test_each_instance_of_its_providers_has_one_and_one_that_joins_gets_one(running: World) -> None:
    assert hosts(running) == ["one", "two"]
    assert {task.capacity_provider for task in running.tasks("agent")} == {"workers"}
    assert {task.group for task in running.tasks("agent")} == {"daemon:agent"}
    join(running, "three")
    running.run(60)
    assert hosts(running) == ["one", "three", "two"]
    row = find_daemon("agent")
    assert (row.desired_count, row.running_count, row.waiting) == (3, 3, "")
    assert running.deployment("agent").status == "SUCCESSFUL"
    assert accounts() == []


def test_a_task_that_ends_is_replaced_where_it_was(running: World) -> None:
    gone = running.tasks("agent")[0]
    stop_task(CALLER, task=gone.pk)
    running.run(90)
    assert hosts(running) == ["one", "two"]
    assert gone.pk not in {task.pk for task in running.tasks("agent")}


def test_other_providers_take_it_elsewhere(running: World) -> None:
    join(running, "three", "spare")
    running.run(60)
    assert hosts(running) == ["one", "two"]
    update(capacity_providers=["spare"])
    running.until_steady("agent")
    assert hosts(running) == ["three"]
    assert {task.capacity_provider for task in running.tasks("agent")} == {"spare"}
    assert accounts() == []


def test_nothing_of_services_shows_it_or_takes_hold_of_it(running: World) -> None:
    assert list(queries.list_services(CALLER)) == []
    with pytest.raises(ServiceNotFound):
        queries.describe_service(CALLER, service="agent")
    with pytest.raises(ServiceDeploymentNotFound):
        queries.describe_service_deployment(CALLER, service_deployment=running.deployment("agent").pk)
    assert find_daemon("agent").cluster.active_services == 0
    running.register("web", "web:1")
    service = running.create("agent", count=1)  # a service may have the same name
    running.run(90)
    assert len(list(queries.list_tasks(CALLER, cluster="default", service="agent"))) == 1
    assert len(list(queries.list_tasks(CALLER, cluster="default", daemon="agent"))) == 2
    assert [row.arn for row in queries.list_services(CALLER)] == [service.arn]
    assert [row.name for row in list_daemons(CALLER)] == ["agent"]
    refused = update_task_protection(
        CALLER, tasks=[find_daemon("agent").tasks.all()[0].pk], protection_enabled=True
    )
    assert [one.reason for one in refused.failures] == ["TASK_NOT_VALID"]


def test_its_task_has_what_the_revision_says(fleet: World) -> None:
    create(
        propagate_tags="DAEMON",
        enable_ecs_managed_tags=True,
        enable_execute_command=True,
        tags={"team": "platform"},
    )
    fleet.until_steady("agent")
    task = fleet.tasks("agent")[0]
    assert task.tags == {"aws:ecs:clusterName": "default", "team": "platform"}
    assert task.enable_execute_command is True
    # What an update does not give is the default, not what it was.
    update(daemon_task_definition=register("agent:2"))
    fleet.until_steady("agent")
    task = fleet.tasks("agent")[0]
    assert (task.tags, task.enable_execute_command) == ({}, False)


# ---- deployments -------------------------------------------------------------------------------


def test_an_update_replaces_so_many_at_a_time(running: World) -> None:
    for name in ("three", "four", "five", "six"):
        join(running, name)
    running.run(90)
    least = 6

    def done() -> bool:
        nonlocal least
        least = min(least, len(running.tasks("agent")))
        return running.deployment("agent").status == "SUCCESSFUL" and running.deployment("agent").number == 2

    update(daemon_task_definition=register("agent:2"), deployment_configuration={"drainPercent": 34})
    running.until(done)
    assert least == 4
    assert {str(task.task_definition) for task in running.tasks("agent")} == {"agent:2"}
    assert [row.number for row in list_daemon_deployments(CALLER, daemon="agent")] == [2, 1]
    assert [row.number for row in list_daemon_revisions(CALLER, daemon="agent")] == [2, 1]
    assert accounts() == []


def test_each_step_bakes(running: World) -> None:
    update(
        daemon_task_definition=register("agent:2"),
        deployment_configuration={"drainPercent": 0, "bakeTimeInMinutes": 10},
    )
    running.run(540)
    images = sorted(str(task.task_definition) for task in running.tasks("agent"))
    assert images == ["agent:1", "agent:2"]
    assert "before going on" in find_daemon("agent").waiting
    running.run(660)
    assert {str(task.task_definition) for task in running.tasks("agent")} == {"agent:2"}
    assert running.deployment("agent").status == "IN_PROGRESS"  # the last step bakes as well
    running.until(lambda: running.deployment("agent").status == "SUCCESSFUL", 600)


def test_a_bad_revision_is_rolled_back(running: World) -> None:
    for name in ("one", "two"):
        running.hosts[name].add_image("crash", Behaviour(exits_after=1, exit_code=3))
    update(daemon_task_definition=register("crash"))
    running.until(lambda: running.deployment("agent").status == "ROLLBACK_SUCCESSFUL", 1200)
    running.run(60)
    assert {str(task.task_definition) for task in running.tasks("agent")} == {"agent:1"}
    assert hosts(running) == ["one", "two"]
    row = describe_daemon_deployment(CALLER, daemon_deployment=running.deployment("agent").arn)
    assert row.rollback is not None and row.rollback.number == 1 and row.failed_tasks >= 3
    said = [event.message for event in list_daemon_events(CALLER, daemon="agent")]
    assert any("(daemon agent) (deployment " in one and "rolling back to agent:1" in one for one in said)
    assert not any("(service " in one for one in said)


def test_counts_tell_revisions_and_providers_apart(running: World) -> None:
    row = find_daemon("agent")
    revision = row.completed_revision
    assert revision is not None
    found = counts([row])[row.pk]
    assert (found.running[revision.pk, "workers"], found.without["workers"]) == (2, 0)
    with running.no_jobs():
        stop_task(CALLER, task=running.tasks("agent")[0].pk)
        found = counts([find_daemon("agent")])[row.pk]
    assert (found.running[revision.pk, "workers"], found.draining[revision.pk, "workers"]) == (1, 1)
    assert (found.instances["workers"], found.without["workers"]) == (2, 1)


# ---- critical ----------------------------------------------------------------------------------


def test_where_a_critical_daemon_does_not_run_yet_nothing_else_is_placed(fleet: World) -> None:
    fleet.hosts["one"].add_image("slow", Behaviour(healthy_after=120))
    fleet.hosts["two"].add_image("slow", Behaviour(healthy_after=120))
    check = {"command": ["CMD", "true"]}
    create(daemon_task_definition=register("slow", healthCheck=check))
    fleet.register("web", "web:1")
    fleet.create(
        count=2, placement_constraints=[{"type": "distinctInstance"}], capacity_provider_strategy=WORKERS
    )
    fleet.run(60)
    assert fleet.tasks("web") == []
    assert "waits for the critical daemon agent." in fleet.service("web").waiting
    lone = fleet.run_task(capacity_provider_strategy=WORKERS)
    assert "waits for the critical daemon agent." in (lone.failures[0].detail or "")
    fleet.run(180)
    assert hosts(fleet, "web") == ["one", "two"]


def test_one_that_is_not_critical_keeps_nobody_waiting(fleet: World) -> None:
    fleet.hosts["one"].add_image("crash", Behaviour(exits_after=1, exit_code=3))
    fleet.hosts["two"].add_image("crash", Behaviour(exits_after=1, exit_code=3))
    create(daemon_task_definition=register("crash"), critical=False)
    fleet.register("web", "web:1")
    fleet.create(count=2, capacity_provider_strategy=WORKERS)
    fleet.run(90)
    assert len(fleet.tasks("web")) == 2


def test_where_a_critical_daemon_fails_the_tasks_of_services_move_away(running: World) -> None:
    running.register("web", "web:1")
    running.create(count=2, capacity_provider_strategy=WORKERS, placement_strategy=SPREAD)
    running.until_steady("web")
    assert hosts(running, "web") == ["one", "two"]
    # From now on the daemon's image ends on one of them as soon as it starts.
    running.hosts["one"].add_image("agent:1", Behaviour(exits_after=1, exit_code=3))
    where = running.instances["one"]
    stop_task(CALLER, task=next(t.pk for t in running.tasks("agent") if t.instance_id == where))
    running.run(300)
    assert hosts(running, "web") == ["two", "two"]


def test_what_a_deployment_replaces_moves_nobody(running: World) -> None:
    running.register("web", "web:1")
    running.create(count=2, capacity_provider_strategy=WORKERS, placement_strategy=SPREAD)
    running.until_steady("web")
    before = {task.pk for task in running.tasks("web")}
    update(daemon_task_definition=register("agent:2"))
    running.until_steady("agent")
    running.run(60)
    assert {task.pk for task in running.tasks("web")} == before


def test_a_daemon_whose_first_deployment_failed_closes_nothing(fleet: World) -> None:
    for name in ("one", "two"):
        fleet.hosts[name].add_image("crash", Behaviour(exits_after=1, exit_code=3))
    create(daemon_task_definition=register("crash"))
    fleet.until(lambda: fleet.deployment("agent").status == "STOPPED", 1200)
    fleet.register("web", "web:1")
    fleet.create(count=2, capacity_provider_strategy=WORKERS)
    fleet.until_steady("web")
    # Another deployment mends it.
    update(daemon_task_definition="agent:1")
    fleet.until_steady("agent")
    assert hosts(fleet) == ["one", "two"]


WORKERS = [{"capacityProvider": "workers", "weight": 1}]
SPREAD = [{"type": "spread", "field": "instanceId"}]


# ---- the end -----------------------------------------------------------------------------------


def test_a_deleted_daemon_stops_and_is_gone(running: World) -> None:
    row = delete_daemon(CALLER, daemon="agent")
    assert row.status == "DRAINING"
    with pytest.raises(DaemonNotActive):
        update()
    running.run(60)
    assert running.tasks("agent") == []
    with pytest.raises(DaemonNotFound):
        find_daemon("agent")
    last = running.deployment("agent")
    assert (last.number, last.status, last.status_reason) == (2, "SUCCESSFUL", "The daemon was deleted.")
    assert find_cluster_counts() == 0
    create()  # the name may be used again
    running.until_steady("agent")
    assert hosts(running) == ["one", "two"]
    assert accounts() == []


def find_cluster_counts() -> int:
    from clusters.queries import find_cluster

    return find_cluster("default").active_services


def test_what_it_needs_is_kept(running: World) -> None:
    delete_daemon_task_definition(CALLER, daemon_task_definition="agent:1")
    retention.apply()
    assert TaskDefinition.every.filter(daemon=True).count() == 1
    update(daemon_task_definition="agent:1")  # those that run it keep it
    with pytest.raises(ClientError, match="DELETE_IN_PROGRESS"):
        create(daemon_name="second", daemon_task_definition="agent:1")
    with pytest.raises(ResourceInUse):
        put_cluster_capacity_providers(
            CALLER, cluster="default", capacity_providers=["spare"], default_capacity_provider_strategy=[]
        )


def test_a_cluster_with_a_daemon_is_not_deleted(fleet: World) -> None:
    create_cluster(CALLER, cluster_name="blue")
    put_cluster_capacity_providers(
        CALLER, cluster="blue", capacity_providers=["spare"], default_capacity_provider_strategy=[]
    )
    create(cluster="blue", capacity_providers=["spare"])
    fleet.run(5)
    with pytest.raises(ClientError, match="daemons: agent"):
        delete_cluster(CALLER, cluster="blue")
    delete_daemon(CALLER, daemon="agent", cluster="blue")
    fleet.run(5)
    assert delete_cluster(CALLER, cluster="blue").status == "INACTIVE"


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"daemon_name": "no spaces"}, "daemonName"),
        ({"capacity_providers": []}, "capacityProviderArns"),
        ({"capacity_providers": ["elsewhere"]}, "capacityProviderArns"),
        ({"capacity_providers": ["FARGATE"]}, "capacityProviderArns FARGATE"),
        ({"propagate_tags": "SERVICE"}, "propagateTags"),
        ({"critical": "yes"}, "critical"),
        ({"deployment_configuration": {"drainPercent": 101}}, "deploymentConfiguration.drainPercent"),
        (
            {"deployment_configuration": {"bakeTimeInMinutes": 1.5}},
            "deploymentConfiguration.bakeTimeInMinutes",
        ),
        (
            {"deployment_configuration": {"alarms": {"enable": True, "alarmNames": ["a"]}}},
            "deploymentConfiguration.alarms",
        ),
        ({"daemon_task_definition": "nothing"}, "daemonTaskDefinitionArn"),
    ],
)
def test_what_cannot_be_is_refused_by_name(fleet: World, given: dict[str, Any], field: str) -> None:
    with pytest.raises((InvalidParameter, Unsupported, ClientError)) as refused:
        create(**given)
    assert list(refused.value.fields) == [field]
    assert not Service.every.exists()


def test_a_repeat_with_its_token_answers_the_same_daemon(fleet: World) -> None:
    first = create(client_token="once")
    assert create(client_token="once").pk == first.pk
    with pytest.raises(InvalidParameter, match="idempotent"):
        create(client_token="once", critical=False)
    with pytest.raises(InvalidParameter, match="exists already"):
        create()
    assert list_daemons(CALLER, capacity_providers=["spare"]).count() == 0
    assert list_daemons(CALLER, capacity_providers=["spare", "workers"]).count() == 1
