"""Condition keys of IAM's own operations, from their parameters.

Source: Service Authorization Reference, "AWS Identity and Access Management", condition keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from access.authorization.request_tags import request_tags
from access.caller import Caller
from access.identities.names import policy_arn_named
from access.language.matching import Context
from access.models import Policy
from access.registry import Need, Params

ContextOf = Callable[[Params], Context]


def policy_context(params: Params) -> Context:
    """iam:PolicyARN, of attaching and detaching."""
    return {"iam:PolicyARN": policy_arn_named(str(params["policy"]))}


def new_boundary(params: Params) -> Context:
    """iam:PermissionsBoundary: the boundary that this request gives."""
    given = params.get("boundary")
    return {} if given is None else {"iam:PermissionsBoundary": policy_arn_named(str(given))}


def given_boundary(params: Params) -> Context:
    """The same where the parameter is the policy itself."""
    return {"iam:PermissionsBoundary": policy_arn_named(str(params["policy"]))}


def boundary_of_user(params: Params) -> Context:
    """iam:PermissionsBoundary: the boundary that the user acted on has."""
    return _boundary(Policy.objects.filter(bounded_users__username=params["username"]).first())


def boundary_of_role(params: Params) -> Context:
    """The same of a role."""
    return _boundary(Policy.objects.filter(bounded_roles__name=params["role"]).first())


def _boundary(policy: Policy | None) -> Context:
    return {} if policy is None else {"iam:PermissionsBoundary": policy.arn}


def all_of(*parts: ContextOf) -> ContextOf:
    """The keys of several at once."""

    def context(params: Params) -> Context:
        found: dict[str, str | tuple[str, ...]] = {}
        for part in parts:
            found.update(part(params))  # type: ignore[arg-type]
        return found

    return context


def needs_tags(action: str, arn_of: Callable[[Params], str]) -> Callable[[Caller, Params], Iterable[Need]]:
    """Creating something with tags takes the permission to tag it too, as on AWS."""

    def needs(caller: Caller, params: Params) -> Iterable[Need]:
        if params.get("tags"):
            yield Need(action, arn_of(params), request_tags(params))

    return needs
