"""Every registered operation by every ready-made policy, as a table: what docs/access-matrix.md shows and the tests of
every face are held to. Worked out from the policies' documents alone, without a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from access.caller import SELF_SERVICE
from access.identities.ready_made import READY_MADE
from access.language.parsing import parse
from access.policy import evaluate
from access.registry import Operation, all_operations

Verdict = Literal["yes", "self", "no"]
"""self: only of one's own user, by what everyone may do for themselves."""
_ANYTHING = "arn:aws:slipway:::anything"
_ME = "arn:aws:iam::123456789012:user/me"
_HEAD = """# Who may call which operation

Every operation by every [ready-made policy](access.md#the-ready-made-policies). **yes**: on everything. **self**: of
one's own user only, which needs no policy. Made by `manage.py access_matrix > docs/access-matrix.md`; a test holds the
table to the policies, and others hold every operation, REST and the pages to the table.

What an operation needs besides its own action (a role it gives to a task, a tag it puts on) is in the API's reference.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One operation. `verdicts`: policy -> whether it allows."""

    operation: str
    action: str
    writes: bool
    verdicts: Mapping[str, Verdict]


def rows(operations: Iterable[Operation] | None = None) -> list[Row]:
    """By action, then name; those of the tests left out."""
    compiled = {one.name: parse(one.document, source=one.name) for one in READY_MADE}
    found = []
    for op in all_operations() if operations is None else operations:
        if op.module.partition(".")[0] == "tests":
            continue
        own = evaluate(SELF_SERVICE, op.action, _ME, {"aws:username": "me"}).allowed
        verdicts: dict[str, Verdict] = {
            name: "yes" if evaluate(statements, op.action, _ANYTHING).allowed else ("self" if own else "no")
            for name, statements in compiled.items()
        }
        found.append(Row(op.name, op.action, op.writes, verdicts))
    return sorted(found, key=lambda row: (row.action, row.operation))


def markdown() -> str:
    """The whole page."""
    policies = [one.name for one in READY_MADE]
    lines = [_HEAD, f"| operation | permission | | {' | '.join(policies)} |"]
    lines.append(f"|---|---|---|{'---|' * len(policies)}")
    for row in rows():
        cells = ["" if row.verdicts[name] == "no" else row.verdicts[name] for name in policies]
        kind = "writes" if row.writes else "reads"
        lines.append(f"| `{row.operation}` | `{row.action}` | {kind} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
