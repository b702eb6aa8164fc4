"""What an operation is called with: a value for each of its parameters, of the REST tests' scene.

An operation whose parameters are not known here fails with a message that says what to add.
"""

from __future__ import annotations

import inspect
from typing import Any

from access.registry import Operation
from tests.db.rest.cases import DOCUMENT, POLICY, SECRET_POLICY, TARGET, Scene
from tests.db.rest.cases_identities import KEY, TRUST

# Of somebody else than the caller, so that what everyone may do for themselves does not answer.
_VALUES: dict[str, Any] = {
    "actions": ["ecs:ListClusters"],
    "active": False,
    "assume_role_policy_document": TRUST,
    "authentication_code": "123456",
    "authentication_code1": "123456",
    "authentication_code2": "654321",
    "challenge": "x",
    "cluster": "production",
    "auto_scaling_group_provider": {"autoScalingGroupArn": "matrix"},
    "capacity_provider": "idle",
    "capacity_providers": ["idle"],
    "cluster_name": "matrix",
    "default_capacity_provider_strategy": [],
    "command": "/bin/sh",
    "container_instance": "{instance}",
    "container_instances": ["{instance}"],
    "credential": "{}",
    "daemon": "arn:aws:ecs:us-east-1:123456789012:daemon/platform/agent",
    "daemon_deployment": "{daemon_deployment}",
    "daemon_name": "matrix",
    "daemon_revision": "{daemon_revision}",
    "daemon_task_definition": "agent:1",
    "current_password": "correct horse battery",
    "desired_count": 5,
    "document": POLICY,
    "driver": "overlay",
    "group": "team",
    "hook_id": "{hook}",
    "host": "localhost",
    "interactive": True,
    "key_id": KEY,
    "labels": ["good"],
    "name": "laptop",
    "names": ["/shop/level"],
    "new_password": "another long phrase",
    "origin": "https://localhost",
    "password": "another long phrase",
    "path": "/shop",
    "policy": "mine",
    "policy_document": TRUST,
    "policy_documents": [POLICY],
    "policy_name": "own",
    "primary_task_set": "{task_set}",
    "principal_arn": "arn:aws:iam::123456789012:user/amina",
    "principal": "arn:aws:iam::123456789012:user/amina",
    "resource_arn": "{service_arn}",
    "resource_policy": SECRET_POLICY,
    "role": "ops",
    "scale": {"value": 50, "unit": "PERCENT"},
    "secret_access_key": "x" * 40,
    "secret_id": "shop/db",
    "service": "web",
    "service_deployment": "{deployment}",
    "service_revision": "{revision}",
    "service_name": "matrix",
    "serial_number": "arn:aws:iam::123456789012:mfa/amina/phone",
    "settings": [{"name": "containerInsights", "value": "disabled"}],
    "session_id": "{exec_session}",
    "session_name": "matrix",
    "session": "0" * 32,
    "status": "DRAINING",
    "ids": ["a"],
    "protection_enabled": True,
    "rule": "nightly",
    "schedule_expression": "rate(1 hour)",
    "targets": [TARGET],
    "tag_keys": ["team"],
    "tags": {"a": "b"},
    "task": "{task}",
    "task_definition": "web:13",
    "task_set": "{task_set}",
    "tasks": ["{task}"],
    "url": "unix:///var/run/matrix.sock",
    "username": "amina",
    "value": "debug",
    "version": "v2",
    "version_stage": "AWSCURRENT",
}
_PARTICULAR: dict[str, dict[str, Any]] = {
    "put_attributes": {
        "attributes": lambda names: [{"name": "rack", "value": "7", "targetId": names["instance"]}]
    },
    "delete_attributes": {"attributes": lambda names: [{"name": "rack", "targetId": names["instance"]}]},
    **{
        name: {"service": "canary"}
        for name in (
            *("create_task_set", "describe_task_set", "list_task_sets", "update_task_set"),
            *("update_service_primary_task_set", "delete_task_set"),
        )
    },
    "create_capacity_provider": {"name": "matrix"},
    "update_capacity_provider": {"name": "idle", "auto_scaling_group_provider": {}},
    **{
        name: {"capacity_providers": ["nodes"], "cluster": "platform"}
        for name in ("create_daemon", "update_daemon")
    },
    "create_group": {"group": "matrix"},
    "create_policy": {"policy": "matrix"},
    "create_role": {"role": "matrix"},
    "create_secret": {"name": "matrix"},
    "create_user": {"username": "matrix"},
    "delete_task_definition": {"task_definition": "web:10"},
    **{
        name: {"name": "taskLongArnFormat", "value": "enabled"}
        for name in ("put_account_setting", "put_account_setting_default", "delete_account_setting")
    },
    "invite_user": {"username": "matrix"},
    "register_task_definition": {"document": DOCUMENT},
    "register_daemon_task_definition": {"document": DOCUMENT},
    "explain_record": {"record": 1},
    "delete_rule": {"name": "nightly", "force": True},
    **{name: {"name": "nightly"} for name in ("describe_rule", "disable_rule", "enable_rule", "put_rule")},
    **{
        name: {"name": "/shop/level"}
        for name in (
            *("delete_parameter", "describe_parameter", "get_parameter", "get_parameter_history"),
            *("label_parameter_version", "put_parameter", "tag_parameter", "untag_parameter"),
        )
    },
}


def parameters_of(op: Operation, scene: Scene) -> dict[str, Any]:
    """Every required parameter, and `cluster` where there is one."""
    found: dict[str, Any] = {}
    particular = _PARTICULAR.get(op.name, {})
    for parameter in op.parameters:
        name = parameter.name
        if name in particular:
            value = particular[name]
            found[name] = value(scene.names) if callable(value) else value
        elif parameter.default is inspect.Parameter.empty or name == "cluster":
            assert name in _VALUES, (
                f"add a case for operation {op.name}: a value for its parameter {name}, in tests/db/matrix/values.py"
            )
            value = _VALUES[name]
            if isinstance(value, list):
                value = [
                    scene.names[one[1:-1]]
                    if isinstance(one, str) and one in ("{task}", "{instance}")
                    else one
                    for one in value
                ]
            if isinstance(value, str) and value.startswith("{") and value.endswith("}") and len(value) > 2:
                value = scene.names[value[1:-1]]
            found[name] = value
    return found
