"""Daemons in the console: a cluster's tab, a daemon's page, the forms, and daemon task definitions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from access.models import AuditRecord
from clusters.models import Cluster
from console.web import links
from services.control.reconcile import reconcile
from services.daemons.lookup import find_daemon
from services.models import Deployment, Service, TaskDefinition
from tests import factories

HERE = "/clusters/platform/daemons/agent/"
NEW = "/clusters/platform/create-daemon/"
GIVEN = {
    "daemon_name": "collector",
    "daemon_task_definition": "agent:1",
    "on-nodes": "on",
    "drain_percent": "40",
    "bake_minutes": "5",
    "critical": "on",
    "propagate_tags": "DAEMON",
    "terminals": "yes",
    "managed_tags": "yes",
    "tags": "team=platform",
}
DEFINED = {"family": "agent", "containerDefinitions": [{"name": "agent", "image": "agent:2", "memory": 64}]}


@pytest.fixture
def platform(db: None) -> Cluster:
    owner = factories.cluster("platform")
    factories.daemon(owner)
    return owner


def test_a_cluster_lists_its_daemons(platform: Cluster, reader: Any) -> None:
    factories.instance(platform, "n1", attributes={"slipway.auto-scaling-group": "nodes"})
    text = reader("read-only").text("/clusters/platform/?tab=daemons")
    assert f'href="{HERE}"' in text and "agent:1" in text and "nodes" in text
    assert "No daemon matches" in reader("read-only").text("/clusters/platform/?tab=daemons&q=none")
    other = factories.cluster("other")
    assert "No daemons yet" in reader("read-only").text(f"/clusters/{other.name}/?tab=daemons")


def test_queries_do_not_grow_with_the_daemons(
    platform: Cluster, reader: Any, django_assert_max_num_queries: Any
) -> None:
    person = reader("read-only")
    person.text("/clusters/platform/?tab=daemons")
    for number in range(4):
        factories.daemon(platform, f"more-{number}", f"group-{number}")
    with django_assert_max_num_queries(30):
        person.text("/clusters/platform/?tab=daemons")


def test_a_daemons_page_says_where_it_runs_and_what_it_is(platform: Cluster, reader: Any, jobs: Any) -> None:
    factories.instance(platform, "n1", attributes={"slipway.auto-scaling-group": "nodes"})
    text = reader("read-only").text(HERE)
    for said in (
        "agent:1",
        "nodes",
        "Drain percent",
        "25.0 %",
        "An instance without it takes no other tasks",
    ):
        assert said in text
    assert "describe-daemon --daemon-arn" in text
    assert "the first deployment" in text  # of its history


def test_it_is_created_as_the_form_says(platform: Cluster, reader: Any, jobs: Any) -> None:
    person = reader("administrator")
    assert 'name="on-nodes"' in person.text(NEW)
    assert person.post(NEW, **GIVEN) == "/clusters/platform/daemons/collector/"
    row = find_daemon("collector", "platform")
    assert row.deployment is not None
    frozen = row.deployment.target.configuration
    assert (frozen["critical"], frozen["propagateTags"]) == (True, "DAEMON")
    assert (frozen["enableExecuteCommand"], frozen["enableECSManagedTags"]) == (True, True)
    assert row.deployment_configuration["drainPercent"] == 40.0
    assert row.deployment_configuration["bakeTimeInMinutes"] == 5
    assert row.tags == {"team": "platform"}
    assert [one.operation for one in AuditRecord.objects.filter(face="console")] == ["create_daemon"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"daemon_name": "no spaces"}, "letters, digits, hyphens"),
        ({"daemon_name": "agent"}, "exists already"),
        ({"daemon_task_definition": "none:1"}, "no such revision"),
        ({"on-nodes": None}, "one or more names or ARNs"),
        ({"drain_percent": "101"}, "less than or equal to 100"),
        ({"bake_minutes": "-1"}, "greater than or equal to 0"),
        ({"tags": "nothing"}, "is not key=value"),
    ],
)
def test_mistakes_stand_on_their_fields(
    platform: Cluster, reader: Any, jobs: Any, given: dict[str, Any], said: str
) -> None:
    sent = {name: value for name, value in {**GIVEN, **given}.items() if value is not None}
    text = reader("administrator").post(NEW, 400, **sent)
    assert said in text and "is-invalid" in text
    assert Service.every.filter(daemon=True).count() == 1


def test_the_update_form_begins_as_the_daemon_is_and_loses_nothing(
    platform: Cluster, reader: Any, jobs: Any
) -> None:
    person = reader("administrator")
    person.post(NEW, **GIVEN)
    here = "/clusters/platform/daemons/collector/"
    factories.daemon_definition(image="agent:2")
    text = person.text(f"{here}update/")
    for value in ('value="agent:1"', 'value="40.0"', 'value="5"'):
        assert value in text
    unchanged = {name: value for name, value in GIVEN.items() if name not in ("daemon_name", "tags")}
    sent = {**unchanged, "daemon_task_definition": "agent:2"}
    del sent["critical"]
    assert person.post(f"{here}update/", **sent) == here
    row = find_daemon("collector", "platform")
    assert row.deployment is not None
    target = row.deployment.target
    assert str(target.task_definition) == "agent:2"
    assert (target.configuration["critical"], target.configuration["propagateTags"]) == (False, "DAEMON")
    assert Deployment.objects.filter(service=row).count() == 2
    assert "agent:2" in person.text(here)


def test_the_command_follows_the_form(platform: Cluster, reader: Any) -> None:
    text = reader("administrator").text(f"{NEW}?daemon_name=collector&drain_percent=50&on-nodes=on")
    assert "create-daemon" in text and "--daemon-name collector" in text
    assert "--capacity-provider-arns nodes" in text and "drainPercent" in text


def test_deleting_stops_it_and_the_page_says_so(platform: Cluster, reader: Any, jobs: Any) -> None:
    person = reader("administrator")
    assert person.post(f"{HERE}delete/", confirm="agent") == HERE
    assert find_daemon("agent", "platform").status == "DRAINING"
    text = person.text(HERE)
    assert "The daemon is being deleted." in text  # of its buttons
    reconcile(find_daemon("agent", "platform").pk)
    assert not Service.every.filter(daemon=True).exclude(status="INACTIVE").exists()


def test_who_only_reads_is_told_which_permission_is_missing(
    platform: Cluster, reader: Any, jobs: Any
) -> None:
    person = reader("read-only")
    for page, action in ((HERE, "ecs:UpdateDaemon"), (NEW, "ecs:CreateDaemon")):
        assert action in person.text(page)
    person.post(f"{HERE}delete/", 403)
    assert find_daemon("agent", "platform").status == "ACTIVE"


# ---- daemon task definitions -------------------------------------------------------------------


def test_one_is_registered_by_json_shown_and_deleted(platform: Cluster, reader: Any, jobs: Any) -> None:
    person = reader("administrator")
    new = "/register-daemon-task-definition/"
    assert "agent:1" in person.text(f"{new}?from=agent:1")
    shown = "/daemon-task-definitions/agent/2/"
    assert person.post(new, document=json.dumps(DEFINED)) == shown
    text = person.text(shown)
    assert "agent:2" in text and "None." in text
    assert f'href="{shown}"' in person.text("/daemon-task-definitions/")
    assert person.post(f"{shown}delete/") == "/daemon-task-definitions/"
    assert not TaskDefinition.every.filter(daemon=True, revision=2, status="ACTIVE").exists()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "Line 1, column 2"),
        ("[]", "A task definition is a JSON object"),
        (json.dumps({**DEFINED, "networkMode": "host"}), "networkMode"),
        (json.dumps({"family": "agent"}), "containerDefinitions"),
    ],
)
def test_a_document_with_mistakes_is_refused_with_their_place(
    platform: Cluster, reader: Any, jobs: Any, document: str, said: str
) -> None:
    text = reader("administrator").post("/register-daemon-task-definition/", 400, document=document)
    assert said in text
    assert TaskDefinition.every.filter(daemon=True).count() == 1


def test_arns_lead_to_these_pages() -> None:
    start = "arn:aws:ecs:us-east-1:123456789012:"
    assert links.of_arn(f"{start}daemon/platform/agent") == HERE
    assert links.of_arn(f"{start}daemon-deployment/platform/agent/abc") == HERE
    assert links.of_arn(f"{start}daemon-task-definition/agent:3") == "/daemon-task-definitions/agent/3/"
