"""Every form of the pages: where it is sent, with what, and which operations that calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.db.rest.cases import DOCUMENT, POLICY, SECRET_POLICY
from tests.db.rest.cases_identities import KEY, TRUST

_DEFINITION = json.dumps({name: value for name, value in DOCUMENT.items() if name != "tags"})
_TEXT = json.dumps(POLICY)
_SERVICE = {"cluster": "production", "service": "web"}
_CANARY = {"cluster": "production", "service": "canary"}
_SECRET_ARN = (
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/db"  # the six letters may be left out
)
_PARAMETER_ARN = "arn:aws:ssm:us-east-1:123456789012:parameter/shop/level"
_POLICY_ARN = "arn:aws:iam::123456789012:policy/mine"
_DEPLOY = {
    "minimum_healthy_percent": 100,
    "maximum_percent": 200,
    "circuit_breaker": "rollback",
    "grace_period": 0,
}
_TARGET = {
    "cluster": "production",
    "task_definition": "web:13",
    "count": 1,
    "capacity": "EC2",
    "role": "scheduler",
}
_DAEMON = {"drain_percent": 25, "bake_minutes": 0, "propagate_tags": "NONE"}
_SCALING = {"target_capacity": 90, "minimum_step": 1, "maximum_step": 10, "warmup": 0}


@dataclass(frozen=True)
class Form:
    """A POST to the page `page` (its name in the urls). `{name}`s are the scene's. `beside`: a permission that it
    needs for what it is given, beside those of its operations."""

    page: str
    operations: tuple[str, ...]
    place: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""
    beside: str = ""

    def __str__(self) -> str:
        return f"{self.page} {dict(self.place)}"


def _deed(kind: str, name: str, what: str, operation: str, **data: Any) -> Form:
    return Form("access-do", (operation,), {"kind": kind, "name": name, "what": what}, data)


def _secret(page: str, operation: str, name: str = "shop/db", **data: Any) -> Form:
    return Form(page, (operation,), {"name": name}, data)


_KINDS = (("users", "amina", "user"), ("groups", "team", "group"), ("roles", "ops", "role"))
FORMS = (
    Form("sample-deploy", ("register_task_definition", "create_service")),
    Form(
        "tags",
        ("tag_resource", "untag_resource"),
        data={"tags": "owner=us"},
        query="?arn={service_arn}",
    ),
    Form("cluster-new", ("create_cluster",), data={"cluster_name": "matrix"}),
    Form("cluster-delete", ("delete_cluster",), {"cluster": "empty"}),
    Form("cluster-network", ("update_cluster_network",), {"cluster": "production"}, {"driver": "overlay"}),
    Form("cluster-capacity", ("put_cluster_capacity_providers",), {"cluster": "empty"}, {"has-idle": "on"}),
    Form("cluster-settings", ("update_cluster",), {"cluster": "production"}, {"logging": "DEFAULT"}),
    Form(
        "capacity-provider-new",
        ("create_capacity_provider",),
        data={"name": "matrix", "group": "matrix", **_SCALING},
    ),
    Form("capacity-provider", ("update_capacity_provider",), {"provider": "idle"}, _SCALING),
    Form("capacity-provider-delete", ("delete_capacity_provider",), {"provider": "idle"}),
    Form(
        "instance-register",
        ("register_container_instance",),
        data={"cluster": "empty", "url": "unix:///var/run/matrix.sock"},
    ),
    Form(
        "instance-state",
        ("update_container_instance_state",),
        {"cluster": "production", "instance": "{instance}"},
        {"status": "DRAINING"},
    ),
    Form(
        "instance-attributes",
        ("put_attributes",),
        {"cluster": "production", "instance": "{instance}"},
        {"zone": "elsewhere", "attributes": "rack=7"},
    ),
    Form(
        "instance-settings",
        ("update_container_instance_settings",),
        {"cluster": "production", "instance": "{instance}"},
        {"image_pull_behavior": "once", "image_cleanup": "disabled"},
    ),
    Form(
        "instance-clean",
        ("clean_container_instance",),
        {"cluster": "production", "instance": "{instance}"},
        {"dry_run": "on"},
    ),
    Form(
        "instance-deregister",
        ("deregister_container_instance",),
        {"cluster": "production", "instance": "{instance}"},
        {"force": "on"},
    ),
    Form(
        "service-new",
        ("create_service",),
        data={
            **_DEPLOY,
            "cluster": "production",
            "service_name": "matrix",
            "task_definition": "web:13",
            "desired_count": 0,
            "launch_type": "EC2",
            "placement": "",
        },
    ),
    Form("service-scale", ("update_service",), _SERVICE, {"desired_count": 7}),
    Form("service-deploy", ("update_service",), _SERVICE, {**_DEPLOY, "task_definition": "web:12"}),
    Form("service-stop-deployment", ("stop_service_deployment",), _SERVICE, {"deployment": "{deployment}"}),
    Form(
        "service-continue",
        ("continue_service_deployment",),
        _SERVICE,
        {"deployment": "{deployment}", "hook": "{hook}", "action": "ROLLBACK"},
    ),
    *(
        Form(f"task-set-{deed}", (operation,), {**_CANARY, "task_set": "{task_set}"}, data)
        for deed, operation, data in (
            ("scale", "update_task_set", {"percent": "50"}),
            ("primary", "update_service_primary_task_set", {}),
            ("delete", "delete_task_set", {}),
        )
    ),
    Form(
        "daemon-new",
        ("create_daemon",),
        {"cluster": "platform"},
        {"daemon_name": "matrix", "daemon_task_definition": "agent:1", "on-nodes": "on", **_DAEMON},
    ),
    Form(
        "daemon-update",
        ("update_daemon",),
        {"cluster": "platform", "daemon": "agent"},
        {"daemon_task_definition": "agent:1", "on-nodes": "on", **_DAEMON},
    ),
    Form(
        "daemon-delete", ("delete_daemon",), {"cluster": "platform", "daemon": "agent"}, {"confirm": "agent"}
    ),
    Form(
        "daemon-task-definition-new",
        ("register_daemon_task_definition",),
        data={"document": _DEFINITION},
    ),
    Form(
        "daemon-task-definition-delete",
        ("delete_daemon_task_definition",),
        {"family": "agent", "revision": 1},
    ),
    Form("service-delete", ("delete_service",), _SERVICE, {"confirm": "web"}),
    Form(
        "task-run",
        ("run_task",),
        data={"cluster": "production", "task_definition": "web:13", "count": 1, "launch_type": "EC2"},
    ),
    Form(
        "task-protection",
        ("update_task_protection",),
        {"cluster": "production", "task": "{task}"},
        {"protect": "yes", "minutes": 30},
    ),
    Form(
        "task-exec-begin",
        ("execute_command",),
        {"cluster": "production", "task": "{task}"},
        {"command": "/bin/sh"},
    ),
    Form("exec-session-end", ("end_exec_session",), {"session": "{exec_session}"}, {}),
    Form("task-stop", ("stop_task",), {"cluster": "production", "task": "{task}"}, {"reason": "stuck"}),
    Form(
        "task-definition-new",
        ("register_task_definition",),
        data={"do": "register", "source": "json", "document": _DEFINITION},
    ),
    Form(
        "rule-new",
        ("put_rule", "put_targets"),
        data={"name": "matrix", "expression": "rate(1 hour)", **_TARGET},
        beside="iam:PassRole",
    ),
    Form("rule-edit", ("put_rule",), {"name": "nightly"}, {"expression": "rate(1 hour)"}),
    Form("rule-target", ("put_targets",), {"name": "nightly"}, _TARGET, "?id=a", beside="iam:PassRole"),
    Form("rule-target-remove", ("remove_targets",), {"name": "nightly"}, {"target": "a"}),
    Form("rule-state", ("disable_rule",), {"name": "nightly"}, {"status": "DISABLED"}),
    Form("rule-state", ("enable_rule",), {"name": "paused"}, {"status": "ENABLED"}),
    Form("rule-delete", ("delete_rule",), {"name": "nightly"}),
    Form("task-definition-deregister", ("deregister_task_definition",), {"family": "web", "revision": 10}),
    Form("user-new", ("create_user",), data={"username": "matrix", "password": "another long phrase"}),
    Form("user-key-new", ("create_access_key",), {"name": "amina"}),
    Form("group-new", ("create_group",), data={"group": "matrix"}),
    Form(
        "role-new",
        ("create_role",),
        data={"role": "matrix", "max_session_seconds": 3600, "document": json.dumps(TRUST), "do": "save"},
    ),
    Form(
        "role-trust",
        ("update_assume_role_policy",),
        {"name": "ops"},
        {"document": json.dumps({**TRUST, "Version": "2008-10-17"}), "do": "save"},
    ),
    Form("policy-new", ("create_policy",), data={"policy": "matrix", "document": _TEXT, "do": "save"}),
    Form("identity-edit", ("update_user",), {"kind": "users", "name": "amina"}, {"display_name": "A"}),
    Form("identity-edit", ("update_group",), {"kind": "groups", "name": "team"}, {"description": "A"}),
    Form(
        "identity-edit",
        ("update_role",),
        {"kind": "roles", "name": "ops"},
        {"description": "A", "max_session_seconds": 7200, "tags": "team=shop"},
    ),
    *(
        Form(
            "inline-policy",
            (f"put_{word}_policy",),
            {"kind": kind, "name": name},
            {"policy": "matrix", "document": _TEXT, "do": "save"},
        )
        for kind, name, word in _KINDS
    ),
    *(
        form
        for kind, name, word in _KINDS
        for form in (
            _deed(kind, name, "attach", f"attach_{word}_policy", policy="free"),
            _deed(kind, name, "detach", f"detach_{word}_policy", policy="mine"),
            _deed(kind, name, "delete-inline", f"delete_{word}_policy", policy="own"),
        )
    ),
    *(
        form
        for kind, name, word in _KINDS
        if word != "group"
        for form in (
            _deed(kind, name, "bound", f"put_{word}_permissions_boundary", policy="free"),
            _deed(kind, name, "unbound", f"delete_{word}_permissions_boundary"),
        )
    ),
    _deed("users", "sleeper", "activate", "activate_user"),
    _deed("users", "amina", "deactivate", "deactivate_user"),
    _deed("users", "amina", "delete", "delete_user"),
    _deed("users", "sleeper", "add-group", "add_user_to_group", group="team"),
    _deed("users", "amina", "set-key", "update_access_key", key_id=KEY, active="no"),
    _deed("users", "amina", "delete-key", "delete_access_key", key_id=KEY),
    _deed("groups", "team", "add-member", "add_user_to_group", username="sleeper"),
    _deed("groups", "team", "remove-member", "remove_user_from_group", username="amina"),
    _deed("groups", "team", "delete", "delete_group"),
    _deed("roles", "ops", "revoke", "revoke_role_sessions"),
    _deed("roles", "ops", "delete", "delete_role"),
    _deed("policies", "mine", "set-default", "set_default_policy_version", version="v2"),
    _deed("policies", "mine", "delete-version", "delete_policy_version", version="v2"),
    _deed("policies", "free", "delete", "delete_policy"),
    Form("tags", ("tag_policy", "untag_policy"), data={"tags": "owner=us"}, query=f"?arn={_POLICY_ARN}"),
    Form("tags", ("tag_secret", "untag_secret"), data={"tags": "owner=us"}, query=f"?arn={_SECRET_ARN}"),
    Form("tags", ("tag_parameter",), data={"tags": "owner=us"}, query=f"?arn={_PARAMETER_ARN}"),
    Form("secret-new", ("create_secret",), data={"name": "matrix", "secret_string": "x"}),
    _secret("secret-put", "put_secret_value", secret_string="two"),
    _secret("secret-delete", "delete_secret", days="7"),
    _secret("secret-delete", "delete_secret", days="0"),
    _secret("secret-restore", "restore_secret", "doomed"),
    _secret("secret-edit", "update_secret", description="The database"),
    _secret("secret-stage", "update_secret_version_stage", stage="LIVE", to="{version}"),
    _secret("secret-rotation", "rotate_secret", rotation_hook="https://127.0.0.1:9/hook", every_days="30"),
    _secret("secret-rotate-now", "rotate_secret", "guarded"),
    _secret("secret-rotation-stop", "cancel_rotate_secret", "guarded"),
    _secret("secret-policy", "put_resource_policy", document=json.dumps(SECRET_POLICY), do="save"),
    _secret("secret-policy-delete", "delete_resource_policy", "guarded"),
    Form(
        "parameter-new",
        ("put_parameter",),
        data={"name": "/matrix", "type": "String", "tier": "Standard", "value": "x"},
    ),
    Form("parameter-put", ("put_parameter",), {"name": "shop/level"}, {"value": "debug"}),
    Form(
        "parameter-label",
        ("label_parameter_version",),
        {"name": "shop/level"},
        {"label": "good", "version": "1"},
    ),
    Form("parameter-delete", ("delete_parameter",), {"name": "shop/level"}),
    Form("user-invite", ("invite_user",), data={"username": "matrix"}),
    Form("user-link", ("create_sign_in_link",), {"name": "amina"}),
    Form("user-sessions-end", ("end_sessions",), {"name": "amina"}),
    Form(
        "user-factor-remove", ("deactivate_mfa_device",), {"name": "amina", "kind": "app", "device": "phone"}
    ),
    Form(
        "password-rules",
        ("update_account_password_policy",),
        data={"minimum_password_length": "12", "password_reuse_prevention": "0", "max_password_age": "0"},
    ),
    Form("secret", ("get_secret_value",), {"name": "shop/db"}),
    Form("parameter", ("get_parameter",), {"name": "shop/level"}),
)
# Pages that only show, or whose POST is a read that other tests look at, or that only change the session.
READS = {
    *("overview", "search", "clusters", "cluster", "services", "service", "tasks", "task", "instances"),
    *("instance", "service-log", "task-log", "task-definitions", "family", "task-definition"),
    *("task-definition-compare", "audit", "audit-export", "audit-verify", "audit-record", "users", "user"),
    *("groups", "group", "roles", "role", "policies", "policy", "policy-compare", "simulator"),
    *("access-explain", "secrets", "parameters", "user-sign-in", "programs"),
    *("daemon", "daemon-task-definitions", "daemon-task-definition"),
    *("task-exec", "exec-session-transcript", "rules", "rule", "capacity-providers"),
}
# Looked at by tests of their own: a role is switched to by its trust policy, a rollback is what was previewed, a
# policy is edited in versions.
ELSEWHERE = (*("switch-", "rollback", "policy-edit"),)
# One's own sign-in: no permission of a ready-made policy decides there.
ONESELF = ("sign-", "own-", "oidc", "welcome", "forgotten", "invite", "reset")
