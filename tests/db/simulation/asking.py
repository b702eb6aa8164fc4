"""Users' calls to web processes that may be killed at any statement; and rule 6, held at every call.

A call that is answered left its record in the audit trail; one that is refused, denied or cut off changed no row.
Whoever gets no answer asks again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from access.caller import Caller
from access.models import AuditRecord
from base.errors import OperationError
from tests.db.rest.conftest import rows
from tests.db.simulation.haunted import Haunted

NOBODY = Caller(
    arn="arn:aws:iam::000000000000:user/mallory", name="mallory", face="console"
)  # may do nothing
_MOST_TRIES = 200


def ask(world: Haunted, call: Callable[[], Any]) -> Any | None:
    """What it answered; None where it was done but the answer never came. Raises OperationError where it is refused."""
    for _ in range(_MOST_TRIES):
        before, newest = rows(), _newest()
        answers: list[Any] = []
        refusal: OperationError | None = None
        with world.process():
            try:
                answers.append(call())
            except OperationError as error:
                refusal = error
        judge(before, newest, answered=bool(answers), refusal=refusal)
        if refusal is not None:
            raise refusal
        if answers:
            return answers[0]
        if _results(newest):
            return None
    raise AssertionError("nobody ever answers")


def judge(
    before: dict[str, Any], newest: int, *, answered: bool, refusal: OperationError | None = None
) -> None:
    """`before`: the rows, and `newest` the last audit record, before the call."""
    results = _results(newest)
    changed = [name for name, now in rows().items() if now != before[name]]
    if answered:
        assert "success" in results, "rule 6: a write is not in the audit trail"
        return
    if refusal is not None:
        assert not changed, f"rule 6: refused, but {changed} changed"
        assert "success" not in results, "rule 6: refused, but recorded as done"
        if refusal.code == "AccessDeniedException":
            assert "denied" in results, "rule 6: a denial is not in the audit trail"
        return
    assert bool(changed) == ("success" in results), f"rule 6: cut off, {changed} changed, recorded {results}"


def _newest() -> int:
    return AuditRecord.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _results(newest: int) -> set[str]:
    return set(AuditRecord.objects.filter(pk__gt=newest).values_list("result", flat=True))
