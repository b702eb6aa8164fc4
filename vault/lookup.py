"""Finding secrets and parameters by what people call them, and what authorization needs to know of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from access.authorization.request_tags import request_tags
from access.language.matching import Context, Deferred, Value
from access.registry import Caller, operation
from base.errors import InvalidParameter, NotFound, OperationError, invalid
from vault import names
from vault.models import CURRENT, Parameter, ParameterVersion, Secret, SecretVersion

P = ParamSpec("P")
R = TypeVar("R")
Params = Mapping[str, Any]
_GIVEN = "aws:RequestTag/"


class InvalidRequest(OperationError):
    """Well-formed, and impossible as things are (Secrets Manager's InvalidRequestException)."""

    code = "InvalidRequestException"
    status = 400


class ParameterNotFound(NotFound):
    code = "ParameterNotFound"


class ParameterVersionNotFound(NotFound):
    code = "ParameterVersionNotFound"


# ---- secrets -----------------------------------------------------------------------------------


def find_secret(secret_id: object) -> Secret:
    """By name, ARN, or ARN without its last six letters. Raises ResourceNotFoundException."""
    if not isinstance(secret_id, str) or not secret_id:
        raise invalid("secretId", "the name or the ARN of a secret")
    row: Secret | None
    if secret_id.startswith("arn:"):
        row = Secret.objects.filter(arn=secret_id).first()
        if row is None and names.is_secret_arn(secret_id):
            guess = Secret.objects.filter(name=names.name_in_arn(secret_id)).first()
            row = guess if guess is not None and guess.arn[:-7] == secret_id else None
    else:
        row = Secret.objects.filter(name=secret_id).first()
    if row is None:
        raise NotFound(f"Secrets Manager can't find the specified secret: {secret_id}.")
    return row


def live_secret(secret_id: object) -> Secret:
    """One that is not marked for deletion."""
    row = find_secret(secret_id)
    if row.deleted_at is not None:
        raise InvalidRequest(
            "You can't perform this operation on the secret because it was marked for deletion. Restore it first.",
            fields={"secretId": "is marked for deletion"},
        )
    return row


def tags_of_secret(arn: str) -> dict[str, str] | None:
    """For access.authorization.resource_tags."""
    return Secret.objects.filter(arn=arn).values_list("tags", flat=True).first()


def tags_of_parameter(arn: str) -> dict[str, str] | None:
    """For access.authorization.resource_tags."""
    return Parameter.objects.filter(arn=arn).values_list("tags", flat=True).first()


def secret_arn_of(params: Params) -> str:
    """Of the secret; one that does not exist is judged as one of that name, so that a refusal is the same for both."""
    try:
        return find_secret(params["secret_id"]).arn
    except NotFound:
        return names.whole_secret_arn(shown_arn(params))


def shown_arn(params: Params) -> str:
    """What a refusal calls a secret, whether or not there is one: an ARN as it was given, else one whose six letters,
    which only an existing secret has, are not told."""
    asked = str(params["secret_id"])
    return asked if asked.startswith("arn:") else names.secret_arn(asked, "??????")


def secret_context(params: Params) -> Context:
    """Condition keys: the secret's name and what of it is asked for. Its tags are found by
    access.authorization.resource_tags; tags that the request gives or takes are told too."""

    def find() -> Context:
        arn = secret_arn_of(params)
        found = {
            **request_tags(params),
            "secretsmanager:Name": names.name_in_arn(arn)[:-7],
            "secretsmanager:SecretId": arn,
        }
        if "version_stage" in params:
            found["secretsmanager:VersionStage"] = params["version_stage"] or CURRENT
        if params.get("version_id"):
            found["secretsmanager:VersionId"] = str(params["version_id"])
        return found

    return Deferred(find)


def secret_operation(
    action: str, *, writes: bool, **more: Any
) -> Callable[[Callable[Concatenate[Caller, P], R]], Callable[Concatenate[Caller, P], R]]:
    """An operation on the secret that its parameter `secret_id` names. `more`: as of access.registry.operation."""
    return operation(
        action, resource=secret_arn_of, shown=shown_arn, context=secret_context, writes=writes, **more
    )


def new_tags_context(service: str, params: Params) -> dict[str, Value]:
    """Of what is made with tags: it is judged by those it will have, and by what the request gives."""
    given = request_tags({"tags": params["tags"]})
    found: dict[str, Value] = dict(given)
    for name, value in given.items():
        if name.startswith(_GIVEN):
            key = name.removeprefix(_GIVEN)
            found[f"aws:ResourceTag/{key}"] = found[f"{service}:ResourceTag/{key}"] = value
    return found


def find_version(secret: Secret, version_id: str | None, version_stage: str | None) -> SecretVersion:
    """The version of that id, or that the stage points to; both must agree where both are given."""
    if version_id:
        row = secret.versions.filter(version_id=version_id).first()
        staged = row is None or not version_stage or row.stages.filter(stage=version_stage).exists()
        if row is None or not staged:
            raise NotFound(
                f"Secrets Manager can't find the specified secret value for VersionId: {version_id}"
                + (f" and staging label: {version_stage}" if version_stage else "")
                + f" of {secret.name}."
            )
    else:
        stage = version_stage or CURRENT
        row = secret.versions.filter(stages__stage=stage).first()
        if row is None:
            raise NotFound(
                f"Secrets Manager can't find the specified secret value for staging label: {stage} of {secret.name}."
            )
    row.secret = secret
    return row


# ---- parameters --------------------------------------------------------------------------------


def split_selector(name: object) -> tuple[str, str]:
    """ "/app/db:3" is ("/app/db", "3"): a version or a label after the last colon. An ARN becomes its name."""
    if not isinstance(name, str) or not name:
        raise invalid("name", "the name of a parameter")
    if names.is_parameter_arn(name):
        name = name.partition(":parameter/")[2]
    base, colon, selector = name.partition(":")
    return (base, selector) if colon else (name, "")


def parameter_arn_of(params: Params) -> str:
    return names.parameter_arn(split_selector(params["name"])[0])


def find_parameter(name: object) -> Parameter:
    """By name (its first slash may be left out) or ARN. Raises ParameterNotFound."""
    base, _ = split_selector(name)
    row = Parameter.objects.filter(arn=names.parameter_arn(base)).first()
    if row is None:
        raise ParameterNotFound(f"Parameter not found: {base}.")
    return row


def find_parameter_version(parameter: Parameter, selector: str) -> ParameterVersion:
    """`selector`: "" for the newest, a version number, or a label."""
    if not selector:
        found = parameter.versions.filter(version=parameter.version).first()
    elif selector.isdigit():
        found = parameter.versions.filter(version=int(selector)).first() if len(selector) < 10 else None
    else:
        found = next((row for row in parameter.versions.all() if selector in row.labels), None)
    if found is None:
        raise ParameterVersionNotFound(f"Parameter {parameter.name} has no version or label {selector}.")
    found.parameter = parameter
    return found


def refuse_keys(**given: str | None) -> None:
    """Keys of one's own: there is one master key, the installation's."""
    for name, value in given.items():
        if value and value not in ("alias/aws/secretsmanager", "alias/aws/ssm"):
            raise InvalidParameter(
                f"{name}: a key of your own is not supported by this release of Slipway; leave it out.",
                fields={name: "not supported"},
            )
