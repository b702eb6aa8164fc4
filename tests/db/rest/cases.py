"""Every method of every address, once: what is sent, and what a caller who may everything is answered.

`{name}` in a path or a body is filled from the scene, see `Scene`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from access.models import Group, Policy, Role, Token, User
from access.registry import system_caller
from base import here
from clusters.capacity import create_capacity_provider
from clusters.models import AccountSetting
from services.models import TaskDefinition
from services.schedules.operations import put_rule, put_targets
from tests import factories
from tests.db.rest import cases_identities, cases_signin, cases_simulator
from tests.db.rest.case import Case
from tests.factories import World
from vault.models import SecretVersion
from vault.operations import create_secret, delete_secret
from vault.parameter_operations import put_parameter
from vault.policies import put_resource_policy
from vault.rotation_operations import rotate_secret

DOCUMENT = {
    "family": "api",
    "containerDefinitions": [{"name": "api", "image": "api:1", "memory": 64}],
    "tags": {"team": "shop"},
}
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecs:List*", "Resource": "*"}]}
SECRET_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:user/amina"},
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "*",
        }
    ],
}


TARGET = {
    "Id": "a",
    "Arn": "arn:aws:ecs:us-east-1:123456789012:cluster/production",
    "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
    "EcsParameters": {"TaskDefinitionArn": "web:13"},
}
EVENTS_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}

_S = "clusters/production/services/web"
_SETS = "clusters/production/services/canary/task-sets"
READS = [
    Case("GET", path, 200)
    for path in (
        "clusters",
        "clusters/production",
        "container-instances",
        "clusters/production/container-instances",
        "clusters/production/container-instances/{instance}",
        "capacity-providers",
        "clusters/production/capacity-providers",
        "clusters/production/attributes?attributeName=ecs.availability-zone",
        "clusters/production/container-instances/{instance}/cleaning",
        "task-definition-families",
        "task-definitions",
        "task-definitions/web:12",
        "task-definitions/web:12/compare?to=web:13",
        "daemon-task-definitions?revision=LAST_REGISTERED",
        "daemon-task-definitions/agent:1",
        "clusters/platform/daemons?capacityProviders=nodes",
        "clusters/platform/daemons/agent",
        "clusters/platform/daemons/agent/events",
        "clusters/platform/daemons/agent/revisions",
        "clusters/platform/daemons/agent/deployments?status=PENDING",
        "daemon-deployments/{daemon_deployment}",
        "daemon-revisions/{daemon_revision}",
        "services",
        "clusters/production/services",
        _S,
        f"{_S}/events",
        f"{_S}/logs",
        f"{_S}/revisions",
        f"{_S}/rollback",
        f"{_S}/deployments",
        f"{_SETS}?externalId=build-42",
        f"{_SETS}/{{task_set}}",
        "deployments/{deployment}",
        "service-revisions/{revision}",
        "account-settings?effectiveSettings=true",
        "tasks",
        "clusters/production/tasks",
        "clusters/production/tasks/{task}",
        "clusters/production/tasks/{task}/logs",
        "clusters/production/task-protection?tasks={task}",
        "clusters/production/tasks/{task}/exec-sessions",
        "exec-sessions",
        "rules",
        "rules/nightly",
        "rules/nightly/targets",
        "rules/nightly/runs?status=STARTED",
        "tags?resourceArn={service_arn}",
        "me",
        "users",
        "users/amina",
        "users/amina/tokens",
        "groups",
        "groups/team",
        "policies",
        "policies/mine",
        "secrets",
        "secret?secretId=shop/db",
        "secret/versions?secretId=shop/db&includeDeprecated=true",
        "secret/policy?secretId=shop/db",
        "parameters",
        "parameters?path=/shop&type=String",
        "parameter?name=/shop/level",
        "audit",
        "audit?actor=root&text=cluster&since=2020-01-01T00:00:00Z",
        "audit/status",
    )
]
# Reads of values: refused to who may only look, and recorded, like writes.
VALUES = [
    Case("GET", "exec-sessions/{exec_session}/transcript", 200),
    Case("GET", "audit/verification", 200),
    Case("GET", "audit/export?result=success", 200),
    Case("GET", "secret/value?secretId=shop/db", 200),
    Case("GET", "parameter/value?name=/shop/level", 200),
    Case("GET", "parameters/values?names=/shop/level&names=/shop/none&withDecryption=true", 200),
    Case("GET", "parameters/below?path=/shop&recursive=true", 200),
    Case("GET", "parameter/history?name=/shop/level", 200),
]
WRITES = [
    Case("POST", "clusters", 201, {"clusterName": "blue"}, {"clusterName": "no spaces"}, "clusterName"),
    Case(
        "PATCH",
        "clusters/production",
        200,
        {"configuration": {"executeCommandConfiguration": {"logging": "DEFAULT"}}},
        {"configuration": {"executeCommandConfiguration": {"logging": "SOME"}}},
        "configuration.executeCommandConfiguration.logging",
    ),
    Case(
        "PUT",
        "clusters/production/settings",
        200,
        {"settings": [{"name": "containerInsights", "value": "disabled"}]},
        {"settings": [{"name": "containerInsights", "value": "on"}]},
        "settings[0].value",
    ),
    Case("DELETE", "clusters/empty", 200),
    Case("PATCH", "clusters/production/network", 200, {"driver": "overlay"}, {"driver": "macvlan"}, "driver"),
    Case(
        "POST",
        "clusters/empty/container-instances",
        201,
        {"url": "unix:///var/run/other.sock", "tags": {"a": "b"}},
        {"url": "http://host"},
        "url",
    ),
    Case(
        "PATCH",
        "clusters/production/container-instances/{instance}",
        200,
        {"status": "DRAINING"},
        {"status": "GONE"},
        "status",
    ),
    Case(
        "PATCH",
        "clusters/production/container-instances/{instance}/settings",
        200,
        {"imagePullBehavior": "once", "imageCleanup": "disabled"},
        {"imagePullBehavior": "sometimes"},
        "imagePullBehavior",
    ),
    Case(
        "POST",
        "clusters/production/container-instances/{instance}/cleaning",
        202,
        {"dryRun": False},
        {"dryRun": "perhaps"},
        "dryRun",
    ),
    Case("DELETE", "clusters/production/container-instances/{instance}?force=true", 200),
    Case(
        "POST",
        "capacity-providers",
        201,
        {"name": "fast", "autoScalingGroupProvider": {"autoScalingGroupArn": "hosts"}},
        {"name": "ecs-fast", "autoScalingGroupProvider": {"autoScalingGroupArn": "hosts"}},
        "name",
    ),
    Case("DELETE", "capacity-providers/idle", 200),
    Case(
        "PUT",
        "capacity-providers/idle/settings",
        200,
        {"autoScalingGroupProvider": {"managedScaling": {"targetCapacity": 90}}},
        {"autoScalingGroupProvider": {"managedScaling": {"targetCapacity": 101}}},
        "autoScalingGroupProvider.managedScaling.targetCapacity",
    ),
    Case(
        "PUT",
        "clusters/production/capacity-providers",
        200,
        {"capacityProviders": ["idle"], "defaultCapacityProviderStrategy": [{"capacityProvider": "idle"}]},
        {"capacityProviders": ["gone"], "defaultCapacityProviderStrategy": []},
        "capacityProviders",
    ),
    Case(
        "PUT",
        "clusters/production/attributes",
        200,
        {"attributes": [{"name": "rack", "value": "8", "targetId": "{instance}"}]},
        {"attributes": [{"name": "ecs.rack", "value": "7", "targetId": "{instance}"}]},
        "attributes[0].name",
    ),
    Case(
        "POST",
        "clusters/production/attributes/delete",
        200,
        {"attributes": [{"name": "rack", "targetId": "{instance}"}]},
        {"attributes": [{"name": "rack"}]},
        "attributes[0].targetId",
    ),
    Case(
        "POST",
        "task-definitions",
        201,
        DOCUMENT,
        {"family": "api", "containerDefinitions": []},
        "containerDefinitions",
    ),
    Case("DELETE", "task-definitions/web:10", 200),
    Case("POST", "task-definitions/gone:1/delete", 200),
    Case(
        "POST",
        "daemon-task-definitions",
        201,
        DOCUMENT,
        {**DOCUMENT, "networkMode": "host"},
        "networkMode",
    ),
    Case("DELETE", "daemon-task-definitions/agent:1", 200),
    Case(
        "POST",
        "clusters/platform/daemons",
        201,
        {"daemonName": "second", "daemonTaskDefinition": "agent:1", "capacityProviders": ["nodes"]},
        {"daemonName": "second", "daemonTaskDefinition": "agent:1", "capacityProviders": []},
        "capacityProviderArns",
    ),
    Case(
        "PUT",
        "clusters/platform/daemons/agent",
        200,
        {"daemonTaskDefinition": "agent:1", "capacityProviders": ["nodes"], "critical": False},
        {
            "daemonTaskDefinition": "agent:1",
            "capacityProviders": ["nodes"],
            "deploymentConfiguration": {"drainPercent": 101},
        },
        "deploymentConfiguration.drainPercent",
    ),
    Case("DELETE", "clusters/platform/daemons/agent", 200),
    Case(
        "PUT",
        "account-settings",
        200,
        {"name": "serviceLongArnFormat", "value": "enabled"},
        {"name": "shortArnFormat", "value": "enabled"},
        "name",
    ),
    Case(
        "PUT",
        "account-settings/default",
        200,
        {"name": "taskLongArnFormat", "value": "enabled"},
        {"name": "taskLongArnFormat", "value": "disabled"},
        "taskLongArnFormat disabled",
    ),
    Case("DELETE", "account-settings?name=taskLongArnFormat", 200),
    Case(
        "POST",
        "clusters/production/services",
        201,
        {"serviceName": "api", "taskDefinition": "web:13", "desiredCount": 0},
        {"serviceName": "api", "taskDefinition": "web:13", "desiredCount": -1},
        "desiredCount",
    ),
    Case("PATCH", _S, 200, {"desiredCount": 7}, {"desiredCount": "7"}, "desiredCount"),
    Case("DELETE", f"{_S}?force=true", 200),
    Case("POST", f"{_S}/rollback", 201, {}, {"too": "1"}, "too"),
    Case(
        "POST", "deployments/{deployment}/stop", 200, {"stopType": "ABORT"}, {"stopType": "HALT"}, "stopType"
    ),
    Case(
        "POST",
        "deployments/{deployment}/continue",
        200,
        {"hookId": "{hook}", "action": "ROLLBACK"},
        {"hookId": "none"},
        "hookId",
    ),
    Case(
        "POST",
        _SETS,
        201,
        {"taskDefinition": "web:13", "externalId": "build-43", "scale": {"value": 12.5, "unit": "PERCENT"}},
        {"taskDefinition": "web:13", "scale": {"value": 101}},
        "scale.value",
    ),
    Case(
        "PATCH",
        f"{_SETS}/{{task_set}}",
        200,
        {"scale": {"value": 0}},
        {"scale": {"value": -1}},
        "scale.value",
    ),
    Case("POST", f"{_SETS}/{{task_set}}/primary", 200, {}, {"scale": 1}, "scale"),
    Case("DELETE", f"{_SETS}/{{task_set}}?force=true", 200),
    Case(
        "POST",
        "clusters/production/tasks",
        200,
        {"taskDefinition": "web:13"},
        {"taskDefinition": "web:13", "count": 11},
        "count",
    ),
    Case(
        "POST",
        "clusters/production/tasks/{task}/exec",
        201,
        {"command": "/bin/sh", "interactive": True},
        {"command": "'", "interactive": True},
        "command",
    ),
    Case("POST", "exec-sessions/{exec_session}/end", 200, {}, {"x": 1}, "x"),
    Case("POST", "clusters/production/tasks/{task}/stop", 200, {"reason": "stuck"}, {"reason": 1}, "reason"),
    Case(
        "POST",
        "clusters/production/started-tasks",
        200,
        {"taskDefinition": "web:13", "containerInstances": ["{instance}"]},
        {"taskDefinition": "web:13", "containerInstances": ["{instance}"], "propagateTags": "SERVICE"},
        "propagateTags",
    ),
    Case(
        "PUT",
        "clusters/production/task-protection",
        200,
        {"tasks": ["{task}"], "protectionEnabled": True, "expiresInMinutes": 5},
        {"tasks": ["{task}"], "protectionEnabled": True, "expiresInMinutes": 2881},
        "expiresInMinutes",
    ),
    Case(
        "PUT",
        "rules/hourly",
        200,
        {"scheduleExpression": "rate(1 hour)"},
        {"scheduleExpression": "hourly"},
        "scheduleExpression",
    ),
    Case("POST", "rules/paused/enable", 200, {}, {"now": True}, "now"),
    Case("POST", "rules/nightly/disable", 200, {}, {"now": True}, "now"),
    Case(
        "PUT", "rules/nightly/targets", 200, {"targets": [{**TARGET, "Id": "b"}]}, {"targets": []}, "targets"
    ),
    Case("DELETE", "rules/nightly/targets?ids=a", 200),
    Case("DELETE", "rules/nightly?force=true", 204),
    Case(
        "POST",
        "tags",
        200,
        {"resourceArn": "{service_arn}", "tags": {"a": "b"}},
        {"resourceArn": "{service_arn}"},
        "tags",
    ),
    Case("DELETE", "tags?resourceArn={service_arn}&tagKeys=team&tagKeys=other", 200),
    Case(
        "PUT",
        "me/password",
        204,
        {"currentPassword": "correct horse battery", "newPassword": "another long phrase"},
        {"currentPassword": "wrong", "newPassword": "another long phrase"},
        "currentPassword",
    ),
    Case(
        "POST",
        "users",
        201,
        {"username": "jonas", "groups": ["deployer"]},
        {"username": "no spaces"},
        "username",
    ),
    Case("PATCH", "users/amina", 200, {"displayName": "Amina"}, {"email": "nowhere"}, "email"),
    Case("DELETE", "users/amina?force=true", 204),
    Case("POST", "users/sleeper/activate", 200, {}, {"now": True}, "now"),
    Case("POST", "users/amina/deactivate", 200, {}, {"now": True}, "now"),
    Case(
        "PUT",
        "users/amina/password",
        204,
        {"password": "another long phrase"},
        {"password": "short"},
        "password",
    ),
    Case(
        "POST",
        "users/amina/tokens",
        201,
        {"name": "ci", "expiresInDays": 30},
        {"name": "ci", "expiresInDays": 0},
        "expiresInDays",
    ),
    Case("DELETE", "users/amina/tokens/laptop", 204),
    Case(
        "POST",
        "groups",
        201,
        {"group": "shop", "policies": ["mine"]},
        {"group": "shop", "scope": ["web"]},
        "scope[0]",
    ),
    Case("PATCH", "groups/team", 200, {"description": "The team."}, {"description": 3}, "description"),
    Case("DELETE", "groups/team?force=true", 204),
    Case("PUT", "groups/team/members/sleeper", 204, {}, {"x": 1}, "x"),
    Case("DELETE", "groups/team/members/amina", 204),
    Case("PUT", "groups/team/policies/free", 204, {}, {"x": 1}, "x"),
    Case("DELETE", "groups/team/policies/mine", 204),
    Case(
        "PUT",
        "policies/new",
        200,
        {"document": POLICY},
        {"document": {"Statement": [{"Effect": "Maybe"}]}},
        "document.Statement[0].Effect",
    ),
    Case("DELETE", "policies/free", 204),
    Case(
        "POST",
        "secrets",
        201,
        {"name": "new/db", "secretString": "one", "tags": {"team": "shop"}},
        {"name": "no spaces"},
        "name",
    ),
    Case(
        "PATCH",
        "secret",
        200,
        {"secretId": "shop/db", "description": "The database"},
        {"secretId": "shop/db", "secretBinary": "!"},
        "secretBinary",
    ),
    Case("DELETE", "secret?secretId=shop/db&recoveryWindowInDays=7", 200),
    Case("DELETE", "secret?secretId=shop/db&forceDeleteWithoutRecovery=true", 200),
    Case(
        "PUT",
        "secret/value",
        200,
        {"secretId": "shop/db", "secretString": "two"},
        {"secretId": "shop/db"},
        "secretString",
    ),
    Case(
        "PUT",
        "secret/stage",
        200,
        {"secretId": "shop/db", "versionStage": "LIVE", "moveToVersionId": "{version}"},
        {"secretId": "shop/db", "versionStage": "LIVE"},
        "moveToVersionId",
    ),
    Case(
        "PUT",
        "secret/policy",
        200,
        {"secretId": "shop/db", "resourcePolicy": SECRET_POLICY},
        {"secretId": "shop/db", "resourcePolicy": POLICY},
        "resourcePolicy.Statement[0]",
    ),
    Case("DELETE", "secret/policy?secretId=guarded", 200),
    Case(
        "PUT",
        "secret/rotation",
        200,
        {"secretId": "shop/db", "rotationHook": "https://127.0.0.1:9/hook", "rotateImmediately": False},
        {"secretId": "shop/db", "rotationHook": "ftp://127.0.0.1/"},
        "rotationHook",
    ),
    Case("DELETE", "secret/rotation?secretId=guarded", 200),
    Case("POST", "secret/restore", 200, {"secretId": "doomed"}, {"secret": "doomed"}, "secret"),
    Case(
        "POST",
        "secret/tags",
        204,
        {"secretId": "shop/db", "tags": {"a": "b"}},
        {"secretId": "shop/db", "tags": {"aws:a": "b"}},
        "tags.aws:a",
    ),
    Case("DELETE", "secret/tags?secretId=shop/db&tagKeys=team", 204),
    Case(
        "POST",
        "parameters",
        200,
        {"name": "/shop/new", "type": "String", "value": "x"},
        {"name": "/shop/new", "type": "Text", "value": "x"},
        "type",
    ),
    Case("DELETE", "parameter?name=/shop/level", 204),
    Case(
        "PUT",
        "parameter/labels",
        200,
        {"name": "/shop/level", "labels": ["live"]},
        {"name": "/shop/level", "labels": ["1"]},
        "labels",
    ),
    Case(
        "POST",
        "parameter/tags",
        204,
        {"name": "/shop/level", "tags": {"a": "b"}},
        {"name": "/shop/level"},
        "tags",
    ),
    Case("DELETE", "parameter/tags?name=/shop/level&tagKeys=team", 204),
]


READS += cases_identities.READS + cases_signin.READS
WRITES += cases_identities.WRITES + cases_signin.WRITES
WRITES += cases_simulator.WRITES


@dataclass
class Scene:
    """What the cases speak of."""

    names: dict[str, str]

    @classmethod
    def of(cls, world: World) -> Scene:
        factories.cluster("empty")
        mine = Policy.objects.create(name="mine", document=POLICY)
        Policy.objects.create(name="free", document=POLICY)
        team = Group.objects.create(name="team")
        amina = User.objects.create_user("amina", "correct horse battery")
        User.objects.create_user("sleeper", is_active=False)
        team.members.add(amina)
        team.policies.add(mine)
        Token.objects.create(user=amina, name="laptop", prefix="slp_x", digest="0" * 64)
        cases_identities.furnish(amina, team, mine)
        signing_in = cases_signin.furnish(amina)
        assert TaskDefinition.objects.filter(revision=10).exists()
        daemon = factories.daemon(factories.cluster("platform"))
        assert daemon.deployment is not None
        factories.definition("gone")
        TaskDefinition.objects.filter(family__name="gone").update(status="INACTIVE")
        AccountSetting.objects.create(
            name="taskLongArnFormat", value="enabled", principal_arn=here.user_arn("root")
        )
        canary = factories.service(world.cluster, "canary", desired_count=3)
        task_set = factories.task_set(canary, world.revisions[13].task_definition, external_id="build-42")
        us = system_caller("scene")
        create_secret(us, name="shop/db", secret_string="one", tags={"team": "shop"})
        create_secret(us, name="doomed")
        create_secret(us, name="guarded")
        put_resource_policy(us, secret_id="guarded", resource_policy=SECRET_POLICY)
        rotate_secret(us, secret_id="guarded", rotation_hook="http://127.0.0.1:9/", rotate_immediately=False)
        delete_secret(us, secret_id="doomed")
        Role.objects.create(name="scheduler", trust_policy=EVENTS_TRUST)
        put_rule(us, name="nightly", schedule_expression="cron(0 3 * * ? *)")
        put_targets(us, rule="nightly", targets=[TARGET])
        put_rule(us, name="paused", schedule_expression="rate(1 hour)", state="DISABLED")
        exec_session = factories.exec_session(world.new[0])
        create_capacity_provider(
            us, name="idle", auto_scaling_group_provider={"autoScalingGroupArn": "idle-hosts"}
        )
        world.instances[0].attributes["rack"] = "7"
        world.instances[0].save()
        put_parameter(us, name="/shop/level", type="String", value="info", tags={"team": "shop"})
        return cls(
            {
                "instance": world.instances[0].pk,
                "deployment": world.deployment.pk,
                "hook": factories.pause(world.deployment),
                "revision": world.revisions[13].pk,
                "task": world.new[0].pk,
                "daemon_deployment": daemon.deployment.pk,
                "daemon_revision": daemon.deployment.target_id,
                "exec_session": exec_session.pk,
                "task_set": task_set.pk,
                **signing_in,
                "service_arn": here.service_arn("production", "web"),
                "version": SecretVersion.objects.get().version_id,
            }
        )

    def url(self, case: Case) -> str:
        return "/api/v1/" + self._filled(case.path)

    def body(self, given: Any) -> Any:
        return json.loads(self._filled(json.dumps(given)))

    def _filled(self, text: str) -> str:
        for name, value in self.names.items():
            text = text.replace("{" + name + "}", value)
        return text


def name_of(case: Case) -> str:
    return f"{case.method} {case.path}"
