"""The policy of a secret: who else may use it, or may not, whatever their own policies say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from access.policy import PolicyError, Statement, parse
from access.registry import Caller
from access.trail import audit
from base import live
from base.errors import InvalidParameter, OperationError
from vault.lookup import find_secret, live_secret, secret_operation
from vault.models import Secret, secret_topics

LARGEST = 20480  # characters, Secrets Manager's limit


class MalformedPolicy(InvalidParameter):
    code = "MalformedPolicyDocumentException"


class PublicPolicy(OperationError):
    code = "PublicPolicyException"
    status = 400


@dataclass(frozen=True)
class SecretPolicy:
    """`resource_policy`: the document, None where there is none."""

    arn: str
    name: str
    resource_policy: Mapping[str, Any] | None


@dataclass(frozen=True)
class PolicyCheck:
    """`problems`: place to reason."""

    passed: bool
    problems: Mapping[str, str]


def policy_of_secret(arn: str) -> Any:
    """For access.authorization.resource_policies."""
    return Secret.objects.filter(arn=arn).values_list("policy", flat=True).first()


def _statements(document: Mapping[str, Any]) -> tuple[Statement, ...]:
    if not isinstance(document, Mapping) or len(str(document)) > LARGEST:
        reason = f"a policy document of at most {LARGEST} characters"
        raise MalformedPolicy(f"resourcePolicy: {reason}.", fields={"resourcePolicy": reason})
    try:
        return parse(document, kind="resource")
    except PolicyError as error:
        fields = {f"resourcePolicy.{problem.place}": problem.message for problem in error.problems}
        raise MalformedPolicy(str(error), fields=fields) from None


def _public(statements: tuple[Statement, ...]) -> bool:
    return any(
        one.effect == "Allow" and one.trustees is not None and one.trustees.everybody and not one.conditions
        for one in statements
    )


@secret_operation(
    "secretsmanager:PutResourcePolicy",
    writes=True,
)
def put_resource_policy(
    caller: Caller, *, secret_id: str, resource_policy: Mapping[str, Any], block_public_policy: bool = False
) -> SecretPolicy:
    """Attach a policy to a secret. It may allow users and roles that their own policies do not, and deny anybody."""
    row = live_secret(secret_id)
    statements = _statements(resource_policy)
    if block_public_policy and _public(statements):
        raise PublicPolicy(
            "You can't use this policy because it allows everybody: name the principals, or add a condition.",
            fields={"resourcePolicy": "allows everybody"},
        )
    return _set(row, dict(resource_policy))


@secret_operation(
    "secretsmanager:DeleteResourcePolicy",
    writes=True,
)
def delete_resource_policy(caller: Caller, *, secret_id: str) -> SecretPolicy:
    """Take the policy of a secret away."""
    return _set(find_secret(secret_id), None)


def _set(row: Secret, document: dict[str, Any] | None) -> SecretPolicy:
    audit.note_change("resourcePolicy", row.policy, document)
    row.policy = document
    row.save(update_fields=["policy"])
    live.publish(*secret_topics(row))
    return SecretPolicy(row.arn, row.name, document)


@secret_operation(
    "secretsmanager:GetResourcePolicy",
    writes=False,
)
def get_resource_policy(caller: Caller, *, secret_id: str) -> SecretPolicy:
    """The policy of a secret."""
    row = find_secret(secret_id)
    return SecretPolicy(row.arn, row.name, row.policy)


@secret_operation(
    "secretsmanager:ValidateResourcePolicy",
    writes=False,
)
def validate_resource_policy(
    caller: Caller, *, secret_id: str, resource_policy: Mapping[str, Any]
) -> PolicyCheck:
    """Check a policy without attaching it: mistakes, and whether it allows everybody."""
    find_secret(secret_id)
    try:
        statements = _statements(resource_policy)
    except MalformedPolicy as error:
        return PolicyCheck(False, error.fields)
    if _public(statements):
        return PolicyCheck(False, {"resourcePolicy": "allows everybody"})
    return PolicyCheck(True, {})
