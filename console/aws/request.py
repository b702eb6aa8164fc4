"""One AWS request as it came over the wire, and how it is told from a request of the console or of REST.

Called by: `console.aws.application`, `console.gate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

SIGNED = b"AWS4-"
_PRESIGNED = b"X-Amz-Signature="
_FORM = b"application/x-www-form-urlencoded"
_AMZ_JSON = b"application/x-amz-json-"


def is_aws(scope: Mapping[str, Any]) -> bool:
    """Whether an ASGI scope is a request to the AWS face: it is signed by header or query, names a target, or posts a
    form or awsJson to `/`, where no page of the console takes a POST. Cheap: asked of every request."""
    if scope["type"] != "http":
        return False
    posts = scope.get("method") == "POST" and scope.get("path") == "/"
    for name, value in scope["headers"]:
        if name == b"authorization":
            if value.startswith(SIGNED):
                return True
        elif name == b"x-amz-target" or (
            posts and name == b"content-type" and value.startswith((_FORM, _AMZ_JSON))
        ):
            return True
    query: bytes = scope.get("query_string", b"")
    return b"X-Amz-Algorithm=" in query or _PRESIGNED in query


@dataclass(frozen=True)
class WireRequest:
    """`path` and `query` as they were sent, percent-encoded; `headers` by lower-case name, repeated ones in a list."""

    method: str
    path: str
    query: str
    headers: Mapping[str, list[str]]
    body: bytes = field(repr=False)
    source_ip: str = ""
    secure: bool = False
    request_id: str = ""

    @classmethod
    def of_scope(
        cls, scope: Mapping[str, Any], body: bytes, *, source_ip: str, secure: bool, request_id: str
    ) -> WireRequest:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            # Clients send UTF-8; what is none is kept as it is, and then no signature fits it.
            headers.setdefault(name.decode("latin-1"), []).append(value.decode("utf-8", "surrogateescape"))
        path = scope.get("raw_path") or scope["path"].encode()
        return cls(
            method=scope["method"],
            path=path.split(b"?")[0].decode("utf-8", "surrogateescape"),
            query=scope["query_string"].decode("utf-8", "surrogateescape"),
            headers=headers,
            body=body,
            source_ip=source_ip,
            secure=secure,
            request_id=request_id,
        )

    def header(self, name: str) -> str:
        """The first header of that name (lower case), "" without one."""
        found = self.headers.get(name)
        return found[0] if found else ""

    @cached_property
    def arguments(self) -> list[tuple[str, str]]:
        """The query's names and values, decoded, in order."""
        return parse_qsl(self.query, keep_blank_values=True, errors="surrogateescape")

    @cached_property
    def form(self) -> list[tuple[str, str]]:
        """Names and values of a form body. A ValueError for one that is none."""
        return parse_qsl(
            self.body.decode("utf-8"), keep_blank_values=True, strict_parsing=False, max_num_fields=10_000
        )
