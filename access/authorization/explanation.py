"""Why a request was refused, and the smallest statement that would allow it.

Not an operation: it tells callers about their own decisions, which they could find out by trying. What policies say
beyond that (statements that came near, what to write where) is for those who may simulate the principal's policies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from access.authorization.simulator import caller_for, facts, policies_of
from access.authorization.visibility import visible
from access.caller import Caller
from access.language.simulation import Evaluation, Layer, simulate, smallest_statement, where_missing
from access.models import AuditRecord
from base.errors import NotFound, OperationError

SIMULATE = "iam:SimulatePrincipalPolicy"
_LOOK_UP = "cloudtrail:LookupEvents"


@dataclass(frozen=True, slots=True)
class Explanation:
    """`evaluation` is made with the policies as they are now; its decision may be "allowed" by now.

    `detailed`: the viewer may simulate, so that `evaluation.near`, `statement` and `where` are filled. `statement`
    would allow the request where each layer of `where` is given it; None where a deny has to go first.
    """

    principal: str
    action: str
    resource: str
    evaluation: Evaluation
    detailed: bool
    statement: Mapping[str, Any] | None = None
    where: tuple[Layer, ...] = ()


def explain(
    caller: Caller,
    *,
    action: str,
    resource: str = "*",
    context: Mapping[str, Any] | None = None,
    owners: Sequence[str] = (),
) -> Explanation:
    """Why the caller may or may not do `action` on `resource`."""
    return _explain(caller, caller, action, resource, context or {}, owners)


def explain_record(caller: Caller, record: int) -> Explanation:
    """Why the request of a denial in the trail was refused: the caller's own, or one that he may look up.

    Raises NotFound alike where there is no such denial and where it is not the caller's to see. Condition keys are
    those of the request as recorded.
    """
    row = AuditRecord.objects.filter(pk=record, result=AuditRecord.Result.DENIED).first()
    if row is None or not (_is_own(caller, row) or _may_see(caller, row)):
        raise NotFound(f"There is no denial with the id {record}.")
    keys: Mapping[str, Any] = row.context.get("keys", {})
    owners: Sequence[str] = row.context.get("owners", ())
    who = caller if _is_own(caller, row) else _actor(row)
    return _explain(caller, who, row.action, row.resource or "*", _texts(keys), owners)


def _explain(
    viewer: Caller, who: Caller, action: str, resource: str, context: Mapping[str, Any], owners: Sequence[str]
) -> Explanation:
    decides = policies_of(who)
    evaluation = simulate(decides, action, resource, facts(who, resource, context, owners), owners)
    principal = who.role_arn or who.arn
    detailed = viewer.may(SIMULATE, principal).allowed
    if not detailed:
        shown = replace(evaluation, near=(), matched=(), missing_context_keys=())
        return Explanation(principal, action, resource, shown, False)
    where = where_missing(evaluation, decides)
    statement = smallest_statement(evaluation) if evaluation.decision == "implicitDeny" else None
    return Explanation(principal, action, resource, evaluation, True, statement, where)


def _is_own(caller: Caller, row: AuditRecord) -> bool:
    return bool(caller.arn) and row.actor_arn == caller.arn


def _may_see(caller: Caller, row: AuditRecord) -> bool:
    rows = AuditRecord.objects.filter(pk=row.pk)
    return caller.may(_LOOK_UP, "*").allowed and visible(rows, caller, _LOOK_UP, "resource").exists()


def _actor(row: AuditRecord) -> Caller:
    try:
        return caller_for(row.role_arn or row.actor_arn)
    except OperationError:
        raise NotFound(
            f"{row.actor_name or 'Nobody'} is no longer there: nothing decides for them."
        ) from None


def _texts(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {
        str(key): tuple(str(one) for one in value) if isinstance(value, list) else str(value)
        for key, value in keys.items()
    }
