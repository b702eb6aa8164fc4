"""What an audit record says of one call: of its caller, of what was asked, of how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from access.caller import Caller
from access.trail import audit
from access.trail.models import AuditRecord
from base.errors import AccessDenied, OperationError

if TYPE_CHECKING:
    from access.registry import Need, Operation, Params


def kept(op: Operation, params: Params) -> dict[str, Any]:
    """The parameters as the record keeps them: those given, secrets hidden."""
    given = {name: value for name, value in params.items() if value is not None}
    return cast(dict[str, Any], audit.presentable(given, hidden=op.redact))


def success(
    op: Operation, caller: Caller, params: Params, needs: Sequence[Need], notes: audit.Notes
) -> AuditRecord:
    asked = [need.resource for need in needs if need.action == op.action]
    # What was made tells more than the pattern that was asked for ("web:14" than "web:*"), so it comes first.
    resources = sorted([*asked, *notes.resources], key=lambda arn: arn.endswith(("*", "?")))
    record = of_call(caller, op.name, op.action, resources, params=kept(op, params))
    record.changes = notes.changes
    return record


def failure(
    op: Operation, caller: Caller, params: Params, needs: Sequence[Need], error: Exception
) -> AuditRecord | None:
    """The record of a failed write (or read of a secret); a failed plain read leaves none."""
    if isinstance(error, AccessDenied) or not (op.writes or op.audited_read):
        return None
    resources = [need.resource for need in needs if need.action == op.action]
    return of_call(caller, op.name, op.action, resources, error=error, params=kept(op, params))


def denial(
    caller: Caller,
    operation_name: str,
    need: Need,
    resources: Sequence[str],
    error: Exception,
    params: dict[str, Any] | None = None,
) -> AuditRecord:
    """The record of a refusal, with what it was decided on, so that it can be explained later."""
    record = of_call(caller, operation_name, need.action, resources, error=error, params=params)
    keys: Mapping[str, Any] = caller.full_context(need.context)
    record.context = {
        "keys": {str(name): audit.presentable(value) for name, value in keys.items()},
        "owners": list(need.owners),
    }
    return record


def of_call(
    caller: Caller,
    operation_name: str,
    action: str,
    resources: Sequence[str],
    *,
    error: Exception | None = None,
    params: dict[str, Any] | None = None,
) -> AuditRecord:
    """A record, not written. Without `error` it tells of a success."""
    listed = list(dict.fromkeys(resources))
    record = AuditRecord(
        request_id=caller.request_id,
        actor_arn=caller.arn,
        actor_name=caller.name,
        role_arn=caller.role_arn,
        assumed_by=caller.assumed_by,
        face=caller.face,
        source_ip=caller.source_ip,
        user_agent=caller.user_agent[:256],
        mfa=None if caller.system else caller.mfa,
        operation=operation_name,
        action=action,
        resource=(listed[0] if listed else "")[:1024],
        resources=listed,
        result=AuditRecord.Result.SUCCESS,
        parameters=params or {},
    )
    if error is not None:
        record.result = (
            AuditRecord.Result.DENIED if isinstance(error, AccessDenied) else AuditRecord.Result.FAILED
        )
        known = isinstance(error, OperationError)
        record.error_code = error.code if isinstance(error, OperationError) else "InternalFailure"
        # An unexpected exception's text may hold anything; its traceback is in the log.
        record.error_message = str(error)[:2000] if known else type(error).__name__
    return record
