"""Scale, deploy, stop, delete, create: what they do, what they refuse, and that a refusal leaves every row alone."""

from __future__ import annotations

import re

import pytest

from services.models import Service
from tests import factories

PAGE = "/clusters/production/services/web/"


def _service() -> Service:
    return Service.objects.select_related("deployment__target__task_definition").get(name="web")


def test_scale(reader, jobs) -> None:
    factories.world(quiet=True)
    assert reader("deployer").post(f"{PAGE}scale/", desired_count=9) == PAGE
    assert _service().desired_count == 9


def test_a_count_that_is_none_is_kept_and_marked(reader, rows) -> None:
    factories.world()
    before = rows()
    text = reader("deployer").post(f"{PAGE}scale/", 400, desired_count="5001")
    assert 'value="5001"' in text and "is-invalid" in text
    assert rows() == before


def test_deploy_another_revision_with_what_it_changes(reader, jobs) -> None:
    w = factories.world(quiet=True)
    person = reader("deployer")
    text = person.text(f"{PAGE}deploy/")
    assert '<option value="web:13" selected>' in text
    assert "3 differences" in text and "web:4f1c9e2" in text
    assert "1 difference" in person.text(f"{PAGE}deploy/?task_definition=web:10")
    fields = {
        "task_definition": "web:13",
        "minimum_healthy_percent": 50,
        "maximum_percent": 150,
        "circuit_breaker": "stop",
        "grace_period": 7,
        "terminals": "yes",
    }
    assert person.post(f"{PAGE}deploy/", **fields) == PAGE
    service = _service()
    assert (
        service.deployment is not None
        and service.deployment.target.task_definition == w.revisions[13].task_definition
    )
    assert service.deployment_configuration["minimumHealthyPercent"] == 50
    assert service.deployment_configuration["deploymentCircuitBreaker"]["enable"] is True
    assert service.deployment_configuration["deploymentCircuitBreaker"]["rollback"] is False
    assert service.health_grace == 7
    assert service.enable_execute_command
    assert service.desired_count == 6
    assert '<option value="yes" selected>' in person.text(f"{PAGE}deploy/")
    del fields["terminals"]  # an older form, or a program: what is not asked stays
    person.post(f"{PAGE}deploy/", **fields)
    assert _service().enable_execute_command


def test_deploying_what_runs_needs_force(reader) -> None:
    factories.world(quiet=True)
    person = reader("deployer")
    fields = {
        "task_definition": "web:12",
        "minimum_healthy_percent": 100,
        "maximum_percent": 200,
        "circuit_breaker": "rollback",
        "grace_period": 0,
    }
    person.post(f"{PAGE}deploy/", **fields)
    assert _service().deployment is None
    person.post(f"{PAGE}deploy/", force="on", **fields)
    assert _service().deployment is not None and _service().deployment.force


def test_a_refusal_of_the_operation_stands_on_its_field(reader, rows) -> None:
    factories.world(quiet=True)
    before = rows()
    fields = {
        "task_definition": "web:13",
        "minimum_healthy_percent": 60,
        "maximum_percent": 50,
        "circuit_breaker": "off",
        "grace_period": 0,
    }
    text = reader("deployer").post(f"{PAGE}deploy/", 400, **fields)
    assert "must leave room to run every task" in text
    assert (
        'value="50"' in text
        and 'aria-describedby="id_maximum_percent_helptext id_maximum_percent_errors"' in text
    )
    assert rows() == before


def test_stop_keeps_what_runs(reader) -> None:
    w = factories.world()
    reader("deployer").post(f"{PAGE}stop-deployment/", deployment=w.deployment.arn)
    w.deployment.refresh_from_db()
    assert w.deployment.status == "STOP_REQUESTED"


