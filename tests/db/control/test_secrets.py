"""Secrets on their way into containers: fetched as the execution role, counted as the task's own failure when not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from access.caller import Caller
from access.models import AuditRecord
from access.policy import parse
from base.errors import AccessDenied, ClientError, InvalidParameter
from services import definitions, task_operations
from services.models import Task, TaskDefinition
from services.overrides import checked_overrides
from tests.lab.secrets import CALLER, TRUSTS_TASKS, held, may, parameter, role, secret
from vault.operations import delete_secret, put_secret_value

from .world import World

VALUE = "kaleidoscope-7731"
READ = may("secretsmanager:GetSecretValue", "ssm:GetParameter")


@pytest.fixture
def ready(world: World) -> World:
    world.host("one", "web:1")
    return world


@pytest.fixture
def specs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the engine was asked to create."""
    from clusters.engine.fake import FakeEngine

    asked: list[Any] = []
    create: Callable[..., str] = FakeEngine.create_container

    def note(self: FakeEngine, spec: Any) -> str:
        asked.append(spec)
        return create(self, spec)

    monkeypatch.setattr(FakeEngine, "create_container", note)
    return asked


def use(world: World, *secrets: tuple[str, str], execution: str = "puller", **more: Any) -> str:
    return world.register(
        secrets=[{"name": name, "valueFrom": source} for name, source in secrets],
        task={"executionRoleArn": execution},
        **more,
    )


def run(world: World, definition: str = "web", **given: Any) -> Task:
    task = world.run_task(definition, **given).tasks[0]
    world.run(30)
    return Task.objects.get(pk=task.pk)


def test_values_reach_the_environment_and_nothing_else(ready: World, specs: list[Any]) -> None:
    role("puller", READ)
    arn = secret("shop/db", json.dumps({"user": "shop", "password": VALUE, "port": 5432}))
    parameter("/shop/key", VALUE + "-key")
    old = secret("old", VALUE + "-old")
    put_secret_value(CALLER, secret_id="old", secret_string=VALUE + "-new")
    use(
        ready,
        ("PASSWORD", f"{arn}:password::"),
        ("PORT", f"{arn}:port::"),
        ("WHOLE", arn),
        ("BEFORE", f"{old}::AWSPREVIOUS:"),
        ("NOW", old),
        ("KEY", "/shop/key"),
        environment=[{"name": "PLAIN", "value": "x"}],
    )
    task = run(ready)
    assert task.status == "RUNNING", task.stopped_reason
    found = dict(specs[-1].environment)
    assert found["PASSWORD"] == VALUE and found["PORT"] == "5432" and found["PLAIN"] == "x"
    assert json.loads(found["WHOLE"])["user"] == "shop"
    assert (found["BEFORE"], found["NOW"], found["KEY"]) == (VALUE + "-old", VALUE + "-new", VALUE + "-key")
    assert VALUE not in json.dumps(dict(specs[-1].labels)) and VALUE not in repr(specs[-1])
    assert VALUE not in held()
    reads = AuditRecord.objects.filter(action="secretsmanager:GetSecretValue", result="success")
    assert {record.actor_arn.rpartition("/")[2] for record in reads} == {task.id}
    assert reads.count() == 3  # shop/db once, old in two stages
    assert AuditRecord.objects.filter(action="ssm:GetParameter", result="success").count() == 1


def test_without_the_permission_the_task_says_which_is_missing(ready: World, specs: list[Any]) -> None:
    role("puller", may("ssm:GetParameter"))
    arn = secret("shop/db", VALUE)
    use(ready, ("PASSWORD", arn))
    task = run(ready)
    assert (task.status, task.stop_code) == ("STOPPED", "TaskFailedToStart")
    assert task.stopped_reason.startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth: PASSWORD of container web from "
        + arn
    )
    assert "missing permission secretsmanager:GetSecretValue" in task.stopped_reason
    assert specs == []
    denied = AuditRecord.objects.get(action="secretsmanager:GetSecretValue")
    assert denied.result == "denied" and denied.actor_arn.endswith(f"assumed-role/puller/{task.id}")
    assert VALUE not in held()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{arn}:nothing::", "retrieved secret did not contain json key nothing"),
        ("{arn}::AWSPENDING:", "can't find the specified secret value for staging label: AWSPENDING"),
        (
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:none-a1b2c3",
            "can't find the specified secret",
        ),
        ("/none", "ParameterNotFound"),
        ("{plain}:key::", "is not JSON"),
        ("{nul}", "NUL character"),
    ],
)
def test_what_is_not_there_is_said(ready: World, source: str, reason: str) -> None:
    role("puller", READ)
    arns = {"arn": secret("a", '{"x": "y"}'), "plain": secret("b", VALUE), "nul": secret("c", VALUE + "\0")}
    use(ready, ("X", source.format(**arns)))
    task = run(ready)
    assert task.status == "STOPPED" and reason in task.stopped_reason, task.stopped_reason
    assert VALUE not in task.stopped_reason and VALUE not in held()


def test_a_deleted_secret_or_role_stops_new_tasks(ready: World) -> None:
    made = role("puller", READ)
    arn = secret("shop/db", VALUE)
    use(ready, ("PASSWORD", arn))
    delete_secret(CALLER, secret_id=arn)
    assert "marked for deletion" in run(ready).stopped_reason
    made.trust_policy = {
        **TRUSTS_TASKS,
        "Statement": [{**TRUSTS_TASKS["Statement"][0], "Principal": {"Service": "ec2.amazonaws.com"}}],  # type: ignore[index]
    }
    made.save()
    assert "ECS was unable to assume the role" in run(ready).stopped_reason


