"""nextToken and maxResults over querysets: by the last row's place, so that pages neither skip nor repeat rows when
others come and go.

A token is signed and holds the place only; it fits the operation, the filters and the order it was made for, and no
other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.core import signing
from django.db.models import Model, Q, QuerySet

from base.errors import invalid
from base.prepared import asked

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")


def page(
    rows: QuerySet[Row],
    what: str,
    order: Sequence[str],
    *,
    most: int | None,
    token: str | None,
    limit: int = 100,
    default: int | None = None,
    bound: Mapping[str, Any] | None = None,
    column: str = "",
) -> tuple[list[Any], str | None]:
    """The next page and the token of the one after, None at the end.

    `what`: the operation's name; `bound`: its filters. `order`: fields whose values tell rows apart, `-` for falling.
    `most`: maxResults as given, held to `limit`. `column`: what the page holds where that is not whole rows.
    """
    if most is not None and not 1 <= most <= limit:
        raise invalid("maxResults", f"from 1 to {limit}")
    size = most or default or limit
    signer = signing.Signer(salt=f"aws:{what}:{_digest(order, bound)}")
    fields = [name.removeprefix("-") for name in order]
    place = _after(order, _place(signer, token, order)) if token else None

    def shaped(rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
        # Of one column nothing else is read: a list of names over wide rows would cost ten times as much.
        found = rows.select_related(None) if column else rows
        found = found.order_by(*order)
        if place is not None:
            found = found.filter(place)
        return (found.values_list(column, *fields) if column else found)[: size + 1]

    kept = asked(rows, (tuple(order), column, size), shaped) if place is None else list(shaped(rows))
    more, kept = len(kept) > size, kept[:size]
    token_of_next = None
    if more:
        last = kept[-1][1:] if column else [_value(kept[-1], name) for name in fields]
        token_of_next = signer.sign_object([_plain(value) for value in last])
    return [row[0] for row in kept] if column else kept, token_of_next


def _place(signer: signing.Signer, token: str, order: Sequence[str]) -> list[Any]:
    try:
        place = signer.unsign_object(token)
    except Exception:  # the signature is wrong, or what it covers was never ours
        raise invalid("nextToken", "is not one that this operation gave for these parameters") from None
    return [_read(value) for value in place]


def _after(order: Sequence[str], place: Sequence[Any]) -> Q:
    """Rows behind the place: greater in the first field, or equal there and greater in the next, and so on."""
    found = Q()
    for depth, name in enumerate(order):
        same = {one.removeprefix("-"): value for one, value in zip(order[:depth], place, strict=False)}
        beyond = "lt" if name.startswith("-") else "gt"
        found |= Q(**same, **{f"{name.removeprefix('-')}__{beyond}": place[depth]})
    return found


def _value(row: Any, path: str) -> Any:
    for name in path.split("__"):
        row = getattr(row, name)
    return row


def _plain(value: Any) -> Any:
    return {"t": value.isoformat()} if isinstance(value, datetime) else value


def _read(value: Any) -> Any:
    return datetime.fromisoformat(value["t"]) if isinstance(value, dict) else value


def _digest(order: Sequence[str], bound: Mapping[str, Any] | None) -> str:
    text = json.dumps([list(order), dict(bound or {})], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def page_of_list(
    rows: Sequence[Item],
    what: str,
    *,
    key: Callable[[Item], list[str]],
    most: int,
    token: str | None,
    bound: Mapping[str, Any],
) -> tuple[list[Item], str | None]:
    """As `page`, of what is no queryset: in the order of `key`, which tells items apart."""
    signer = signing.Signer(salt=f"aws:{what}:{_digest([], bound)}")
    found = sorted(rows, key=key)
    if token:
        place = _place(signer, token, [])
        found = [one for one in found if key(one) > place]
    if len(found) <= most:
        return found, None
    return found[:most], signer.sign_object(key(found[most - 1]))
