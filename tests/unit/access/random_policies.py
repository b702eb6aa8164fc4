"""Random policies and requests, chosen so that they often meet: few names, many ways to write them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

ACCOUNT = "123456789012"
HEAD = f"arn:aws:ecs:us-east-1:{ACCOUNT}"
ANA = f"arn:aws:iam::{ACCOUNT}:user/ana"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deployer"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/ana"
RESOURCES = ["*", f"{HEAD}:service/default/web", f"{HEAD}:service/blue/web", f"{HEAD}:cluster/blue", ANA]
ACTIONS = [
    "ecs:UpdateService",
    "ecs:DescribeServices",
    "ecs:DeleteCluster",
    "iam:GetUser",
    "ECS:updateservice",
]
ACTION_PATTERNS = [
    "*",
    "ecs:*",
    "ecs:UpdateService",
    "ecs:Describe*",
    "ECS:*service",
    "ecs:?pdate*",
    "iam:*",
    "*:*",
]
RESOURCE_PATTERNS = [
    *RESOURCES,
    "arn:aws:ecs:*",
    f"{HEAD}:service/*",
    f"{HEAD}:service/*/web",
    f"{HEAD}:service/${{aws:username}}/*",
    f"{HEAD}:service/${{aws:PrincipalTag/team, 'default'}}/w?b",
    "arn:aws:*:*:*:cluster/b*",
    f"{HEAD}:cluster/${{*}}",
    "arn:aws:iam::*:user/${aws:username}",
]
VALUES = {
    "aws:username": ["ana", "blue", "*", "A?a"],
    "aws:PrincipalTag/team": ["blue", "default", ""],
    "ecs:cluster": [f"{HEAD}:cluster/blue", f"{HEAD}:cluster/default", "not-an-arn"],
    "aws:TagKeys": [["team"], ["team", "env"], [], "Team"],
    "slipway:desired-count": ["0", "3", "-1", "2.50", "1e2", "many"],
    "aws:MultiFactorAuthPresent": ["true", "false", "True"],
    "aws:SourceIp": ["10.1.2.3", "192.168.0.1", "2001:db8::1", "nowhere"],
    "aws:CurrentTime": ["2026-01-01T00:00:00Z", "2026-06-01T12:00:00+02:00", "1767225600", "2026-06-01"],
    "my:bytes": ["eA==", "eHk=", "!"],
}
_STRINGS = [
    "ana",
    "blue",
    "b*",
    "?na",
    "*",
    "Ana",
    "${aws:username}",
    "${aws:PrincipalTag/team, 'x'}*",
    "${?}na",
    "",
]
_ARNS = [
    f"{HEAD}:cluster/blue",
    "arn:aws:ecs:*:*:cluster/b*",
    "arn:aws:*:*:*:*",
    "arn:aws:ecs:*:${aws:none}:cluster/?",
]
_ARNS += [f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/${{aws:PrincipalTag/team}}"]
_NUMBERS = ["0", "3", 2.5, "100", -1, "1e2"]
_DATES = ["2026-01-01T00:00:00Z", "2026-06-01T10:00:00Z", "1767225600", "2026-06"]
_FAMILIES: list[tuple[list[str], list[str], list[Any]]] = [
    (["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"], list(VALUES), _STRINGS),
    (["StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"], list(VALUES), _STRINGS),
    (["ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"], ["ecs:cluster", "aws:username"], _ARNS),
    (
        ["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericGreaterThanEquals"],
        ["slipway:desired-count"],
        _NUMBERS,
    ),
    (["NumericLessThanEquals", "NumericGreaterThan"], ["slipway:desired-count"], _NUMBERS),
    (["DateEquals", "DateNotEquals", "DateLessThan", "DateGreaterThanEquals"], ["aws:CurrentTime"], _DATES),
    (["Bool"], ["aws:MultiFactorAuthPresent"], ["true", "false", True]),
    (
        ["IpAddress", "NotIpAddress"],
        ["aws:SourceIp"],
        ["10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "0.0.0.0/0"],
    ),
    (["BinaryEquals"], ["my:bytes"], ["eA==", "eHk="]),
]


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(draw(st.integers(1, 2))):
        if draw(st.integers(0, 9)) == 0:
            key = draw(st.sampled_from(sorted(VALUES)))
            found.setdefault("Null", {})[key] = draw(st.sampled_from(["true", "false", True]))
            continue
        operators, keys, values = draw(st.sampled_from(_FAMILIES))
        operator = draw(st.sampled_from(["", "", "", "ForAnyValue:", "ForAllValues:"]))
        operator += draw(st.sampled_from(operators)) + draw(st.sampled_from(["", "", "IfExists"]))
        key = draw(st.sampled_from(keys))
        wanted = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
        found.setdefault(operator, {})[key] = wanted[0] if len(wanted) == 1 else wanted
    return found


@st.composite
def statements(draw: st.DrawFn, principals: bool = False) -> dict[str, Any]:
    """One raw statement, valid."""
    effect = draw(st.sampled_from(["Allow", "Allow", "Deny"]))
    raw: dict[str, Any] = {"Effect": effect}
    for name, patterns in (("Action", ACTION_PATTERNS), ("Resource", RESOURCE_PATTERNS)):
        key = draw(st.sampled_from([name, name, name, f"Not{name}"]))
        values = draw(st.lists(st.sampled_from(patterns), min_size=1, max_size=3))
        raw[key] = values[0] if len(values) == 1 else values
    if draw(st.booleans()):
        raw["Condition"] = draw(conditions())
    if principals:
        names = draw(
            st.lists(
                st.sampled_from([ANA, ROLE, SESSION, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"]), min_size=1
            )
        )
        if effect == "Deny" and draw(st.booleans()):
            raw["NotPrincipal"] = {"AWS": names}
        else:
            raw["Principal"] = draw(
                st.sampled_from(["*", {"AWS": "*"}, {"AWS": names}, {"Service": "ecs-tasks.amazonaws.com"}])
            )
    return raw


@st.composite
def documents(draw: st.DrawFn, principals: bool = False) -> dict[str, Any]:
    raw: dict[str, Any] = {"Statement": draw(st.lists(statements(principals), min_size=1, max_size=4))}
    if draw(st.integers(0, 5)):
        raw["Version"] = "2012-10-17"
    return raw


@st.composite
def contexts(draw: st.DrawFn) -> dict[str, Any]:
    keys = draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True, max_size=6))
    found = {key: draw(st.sampled_from(VALUES[key])) for key in keys}
    return {key.upper() if draw(st.integers(0, 9)) == 0 else key: value for key, value in found.items()}


requests = st.tuples(st.sampled_from(ACTIONS), st.sampled_from(RESOURCES), contexts())
PRINCIPALS: list[dict[str, str]] = [
    {"arn": ANA, "account": ACCOUNT},
    {"arn": SESSION, "role": ROLE, "account": ACCOUNT},
]