def test_deleting_asks_for_the_name(reader, rows) -> None:
    factories.world()
    person = reader("administrator")
    before = rows()
    person.post(f"{PAGE}delete/", confirm="we")
    assert rows() == before
    person.post(f"{PAGE}delete/", confirm="web")
    assert _service().status == "DRAINING" and _service().desired_count == 0
    assert "Being deleted: 12 tasks are stopping." in person.text(PAGE)


def test_create(reader) -> None:
    factories.cluster("production")
    factories.definition("api")
    person = reader("deployer")
    text = person.text("/create-service/?task_definition=api:1")
    assert 'value="api:1"' in text and 'value="api"' in text
    fields = {
        "cluster": "production", "service_name": "api", "task_definition": "api",
        "desired_count": 2, "launch_type": "EC2",
        "placement": "memory", "distinct": "on", "minimum_healthy_percent": 100, "maximum_percent": 200,
        "circuit_breaker": "rollback", "grace_period": 0, "terminals": "yes",
    }  # fmt: skip
    assert person.post("/create-service/", **fields) == "/clusters/production/services/api/"
    made = Service.objects.get(name="api")
    assert made.enable_execute_command
    frozen = made.revisions.get().configuration
    assert frozen["placementStrategy"] == [{"type": "binpack", "field": "memory"}]
    assert frozen["placementConstraints"] == [{"type": "distinctInstance"}]
    text = person.post("/create-service/", 400, **{**fields, "task_definition": "nothing:4"})
    assert "no such revision" in text and 'value="nothing:4"' in text
    text = person.post("/create-service/", 400, **fields)
    assert "exists already" in text and Service.objects.count() == 1


def test_zones_are_kept_even_unless_one_says_otherwise_or_it_cannot_be(reader) -> None:
    factories.cluster("production")
    factories.definition("api")
    person = reader("deployer")
    text = person.text("/create-service/")
    assert re.search(r'<input type="checkbox" name="rebalance"[^>]* checked', text)
    fields = {
        "cluster": "production", "task_definition": "api", "desired_count": 2, "launch_type": "EC2", "placement": "",
        "minimum_healthy_percent": 100, "maximum_percent": 200, "circuit_breaker": "rollback", "grace_period": 0,
    }  # fmt: skip
    for name, more in (
        ("even", {"rebalance": "on"}),
        ("off", {}),
        ("packed", {"rebalance": "on", "placement": "memory"}),
        ("daemon", {"rebalance": "on", "scheduling_strategy": "DAEMON"}),
    ):
        person.post("/create-service/", service_name=name, **{**fields, **more})
    made = dict(Service.objects.values_list("name", "availability_zone_rebalancing"))
    assert made == {"even": "ENABLED", "off": "DISABLED", "packed": "DISABLED", "daemon": "DISABLED"}
    fields |= {"task_definition": "api:1", "rebalance": "on", "launch_type": ""}
    text = person.post(
        "/clusters/production/services/even/deploy/", 400, **{**fields, "maximum_percent": 100}
    )
    assert "does not support maximumPercent &lt;= 100 % as deployment configuration." in text


