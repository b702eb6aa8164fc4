"""Writes on policies: documents are checked whole before they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from access import audit
from access.caller import Caller
from access.matching import Context
from access.models import Policy
from access.names import checked_name, find_policy, policy_arn_named, policy_arn_of
from access.policy import PolicyError, parse
from access.registry import Need, Params, operation
from access.setup import keep_an_administrator
from base.clock import now
from base.errors import Conflict, InvalidParameter, invalid


def policy_context(params: Params) -> Context:
    """IAM's condition key of attaching and detaching."""
    return {"iam:PolicyARN": policy_arn_named(str(params["policy"]))}


def _needs_of_change(caller: Caller, params: Params) -> Iterable[Need]:
    if Policy.objects.filter(name=params["policy"]).exists():
        yield Need("iam:CreatePolicyVersion", policy_arn_of(params))


@operation("iam:CreatePolicy", resource=policy_arn_of, extra=_needs_of_change, writes=True)
def put_policy(
    caller: Caller, *, policy: str, document: Mapping[str, Any], description: str | None = None
) -> Policy:
    """Create a policy, or give it a new document. Every mistake of the document is named with its place."""
    checked_name("policy", policy, 128)
    if description is not None and (not isinstance(description, str) or len(description) > 1000):
        raise invalid("description", "at most 1000 characters")
    checked_document(document)
    row = Policy.objects.filter(name=policy).first()
    if row is None:
        row = Policy(name=policy)
    elif row.ready_made:
        raise Conflict(f"{policy} is ready-made: copy it under another name to change it.")
    audit.note_change("document", row.document, document)
    with keep_an_administrator():
        row.document = document
        row.description = row.description if description is None else description
        row.updated_at = now()
        row.save()
    return row


@operation("iam:DeletePolicy", resource=policy_arn_of, writes=True)
def delete_policy(caller: Caller, *, policy: str) -> None:
    """Delete a policy that no group has."""
    row = find_policy(policy)
    if row.ready_made:
        raise Conflict(f"{policy} is ready-made and cannot be deleted.")
    groups = sorted(row.groups.values_list("name", flat=True))
    if groups:
        raise Conflict(
            f"Cannot delete a policy attached to groups: {', '.join(groups)}.", code="DeleteConflict"
        )
    audit.note_change("document", row.document, None)
    row.delete()


def checked_document(document: object) -> None:
    """Raises InvalidParameter (IAM's MalformedPolicyDocument) with each problem at its place."""
    try:
        parse(document)
    except PolicyError as error:
        fields = {f"document.{problem.place}": problem.text for problem in error.problems}
        raise InvalidParameter(str(error), code="MalformedPolicyDocument", fields=fields) from None
