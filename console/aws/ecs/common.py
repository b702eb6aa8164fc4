"""What the mappings of ECS share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from base import tags as tag_rules
from base.errors import ClusterNotFound, OperationError, invalid
from services.failures import Failure

Row = TypeVar("Row")
Document = dict[str, Any]


def each(
    names: Sequence[str], find: Callable[[str], Row], arn: Callable[[str], str], *, member: str, most: int
) -> tuple[list[Row], list[Document]]:
    """What was found of several, and AWS's `failures` for the rest. A denial of one is a denial of the call."""
    if len(names) > most:
        raise invalid(member, f"at most {most}")
    found, failures = [], []
    for name in dict.fromkeys(names):
        try:
            found.append(find(name))
        except ClusterNotFound:
            if member != "clusters":
                raise
            failures.append(missing(arn(name)))
        except OperationError as error:
            if error.status != 404 and not error.code.endswith("NotFoundException"):
                raise
            failures.append(missing(arn(name)))
    return found, failures


def missing(arn: str) -> Document:
    return {"arn": arn, "reason": "MISSING"}


def tags_of(row: Any, include: Iterable[str], word: str = "TAGS") -> Document:
    """The member `tags`, only where it is asked for, as AWS does it."""
    return {"tags": tag_rules.to_list(row.tags)} if word in include else {}


def failure(one: Failure | str) -> Document:
    """One of an answer's `failures`, from the domain's own or from a reason in words."""
    if isinstance(one, str):
        return {"reason": one}
    return {"arn": one.arn or None, "reason": one.reason, "detail": one.detail or None}
