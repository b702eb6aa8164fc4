"""Managed policies with their versions, inline policies, attachments, and what an account is like."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count

from access.caller import Caller
from access.identities.identity_queries import AuthorizationDetails, PolicyHolders
from access.models import InlinePolicy, PasswordPolicy, Policy, PolicyVersion
from access.registry import call
from console.aws.handlers import answers
from console.aws.iam.common import Document, identity, policy_name, shown_document, tag_list
from console.aws.iam.identities import pages, plain


def policy_shape(row: Policy, *, details: bool = True) -> Document:
    attached = row.users.count() + row.groups.count() + row.roles.count() if details else None
    bounded = row.bounded_users.count() + row.bounded_roles.count() if details else None
    return {
        **identity(row.name, row, "Policy"),
        "DefaultVersionId": row.default_version_id,
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": bounded,
        "IsAttachable": True,
        "Description": row.description or None,
        "UpdateDate": row.updated_at,
        "Tags": tag_list(row.tags) if details else None,
    }


def version_shape(row: PolicyVersion) -> Document:
    return {
        "Document": shown_document(row.document),
        "VersionId": row.version_id,
        "IsDefaultVersion": row.is_default,
        "CreateDate": row.created_at,
    }


def _without_document(row: PolicyVersion) -> Document:
    return {**version_shape(row), "Document": None}


def _attached(row: Policy) -> Document:
    return {"PolicyName": row.name, "PolicyArn": row.arn}


# ---- managed ---------------------------------------------------------------------------------------

plain("CreatePolicy", lambda row: {"Policy": policy_shape(row)}, names={"PolicyName": "policy"})
plain("GetPolicy", lambda row: {"Policy": policy_shape(row)})
plain("DeletePolicy")
plain("CreatePolicyVersion", lambda row: {"PolicyVersion": version_shape(row)})
plain("GetPolicyVersion", lambda row: {"PolicyVersion": version_shape(row)})
plain("DeletePolicyVersion")
plain("SetDefaultPolicyVersion")
pages("ListPolicyVersions", "Versions", order=["-number"], item=_without_document)
plain("ListPolicyTags", lambda tags: {"Tags": tag_list(tags), "IsTruncated": False})
plain("TagPolicy")
plain("UntagPolicy")


def _of_scope(rows: Any, scope: str) -> Any:
    return rows if scope == "All" else rows.filter(ready_made=scope == "AWS")


def _attached_only(rows: Any, only: bool) -> Any:
    if not only:
        return rows
    counted = rows.annotate(_u=Count("users"), _g=Count("groups"), _r=Count("roles"))
    return counted.exclude(_u=0, _g=0, _r=0)


pages(
    "ListPolicies",
    "Policies",
    order=["name"],
    item=lambda row: policy_shape(row, details=False),
    narrow={"Scope": _of_scope, "OnlyAttached": _attached_only},
)


@answers("iam", "ListEntitiesForPolicy", "list_entities_for_policy")
def list_entities_for_policy(
    caller: Caller, *, PolicyArn: str, PolicyUsageFilter: str = "", EntityFilter: str = ""
) -> Document:
    found: PolicyHolders = call("list_entities_for_policy", caller, policy=policy_name(PolicyArn))
    users, groups, roles = list(found.users), list(found.groups), list(found.roles)
    if PolicyUsageFilter == "PermissionsBoundary":
        users, groups, roles = list(found.bounded_users), [], list(found.bounded_roles)
    shown = {
        "PolicyUsers": [{"UserName": name} for name in users],
        "PolicyGroups": [{"GroupName": name} for name in groups],
        "PolicyRoles": [{"RoleName": name} for name in roles],
    }
    only = {"User": "PolicyUsers", "Group": "PolicyGroups", "Role": "PolicyRoles"}.get(EntityFilter)
    if EntityFilter:
        shown = {name: rows if name == only else [] for name, rows in shown.items()}
    return {**shown, "IsTruncated": False}


# ---- attached and inline: of users, groups and roles alike -----------------------------------------

for _kind in ("User", "Group", "Role"):
    plain(f"Attach{_kind}Policy")
    plain(f"Detach{_kind}Policy")
    pages(f"ListAttached{_kind}Policies", "AttachedPolicies", order=["name"], item=_attached)
    plain(f"Put{_kind}Policy", names={"PolicyName": "policy_name"})
    plain(f"Delete{_kind}Policy", names={"PolicyName": "policy_name"})
    pages(f"List{_kind}Policies", "PolicyNames", order=["name"], item=lambda row: row.name)


def _inline(row: InlinePolicy, owner: Document) -> Document:
    return {**owner, "PolicyName": row.name, "PolicyDocument": shown_document(row.document)}


@answers("iam", "GetUserPolicy", "get_user_policy")
def get_user_policy(caller: Caller, *, UserName: str, PolicyName: str) -> Document:
    row = call("get_user_policy", caller, username=UserName, policy_name=PolicyName)
    return _inline(row, {"UserName": UserName})


@answers("iam", "GetGroupPolicy", "get_group_policy")
def get_group_policy(caller: Caller, *, GroupName: str, PolicyName: str) -> Document:
    row = call("get_group_policy", caller, group=GroupName, policy_name=PolicyName)
    return _inline(row, {"GroupName": GroupName})


@answers("iam", "GetRolePolicy", "get_role_policy")
def get_role_policy(caller: Caller, *, RoleName: str, PolicyName: str) -> Document:
    row = call("get_role_policy", caller, role=RoleName, policy_name=PolicyName)
    return _inline(row, {"RoleName": RoleName})


# ---- the account -----------------------------------------------------------------------------------

plain("GetAccountSummary", lambda counts: {"SummaryMap": counts})


def _password_policy(row: PasswordPolicy) -> Document:
    return {
        "PasswordPolicy": {
            "MinimumPasswordLength": row.minimum_password_length,
            "RequireSymbols": row.require_symbols,
            "RequireNumbers": row.require_numbers,
            "RequireUppercaseCharacters": row.require_uppercase_characters,
            "RequireLowercaseCharacters": row.require_lowercase_characters,
            "AllowUsersToChangePassword": True,
            "ExpirePasswords": bool(row.max_password_age),
            "MaxPasswordAge": row.max_password_age or None,
            "PasswordReusePrevention": row.password_reuse_prevention or None,
        }
    }


plain("GetAccountPasswordPolicy", _password_policy)
plain("UpdateAccountPasswordPolicy")
plain("ChangePassword", names={"OldPassword": "current_password"})


def _encoded(details: Any) -> Any:
    """The documents within, as IAM has them."""
    if isinstance(details, list | tuple):
        return [_encoded(one) for one in details]
    if not isinstance(details, dict):
        return details
    return {
        name: shown_document(value) if name.endswith("Document") else _encoded(value)
        for name, value in details.items()
    }


def _times(details: Any) -> Any:
    if isinstance(details, list):
        return [_times(one) for one in details]
    if not isinstance(details, dict):
        return details
    return {
        name: datetime.fromisoformat(value)
        if name == "CreateDate" and isinstance(value, str)
        else _times(value)
        for name, value in details.items()
    }


_LISTS = {
    "User": ("UserDetailList", "users"),
    "Group": ("GroupDetailList", "groups"),
    "Role": ("RoleDetailList", "roles"),
    "LocalManagedPolicy": ("Policies", "policies"),
}


@answers("iam", "GetAccountAuthorizationDetails", "get_account_authorization_details")
def get_account_authorization_details(caller: Caller, *, Filter: list[str] | None = None) -> Document:
    found: AuthorizationDetails = call("get_account_authorization_details", caller)
    wanted = set(Filter or [*_LISTS, "AWSManagedPolicy"])
    answer: Document = {"IsTruncated": False}
    for kind, (member, name) in _LISTS.items():
        rows = _times(_encoded(list(getattr(found, name))))
        if kind == "LocalManagedPolicy":
            ours = "::aws:policy/"
            rows = [
                row
                for row in rows
                if ("AWSManagedPolicy" if ours in row["Arn"] else "LocalManagedPolicy") in wanted
            ]
        elif kind not in wanted:
            rows = []
        answer[member] = [{"Path": "/", **row} for row in rows]
    return answer
