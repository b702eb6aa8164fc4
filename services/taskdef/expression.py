"""An expression of the cluster query language, as a kind of member."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clusters.cql import LONGEST, QueryError, compile_query
from services.taskdef.schema import Text


@dataclass(frozen=True)
class Expression(Text):
    """A text that compiles; the message says at which character it does not."""

    max_length: int | None = LONGEST

    def _wrong(self, value: Any) -> str:
        wrong = super()._wrong(value)
        if wrong:
            return wrong
        try:
            compile_query(value)
        except QueryError as error:
            return str(error)
        return ""
