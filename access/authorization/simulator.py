"""May this identity do that? Simulation of the policies of a user, group or role, or of documents not yet kept.

Reads only: nothing is done, and no decision is recorded as a denial. Names follow IAM's SimulatePrincipalPolicy and
SimulateCustomPolicy. For refusals: access.authorization.explanation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from access.authorization.resource_tags import tags_of
from access.caller import Caller
from access.identities.attached import attached_to_group
from access.identities.documents import checked_document
from access.identities.names import find_group, find_role, find_user
from access.identities.principals import role_caller
from access.language.implied import implied
from access.language.matching import Context, LazyContext
from access.language.simulation import Evaluation, Policies, merged, simulate
from access.policy import Principal, Statement, parse
from access.registry import Params, operation
from base import here
from base.arn import Arn, ArnError
from base.errors import invalid

MOST_ACTIONS = 100
MOST_RESOURCES = 100
MOST_RESULTS = 1000
MOST_POLICIES = 20


def _principal_arn(params: Params) -> str:
    return str(params["principal"])


@operation("iam:SimulatePrincipalPolicy", resource=_principal_arn, writes=False, audited_read=True)
def simulate_principal_policy(
    caller: Caller,
    *,
    principal: str,
    actions: Sequence[str],
    resources: Sequence[str] = ("*",),
    context: Mapping[str, Any] | None = None,
    policy_documents: Sequence[Mapping[str, Any]] = (),
) -> list[Evaluation]:
    """Whether a user, group or role may do each action on each resource, and by which statements. Nothing is done.

    `context` maps condition keys to a value or several, and wins over the principal's own; tags of resources that
    exist are looked up. `policy_documents` are to think of as attached besides.
    """
    asked = checked_questions(actions, resources)
    extra = [one for document in _documents(policy_documents, "policyDocuments") for one in document]
    who = caller_for(principal)
    decides = policies_of(who, extra)
    given = checked_context(context)
    return [
        simulate(decides, action, resource, facts(who, resource, given), ()) for action, resource in asked
    ]


@operation("iam:SimulateCustomPolicy", resource="*", writes=False, audited_read=True)
def simulate_custom_policy(
    caller: Caller,
    *,
    policy_documents: Sequence[Mapping[str, Any]],
    actions: Sequence[str],
    resources: Sequence[str] = ("*",),
    context: Mapping[str, Any] | None = None,
    boundary_document: Mapping[str, Any] | None = None,
    resource_policy: Mapping[str, Any] | None = None,
    principal: str = "",
) -> list[Evaluation]:
    """Whether policy documents that are given allow each action on each resource. Nothing is looked up or done.

    `boundary_document`: a permissions boundary. `resource_policy`: the resource's own policy; `principal`: the ARN it
    is asked about.
    """
    asked = checked_questions(actions, resources)
    statements = [one for document in _documents(policy_documents, "policyDocuments") for one in document]
    if boundary_document is not None:
        checked_document(boundary_document, field="boundaryDocument")
    if resource_policy is not None:
        checked_document(resource_policy, field="resourcePolicy", kind="resource")
        if not principal:
            raise invalid("principal", "is required with a resource policy")
    decides = Policies(
        identity=statements,
        boundary=None if boundary_document is None else parse(boundary_document, "boundary"),
        resource=None if resource_policy is None else parse(resource_policy, "resource policy", "resource"),
        principal=Principal(arn=principal, account=here.names().account) if principal else None,
    )
    given = checked_context(context)
    return [
        simulate(decides, action, resource, {**implied(resource), **given}, ()) for action, resource in asked
    ]


def caller_for(principal: str) -> Caller:
    """A caller as the principal would be: a user, a role's session, or a member of a group alone.

    Raises NoSuchEntity, or InvalidParameter for anything else.
    """
    try:
        arn = Arn.parse(principal)
    except ArnError:
        raise invalid("principal", "the ARN of a user, group or role") from None
    kind, name = arn.type, principal.rpartition("/")[2]
    if arn.service != "iam" or kind not in ("user", "group", "role"):
        raise invalid("principal", "the ARN of a user, group or role")
    if kind == "user":
        return Caller.for_user(find_user(name), face="system")
    if kind == "role":
        return role_caller(find_role(name), session_name="simulation", assumed_by=None, face="system")
    group = find_group(name)
    return Caller(
        arn=group.arn, name=group.name, face="system", statements=attached_to_group(group).statements
    )


def policies_of(who: Caller, extra: Sequence[Statement] = ()) -> Policies:
    """What decides for a caller, in layers. A permissions boundary is known by its source."""
    boundaries = [guard for guard in who.guards if is_boundary(guard)]
    sessions = [guard for guard in who.guards if not is_boundary(guard)]
    return Policies(
        identity=(*who.statements, *extra),
        boundary=boundaries[0] if boundaries else None,
        sessions=sessions,
        principal=who.principal,
    )


def is_boundary(guard: Sequence[Statement]) -> bool:
    return bool(guard) and guard[0].source.endswith("(permissions boundary)")


def facts(who: Caller, resource: str, given: Context, owners: Sequence[str] = ()) -> LazyContext:
    """The condition keys of a request by `who`, as Caller.may has them, with those given instead."""
    return LazyContext(
        known=lambda: merged({**implied(resource, owners), **who.full_context()}, given),
        tags=lambda: tags_of(resource, owners),
        service=resource.split(":", 3)[2] if resource.count(":") > 2 else "",
    )


def checked_questions(actions: Sequence[str], resources: Sequence[str]) -> list[tuple[str, str]]:
    """Each action with each resource. Raises InvalidParameter."""
    _strings("actions", actions, MOST_ACTIONS)
    _strings("resources", resources, MOST_RESOURCES)
    for index, action in enumerate(actions):
        service, colon, name = action.partition(":")
        if not (service and colon and name) or "*" in action or "?" in action:
            raise invalid(f"actions[{index}]", 'one action, such as "ecs:UpdateService", without wildcards')
    for index, resource in enumerate(resources):
        if resource != "*" and (not resource.startswith("arn:") or resource.count(":") < 5):
            raise invalid(f"resources[{index}]", 'an ARN, or "*" for an action that has no resource')
    if len(actions) * len(resources) > MOST_RESULTS:
        raise invalid("actions", f"at most {MOST_RESULTS} questions at once: actions times resources")
    return [(action, resource) for action in actions for resource in resources]


def _strings(name: str, given: object, most: int) -> None:
    if isinstance(given, str) or not isinstance(given, Sequence) or not 1 <= len(given) <= most:
        raise invalid(name, f"a list of 1 to {most}")
    for index, item in enumerate(given):
        if not isinstance(item, str) or not 1 <= len(item) <= 2048:
            raise invalid(f"{name}[{index}]", "a text of 1 to 2048 characters")


def checked_context(context: object) -> dict[str, Any]:
    """Condition keys with a text, a number, a boolean or a list of these. Raises InvalidParameter."""
    if context is None:
        return {}
    if not isinstance(context, Mapping):
        raise invalid("context", "an object of condition keys and their values")
    found: dict[str, Any] = {}
    for key, value in context.items():
        if ":" not in str(key):
            raise invalid(f"context.{key}", 'a condition key, such as "aws:SourceIp"')
        listed = list(value) if isinstance(value, list | tuple) else [value]
        if not all(isinstance(one, str | int | float | bool) for one in listed):
            raise invalid(f"context.{key}", "a text, a number, a boolean or a list of these")
        texts = tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in listed)
        found[str(key)] = texts if isinstance(value, list | tuple) else texts[0]
    return found


def _documents(policies: object, name: str) -> list[tuple[Statement, ...]]:
    if isinstance(policies, str | Mapping) or not isinstance(policies, Sequence):
        raise invalid(name, "a list of policy documents")
    if len(policies) > MOST_POLICIES:
        raise invalid(name, f"at most {MOST_POLICIES} documents")
    for index, document in enumerate(policies):
        checked_document(document, field=f"{name}[{index}]")
    return [parse(document, f"{name}[{index}]") for index, document in enumerate(policies)]
