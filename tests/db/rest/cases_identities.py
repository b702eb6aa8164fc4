"""Roles, attached and inline policies, boundaries, versions, tags, keys and sessions: see tests.db.rest.cases."""

from __future__ import annotations

from typing import Any

from access.models import (
    AccessKey,
    Group,
    InlinePolicy,
    Policy,
    PolicyVersion,
    Role,
    TemporaryCredential,
    User,
)
from base.cipher import encrypt
from base.clock import now
from tests.db.rest.case import Case

DOCUMENT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ecs:List*", "Resource": "*"}],
}
BAD = {"Statement": [{"Effect": "Maybe", "Action": "ecs:*", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "123456789012"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    ],
}
NO_PRINCIPAL = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}
KEY = "AKIAAAAAAAAAAAAAAAAA"
_U, _G, _R, _P = "users/amina", "groups/team", "roles/ops", "policies/mine"
READS = [
    Case("GET", path, 200)
    for path in (
        *(f"{one}/policies" for one in (_U, _G, _R)),
        *(f"{one}/inline-policies" for one in (_U, _G, _R)),
        *(f"{one}/inline-policies/own" for one in (_U, _G, _R)),
        *(f"{one}/tags" for one in (_U, _R, _P)),
        f"{_U}/groups",
        f"{_U}/access-keys",
        f"access-keys/{KEY}/last-used",
        "roles",
        _R,
        f"{_R}/sessions",
        "me/identity",
        f"{_P}/versions",
        f"{_P}/versions/v1",
        f"{_P}/holders",
        "account/summary",
        "account/authorization-details",
    )
]


def _of_identity(base: str) -> list[Case]:
    return [
        Case("PUT", f"{base}/policies/free", 204, {}, {"x": 1}, "x"),
        Case("DELETE", f"{base}/policies/mine", 204),
        Case("PUT", f"{base}/inline-policies/own", 200, {"document": DOCUMENT}, {"document": BAD}, BAD_AT),
        Case("DELETE", f"{base}/inline-policies/own", 204),
    ]


BAD_AT = "document.Statement[0].Effect"
WRITES = [
    *_of_identity(_U),
    *(case for case in _of_identity(_G) if "/policies/" not in case.path.replace("inline-", "x")),
    *_of_identity(_R),
    *(
        case
        for base in (_U, _R)
        for case in (
            Case("PUT", f"{base}/permissions-boundary", 204, {"policy": "free"}, {"policy": 3}, "policy"),
            Case("DELETE", f"{base}/permissions-boundary", 204),
        )
    ),
    *(
        case
        for base in (_U, _R, _P)
        for case in (
            Case("POST", f"{base}/tags", 204, {"tags": {"a": "b"}}, {"tags": {"aws:a": "b"}}, "tags.aws:a"),
            Case("DELETE", f"{base}/tags?tagKeys=team", 204),
        )
    ),
    Case("POST", f"{_U}/access-keys", 201, {}, {"name": "x"}, "name"),
    Case(
        "PUT",
        f"{_U}/access-keys/AKIABBBBBBBBBBBBBBBB",
        200,
        {"secretAccessKey": "0123456789abcdef"},
        {"secretAccessKey": "short"},
        "secretAccessKey",
    ),
    Case("PATCH", f"{_U}/access-keys/{KEY}", 200, {"active": False}, {"active": "no"}, "active"),
    Case("DELETE", f"{_U}/access-keys/{KEY}", 204),
    Case(
        "POST",
        "roles",
        201,
        {"role": "new", "assumeRolePolicyDocument": TRUST, "boundary": "free", "tags": {"a": "b"}},
        {"role": "new", "assumeRolePolicyDocument": NO_PRINCIPAL},
        "assumeRolePolicyDocument.Statement[0]",
    ),
    Case("PATCH", _R, 200, {"maxSessionSeconds": 900}, {"maxSessionSeconds": 899}, "maxSessionSeconds"),
    Case("DELETE", f"{_R}?force=true", 204),
    Case(
        "PUT",
        f"{_R}/trust-policy",
        200,
        {"policyDocument": {**TRUST, "Version": "2008-10-17"}},
        {"policyDocument": NO_PRINCIPAL},
        "policyDocument.Statement[0]",
    ),
    Case(
        "POST",
        f"{_R}/sessions",
        201,
        {"sessionName": "root", "sessionPolicy": DOCUMENT, "policies": ["free"], "tags": {"a": "b"}},
        {"sessionName": "root", "durationSeconds": 10},
        "durationSeconds",
    ),
    Case("DELETE", f"{_R}/sessions", 200),
    Case(
        "POST", "me/session-token", 201, {"durationSeconds": 900}, {"durationSeconds": 899}, "durationSeconds"
    ),
    Case(
        "POST",
        "policies",
        201,
        {"policy": "new", "document": DOCUMENT, "tags": {"a": "b"}},
        {"policy": "new", "document": BAD},
        BAD_AT,
    ),
    Case("POST", f"{_P}/versions", 201, {"document": DOCUMENT}, {"document": BAD}, BAD_AT),
    Case("DELETE", f"{_P}/versions/v2", 204),
    Case("PUT", f"{_P}/default-version", 200, {"version": "v2"}, {"version": 2}, "version"),
]


def furnish(amina: User, team: Group, mine: Policy) -> dict[str, str]:
    bound = Policy.objects.create(name="bound", document=DOCUMENT)
    PolicyVersion.objects.create(policy=mine, number=2, document=DOCUMENT)
    Policy.objects.filter(pk=mine.pk).update(last_version=2, tags={"team": "shop"})
    ops = Role.objects.create(name="ops", trust_policy=TRUST, boundary=bound, tags={"team": "shop"})
    ops.policies.add(mine)
    amina.policies.add(mine)
    amina.boundary, amina.tags = bound, {"team": "shop"}
    amina.save()
    owners: tuple[dict[str, Any], ...] = ({"user": amina}, {"group": team}, {"role": ops})
    for owner in owners:
        # Not the document that the cases put, so that putting it changes something.
        InlinePolicy.objects.create(name="own", document={**DOCUMENT, "Id": "old"}, **owner)
    AccessKey.objects.create(user=amina, key_id=KEY, encrypted_secret=encrypt("secret"))
    TemporaryCredential.objects.create(
        role=ops,
        session_name="amina",
        assumed_by=amina.arn,
        encrypted_secret=encrypt("secret"),
        token_digest="1" * 64,
        expires_at=now().replace(year=2100),
    )
    return {}
