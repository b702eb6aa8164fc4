"""STS: who one is, temporary keys, roles."""

from __future__ import annotations

from typing import Any

from access.caller import Caller
from access.identities.sts import Identity, IssuedSession
from access.registry import call
from base import here
from base.errors import AccessDenied
from console.aws.handlers import answers, mechanical, tags_to_dict
from console.aws.iam.common import Document, policy_name, read_document


def _credentials(issued: IssuedSession) -> Document:
    row = issued.credential
    return {
        "AccessKeyId": row.key_id,
        "SecretAccessKey": issued.secret,
        "SessionToken": issued.session_token,
        "Expiration": row.expires_at,
    }


def _identity(found: Identity) -> Document:
    return {"UserId": found.user_id, "Account": found.account, "Arn": found.arn}


def _role_name(arn: str) -> str:
    """Of a role's ARN. One that is of no role of this account is refused as AWS does: without saying which it is."""
    name = arn.rsplit("/", 1)[-1]
    if arn != here.role_arn(name):
        raise AccessDenied(f"Not authorized to perform sts:AssumeRole on resource: {arn}.", resource=arn)
    return name


def _assumed(issued: IssuedSession) -> Document:
    return {
        "Credentials": _credentials(issued),
        "AssumedRoleUser": {"AssumedRoleId": issued.user_id, "Arn": issued.arn},
        "SourceIdentity": issued.credential.source_identity or None,
    }


mechanical("sts", "GetCallerIdentity", _identity)
mechanical("sts", "GetSessionToken", lambda issued: {"Credentials": _credentials(issued)})
mechanical(
    "sts",
    "AssumeRole",
    _assumed,
    names={
        "RoleArn": "role",
        "RoleSessionName": "session_name",
        "Policy": "session_policy",
        "PolicyArns": "policies",
    },
    convert={
        "RoleArn": _role_name,
        "Policy": read_document,
        "PolicyArns": lambda arns: [policy_name(one.get("arn", "")) for one in arns],
        "Tags": tags_to_dict,
    },
)


@answers("sts", "GetAccessKeyInfo", "get_access_key_last_used")
def get_access_key_info(caller: Caller, *, AccessKeyId: str) -> Document:
    found: Any = call("get_access_key_last_used", caller, key_id=AccessKeyId)
    return {"Account": here.names().account if found else None}
