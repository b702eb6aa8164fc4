"""What `valueFrom` refers to: a secret, a key of its JSON, a stage, a version; or a parameter. Pure.

    arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX[:JSON-KEY:VERSION-STAGE:VERSION-ID]
    arn:aws:ssm:REGION:ACCOUNT:parameter/NAME
    NAME of a parameter

Source: Amazon ECS developer guide, "Pass Secrets Manager secrets / Systems Manager parameters through environment
variables".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_PARAMETER = re.compile(r"/?[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*(?::[A-Za-z0-9_.-]+)?")


class NotAReference(ValueError):
    """Says what is wrong, and never more of the text than people wrote into the document themselves."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`id`: a secret's ARN, or a parameter's name or ARN. `json_key`, `stage`, `version_id`: "" where not given."""

    kind: Literal["secret", "parameter"]
    id: str
    json_key: str = ""
    stage: str = ""
    version_id: str = ""


def parse(text: str) -> Reference:
    """Raises NotAReference."""
    if not text.startswith("arn:"):
        if _PARAMETER.fullmatch(text):
            return Reference("parameter", text)
        raise NotAReference("is neither an ARN nor the name of a parameter")
    parts = text.split(":")
    service = parts[2] if len(parts) > 2 else ""
    if service == "secretsmanager":
        return _secret(parts)
    if service == "ssm":
        if len(parts) not in (6, 7) or not parts[5].startswith("parameter/") or parts[5] == "parameter/":
            raise NotAReference("is not a parameter's ARN: arn:aws:ssm:REGION:ACCOUNT:parameter/NAME")
        return Reference("parameter", text)
    raise NotAReference("must be the ARN of a secret or of a parameter")


def _secret(parts: list[str]) -> Reference:
    if len(parts) < 7 or parts[5] != "secret" or not parts[6]:
        raise NotAReference("is not a secret's ARN: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX")
    extra = parts[7:]
    if extra and len(extra) != 3:
        raise NotAReference(
            "has after the secret's ARN neither nothing nor the three parts :JSON-KEY:VERSION-STAGE:VERSION-ID "
            "(each may be empty)"
        )
    key, stage, version = extra or ("", "", "")
    if stage and version:
        raise NotAReference("names both a version stage and a version id: give one")
    return Reference("secret", ":".join(parts[:7]), key, stage, version)
