"""Policy documents on their way into the database: checked whole, and held to IAM's sizes.

Source of the sizes: IAM User Guide, "IAM and AWS STS quotas"; white space is not counted.
"""

from __future__ import annotations

import json
from typing import Any

from access.policy import Kind, PolicyError, parse
from base.errors import InvalidParameter, LimitExceeded

MANAGED = 6144
OF_USER = 2048
OF_ROLE = 10_240
OF_GROUP = 5120
TRUST = 2048
SESSION = 2048


def checked_document(document: Any, *, field: str = "document", kind: Kind = "identity") -> None:
    """Raises InvalidParameter (IAM's MalformedPolicyDocument) with each problem at its place below `field`."""
    try:
        parse(document, kind=kind)
    except PolicyError as error:
        fields = {f"{field}.{problem.place}": problem.text for problem in error.problems}
        raise InvalidParameter(str(error), code="MalformedPolicyDocument", fields=fields) from None


def checked_size(document: Any, most: int, *, field: str = "document", besides: int = 0) -> None:
    """Raises LimitExceeded when the document has more than `most` characters, `besides` used by others already."""
    size = size_of(document)
    if size + besides > most:
        others = f", with {besides} in other inline policies" if besides else ""
        text = f"has {size} characters{others}; at most {most} are allowed, white space not counted"
        raise LimitExceeded(f"The policy {text}.", fields={field: text})


def size_of(document: Any) -> int:
    """Characters of the document without white space outside of its strings."""
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False))
