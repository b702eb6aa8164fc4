"""Every operation of every service that is answered, with requests generated from AWS's model: never a 500, an error
code that the model lists (or one that every service has), and an answer as its shape says, read by botocore's
parser."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from django.db import transaction

from access.models import Policy
from base import here
from console.aws.handlers import handler
from console.aws.models import SERVED, Operation, service
from console.aws.protocols import Answer
from services.models import Deployment, ServiceRevision, TaskSet
from tests import factories
from tests.wire.aws import keys_of, send
from tests.wire.generated import Probe, misfits, probes

pytestmark = pytest.mark.django_db
COMMON = {
    "json": {
        "SerializationException",
        "ValidationException",
        "AccessDeniedException",
        "UnknownOperationException",
    },
    "query": {"ValidationError", "MalformedInput", "AccessDenied", "InvalidAction"},
}
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}
NOTHING = {"Effect": "Deny", "Action": "*", "Resource": "*"}


@pytest.fixture
def world(db: None) -> factories.World:
    Policy.objects.create(name="mine", document={"Version": "2012-10-17", "Statement": ANYTHING})
    made = factories.world()
    factories.daemon(made.cluster)
    canary = factories.service(made.cluster, "canary", desired_count=3)
    factories.task_set(canary, made.revisions[13].task_definition, external_id="build-42")
    return made


@pytest.fixture
def root(db: None) -> tuple[str, ...]:
    return keys_of("root", ANYTHING)


@pytest.fixture
def nobody(db: None) -> tuple[str, ...]:
    return keys_of("nobody", NOTHING)


def known(world: factories.World, operation: Operation) -> dict[str, Any]:
    return _known(world) | (_of_task_sets() if "TaskSet" in operation.name else {})


def _of_task_sets() -> dict[str, Any]:
    """What they are about is a service without deployments."""
    task_set = TaskSet.objects.get().id
    return {"service": "canary", "taskSet": task_set, "primaryTaskSet": task_set, "taskSets": [task_set]}


def _known(world: factories.World) -> dict[str, Any]:
    task = world.new[0]
    hook = factories.pause(world.deployment)
    return {
        "cluster": "production",
        "clusters": ["production"],
        "service": "web",
        "services": ["web"],
        "serviceName": "web",
        "taskDefinition": "web:13",
        "taskDefinitions": ["web:13"],
        "task": task.pk,
        "tasks": [task.pk],
        "containerInstance": world.instances[0].pk,
        "containerInstances": [world.instances[0].pk],
        "serviceDeploymentArn": world.deployment.arn,
        "serviceDeploymentArns": [world.deployment.arn],
        "hookId": hook,
        "serviceRevisionArns": [world.revisions[13].arn],
        "resourceArn": world.service.arn,
        "status": "DRAINING",
        "containerDefinitions": [{"name": "a", "image": "a:1", "memory": 32}],
        "daemonTaskDefinition": "agent:1",
        "daemonTaskDefinitionArn": here.daemon_task_definition_arn("agent", 1),
        "daemonName": "agent",
        "daemonArn": here.daemon_arn("production", "agent"),
        "daemonDeploymentArns": list(
            Deployment.objects.filter(service__daemon=True).values_list("arn", flat=True)
        ),
        "daemonRevisionArns": list(
            ServiceRevision.objects.filter(service__daemon=True).values_list("arn", flat=True)
        ),
        "capacityProviderArns": [here.capacity_provider_arn("nodes")],
        "clusterArn": here.cluster_arn("production"),
        "pidMode": "none",
        "ipcMode": "none",
        "tags": [{"key": "team", "value": "shop"}],
        "Tags": [{"Key": "team", "Value": "shop"}],
        "UserName": "root",
        "PolicyArn": here.policy_arn("mine"),
        "PermissionsBoundary": here.policy_arn("mine"),
        "VersionId": "v1",
        "ResourcePolicy": json.dumps({"Version": "2012-10-17", "Statement": ANYTHING}),
        "AssumeRolePolicyDocument": json.dumps(TRUST),
        "RoleArn": here.role_arn("nothing"),
        "PolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": ANYTHING}),
    }


UNKNOWN = {
    "cluster": "nowhere", "clusters": ["nowhere"], "service": "nothing", "services": ["nothing"],
    "serviceName": "nothing", "taskDefinition": "nothing:1", "taskDefinitions": ["nothing:1"], "task": "0" * 32,
    "tasks": ["0" * 32], "containerInstance": "0" * 32, "containerInstances": ["0" * 32],
    "serviceDeploymentArn": "arn:aws:ecs:us-east-1:123456789012:service-deployment/production/web/none",
    "serviceDeploymentArns": ["arn:aws:ecs:us-east-1:123456789012:service-deployment/production/web/none"],
    "serviceRevisionArns": ["arn:aws:ecs:us-east-1:123456789012:service-revision/production/web/1"],
    "resourceArn": "arn:aws:ecs:us-east-1:123456789012:service/production/nothing", "UserName": "nothing",
    "GroupName": "nothing", "RoleName": "nothing", "PolicyArn": "arn:aws:iam::123456789012:policy/nothing",
    "SecretId": "nothing", "Name": "/nothing", "capacityProvider": "nothing",
    "RoleArn": "arn:aws:iam::123456789012:role/nothing", "daemonTaskDefinition": "nothing:1",
    "daemonTaskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:daemon-task-definition/nothing:1",
    "daemonArn": "arn:aws:ecs:us-east-1:123456789012:daemon/production/nothing", "daemonName": "nothing",
    "daemonDeploymentArns": ["arn:aws:ecs:us-east-1:123456789012:daemon-deployment/production/agent/none"],
    "daemonRevisionArns": ["arn:aws:ecs:us-east-1:123456789012:daemon-revision/production/agent/1"],
    "taskSet": "ecs-svc/1", "primaryTaskSet": "ecs-svc/1", "taskSets": ["ecs-svc/1"],
}  # fmt: skip


def ask(operation: Operation, keys: tuple[str, ...], probe: Probe) -> Answer:
    """Signed by botocore, whatever the parameters are."""
    params = probe.params
    owner = operation.service
    if owner.protocol == "json":
        headers = {
            "X-Amz-Target": f"{owner.target_prefix}.{operation.name}",
            "Content-Type": "application/x-amz-json-1.1",
        }
        body = json.dumps(params).encode()
    else:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = _form(operation, params, probe.member if probe.kind == "wrong-type" else "")
    request = AWSRequest(method="POST", url="http://slipway.test/", data=body, headers=headers)
    SigV4Auth(Credentials(*keys), owner.signing_name, "us-east-1").add_auth(request)
    return send("POST", "http://slipway.test/", dict(request.headers), body)


def _form(operation: Operation, params: dict[str, Any], wrong: str) -> bytes:
    """As botocore serializes it; the member that is wrong as no type of the model is sent."""
    right = {name: value for name, value in params.items() if name != wrong}
    made = create_serializer("query", include_validation=False).serialize_to_request(right, operation.model)
    return urlencode({**made["body"], **({f"{wrong}.what.1": "x"} if wrong else {})}).encode()


def hold(operation: Operation, probe: Probe, answer: Answer) -> str:
    """The error's code, "" for success; anything that is not as it has to be is an AssertionError."""
    what = f"{probe} {probe.params} -> {answer.status} {answer.body[:600]!r}"
    assert answer.status < 500, what
    assert answer.content_type.startswith(("application/x-amz-json-1.", "text/xml")), what
    parser = create_parser(operation.service.protocol)
    read = {"body": answer.body, "headers": dict(answer.headers), "status_code": answer.status}
    parsed = parser.parse(read, operation.model.output_shape)
    if answer.status == 200:
        if operation.service.protocol == "json" and operation.model.output_shape is not None:
            assert list(misfits(operation.model.output_shape, json.loads(answer.body))) == [], what
        return ""
    code = str(parsed["Error"]["Code"])
    listed = {one for one, _ in operation.errors.values()} | set(operation.errors)
    assert code in listed | COMMON[operation.service.protocol], what
    assert parsed["Error"]["Message"], what
    return code


