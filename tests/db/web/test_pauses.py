"""A deployment that a lifecycle hook holds, on the service's page, and the forms that configure hooks."""

from __future__ import annotations

import re

import pytest

from services.models import Deployment, Service
from tests import factories

PAGE = "/clusters/production/services/web/"
FIELDS = {
    "minimum_healthy_percent": 100,
    "maximum_percent": 200,
    "circuit_breaker": "rollback",
    "grace_period": 0,
}


def _deployment() -> Deployment:
    row = Service.objects.select_related("deployment").get(name="web").deployment
    assert row is not None
    return row


def _hooks(row: Service | None = None) -> list[dict]:
    return (row or Service.objects.get(name="web")).deployment_configuration.get("lifecycleHooks", [])


def test_a_paused_deployment_says_where_until_when_and_what_then(reader) -> None:
    w = factories.world()
    hook = factories.pause(w.deployment, minutes=30)
    text = reader("deployer").text(PAGE)
    assert "Paused for an approval at POST_SCALE_UP." in text
    assert re.search(r"Without an answer it is rolled back\s*<time [^>]*>in (29|30) min", text)
    assert f"--hook-id {hook} --action CONTINUE" in text
    assert ">Paused<" in text and "paused" in text  # the badges of the service and of its history
    assert 'id="dlg-reject-0"' in text


def test_what_is_answered_or_over_is_not_shown(reader) -> None:
    w = factories.world()
    factories.pause(w.deployment)
    Deployment.objects.filter(pk=w.deployment.pk).update(status="ROLLBACK_IN_PROGRESS")
    assert "Paused for an approval" not in reader("deployer").text(PAGE)


@pytest.mark.parametrize(("action", "status", "hook_status"), [
    ("CONTINUE", "IN_PROGRESS", "SUCCEEDED"),
    ("ROLLBACK", "ROLLBACK_REQUESTED", "FAILED"),
])  # fmt: skip
def test_its_buttons_answer_the_hook(reader, jobs, action: str, status: str, hook_status: str) -> None:
    w = factories.world()
    hook = factories.pause(w.deployment)
    given = {"deployment": w.deployment.arn, "hook": hook, "action": action}
    assert reader("deployer").post(f"{PAGE}continue-deployment/", **given) == PAGE
    row = _deployment()
    assert (row.status, row.lifecycle_hooks[0]["status"]) == (status, hook_status)


def test_who_may_not_is_told_what_is_missing_and_changes_nothing(reader, rows) -> None:
    w = factories.world()
    hook = factories.pause(w.deployment)
    person = reader("read-only")
    text = person.text(PAGE)
    assert "<code>ecs:ContinueServiceDeployment</code>" in text and 'id="dlg-reject-0"' not in text
    before = rows()
    given = {"deployment": w.deployment.arn, "hook": hook, "action": "CONTINUE"}
    assert "ecs:ContinueServiceDeployment" in person.post(f"{PAGE}continue-deployment/", 403, **given)
    assert rows() == before


def test_the_deploy_form_sets_changes_and_takes_away_a_pause(reader, jobs) -> None:
    factories.world(quiet=True)
    person = reader("deployer")
    deploy = {**FIELDS, "task_definition": "web:13"}
    chosen = {"pause_at": "PRE_SCALE_UP POST_SCALE_UP", "pause_minutes": 90, "pause_action": "CONTINUE"}
    assert person.post(f"{PAGE}deploy/", **deploy, **chosen) == PAGE
    [hook] = _hooks()
    assert hook == {
        "targetType": "PAUSE",
        "lifecycleStages": ["PRE_SCALE_UP", "POST_SCALE_UP"],
        "timeoutConfiguration": {"timeoutInMinutes": 90, "action": "CONTINUE"},
    }
    assert _deployment().configuration["lifecycleHooks"] == [hook]
    text = person.text(f"{PAGE}deploy/")
    assert '<option value="PRE_SCALE_UP POST_SCALE_UP" selected>' in text and 'value="90"' in text
    person.post(f"{PAGE}deploy/", **deploy)  # a program that does not ask: it stays
    assert _hooks() == [hook]
    person.post(f"{PAGE}deploy/", **deploy, pause_at="never")
    assert _hooks() == []


def test_hooks_that_the_form_has_no_words_for_are_kept(reader, jobs) -> None:
    w = factories.world(quiet=True)
    one = {
        "targetType": "PAUSE",
        "lifecycleStages": ["PRE_SCALE_UP"],
        "timeoutConfiguration": {"timeoutInMinutes": 5, "action": "ROLLBACK"},
    }
    two = [one, {**one, "lifecycleStages": ["POST_SCALE_UP"]}]
    w.service.deployment_configuration = {**w.service.deployment_configuration, "lifecycleHooks": two}
    w.service.save()
    person = reader("deployer")
    assert '<option value="keep" selected>' in person.text(f"{PAGE}deploy/")
    person.post(f"{PAGE}deploy/", **FIELDS, task_definition="web:13", pause_at="keep")
    assert _hooks() == two


def test_a_service_is_created_with_a_pause(reader, jobs) -> None:
    factories.cluster("production")
    factories.definition("api")
    create = {
        **FIELDS,
        "cluster": "production",
        "service_name": "api",
        "task_definition": "api",
        "desired_count": 2,
        "launch_type": "EC2",
        "placement": "",
        "pause_at": "PRE_SCALE_UP",
    }
    person = reader("deployer")
    assert "is-invalid" in person.post("/create-service/", 400, **create, pause_minutes=20161)
    person.post("/create-service/", **create)
    [hook] = _hooks(Service.objects.get(name="api"))
    assert hook["timeoutConfiguration"] == {"timeoutInMinutes": 1440, "action": "ROLLBACK"}
