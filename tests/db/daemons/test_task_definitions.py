"""Daemon task definitions: apart from the others, checked by the same rules, gone once nothing needs them."""

from __future__ import annotations

from typing import Any

import pytest

from access.caller import Caller
from access.models import AuditRecord
from access.registry import system_caller
from base.errors import AccessDenied, ClientError, InvalidParameter
from services import queries
from services.control import retention
from services.daemons.task_definitions import (
    delete_daemon_task_definition,
    describe_daemon_task_definition,
    list_daemon_task_definitions,
    register_daemon_task_definition,
)
from services.lookup import find_definition
from services.models import TaskDefinition
from services.tagging import list_tags_for_resource, tag_resource
from tests import factories
from tests.db.rest.conftest import make_user

pytestmark = pytest.mark.django_db
ME = system_caller("test")
CONTAINER = {"name": "agent", "image": "agent:1", "memory": 32}


def register(**given: Any) -> TaskDefinition:
    return register_daemon_task_definition(
        ME, document={"family": "agent", "containerDefinitions": [CONTAINER], **given}
    )


def test_a_family_of_daemons_is_another_than_the_family_of_that_name() -> None:
    plain = factories.definition("agent")
    first, second = register(), register()
    assert [plain.revision, first.revision, second.revision] == [1, 1, 2]
    assert first.arn == "arn:aws:ecs:us-east-1:123456789012:daemon-task-definition/agent:1"
    assert list(queries.list_task_definitions(ME)) == [plain]
    assert [row.name for row in queries.list_task_definition_families(ME)] == ["agent"]
    assert list(list_daemon_task_definitions(ME)) == [second, first]
    assert find_definition("agent") == plain
    assert describe_daemon_task_definition(ME, daemon_task_definition="agent") == second
    assert describe_daemon_task_definition(ME, daemon_task_definition=first.arn) == first


def test_nobody_runs_one_as_a_task_and_no_other_is_described_as_one() -> None:
    row, plain = register(), factories.definition("web")
    with pytest.raises(InvalidParameter, match="only daemons run"):
        find_definition(row.arn)
    with pytest.raises(InvalidParameter, match="not a daemon task definition"):
        describe_daemon_task_definition(ME, daemon_task_definition=plain.arn)
    with pytest.raises(ClientError, match="no such revision"):
        describe_daemon_task_definition(ME, daemon_task_definition="web:1")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"networkMode": "host"}, "networkMode"),
        ({"placementConstraints": []}, "placementConstraints"),
        ({"pidMode": "shared"}, "pidMode"),
        ({"ipcMode": "shared"}, "ipcMode"),
        (
            {"containerDefinitions": [{**CONTAINER, "portMappings": []}]},
            "containerDefinitions[0].portMappings",
        ),
        (
            {"volumes": [{"name": "logs", "logDriverVolumeConfiguration": {"driver": "json-file"}}]},
            "volumes[0].logDriverVolumeConfiguration",
        ),
        (
            {"containerDefinitions": [{**CONTAINER, "linuxParameters": {"maxSwap": 1}}]},
            "containerDefinitions[0].linuxParameters.maxSwap",
        ),
        # The rules are those of every task definition.
        ({"containerDefinitions": [{"name": "a", "image": "a"}]}, "containerDefinitions[0].memory"),
        (
            {
                "containerDefinitions": [
                    {**CONTAINER, "mountPoints": [{"sourceVolume": "x", "containerPath": "/x"}]}
                ]
            },
            "containerDefinitions[0].mountPoints[0].sourceVolume",
        ),
    ],
)
def test_what_a_daemon_cannot_have_is_refused_by_name(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ClientError) as refused:
        register(**given)
    assert list(refused.value.fields) == [field]
    assert not TaskDefinition.every.exists()


def test_it_is_kept_as_what_runs_tasks_understands() -> None:
    row = register(volumes=[{"name": "logs", "host": {"sourcePath": "/var/log"}}], pidMode="none")
    assert row.document["networkMode"] == "bridge"
    assert row.document["containerDefinitions"][0]["essential"] is True
    assert (row.cpu, row.memory) == (0, 32)


def test_lists_by_prefix_status_and_newest() -> None:
    register(), register(), register(family="agent-two"), register(family="other")
    delete_daemon_task_definition(ME, daemon_task_definition="agent:2")
    assert [str(row) for row in list_daemon_task_definitions(ME, family_prefix="agent")] == [
        "agent:1",
        "agent-two:1",
    ]
    assert [str(row) for row in list_daemon_task_definitions(ME, family="agent", status="ALL")] == [
        "agent:2",
        "agent:1",
    ]
    assert [str(row) for row in list_daemon_task_definitions(ME, status="DELETE_IN_PROGRESS")] == ["agent:2"]
    newest = list_daemon_task_definitions(ME, status=None, revision="LAST_REGISTERED")
    assert [str(row) for row in newest] == ["agent:2", "agent-two:1", "other:1"]
    with pytest.raises(InvalidParameter):
        list_daemon_task_definitions(ME, status="INACTIVE")


def test_a_deleted_one_goes_once_nothing_needs_it_and_its_number_is_not_used_again() -> None:
    register()
    with pytest.raises(ClientError, match="needs a revision"):
        delete_daemon_task_definition(ME, daemon_task_definition="agent")
    row = delete_daemon_task_definition(ME, daemon_task_definition="agent:1")
    assert row.status == "DELETE_IN_PROGRESS" and row.delete_requested_at is not None
    with pytest.raises(ClientError, match="DELETE_IN_PROGRESS"):
        delete_daemon_task_definition(ME, daemon_task_definition="agent:1")
    assert retention.apply()["definitions"] == 1
    assert register().revision == 2


def test_it_has_tags() -> None:
    row = register(tags=[{"key": "team", "value": "platform"}])
    tag_resource(ME, resource_arn=row.arn, tags={"env": "test"})
    assert list_tags_for_resource(ME, resource_arn=row.arn) == {"team": "platform", "env": "test"}


def test_a_host_mount_needs_its_own_permission() -> None:
    statement = {"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}
    caller = Caller.for_user(make_user("mallory", statements=[statement]), face="system")
    document = {"family": "agent", "containerDefinitions": [CONTAINER]}
    register_daemon_task_definition(caller, document=document)
    mounted = {**document, "volumes": [{"name": "logs", "host": {"sourcePath": "/var/log"}}]}
    with pytest.raises(AccessDenied) as denied:
        register_daemon_task_definition(caller, document=mounted)
    assert denied.value.action == "slipway:UseHostMounts"
    assert AuditRecord.objects.latest("id").result == "denied"
    assert TaskDefinition.every.count() == 1
