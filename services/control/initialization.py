"""Secrets and registry logins of a task, fetched as its execution role at the moment a container is created.

The only place where a secret's value meets a task. It goes into the spec handed to the engine and is forgotten: never
into a row, a label, a message or a log. Every fetch is authorized and recorded in the audit trail like anybody's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from access.caller import Caller
from base.errors import AccessDenied, OperationError
from services import roles
from services.models import Task, TaskDefinition
from services.taskdef import value_from
from vault.parameter_queries import get_parameter
from vault.queries import SecretValue, get_secret_value

Pairs = tuple[tuple[str, str], ...]
Login = tuple[str, str]  # user name, password


class CannotInitialize(Exception):
    """The text names the secret and what is missing, and never holds a value."""


def execution_role(task: Task) -> str:
    """Of the task's overrides, or of its definition; "" where there is none."""
    overrides = task.overrides or {}
    return str(
        overrides.get("executionRoleArn") or task.task_definition.document.get("executionRoleArn") or ""
    )


def container_secrets(task: Task, container: Mapping[str, Any]) -> tuple[Pairs, Pairs]:
    """(environment variables, log options) of one container, with their values. Raises CannotInitialize."""
    wanted = container.get("secrets", ())
    options = (container.get("logConfiguration") or {}).get("secretOptions", ())
    if not wanted and not options:
        return (), ()
    caller = _caller(execution_role(task), task.id)
    known: dict[str, SecretValue | str] = {}
    return (
        tuple((item["name"], _fetched(caller, item, container, known)) for item in wanted),
        tuple((item["name"], _fetched(caller, item, container, known)) for item in options),
    )


def task_login(task: Task, name: str) -> Login | None:
    """How to ask the registry for this container's image. Raises CannotInitialize."""
    return _login(task.task_definition, name, execution_role(task), task.id)


def deployment_login(definition: TaskDefinition, name: str, deployment_id: str) -> Login | None:
    """The same before there is a task: when a deployment looks up what its images are."""
    role = str(definition.document.get("executionRoleArn") or "")
    return _login(definition, name, role, deployment_id)


def _login(definition: TaskDefinition, name: str, role: str, session: str) -> Login | None:
    container = next((one for one in definition.containers if one["name"] == name), {})
    secret = (container.get("repositoryCredentials") or {}).get("credentialsParameter")
    if not secret:
        return None
    what = f"registry login of container {name} from secret {secret}"
    found = _secret(_caller(role, session), what, secret, "", "")
    try:
        document = json.loads(found.secret_string or "")
        login = (document["username"], document["password"])
    except (ValueError, KeyError, TypeError):
        login = ("", "")
    if not all(isinstance(part, str) and part for part in login):
        raise CannotInitialize(_told(what, 'it is not JSON of the form {"username": ..., "password": ...}'))
    return login


def _caller(role: str, session: str) -> Caller:
    try:
        return roles.assumed(role, session)
    except roles.RoleNotAssumed as error:
        raise CannotInitialize(f"unable to pull secrets or registry auth: {error}") from None


def _fetched(
    caller: Caller, item: Mapping[str, str], container: Mapping[str, Any], known: dict[str, SecretValue | str]
) -> str:
    """One value; what several items refer to is fetched once."""
    what = f"{item['name']} of container {container['name']} from {item['valueFrom']}"
    reference = value_from.parse(item["valueFrom"])
    key = f"{reference.id}|{reference.stage}|{reference.version_id}"
    if key not in known:
        known[key] = (
            _parameter(caller, what, reference.id)
            if reference.kind == "parameter"
            else _secret(caller, what, reference.id, reference.stage, reference.version_id)
        )
    found = known[key]
    value = found if isinstance(found, str) else _part(found, reference.json_key, what)
    if "\0" in value:
        raise CannotInitialize(_told(what, "the value holds a NUL character, which no variable can"))
    return value


def _secret(caller: Caller, what: str, secret_id: str, stage: str, version_id: str) -> SecretValue:
    try:
        return get_secret_value(
            caller, secret_id=secret_id, version_stage=stage or None, version_id=version_id or None
        )
    except OperationError as error:
        raise CannotInitialize(_told(what, _reason(error))) from None


def _parameter(caller: Caller, what: str, name: str) -> str:
    try:
        return get_parameter(caller, name=name, with_decryption=True).value
    except OperationError as error:
        raise CannotInitialize(_told(what, _reason(error))) from None


def _part(found: SecretValue, json_key: str, what: str) -> str:
    if found.secret_string is None:
        raise CannotInitialize(_told(what, "the secret is binary: an environment variable holds text"))
    if not json_key:
        return found.secret_string
    try:
        document = json.loads(found.secret_string)
    except ValueError:
        raise CannotInitialize(_told(what, f"the secret is not JSON and so has no key {json_key}")) from None
    if not isinstance(document, dict) or json_key not in document:
        raise CannotInitialize(_told(what, f"retrieved secret did not contain json key {json_key}"))
    value = document[json_key]
    return value if isinstance(value, str) else json.dumps(value)


def _told(what: str, why: str) -> str:
    return f"unable to pull secrets or registry auth: {what}: {why}"


def _reason(error: OperationError) -> str:
    if isinstance(error, AccessDenied):
        return f"{error.code}: missing permission {error.action}. {error}"
    return f"{error.code}: {error}"
