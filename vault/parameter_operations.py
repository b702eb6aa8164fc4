"""Writes of parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import F

from access.authorization.request_tags import request_tags
from access.registry import Caller, Need, operation
from access.trail import audit
from base import clock, live
from base.errors import InvalidParameter, OperationError, invalid, unsupported
from base.tags import MOST, checked
from vault import names
from vault.lookup import (
    find_parameter,
    find_parameter_version,
    new_tags_context,
    parameter_arn_of,
    refuse_keys,
    tags_of_parameter,
)
from vault.models import Parameter, ParameterVersion, parameter_topics
from vault.names import ValidationError

TIERS = {"Standard": 4096, "Advanced": 8192}  # bytes of a value
MOST_VERSIONS = 100
MOST_LABELS = 10  # of one version
_LABEL = re.compile(r"(?!aws|ssm|[0-9])[A-Za-z0-9_.-]{1,100}", re.IGNORECASE)


class ParameterAlreadyExists(OperationError):
    code = "ParameterAlreadyExists"
    status = 400


class ParameterMaxVersionLimitExceeded(OperationError):
    code = "ParameterMaxVersionLimitExceeded"
    status = 400


def _put_context(params: Mapping[str, Any]) -> dict[str, Any]:
    kept = tags_of_parameter(parameter_arn_of(params)) or {}  # what is there is judged by what it has
    return {
        **new_tags_context("ssm", params),
        **{f"{prefix}:ResourceTag/{key}": kept[key] for key in kept for prefix in ("aws", "ssm")},
        "ssm:Overwrite": str(bool(params["overwrite"])).lower(),
    }


def _tagging_need(caller: Caller, params: Mapping[str, Any]) -> Iterator[Need]:
    """As AWS: who creates a parameter with tags must be allowed to tag it."""
    if params["tags"]:
        yield Need("ssm:AddTagsToResource", parameter_arn_of(params), _put_context(params))


@operation(
    "ssm:PutParameter",
    resource=parameter_arn_of,
    context=_put_context,
    extra=_tagging_need,
    redact=("value",),
    writes=True,
)
def put_parameter(
    caller: Caller,
    *,
    name: str,
    value: str,
    type: str | None = None,
    description: str | None = None,
    overwrite: bool = False,
    allowed_pattern: str | None = None,
    tier: str | None = None,
    data_type: str = "text",
    key_id: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> ParameterVersion:
    """Create a parameter, or with `overwrite` keep a new version of it. SecureString values are not shown without being
    asked for; values of every type are encrypted at rest.
    """
    refuse_keys(keyId=key_id)
    if data_type != "text":
        raise unsupported(f"dataType {data_type}", "Use text.")
    row = Parameter.objects.filter(arn=parameter_arn_of({"name": name})).first()
    if row is None:
        _check_name(name)
        row = _created(caller, name, type, tags)
    else:
        _check_overwrite(row, overwrite, type, tags)
    row.type = type or row.type
    row.description = row.description if description is None else description
    row.allowed_pattern = row.allowed_pattern if allowed_pattern is None else allowed_pattern
    row.tier = tier or row.tier
    _check_value(row, value)
    Parameter.objects.filter(pk=row.pk).update(version=F("version") + 1)
    row.version = Parameter.objects.values_list("version", flat=True).get(pk=row.pk)
    row.modified_at, row.modified_by = clock.now(), caller.arn
    row.save(update_fields=["type", "description", "allowed_pattern", "tier", "modified_at", "modified_by"])
    version = _kept(row, value)
    audit.note_change("version", row.version - 1 or None, row.version)
    live.publish(*parameter_topics(row))
    return version


def _created(caller: Caller, name: str, kind: str | None, tags: Mapping[str, str] | None) -> Parameter:
    if not kind:
        raise ValidationError(
            "A parameter type is required when you create a parameter.", fields={"type": "is required"}
        )
    return Parameter.objects.create(
        name=name, arn=names.parameter_arn(name), type=kind, tags=checked(tags), modified_by=caller.arn
    )


def _check_overwrite(
    row: Parameter, overwrite: bool, kind: str | None, tags: Mapping[str, str] | None
) -> None:
    if not overwrite:
        raise ParameterAlreadyExists(
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
            fields={"name": "exists already"},
        )
    if tags:
        raise ValidationError(
            "Tags and overwrite can't be used together. Tag the parameter by itself.",
            fields={"tags": "not with overwrite"},
        )
    if kind and kind != row.type and row.secure:
        # Older versions would stay as secret as they were, under a row that says they are not.
        raise ValidationError(
            f"{row.name} is a SecureString and cannot become a {kind}. Create another parameter.",
            fields={"type": "cannot be changed"},
        )


def _check_name(name: str) -> None:
    levels = name.strip("/").split("/")
    wrong = ""
    if not names.PARAMETER_NAME.fullmatch(name) or len(name) > names.LONGEST_PARAMETER_NAME:
        wrong = "letters, digits, . _ - and / between levels, at most 1011 characters"
    elif "/" in name and not name.startswith("/"):
        wrong = "a name with levels starts with /"
    elif len(levels) > names.DEEPEST:
        wrong = f"has {len(levels)} levels, {names.DEEPEST} at most are allowed"
    elif levels[0].lower().startswith(("aws", "ssm")):
        wrong = 'must not start with "aws" or "ssm"'
    if wrong:
        raise ValidationError(f"name: {wrong}.", fields={"name": wrong})


def _check_value(row: Parameter, value: str) -> None:
    """What is wrong is told without the value."""
    problems: dict[str, str] = {}
    if row.type not in Parameter.Type.values:
        problems["type"] = f"must be one of {', '.join(Parameter.Type.values)}"
    if row.tier not in TIERS:
        problems["tier"] = "Standard or Advanced; Intelligent-Tiering is not supported"
    if len(row.description) > 1024:
        problems["description"] = "at most 1024 characters"
    if not isinstance(value, str) or not value:
        problems["value"] = "must be text, and not empty"
    elif (size := len(value.encode(errors="surrogatepass"))) > (most := TIERS.get(row.tier, 8192)):
        problems["value"] = f"has {size} bytes, {most} at most are allowed in the tier {row.tier}"
    elif row.type == Parameter.Type.STRING_LIST and not all(value.split(",")):
        problems["value"] = "a StringList has texts between commas, none of them empty"
    if row.allowed_pattern and "value" not in problems:
        problems.update(_check_pattern(row.allowed_pattern, value))
    if problems:
        text = "; ".join(f"{name}: {reason}" for name, reason in problems.items())
        raise ValidationError(f"{text}.", fields=problems)


def _check_pattern(pattern: str, value: str) -> dict[str, str]:
    if len(pattern) > 1024:
        return {"allowedPattern": "at most 1024 characters"}
    try:
        found = re.compile(pattern)
    except re.error as error:
        return {"allowedPattern": f"is not a regular expression: {error}"}
    return {} if found.search(value) else {"value": f"does not match the allowed pattern {pattern}"}


def _kept(row: Parameter, value: str) -> ParameterVersion:
    version = ParameterVersion(
        parameter=row,
        version=row.version,
        type=row.type,
        description=row.description,
        allowed_pattern=row.allowed_pattern,
        tier=row.tier,
        data_type=row.data_type,
        modified_at=row.modified_at,
        modified_by=row.modified_by,
    )
    version.lock(value)
    version.save()
    for old in row.versions.filter(version__lte=row.version - MOST_VERSIONS):
        if old.labels:
            raise ParameterMaxVersionLimitExceeded(
                f"Version {old.version} of {row.name} would have to go, and it has a label. Move the label first."
            )
        old.delete()
    return version


@operation("ssm:DeleteParameter", resource=parameter_arn_of, writes=True)
def delete_parameter(caller: Caller, *, name: str) -> None:
    """Delete a parameter with all its versions, for good."""
    row = find_parameter(name)
    row.delete()
    live.publish(*parameter_topics(row))


@operation("ssm:LabelParameterVersion", resource=parameter_arn_of, writes=True)
def label_parameter_version(
    caller: Caller, *, name: str, labels: Sequence[str], parameter_version: int | None = None
) -> ParameterVersion:
    """Put labels on a version of a parameter (the newest, unless told otherwise); each moves from where it was."""
    row = find_parameter(name)
    if parameter_version is not None and (
        isinstance(parameter_version, bool) or not isinstance(parameter_version, int)
    ):
        raise invalid("parameterVersion", "a whole number")
    version = find_parameter_version(row, str(parameter_version) if parameter_version is not None else "")
    wrong = [str(label) for label in labels if not isinstance(label, str) or not _LABEL.fullmatch(label)]
    if wrong or not labels:
        reason = "1 to 100 letters, digits and . _ -, not starting with a digit, aws or ssm"
        raise InvalidParameter(f"labels: {reason}.", fields={"labels": reason})
    new = [*version.labels, *(label for label in labels if label not in version.labels)]
    if len(new) > MOST_LABELS:
        raise invalid("labels", f"at most {MOST_LABELS} on one version")
    for other in row.versions.exclude(pk=version.pk):
        left = [label for label in other.labels if label not in labels]
        if left != other.labels:
            other.labels = left
            other.save(update_fields=["labels"])
    audit.note_change("labels", version.labels, new)
    version.labels = new
    version.save(update_fields=["labels"])
    live.publish(*parameter_topics(row))
    return version


@operation("ssm:AddTagsToResource", resource=parameter_arn_of, context=request_tags, writes=True)
def tag_parameter(caller: Caller, *, name: str, tags: Mapping[str, str]) -> None:
    """Add tags to a parameter, or change their values."""
    row = find_parameter(name)
    new = {**row.tags, **checked(tags)}
    if len(new) > MOST:
        raise invalid("tags", f"at most {MOST} tags, not {len(new)}")
    _retag(row, new)


@operation("ssm:RemoveTagsFromResource", resource=parameter_arn_of, context=request_tags, writes=True)
def untag_parameter(caller: Caller, *, name: str, tag_keys: Sequence[str]) -> None:
    """Take tags away from a parameter."""
    row = find_parameter(name)
    _retag(row, {key: value for key, value in row.tags.items() if key not in set(tag_keys)})


def _retag(row: Parameter, new: dict[str, str]) -> None:
    audit.note_change("tags", row.tags, new)
    row.tags = new
    row.save(update_fields=["tags"])
    live.publish(*parameter_topics(row))
