"""What the mappings of IAM share: its names for things, documents as text, and its way of turning pages."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from access.caller import Caller
from base import here
from base.errors import InvalidParameter, NoSuchEntity, invalid
from console.aws.handlers import Paging

Document = dict[str, Any]

PAGES = Paging("MaxItems", "Marker", "Marker", "IsTruncated")
SIZES = (100, 1000)
NAMES = {
    "UserName": "username",
    "GroupName": "group",
    "RoleName": "role",
    "PolicyArn": "policy",
    "PolicyDocument": "document",
    "PermissionsBoundary": "boundary",
    "AccessKeyId": "key_id",
    "VersionId": "version",
    "TagKeys": "tag_keys",
    "MaxSessionDuration": "max_session_seconds",
    "SetAsDefault": "set_as_default",
}


def policy_name(arn: str) -> str:
    """Of a managed policy's ARN; one that is not of this account, nor ready-made, is of no policy here."""
    name = arn.rsplit("/", 1)[-1]
    if arn not in (here.policy_arn(name), here.policy_arn(name, ready_made=True)):
        raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")
    return name


def read_document(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidParameter(
            "The policy is not in the valid JSON format.", code="MalformedPolicyDocument"
        ) from None


def shown_document(document: Any) -> str:
    """As IAM answers documents: JSON, percent-encoded."""
    return quote(json.dumps(document), safe="")


def own_name(caller: Caller) -> str:
    """Where no user is named, the caller itself is meant."""
    if caller.user_id is None:
        raise invalid("UserName", "Must specify userName when calling with non-User credentials")
    return caller.name


OWN = {"username": own_name}
CONVERT = {
    "PolicyArn": policy_name,
    "PermissionsBoundary": policy_name,
    "PolicyDocument": read_document,
    "AssumeRolePolicyDocument": read_document,
}


def tag_list(tags: dict[str, str]) -> list[Document]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def identity(name: str, row: Any, kind: str) -> Document:
    """What IAM tells of users, groups, roles and policies alike."""
    return {
        "Path": "/",
        f"{kind}Name": name,
        f"{kind}Id": row.unique_id,
        "Arn": row.arn,
        "CreateDate": row.created_at,
    }


def boundary(row: Any) -> Document:
    if row.boundary is None:
        return {}
    return {
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": row.boundary.arn,
        }
    }
