"""Reads of parameters. Those that answer values are recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from access.authorization.visibility import visible
from access.registry import Caller, operation
from base.cipher import CipherError
from base.errors import ServerError, invalid
from vault import names
from vault.lookup import (
    ParameterNotFound,
    ParameterVersionNotFound,
    find_parameter,
    find_parameter_version,
    parameter_arn_of,
    split_selector,
)
from vault.models import Parameter, ParameterVersion

MOST_AT_ONCE = 10


@dataclass(frozen=True)
class ParameterValue:
    """A parameter with its value: of a SecureString that was not asked to be decrypted, the ciphertext."""

    name: str
    arn: str
    type: str
    version: int
    data_type: str
    modified_at: datetime
    selector: str = ""
    value: str = field(default="", repr=False)


@dataclass(frozen=True)
class ParameterValues:
    """`invalid_parameters`: the names that are not there."""

    parameters: tuple[ParameterValue, ...]
    invalid_parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class PastValue:
    """One version of a parameter's history."""

    version: int
    type: str
    labels: tuple[str, ...]
    description: str
    modified_at: datetime
    modified_by: str
    value: str = field(default="", repr=False)


def _opened(row: ParameterVersion, with_decryption: bool) -> str:
    if row.type == Parameter.Type.SECURE_STRING and not with_decryption:
        return row.sealed
    try:
        return row.value()
    except CipherError as error:
        raise ServerError(f"The value of {row.parameter.name} cannot be decrypted: {error}.") from None


def _value(name: object, with_decryption: bool) -> ParameterValue:
    _, selector = split_selector(name)
    parameter = find_parameter(name)
    row = find_parameter_version(parameter, selector)
    return ParameterValue(
        name=parameter.name,
        arn=parameter.arn,
        type=row.type,
        version=row.version,
        data_type=row.data_type,
        modified_at=row.modified_at,
        selector=f":{selector}" if selector else "",
        value=_opened(row, with_decryption),
    )


@operation(
    "ssm:GetParameter",
    resource=parameter_arn_of,
    writes=False,
    audited_read=True,
)
def get_parameter(caller: Caller, *, name: str, with_decryption: bool = False) -> ParameterValue:
    """A parameter's value: its newest, or of the version or label after a colon ("/app/db:3"). A SecureString stays
    encrypted unless `with_decryption` is set. Every call is recorded.
    """
    return _value(name, with_decryption)


def _arns_of(params: Mapping[str, Any]) -> list[str]:
    given = params["names"]
    if not isinstance(given, list | tuple) or not 1 <= len(given) <= MOST_AT_ONCE:
        raise invalid("names", f"1 to {MOST_AT_ONCE} names")
    return [names.parameter_arn(split_selector(name)[0]) for name in given]


@operation("ssm:GetParameters", resource=_arns_of, writes=False, audited_read=True)
def get_parameters(caller: Caller, *, names: Sequence[str], with_decryption: bool = False) -> ParameterValues:
    """The values of up to 10 parameters; names that are not there are answered as such. Every call is recorded."""
    found: list[ParameterValue] = []
    missing: list[str] = []
    for name in dict.fromkeys(names):
        try:
            found.append(_value(name, with_decryption))
        except (ParameterNotFound, ParameterVersionNotFound):
            missing.append(name)
    return ParameterValues(tuple(found), tuple(missing))


def _path_arn(params: Mapping[str, Any]) -> str:
    path = params["path"]
    if not isinstance(path, str) or not path.startswith("/"):
        raise invalid("path", "starts with /")
    return names.parameter_arn(path.rstrip("/")) if path.strip("/") else names.parameter_arn("*")


@operation("ssm:GetParametersByPath", resource=_path_arn, writes=False, audited_read=True)
def get_parameters_by_path(
    caller: Caller, *, path: str, recursive: bool = False, with_decryption: bool = False
) -> ParameterValues:
    """The values of the parameters below a path: of its own level, or with `recursive` of all levels. As on AWS, who
    may read a path may read everything below it. Every call is recorded.
    """
    base = path.rstrip("/") + "/"
    found = []
    for row in Parameter.objects.filter(name__startswith=base):
        if row.name.startswith(base) and (recursive or "/" not in row.name.removeprefix(base)):
            found.append(_value(row.name, with_decryption))
    return ParameterValues(tuple(found))


@operation("ssm:DescribeParameters", resource="*", writes=False)
def describe_parameters(caller: Caller, *, path: str | None = None) -> QuerySet[Parameter]:
    """The parameters this caller may describe, by name, without values; below `path` where it is given."""
    rows = Parameter.objects.all()
    if path and path.strip("/"):
        rows = rows.filter(name__startswith=f"/{path.strip('/')}/")
    return visible(rows, caller, "ssm:DescribeParameters")


@operation("ssm:DescribeParameters", resource=parameter_arn_of, writes=False)
def describe_parameter(caller: Caller, *, name: str) -> Parameter:
    """One parameter, without its value."""
    return find_parameter(name)


@operation(
    "ssm:GetParameterHistory",
    resource=parameter_arn_of,
    writes=False,
    audited_read=True,
)
def get_parameter_history(
    caller: Caller, *, name: str, with_decryption: bool = False
) -> tuple[PastValue, ...]:
    """The versions of a parameter with their values, newest first. Every call is recorded."""
    parameter = find_parameter(name)
    found = []
    for row in parameter.versions.all():
        row.parameter = parameter
        found.append(
            PastValue(
                version=row.version,
                type=row.type,
                labels=tuple(row.labels),
                description=row.description,
                modified_at=row.modified_at,
                modified_by=row.modified_by,
                value=_opened(row, with_decryption),
            )
        )
    return tuple(found)
