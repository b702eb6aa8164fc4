"""Roles, policies attached and inline, boundaries, versions, tags, access keys and sessions."""

from __future__ import annotations

from typing import Any

from console.rest.actions import Action, Endpoint, Filter, Listing
from console.rest.shapes.access import GroupShape, PolicyShape
from console.rest.shapes.identities import (
    AccessKeyShape,
    AttachedPolicyShape,
    AuthorizationDetailsShape,
    IdentityShape,
    InlinePolicyShape,
    IssuedKeyShape,
    IssuedSessionShape,
    KeyLastUsedShape,
    PolicyHoldersShape,
    PolicyVersionShape,
    RoleSessionShape,
    RoleShape,
    SummaryShape,
    TagsShape,
)

_POLICIES = "Policies"
_ROLES = "Roles"
_SESSIONS = "Sessions"
_KEYS = "Access keys"
_BY_NAME: Any = {"orders": {"name": ("name",)}, "order": "name"}

_DOCUMENT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ecs:List*", "Resource": "*"}],
}
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def _policies_of(kind: str, base: str, tag: str) -> list[Endpoint]:
    """Of a "user", "group" or "role": attached and inline policies."""
    return [
        Endpoint(
            f"{base}/policies",
            tag,
            GET=Listing(f"list_attached_{kind}_policies", AttachedPolicyShape, **_BY_NAME),
        ),
        Endpoint(
            f"{base}/policies/<str:policy>",
            tag,
            PUT=Action(f"attach_{kind}_policy"),
            DELETE=Action(f"detach_{kind}_policy"),
        ),
        Endpoint(
            f"{base}/inline-policies",
            tag,
            GET=Listing(f"list_{kind}_policies", InlinePolicyShape, **_BY_NAME),
        ),
        Endpoint(
            f"{base}/inline-policies/<str:policyName>",
            tag,
            GET=Action(f"get_{kind}_policy", InlinePolicyShape),
            PUT=Action(f"put_{kind}_policy", InlinePolicyShape, example={"document": _DOCUMENT}),
            DELETE=Action(f"delete_{kind}_policy"),
        ),
    ]


def _boundary_of(kind: str, base: str, tag: str) -> Endpoint:
    return Endpoint(
        f"{base}/permissions-boundary",
        tag,
        PUT=Action(f"put_{kind}_permissions_boundary", example={"policy": "developers-at-most"}),
        DELETE=Action(f"delete_{kind}_permissions_boundary"),
    )


def _tags_of(kind: str, base: str, tag: str) -> Endpoint:
    return Endpoint(
        f"{base}/tags",
        tag,
        GET=Action(f"list_{kind}_tags", TagsShape),
        POST=Action(f"tag_{kind}", example={"tags": {"team": "shop"}}),
        DELETE=Action(f"untag_{kind}"),
    )


_USER, _GROUP = "users/<str:username>", "groups/<str:group>"
_ROLE, _POLICY = "roles/<str:role>", "policies/<str:policy>"

ENDPOINTS = [
    *_policies_of("user", _USER, "Users"),
    *_policies_of("group", _GROUP, "Groups"),
    *_policies_of("role", _ROLE, _ROLES),
    _boundary_of("user", _USER, "Users"),
    _boundary_of("role", _ROLE, _ROLES),
    _tags_of("user", _USER, "Users"),
    _tags_of("role", _ROLE, _ROLES),
    _tags_of("policy", _POLICY, _POLICIES),
    Endpoint(f"{_USER}/groups", "Users", GET=Listing("list_groups_for_user", GroupShape, **_BY_NAME)),
    Endpoint(
        f"{_USER}/access-keys",
        _KEYS,
        GET=Listing(
            "list_access_keys", AccessKeyShape, orders={"createdAt": ("created_at",)}, order="createdAt"
        ),
        POST=Action("create_access_key", IssuedKeyShape, status=201),
    ),
    Endpoint(
        f"{_USER}/access-keys/<str:keyId>",
        _KEYS,
        PUT=Action(
            "import_access_key",
            AccessKeyShape,
            example={"secretAccessKey": "a secret of 16 characters or more"},
        ),
        PATCH=Action("update_access_key", AccessKeyShape, example={"active": False}),
        DELETE=Action("delete_access_key"),
    ),
    Endpoint(
        "access-keys/<str:keyId>/last-used",
        _KEYS,
        GET=Action("get_access_key_last_used", KeyLastUsedShape),
    ),
    Endpoint(
        "roles",
        _ROLES,
        GET=Listing(
            "list_roles",
            RoleShape,
            filters={"name": Filter("name__icontains", "Part of its name.")},
            orders={"name": ("name",), "createdAt": ("created_at",)},
            order="name",
        ),
        POST=Action(
            "create_role",
            RoleShape,
            status=201,
            example={"role": "shop-task", "assumeRolePolicyDocument": _TRUST},
        ),
    ),
    Endpoint(
        _ROLE,
        _ROLES,
        GET=Action("get_role", RoleShape),
        PATCH=Action("update_role", RoleShape, example={"maxSessionSeconds": 7200}),
        DELETE=Action("delete_role"),
    ),
    Endpoint(
        f"{_ROLE}/trust-policy",
        _ROLES,
        PUT=Action("update_assume_role_policy", RoleShape, example={"policyDocument": _TRUST}),
    ),
    Endpoint(
        f"{_ROLE}/sessions",
        _SESSIONS,
        GET=Listing(
            "list_role_sessions", RoleSessionShape, orders={"createdAt": ("created_at",)}, order="-createdAt"
        ),
        POST=Action(
            "assume_role",
            IssuedSessionShape,
            status=201,
            example={"sessionName": "amina", "durationSeconds": 900},
        ),
        DELETE=Action("revoke_role_sessions", RoleShape),
    ),
    Endpoint("me/identity", _SESSIONS, GET=Action("get_caller_identity", IdentityShape)),
    Endpoint(
        "me/session-token",
        _SESSIONS,
        POST=Action("get_session_token", IssuedSessionShape, status=201, example={"durationSeconds": 3600}),
    ),
    Endpoint(
        f"{_POLICY}/versions",
        _POLICIES,
        GET=Listing(
            "list_policy_versions", PolicyVersionShape, orders={"number": ("number",)}, order="-number"
        ),
        POST=Action(
            "create_policy_version",
            PolicyVersionShape,
            status=201,
            example={"document": _DOCUMENT, "setAsDefault": True},
        ),
    ),
    Endpoint(
        f"{_POLICY}/versions/<str:version>",
        _POLICIES,
        GET=Action("get_policy_version", PolicyVersionShape),
        DELETE=Action("delete_policy_version"),
    ),
    Endpoint(
        f"{_POLICY}/default-version",
        _POLICIES,
        PUT=Action("set_default_policy_version", PolicyShape, example={"version": "v2"}),
    ),
    Endpoint(f"{_POLICY}/holders", _POLICIES, GET=Action("list_entities_for_policy", PolicyHoldersShape)),
    Endpoint("account/summary", "Account", GET=Action("get_account_summary", SummaryShape)),
    Endpoint(
        "account/authorization-details",
        "Account",
        GET=Action("get_account_authorization_details", AuthorizationDetailsShape),
    ),
]