def test_the_breaker_counts_it(ready: World) -> None:
    role("puller")
    use(ready, ("PASSWORD", secret("shop/db", VALUE)))
    ready.create(count=1)
    ready.until(lambda: ready.deployment().status == "FAILED" or not ready.deployment().in_progress, 3600)
    assert "circuit breaker" in ready.deployment().status_reason
    assert Task.objects.filter(failed=True, stop_code="TaskFailedToStart").count() >= 3
    assert any("secretsmanager:GetSecretValue" in task.stopped_reason for task in Task.objects.all())


def test_a_private_image_is_pulled_with_the_login_of_a_secret(world: World) -> None:
    host = world.host("one")
    host.publish("registry.example/web:1", auth=("puller", VALUE))
    role("puller", READ)
    login = secret("login", json.dumps({"username": "puller", "password": VALUE}))
    credentials = {"credentialsParameter": login}
    world.register(
        image="registry.example/web:1",
        repositoryCredentials=credentials,
        task={"executionRoleArn": "puller"},
    )
    assert run(world).status == "RUNNING"  # a standalone task
    world.create(count=1)
    assert (
        world.until_steady().running_count == 1
    )  # a service, whose deployment asks the registry for the digest
    put_secret_value(CALLER, secret_id="login", secret_string="no login")
    host.publish("registry.example/web:2", auth=("puller", VALUE))
    world.register(
        family="other",
        image="registry.example/web:2",
        repositoryCredentials=credentials,
        task={"executionRoleArn": "puller"},
    )
    task = run(world, "other")
    assert task.stop_code == "TaskFailedToStart"
    assert "registry login of container other" in task.stopped_reason
    assert VALUE not in held()


def test_a_task_s_override_of_the_execution_role_counts(ready: World) -> None:
    role("none")
    role("puller", READ)
    use(ready, ("PASSWORD", secret("shop/db", VALUE)), execution="none")
    assert run(ready).stop_code == "TaskFailedToStart"
    assert run(ready, overrides={"executionRoleArn": "puller"}).status == "RUNNING"


# ---- registering ---------------------------------------------------------------------------------


def user(*statements: dict[str, Any]) -> Caller:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return Caller(
        arn="arn:aws:iam::123456789012:user/ana", name="ana", face="rest", statements=parse(document)
    )


def document(**more: Any) -> dict[str, Any]:
    return {
        "family": "web",
        "containerDefinitions": [{"name": "web", "image": "web:1", "memory": 64}],
        **more,
    }


def test_giving_a_role_takes_pass_role(ready: World) -> None:
    app = role("app")
    role("puller")
    register = may("ecs:RegisterTaskDefinition")
    asked = document(taskRoleArn="app", executionRoleArn="puller")
    for caller in (user(register), user(register, may("iam:PassRole", resource=app.arn))):
        with pytest.raises(AccessDenied, match="iam:PassRole"):
            definitions.register_task_definition(caller, document=asked)
    assert TaskDefinition.objects.count() == 0
    row = definitions.register_task_definition(user(register, may("iam:PassRole")), document=asked)
    assert row.document["taskRoleArn"] == app.arn
    assert row.document["executionRoleArn"].endswith(":role/puller")
    with pytest.raises(AccessDenied, match="iam:PassRole"):
        task_operations.run_task(
            user(may("ecs:RunTask")), task_definition="web", overrides={"taskRoleArn": "app"}
        )
    assert Task.objects.count() == 0


def test_a_role_must_be_there_and_trust_tasks(db: None) -> None:
    role("untrusting", trust={"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
    ]})  # fmt: skip
    for name, reason in (
        ("nobody", "there is no such role"),
        ("untrusting", "does not let ecs-tasks.amazonaws.com"),
        ("arn:aws:iam::999999999999:role/untrusting", "there is no such role"),
    ):
        with pytest.raises(ClientError, match=reason) as refused:
            definitions.register_task_definition(CALLER, document=document(executionRoleArn=name))
        assert "executionRoleArn" in refused.value.fields
    assert TaskDefinition.objects.count() == 0


def test_secrets_need_an_execution_role_in_ecs_s_words(db: None) -> None:
    asked = document()
    asked["containerDefinitions"][0]["secrets"] = [{"name": "A", "valueFrom": "b"}]
    with pytest.raises(ClientError) as refused:
        definitions.register_task_definition(CALLER, document=asked)
    assert str(refused.value) == (
        "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
    )


def test_wrong_overrides_are_named(ready: World) -> None:
    ready.register()
    definition = TaskDefinition.objects.get()
    for given, field in (
        ({"ephemeralStorage": {"sizeInGiB": 30}}, "overrides.ephemeralStorage"),
        ({"containerOverrides": [{"name": "other"}]}, "overrides.containerOverrides[0].name"),
        (
            {"containerOverrides": [{"name": "web", "resourceRequirements": [{"type": "GPU"}]}]},
            "overrides.containerOverrides[0].resourceRequirements[0].value",
        ),
        ({"taskRole": "x"}, "overrides.taskRole"),
    ):
        with pytest.raises(InvalidParameter) as refused:
            checked_overrides(given, definition)
        assert list(refused.value.fields) == [field]