def _judge(operation: Operation, probe: Probe, keys: tuple[str, ...]) -> None:
    place = transaction.savepoint()
    code = hold(operation, probe, ask(operation, keys, probe))
    transaction.savepoint_rollback(place)
    if probe.kind == "missing":
        assert code, f"{probe}: taken without {probe.member}"
    elif probe.kind == "wrong-type":
        assert code in NOT_READABLE or (operation.service.protocol == "query" and code), f"{probe}: {code}"
    elif probe.kind == "no-permission" and handler(operation.service.name, operation.name) is not None:
        assert code in ("AccessDeniedException", "AccessDenied") or operation.name in SELF_SERVICE, (
            f"{probe}: {code}"
        )


NOT_READABLE = ("SerializationException", "MalformedInput")
SELF_SERVICE = {
    # What is missing here the model does not call required: it is told before any permission is asked for.
    *("GetTaskProtection", "CreateCapacityProvider", "UpdateCapacityProvider"),
}


@pytest.mark.parametrize("name", SERVED)
def test_every_operation_answers_every_request(
    name: str, world: factories.World, root: tuple[str, ...], nobody: tuple[str, ...]
) -> None:
    wrong: list[str] = []
    asked = 0
    for operation in service(name).operations.values():
        for probe in probes(operation, known(world, operation), UNKNOWN):
            asked += 1
            try:
                _judge(operation, probe, nobody if probe.kind == "no-permission" else root)
            except AssertionError as error:
                wrong.append(str(error))
    print(f"{name}: {asked} requests")
    assert not wrong, f"{len(wrong)} of {asked}:\n" + "\n".join(one[:1000] for one in wrong)