def test_denied_writes_leave_every_row_alone(reader, rows) -> None:
    w = factories.world()
    person = reader("read-only")
    before = rows()
    deploy = {
        "task_definition": "web:12",
        "minimum_healthy_percent": 100,
        "maximum_percent": 200,
        "circuit_breaker": "off",
        "grace_period": 0,
    }
    create = {
        **deploy,
        "cluster": "production",
        "service_name": "api",
        "desired_count": 1,
        "launch_type": "EC2",
        "placement": "",
    }
    register = {
        f"containers-0-{name}": text for name, text in (("name", "x"), ("image", "x"), ("memory", "64"))
    }
    register |= {"do": "register", "source": "form", "family": "x", "containers-0-essential": "on"}
    for path, data, action in (
        (f"{PAGE}scale/", {"desired_count": 1}, "ecs:UpdateService"),
        (f"{PAGE}deploy/", deploy, "ecs:UpdateService"),
        (f"{PAGE}stop-deployment/", {"deployment": w.deployment.arn}, "ecs:StopServiceDeployment"),
        (f"{PAGE}rollback/", {"to": w.revisions[12].pk, "seen": w.revisions[13].pk}, "ecs:StopServiceDeployment"),
        (f"{PAGE}rollback/", {"to": w.revisions[10].pk, "seen": w.revisions[13].pk}, "ecs:UpdateService"),
        (f"{PAGE}delete/", {"confirm": "web"}, "ecs:DeleteService"),
        ("/create-service/", create, "ecs:CreateService"),
        (f"/clusters/production/tasks/{w.new[0].pk}/stop/", {}, "ecs:StopTask"),
        ("/task-definitions/web/10/deregister/", {}, "ecs:DeregisterTaskDefinition"),
        ("/register-task-definition/", register, "ecs:RegisterTaskDefinition"),
    ):  # fmt: skip
        text = person.post(path, 403, **data)
        assert action in text, path
    assert rows() == before


CREATE = {
    "cluster": "production", "service_name": "api", "task_definition": "api", "desired_count": 2, "launch_type": "EC2",
    "minimum_healthy_percent": 100, "maximum_percent": 200, "circuit_breaker": "rollback", "grace_period": 0,
}  # fmt: skip


def test_strategies_and_memberships_of_one_s_own(reader, rows) -> None:
    factories.cluster("production")
    factories.definition("api")
    person = reader("deployer")
    own = {
        **CREATE,
        "placement": "custom",
        "strategies": "spread attribute:rack\nbinpack memory",
        "member_of": "attribute:rack exists\nrunningTasksCount < 9",
    }
    before = rows()
    text = person.post("/create-service/", 400, **{**own, "member_of": "attribute:rack = 7"})
    assert "at character 16: expected an operator after attribute:rack" in text
    assert "attribute:rack = 7</textarea>" in text and rows() == before
    text = person.post("/create-service/", 400, **{**own, "strategies": "spread everywhere"})
    assert "instanceId, host or attribute:NAME" in text and rows() == before
    person.post("/create-service/", **own)
    frozen = Service.objects.get(name="api").revisions.get().configuration
    assert frozen["placementStrategy"] == [
        {"type": "spread", "field": "attribute:rack"},
        {"type": "binpack", "field": "memory"},
    ]
    assert frozen["placementConstraints"] == [
        {"type": "memberOf", "expression": "attribute:rack exists"},
        {"type": "memberOf", "expression": "runningTasksCount < 9"},
    ]
    text = person.text("/clusters/production/services/api/?tab=configuration")
    assert "memberOf attribute:rack exists" in text
    text = person.text("/clusters/production/services/api/deploy/")
    assert "spread attribute:rack binpack memory</textarea>" in text
    again = {
        name: value
        for name, value in own.items()
        if name not in ("cluster", "service_name", "desired_count", "launch_type")
    }
    person.post("/clusters/production/services/api/deploy/", **{**again, "task_definition": "api:1"})
    assert Service.objects.get(name="api").revisions.count() == 1, "nothing differs"
    person.post(
        "/clusters/production/services/api/deploy/",
        **{**again, "task_definition": "api:1", "placement": "random", "member_of": "", "distinct": "on"},
    )
    frozen = Service.objects.get(name="api").revisions.first().configuration
    assert frozen["placementStrategy"] == [{"type": "random"}]
    assert frozen["placementConstraints"] == [{"type": "distinctInstance"}]


@pytest.mark.parametrize("form", ["deploy", "scale"])
def test_who_may_not_sees_the_form_s_button_disabled(reader, form: str) -> None:
    factories.world()
    text = reader("read-only").text(f"/clusters/production/services/web/{form}/")
    assert 'aria-disabled="true"' in text and "ecs:UpdateService" in text
    assert 'aria-disabled="true"' not in reader("deployer").text(f"/clusters/production/services/web/{form}/")
