"""Names, ARNs and references of secrets and parameters. No Django models here.

Sources: Secrets Manager and Systems Manager API references; Service Authorization Reference.
"""

from __future__ import annotations

import re
import secrets
import string

from base import here
from base.errors import OperationError

SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]{1,512}")
PARAMETER_NAME = re.compile(r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
LONGEST_PARAMETER_NAME = 1011
DEEPEST = 15  # levels of a parameter's hierarchy
_SIX_LETTERS = re.compile(r"-([A-Za-z0-9]{6}|\?{6})$")
_LETTERS = string.ascii_letters + string.digits


class ValidationError(OperationError):
    """SSM's and Secrets Manager's word for a request that is wrong."""

    code = "ValidationException"
    status = 400


def secret_arn(name: str, suffix: str | None = None) -> str:
    """The ARN of a new secret, or with the `suffix` given ("*" or "??????" in a policy)."""
    ours = here.names()
    end = suffix if suffix is not None else "".join(secrets.choice(_LETTERS) for _ in range(6))
    return f"arn:{ours.partition}:secretsmanager:{ours.region}:{ours.account}:secret:{name}-{end}"


def whole_secret_arn(arn: str) -> str:
    """With six letters that are not known, where it was given without. As AWS warns, a name that itself ends in a
    hyphen and six letters or digits cannot be told from one that has them."""
    return arn if _SIX_LETTERS.search(arn) else f"{arn}-??????"


def parameter_arn(name: str) -> str:
    """`name` with or without its first slash: the ARN is the same."""
    ours = here.names()
    return f"arn:{ours.partition}:ssm:{ours.region}:{ours.account}:parameter/{name.removeprefix('/')}"


def is_secret_arn(text: str) -> bool:
    return text.startswith("arn:") and ":secretsmanager:" in text[:40]


def is_parameter_arn(text: str) -> bool:
    return text.startswith("arn:") and ":ssm:" in text[:40] and ":parameter/" in text


def name_in_arn(arn: str) -> str:
    """What stands after "secret:" or "parameter/"."""
    return arn.split(":", 5)[-1].removeprefix("secret:").removeprefix("parameter/")
