"""Secrets on a real engine: in the container's environment, and nowhere else. Acceptance 3 of the issue on teams."""

from __future__ import annotations

import json
import logging

import pytest

from access.models import AuditRecord
from services.control import reconcile, resolving
from services.models import Deployment, Service, Task
from services.operations import create_service
from tests.lab.images import IMAGES
from tests.lab.registry import PASSWORD, USER, LabRegistry
from tests.lab.secrets import held, may, parameter, role, secret
from tests.lab.tasks import CALLER, TaskLab

VALUE = "kaleidoscope-7731"


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def web(**more: object) -> dict[str, object]:
    return {"name": "web", "image": IMAGES["idle"].reference, "memory": 32, **more}


def test_a_task_reads_the_secret_it_may_read(
    lab: TaskLab, everything_logged: pytest.LogCaptureFixture
) -> None:
    role("puller", may("secretsmanager:GetSecretValue", "ssm:GetParameter"))
    arn = secret("shop/db", json.dumps({"password": VALUE}))
    parameter("/shop/key", VALUE + "-key")
    task = lab.run(
        web(
            secrets=[
                {"name": "PASSWORD", "valueFrom": f"{arn}:password::"},
                {"name": "KEY", "valueFrom": "/shop/key"},
            ],
        ),
        executionRoleArn="puller",
    )
    assert lab.sh(task, "web", 'echo "$PASSWORD $KEY"') == f"{VALUE} {VALUE}-key"
    inspected = lab.inspect(task, "web")
    environment = inspected["Config"].pop("Env")
    assert f"PASSWORD={VALUE}" in environment
    assert VALUE not in json.dumps(inspected)  # labels, log options, command, name: nowhere else
    stopped = lab.stop(task)
    assert VALUE not in held()
    assert VALUE not in everything_logged.text
    assert VALUE not in "\n".join(lab.kept(stopped))
    reads = AuditRecord.objects.filter(result="success", actor_arn__endswith=f"assumed-role/puller/{task.id}")
    assert {record.action for record in reads} == {"secretsmanager:GetSecretValue", "ssm:GetParameter"}


def test_a_task_that_may_not_fails_to_start_and_says_why(
    lab: TaskLab, everything_logged: pytest.LogCaptureFixture
) -> None:
    role("puller", may("secretsmanager:GetSecretValue", resource="arn:aws:secretsmanager:*:*:secret:other/*"))
    arn = secret("shop/db", VALUE)
    definition = lab.register(
        web(secrets=[{"name": "PASSWORD", "valueFrom": arn}]), executionRoleArn="puller"
    )
    task = lab.until(lab.start(definition), "STOPPED")
    assert task.stop_code == "TaskFailedToStart" and task.failed
    assert task.stopped_reason.startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth: "
    )
    assert arn in task.stopped_reason
    assert "missing permission secretsmanager:GetSecretValue" in task.stopped_reason
    assert lab.row(task, "web").runtime_id == ""  # no container was ever made
    assert VALUE not in held() and VALUE not in everything_logged.text


def test_a_private_registry_is_asked_with_the_login_of_a_secret(
    lab: TaskLab, everything_logged: pytest.LogCaptureFixture
) -> None:
    role("puller", may("secretsmanager:GetSecretValue"))
    secret("registry/login", json.dumps({"username": USER, "password": PASSWORD}))
    secret("registry/wrong", json.dumps({"username": USER, "password": "wrong"}))
    with LabRegistry(closed=True) as registry:
        reference = registry.publish(IMAGES["idle"], "private/idle", "1")

        def definition(**more: object) -> str:
            return lab.register(web(image=reference, **more), executionRoleArn="puller")

        refused = lab.until(lab.start(definition()), "STOPPED")
        assert refused.stop_code == "TaskFailedToStart" and "CannotPullContainer" in refused.stopped_reason
        wrong = definition(repositoryCredentials={"credentialsParameter": "registry/wrong"})
        assert "CannotPullContainer" in lab.until(lab.start(wrong), "STOPPED").stopped_reason
        right = definition(repositoryCredentials={"credentialsParameter": "registry/login"})
        task = lab.until(lab.start(right), "RUNNING")
        assert lab.inspect(task, "web")["Config"]["Image"].startswith(registry.host)
        lab.stop(task)
    assert PASSWORD not in held() and PASSWORD not in everything_logged.text


def test_a_deployment_pins_and_runs_an_image_of_a_private_registry(
    lab: TaskLab, everything_logged: pytest.LogCaptureFixture
) -> None:
    """As the execution role, once for the pin and once for each pull; without the login it says what it waits for."""
    role("puller", may("secretsmanager:GetSecretValue"))
    secret("registry/login", json.dumps({"username": USER, "password": PASSWORD}))
    with LabRegistry(closed=True) as registry:
        reference = registry.publish(IMAGES["idle"], "private/shop", "1")
        bare = lab.register(web(image=reference), family="bare", executionRoleArn="puller")
        login = {"credentialsParameter": "registry/login"}
        full = lab.register(
            web(image=reference, repositoryCredentials=login), family="full", executionRoleArn="puller"
        )
        for name, definition in (("bare", bare), ("full", full)):
            create_service(CALLER, service_name=name, task_definition=definition, desired_count=1)
            resolving.resolve_images(Deployment.objects.get(service__name=name).pk)
        refused, deployed = (Deployment.objects.get(service__name=name) for name in ("bare", "full"))
        assert "no basic auth credentials" in refused.image_error
        assert refused.target.images == {}
        pin = deployed.target.images["web"]["pin"]
        assert pin.startswith(f"{registry.host}/private/shop@sha256:")
        service = Service.objects.get(name="full")
        reconcile.reconcile(service.pk)
        task = lab.until(Task.objects.get(service=service).pk, "RUNNING")
        assert lab.inspect(task, "web")["Config"]["Image"] == pin
        Service.objects.filter(pk=service.pk).update(desired_count=0)
        lab.stop(task)
    assert PASSWORD not in held() and PASSWORD not in everything_logged.text
