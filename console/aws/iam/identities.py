"""Users, groups, roles, and their access keys."""

from __future__ import annotations

from typing import Any

from access.caller import Caller
from access.identities.keys import IssuedKey, KeyLastUsed
from access.models import AccessKey, Group, Role, User
from access.registry import call
from base.errors import invalid
from console.aws.handlers import answers, listing, mechanical
from console.aws.iam.common import (
    CONVERT,
    NAMES,
    OWN,
    PAGES,
    SIZES,
    Document,
    boundary,
    identity,
    shown_document,
    tag_list,
)


def user_shape(row: User) -> Document:
    return {**identity(row.username, row, "User"), **boundary(row), "Tags": tag_list(row.tags)}


def group_shape(row: Group) -> Document:
    return identity(row.name, row, "Group")


def role_shape(row: Role) -> Document:
    return {
        **identity(row.name, row, "Role"),
        "AssumeRolePolicyDocument": shown_document(row.trust_policy),
        "Description": row.description or None,
        "MaxSessionDuration": row.max_session_seconds,
        "RoleLastUsed": {"LastUsedDate": row.last_used_at},
        **boundary(row),
        "Tags": tag_list(row.tags),
    }


def _nothing(result: Any) -> None:
    return None


def plain(operation: str, render: Any = _nothing, **more: Any) -> None:
    mechanical("iam", operation, render, names={**NAMES, **more.pop("names", {})}, convert=CONVERT, **more)


def pages(operation: str, member: str, **more: Any) -> None:
    names = {**NAMES, **more.pop("names", {})}
    listing("iam", operation, member, paging=PAGES, sizes=SIZES, names=names, convert=CONVERT, **more)


# ---- users -----------------------------------------------------------------------------------------

plain("CreateUser", lambda row: {"User": user_shape(row)})
plain("GetUser", lambda row: {"User": user_shape(row)}, default=OWN)
plain("DeleteUser")
pages("ListUsers", "Users", order=["username"], item=user_shape)
plain("ListUserTags", lambda tags: {"Tags": tag_list(tags), "IsTruncated": False})
plain("TagUser")
plain("UntagUser")
plain("PutUserPermissionsBoundary", names={"PermissionsBoundary": "policy"})
plain("DeleteUserPermissionsBoundary")

# ---- access keys -----------------------------------------------------------------------------------


def _issued(issued: IssuedKey) -> Document:
    return {"AccessKey": {**_key(issued.key), "SecretAccessKey": issued.secret}}


def _key(row: AccessKey) -> Document:
    return {
        "UserName": row.user.username,
        "AccessKeyId": row.key_id,
        "Status": "Active" if row.active else "Inactive",
        "CreateDate": row.created_at,
    }


def _last_used(found: KeyLastUsed) -> Document:
    used = {
        "LastUsedDate": found.last_used_at,
        "ServiceName": found.service or "N/A",
        "Region": found.region or "N/A",
    }
    return {"UserName": found.username, "AccessKeyLastUsed": used}


plain("CreateAccessKey", _issued, default=OWN)
plain("DeleteAccessKey", default=OWN)
plain("GetAccessKeyLastUsed", _last_used)
pages(
    "ListAccessKeys",
    "AccessKeyMetadata",
    order=["created_at", "pk"],
    item=_key,
    default=OWN,
)


@answers("iam", "UpdateAccessKey", "update_access_key")
def update_access_key(caller: Caller, *, AccessKeyId: str, Status: str, UserName: str = "") -> None:
    active = Status == "Active"
    if Status == "Expired":
        raise invalid("Status", "Active or Inactive")
    call(
        "update_access_key",
        caller,
        username=UserName or OWN["username"](caller),
        key_id=AccessKeyId,
        active=active,
    )


# ---- groups ----------------------------------------------------------------------------------------

plain("CreateGroup", lambda row: {"Group": group_shape(row)})
plain("DeleteGroup")
pages("ListGroups", "Groups", order=["name"], item=group_shape)
pages("ListGroupsForUser", "Groups", order=["name"], item=group_shape)
plain("AddUserToGroup")
plain("RemoveUserFromGroup")


@answers("iam", "GetGroup", "get_group")
def get_group(caller: Caller, *, GroupName: str) -> Document:
    row = call("get_group", caller, group=GroupName)
    members = row.members.select_related("boundary").order_by("username")
    return {"Group": group_shape(row), "Users": [user_shape(one) for one in members], "IsTruncated": False}


# ---- roles -----------------------------------------------------------------------------------------

plain("CreateRole", lambda row: {"Role": role_shape(row)})
plain("GetRole", lambda row: {"Role": role_shape(row)})
plain("UpdateRole", lambda row: {})
plain("UpdateAssumeRolePolicy", names={"PolicyDocument": "policy_document"})
plain("DeleteRole")
pages("ListRoles", "Roles", order=["name"], item=role_shape)
plain("ListRoleTags", lambda tags: {"Tags": tag_list(tags), "IsTruncated": False})
plain("TagRole")
plain("UntagRole")
plain("PutRolePermissionsBoundary", names={"PermissionsBoundary": "policy"})
plain("DeleteRolePermissionsBoundary")
