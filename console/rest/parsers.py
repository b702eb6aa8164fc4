"""Request bodies: JSON objects of bounded size, of text that every database can keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

from console.rest.errors import PayloadTooLarge
from services.taskdef.schema import encodable

_DEEPEST = 60


class BodyParser(BaseParser):
    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body as Python values; {} where there is none."""
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        raw = stream.read(most + 1)
        if len(raw) > most:
            raise PayloadTooLarge(f"The body is larger than {most} bytes.")
        if not raw.strip():
            return {}
        try:
            value = json.loads(raw.decode(), parse_constant=_refuse, object_pairs_hook=_without_twins)
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}.") from None
        _check(value, "", 0)
        return value


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not a JSON value")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twin!r} is given twice in one object")
    return found


def _check(value: Any, path: str, depth: int) -> None:
    """Refuses, with their place, texts that PostgreSQL or UTF-8 cannot hold."""
    if depth > _DEEPEST:
        raise ParseError("The body is nested too deeply.")
    if isinstance(value, str) and not encodable(value):
        raise ValidationError({path: ["must be valid Unicode text without NUL characters"]})
    if isinstance(value, dict):
        for name, item in value.items():
            if not encodable(name):
                raise ParseError("A name in the body is not valid Unicode text.")
            _check(item, f"{path}.{name}" if path else name, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]", depth + 1)
