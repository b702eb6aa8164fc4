"""Daemon task definitions: operations. They are revisions like those of task definitions, with families and ARNs of
their own, and only daemons run them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Max, QuerySet

from access.authorization.visibility import visible
from access.registry import Caller, Need, Params, operation
from access.trail import audit
from base import clock, here, live
from base.arn import is_arn
from base.errors import ClientError, InvalidParameter, invalid
from services.condition_keys import of_daemon_document
from services.daemons.document import validate_daemon
from services.definitions import definition_topics, needs_to_register, register
from services.models import TaskDefinition
from services.taskdef.errors import InvalidDocument

_KIND = ":daemon-task-definition/"
_FIELD = "daemonTaskDefinition"
_Status = TaskDefinition.Status


# ---- finding -----------------------------------------------------------------------------------


def split(text: str, field: str = _FIELD) -> tuple[str, int | None]:
    """("agent", 3) from `agent:3` or its ARN; (…, None) where no revision is given. Raises InvalidParameter."""
    if is_arn(text) and _KIND not in text:
        raise InvalidParameter(
            f"{field}: {text} is not a daemon task definition.",
            fields={field: "not a daemon task definition"},
        )
    plain = text.rsplit("/", 1)[-1] if is_arn(text) else text
    family, colon, revision = plain.partition(":")
    if colon and not (revision.isdecimal() and len(revision) < 10):
        raise invalid(field, "family, family:revision or an ARN")
    return family, int(revision) if colon else None


def find(text: str, *, active: bool = False, field: str = _FIELD) -> TaskDefinition:
    """A revision by family:revision or ARN; the newest ACTIVE one by family alone. Raises ClientError."""
    family, revision = split(text, field)
    rows = TaskDefinition.every.filter(daemon=True, family__name=family).select_related("family")
    if revision is None:
        row = rows.filter(status=_Status.ACTIVE).order_by("-revision").first()
    else:
        row = rows.filter(revision=revision).first()
    if row is None:
        raise ClientError(
            f"Unable to describe daemon task definition {text}: there is no such revision.",
            fields={field: "no such revision"},
        )
    if active and row.status != _Status.ACTIVE:
        raise ClientError(
            f"The daemon task definition {row} is {row.status}.", fields={field: f"is {row.status}"}
        )
    return row


def arn_of(text: str, field: str = _FIELD) -> str:
    """The ARN to authorize, the newest revision resolved first."""
    family, revision = split(text, field)
    if revision is None:
        rows = TaskDefinition.every.filter(daemon=True, family__name=family, status=_Status.ACTIVE)
        revision = rows.aggregate(newest=Max("revision"))["newest"]
    return here.daemon_task_definition_arn(family, "*" if revision is None else revision)


def _arn_of(params: Params) -> str:
    return arn_of(params["daemon_task_definition"])


def _family_arn(params: Params) -> str:
    document = params["document"]
    family = document.get("family") if isinstance(document, Mapping) else None
    return here.daemon_task_definition_arn(family if isinstance(family, str) and family else "*", "*")


def _needs(caller: Caller, params: Params) -> Iterator[Need]:
    try:
        normal = validate_daemon(params["document"])
    except InvalidDocument:
        return  # the operation itself refuses it, with every problem named
    yield from needs_to_register("RegisterDaemonTaskDefinition", normal, _family_arn(params))


# ---- operations --------------------------------------------------------------------------------


@operation(
    "ecs:RegisterDaemonTaskDefinition",
    resource=_family_arn,
    context=of_daemon_document,
    extra=_needs,
    writes=True,
)
def register_daemon_task_definition(caller: Caller, *, document: Mapping[str, Any]) -> TaskDefinition:
    """Register the next revision of a family of daemon task definitions (AWS form). Roles given in it need
    iam:PassRole; host mounts, the engine's socket and privileged each a permission of their own."""
    return register(caller, document, validate_daemon, daemon=True)


@operation("ecs:DeleteDaemonTaskDefinition", resource=_arn_of, writes=True)
def delete_daemon_task_definition(caller: Caller, *, daemon_task_definition: str) -> TaskDefinition:
    """Delete an ACTIVE revision: no daemon is created with it any more, those that have it keep it. It stays as
    DELETE_IN_PROGRESS while a task or a daemon's revision needs it; its number is never used again."""
    if split(daemon_task_definition)[1] is None:
        raise ClientError(
            "Deleting needs a revision: family:revision or an ARN.", fields={_FIELD: "needs a revision"}
        )
    row = find(daemon_task_definition, active=True)
    audit.note_change("status", row.status, _Status.DELETE_IN_PROGRESS)
    row.status, row.delete_requested_at = _Status.DELETE_IN_PROGRESS, clock.now()
    row.save(update_fields=["status", "delete_requested_at"])
    live.publish(*definition_topics(row))
    return row


@operation("ecs:DescribeDaemonTaskDefinition", resource=_arn_of, writes=False)
def describe_daemon_task_definition(caller: Caller, *, daemon_task_definition: str) -> TaskDefinition:
    """One revision by family:revision or ARN; the newest ACTIVE one by family."""
    return find(daemon_task_definition)


@operation("ecs:ListDaemonTaskDefinitions", resource=lambda params: "*", writes=False)
def list_daemon_task_definitions(
    caller: Caller,
    *,
    family: str | None = None,
    family_prefix: str = "",
    status: str | None = "ACTIVE",
    revision: str | None = None,
) -> QuerySet[TaskDefinition]:
    """Revisions, newest first within their family; with LAST_REGISTERED as `revision` only the newest of each."""
    if status not in (None, "ALL", _Status.ACTIVE, _Status.DELETE_IN_PROGRESS):
        raise invalid("status", "ACTIVE, DELETE_IN_PROGRESS or ALL")
    if revision not in (None, "LAST_REGISTERED"):
        raise invalid("revision", "LAST_REGISTERED")
    rows = TaskDefinition.every.filter(daemon=True, family__name__startswith=family_prefix)
    if family is not None:
        rows = rows.filter(family__name=family)
    if status not in (None, "ALL"):
        rows = rows.filter(status=status)
    if revision is not None:
        rows = rows.filter(pk__in=rows.order_by().values("family").annotate(last=Max("pk")).values("last"))
    rows = rows.select_related("family").order_by("family__name", "-revision")
    return visible(rows, caller, "ecs:DescribeDaemonTaskDefinition")
