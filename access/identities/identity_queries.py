"""Reads about identities beyond the plain lists: what is attached where, versions, the account as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from access.caller import Caller
from access.identities.keys import MOST_KEYS
from access.identities.managed_policies import MOST_VERSIONS, find_version
from access.identities.names import (
    find_group,
    find_policy,
    find_role,
    find_user,
    group_arn_of,
    policy_arn_of,
    role_arn_of,
    user_arn_of,
)
from access.identities.setup import administrators
from access.models import AccessKey, Group, InlinePolicy, Policy, PolicyVersion, Role, User
from access.registry import operation


@operation("iam:ListAttachedUserPolicies", resource=user_arn_of, writes=False)
def list_attached_user_policies(caller: Caller, *, username: str) -> QuerySet[Policy]:
    """The managed policies attached to a user itself, by name."""
    return find_user(username).policies.all()


@operation("iam:ListAttachedGroupPolicies", resource=group_arn_of, writes=False)
def list_attached_group_policies(caller: Caller, *, group: str) -> QuerySet[Policy]:
    """The managed policies attached to a group, by name."""
    return find_group(group).policies.all()


@operation("iam:ListAttachedRolePolicies", resource=role_arn_of, writes=False)
def list_attached_role_policies(caller: Caller, *, role: str) -> QuerySet[Policy]:
    """The managed policies attached to a role, by name."""
    return find_role(role).policies.all()


@operation("iam:ListGroupsForUser", resource=user_arn_of, writes=False)
def list_groups_for_user(caller: Caller, *, username: str) -> QuerySet[Group]:
    """The groups a user is in, by name."""
    return find_user(username).groups.prefetch_related("members", "policies")


@operation("iam:ListPolicyVersions", resource=policy_arn_of, writes=False)
def list_policy_versions(caller: Caller, *, policy: str) -> QuerySet[PolicyVersion]:
    """The versions of a managed policy, newest first."""
    return find_policy(policy).versions.select_related("policy")


@operation("iam:GetPolicyVersion", resource=policy_arn_of, writes=False)
def get_policy_version(caller: Caller, *, policy: str, version: str) -> PolicyVersion:
    """One version of a managed policy ("v3") with its document."""
    return find_version(find_policy(policy), version)


@dataclass(frozen=True, slots=True)
class PolicyHolders:
    """ListEntitiesForPolicy's answer: names of whoever has the policy, and of whoever is bounded by it."""

    users: Sequence[str]
    groups: Sequence[str]
    roles: Sequence[str]
    bounded_users: Sequence[str]
    bounded_roles: Sequence[str]


@operation("iam:ListEntitiesForPolicy", resource=policy_arn_of, writes=False)
def list_entities_for_policy(caller: Caller, *, policy: str) -> PolicyHolders:
    """Who has a managed policy, or has it as permissions boundary."""
    row = find_policy(policy)
    return PolicyHolders(
        users=list(row.users.values_list("username", flat=True)),
        groups=list(row.groups.values_list("name", flat=True)),
        roles=list(row.roles.values_list("name", flat=True)),
        bounded_users=list(row.bounded_users.values_list("username", flat=True)),
        bounded_roles=list(row.bounded_roles.values_list("name", flat=True)),
    )


@operation("iam:GetAccountSummary", resource="*", writes=False)
def get_account_summary(caller: Caller) -> Mapping[str, int]:
    """How many identities and policies there are, and the quotas, under IAM's names."""
    return {
        "Users": User.objects.count(),
        "Groups": Group.objects.count(),
        "Roles": Role.objects.count(),
        "Policies": Policy.objects.filter(ready_made=False).count(),
        "PolicyVersionsInUse": PolicyVersion.objects.filter(policy__ready_made=False).count(),
        "AccessKeys": AccessKey.objects.count(),
        "Administrators": administrators().count(),
        "AccessKeysPerUserQuota": MOST_KEYS,
        "VersionsPerPolicyQuota": MOST_VERSIONS,
    }


Detail = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuthorizationDetails:
    """GetAccountAuthorizationDetails' answer: everything that decides, in AWS's names."""

    users: Sequence[Detail]
    groups: Sequence[Detail]
    roles: Sequence[Detail]
    policies: Sequence[Detail]


@operation("iam:GetAccountAuthorizationDetails", resource="*", writes=False)
def get_account_authorization_details(caller: Caller) -> AuthorizationDetails:
    """Every user, group, role and managed policy with all that is attached to it. Twelve queries, whatever there is."""
    attached = ("policies", "inline_policies")
    users = User.objects.select_related("boundary").prefetch_related("groups", *attached)
    groups = Group.objects.prefetch_related(*attached)
    roles = Role.objects.select_related("boundary").prefetch_related(*attached)
    policies = Policy.objects.prefetch_related("versions")
    return AuthorizationDetails(
        users=[
            {
                **_identity(user.username, user, "User"),
                "GroupList": sorted(group.name for group in user.groups.all()),
                "UserPolicyList": _inline(user.inline_policies.all()),
                **_bounded(user),
            }
            for user in users
        ],
        groups=[
            {
                **_identity(group.name, group, "Group"),
                "GroupPolicyList": _inline(group.inline_policies.all()),
                "Scope": group.scope,
            }
            for group in groups
        ],
        roles=[
            {
                **_identity(role.name, role, "Role"),
                "AssumeRolePolicyDocument": role.trust_policy,
                "RolePolicyList": _inline(role.inline_policies.all()),
                **_bounded(role),
            }
            for role in roles
        ],
        policies=[_policy(policy) for policy in policies],
    )


def _identity(name: str, row: User | Group | Role, kind: str) -> Detail:
    return {
        f"{kind}Name": name,
        f"{kind}Id": row.unique_id,
        "Arn": row.arn,
        "CreateDate": row.created_at.isoformat(),
        "AttachedManagedPolicies": [
            {"PolicyName": policy.name, "PolicyArn": policy.arn} for policy in row.policies.all()
        ],
    }


def _bounded(row: User | Role) -> Detail:
    found: Detail = {"Tags": [{"Key": key, "Value": value} for key, value in row.tags.items()]}
    if row.boundary is not None:
        found["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": row.boundary.arn,
        }
    return found


def _inline(rows: QuerySet[InlinePolicy]) -> list[Detail]:
    return [{"PolicyName": row.name, "PolicyDocument": row.document} for row in rows]


def _policy(row: Policy) -> Detail:
    return {
        "PolicyName": row.name,
        "PolicyId": row.unique_id,
        "Arn": row.arn,
        "DefaultVersionId": row.default_version_id,
        "PolicyVersionList": [
            {
                "VersionId": version.version_id,
                "Document": version.document,
                "IsDefaultVersion": version.number == row.default_version,
                "CreateDate": version.created_at.isoformat(),
            }
            for version in row.versions.all()
        ],
    }
