"""Users, groups, policies, tokens."""

from __future__ import annotations

from console.rest.actions import Action, Endpoint, Filter, Listing
from console.rest.composed import who_am_i
from console.rest.shapes.access import (
    GroupShape,
    IssuedTokenShape,
    PolicyShape,
    TokenShape,
    UserShape,
)

_USERS = "Users"
_GROUPS = "Groups"
_POLICIES = "Policies"
_USER = "users/<str:username>"
_GROUP = "groups/<str:group>"

_POLICY_EXAMPLE = {
    "description": "Scale the shop's services.",
    "document": {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "ecs:UpdateService",
                "Resource": "arn:aws:ecs:*:*:service/shop/*",
            }
        ],
    },
}

ENDPOINTS = [
    Endpoint("me", _USERS, GET=Action(who_am_i, UserShape)),
    Endpoint(
        "me/password",
        _USERS,
        PUT=Action("change_password", example={"currentPassword": "old", "newPassword": "long and new"}),
    ),
    Endpoint(
        "users",
        _USERS,
        GET=Listing(
            "list_users",
            UserShape,
            filters={
                "username": Filter("username__icontains", "Part of the name."),
                "isActive": Filter("is_active", "Whether it may sign in.", flag=True),
            },
            orders={"username": ("username",), "createdAt": ("created_at",)},
            order="username",
        ),
        POST=Action(
            "create_user",
            UserShape,
            status=201,
            example={"username": "amina", "password": "a long pass phrase", "groups": ["deployer"]},
        ),
    ),
    Endpoint(
        _USER,
        _USERS,
        GET=Action("get_user", UserShape),
        PATCH=Action("update_user", UserShape, example={"displayName": "Amina Diallo"}),
        DELETE=Action("delete_user"),
    ),
    Endpoint(f"{_USER}/activate", _USERS, POST=Action("activate_user", UserShape)),
    Endpoint(f"{_USER}/deactivate", _USERS, POST=Action("deactivate_user", UserShape)),
    Endpoint(
        f"{_USER}/password", _USERS, PUT=Action("set_password", example={"password": "a long pass phrase"})
    ),
    Endpoint(
        f"{_USER}/tokens",
        "Tokens",
        GET=Listing(
            "list_tokens",
            TokenShape,
            orders={"createdAt": ("created_at",), "name": ("name",)},
            order="-createdAt",
        ),
        POST=Action(
            "create_token", IssuedTokenShape, status=201, example={"name": "ci", "expiresInDays": 90}
        ),
    ),
    Endpoint(f"{_USER}/tokens/<str:name>", "Tokens", DELETE=Action("revoke_token")),
    Endpoint(
        "groups",
        _GROUPS,
        GET=Listing(
            "list_groups",
            GroupShape,
            filters={"name": Filter("name__icontains", "Part of its name.")},
            orders={"name": ("name",), "createdAt": ("created_at",)},
            order="name",
        ),
        POST=Action(
            "create_group",
            GroupShape,
            status=201,
            example={"group": "shop", "policies": ["deployer"], "scope": ["arn:aws:ecs:*:*:cluster/shop"]},
        ),
    ),
    Endpoint(
        _GROUP,
        _GROUPS,
        GET=Action("get_group", GroupShape),
        PATCH=Action("update_group", GroupShape, example={"scope": []}),
        DELETE=Action("delete_group"),
    ),
    Endpoint(
        f"{_GROUP}/members/<str:username>",
        _GROUPS,
        PUT=Action("add_user_to_group"),
        DELETE=Action("remove_user_from_group"),
    ),
    Endpoint(
        "policies",
        _POLICIES,
        GET=Listing(
            "list_policies",
            PolicyShape,
            filters={
                "name": Filter("name__icontains", "Part of its name."),
                "readyMade": Filter("ready_made", "Whether it is one of Slipway's own.", flag=True),
            },
            orders={"name": ("name",), "updatedAt": ("updated_at",)},
            order="name",
        ),
        POST=Action(
            "create_policy", PolicyShape, status=201, example={"policy": "scale-shop", **_POLICY_EXAMPLE}
        ),
    ),
    Endpoint(
        "policies/<str:policy>",
        _POLICIES,
        GET=Action("get_policy", PolicyShape),
        PUT=Action("put_policy", PolicyShape, example=_POLICY_EXAMPLE),
        DELETE=Action("delete_policy"),
    ),
]
