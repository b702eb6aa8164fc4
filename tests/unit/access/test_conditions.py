"""Condition operators, each line a rule of the IAM User Guide ("Condition operators", "Set operators")."""

from __future__ import annotations

from typing import Any

import pytest

from access.policy import PolicyError, evaluate, parse

ARN = "arn:aws:ecs:us-east-1:123456789012:service/default/web"


def holds(condition: dict[str, Any], context: dict[str, Any]) -> bool:
    document = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition},
    }
    return evaluate(parse(document), "ecs:X", ARN, context).allowed


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        # Strings: exact case, values OR, keys case-insensitive.
        ({"StringEquals": {"a:k": "x"}}, {"a:k": "x"}, True),
        ({"StringEquals": {"a:k": "x"}}, {"A:K": "x"}, True),
        ({"StringEquals": {"a:k": "x"}}, {"a:k": "X"}, False),
        ({"StringEquals": {"a:k": ["x", "y"]}}, {"a:k": "y"}, True),
        ({"StringEquals": {"a:k": "x*"}}, {"a:k": "xyz"}, False),
        ({"StringEquals": {"a:k": "x*"}}, {"a:k": "x*"}, True),
        ({"StringEqualsIgnoreCase": {"a:k": "x"}}, {"a:k": "X"}, True),
        ({"StringLike": {"a:k": "x*"}}, {"a:k": "xyz"}, True),
        ({"StringLike": {"a:k": "x?"}}, {"a:k": "xyz"}, False),
        ({"stringlike": {"a:k": "x*"}}, {"a:k": "xyz"}, True),
        # Operators AND, keys AND.
        ({"StringEquals": {"a:k": "x", "a:j": "y"}}, {"a:k": "x", "a:j": "y"}, True),
        ({"StringEquals": {"a:k": "x", "a:j": "y"}}, {"a:k": "x", "a:j": "z"}, False),
        ({"StringEquals": {"a:k": "x"}, "Bool": {"a:b": "true"}}, {"a:k": "x", "a:b": "false"}, False),
        # Negated: NOR, and true when the key is missing.
        ({"StringNotEquals": {"a:k": ["x", "y"]}}, {"a:k": "y"}, False),
        ({"StringNotEquals": {"a:k": ["x", "y"]}}, {"a:k": "z"}, True),
        ({"StringNotEquals": {"a:k": "x"}}, {}, True),
        ({"StringNotLike": {"a:k": "x*"}}, {"a:k": "xyz"}, False),
        ({"StringEquals": {"a:k": "x"}}, {}, False),
        # IfExists, Null.
        ({"StringEqualsIfExists": {"a:k": "x"}}, {}, True),
        ({"StringEqualsIfExists": {"a:k": "x"}}, {"a:k": "y"}, False),
        ({"Null": {"a:k": "true"}}, {}, True),
        ({"Null": {"a:k": "true"}}, {"a:k": "x"}, False),
        ({"Null": {"a:k": "false"}}, {"a:k": "x"}, True),
        ({"Null": {"a:k": True}}, {}, True),
        # Numbers and dates.
        ({"NumericLessThanEquals": {"a:n": "10"}}, {"a:n": "10.0"}, True),
        ({"NumericLessThan": {"a:n": 10}}, {"a:n": "10"}, False),
        ({"NumericGreaterThan": {"a:n": "9"}}, {"a:n": "10"}, True),
        ({"NumericEquals": {"a:n": "1"}}, {"a:n": "one"}, False),
        ({"NumericNotEquals": {"a:n": "1"}}, {}, True),
        ({"DateGreaterThan": {"a:d": "2026-01-01T00:00:00Z"}}, {"a:d": "2026-06-01T00:00:00Z"}, True),
        ({"DateLessThan": {"a:d": "2026-01-01T00:00:00Z"}}, {"a:d": "2026-06-01T00:00:00Z"}, False),
        ({"DateEquals": {"a:d": "1970-01-01T00:00:10Z"}}, {"a:d": "10"}, True),
        # Booleans, addresses, bytes.
        ({"Bool": {"a:b": True}}, {"a:b": "True"}, True),
        ({"Bool": {"a:b": "true"}}, {}, False),
        ({"BoolIfExists": {"a:b": "true"}}, {}, True),
        ({"IpAddress": {"a:ip": "10.0.0.0/8"}}, {"a:ip": "10.9.8.7"}, True),
        ({"IpAddress": {"a:ip": "10.0.0.1"}}, {"a:ip": "10.0.0.2"}, False),
        ({"NotIpAddress": {"a:ip": "10.0.0.0/8"}}, {"a:ip": "192.168.0.1"}, True),
        ({"IpAddress": {"a:ip": "2001:db8::/32"}}, {"a:ip": "2001:db8::1"}, True),
        ({"IpAddress": {"a:ip": "2001:db8::/32"}}, {"a:ip": "10.0.0.1"}, False),
        ({"BinaryEquals": {"a:k": "eA=="}}, {"a:k": "eA=="}, True),
        # ARNs: part by part; a wildcard does not reach over a colon.
        ({"ArnLike": {"a:arn": "arn:aws:ecs:*:*:service/default/*"}}, {"a:arn": ARN}, True),
        ({"ArnEquals": {"a:arn": "arn:aws:ecs:*:*:service/default/*"}}, {"a:arn": ARN}, True),
        ({"ArnLike": {"a:arn": "arn:aws:*:*:*:service/other/*"}}, {"a:arn": ARN}, False),
        ({"ArnLike": {"a:arn": "arn:aws:ecs:*:*:web"}}, {"a:arn": ARN}, False),
        ({"ArnNotLike": {"a:arn": "arn:aws:ecs:*:*:service/default/*"}}, {"a:arn": ARN}, False),
        # Set operators.
        ({"ForAnyValue:StringEquals": {"a:t": ["x", "y"]}}, {"a:t": ["y", "z"]}, True),
        ({"ForAnyValue:StringEquals": {"a:t": ["x", "y"]}}, {"a:t": ["z"]}, False),
        ({"ForAnyValue:StringEquals": {"a:t": ["x"]}}, {}, False),
        ({"ForAllValues:StringEquals": {"a:t": ["x", "y"]}}, {"a:t": ["y", "x"]}, True),
        ({"ForAllValues:StringEquals": {"a:t": ["x", "y"]}}, {"a:t": ["y", "z"]}, False),
        ({"ForAllValues:StringEquals": {"a:t": ["x"]}}, {}, True),
        ({"ForAllValues:StringNotEquals": {"a:t": ["x"]}}, {"a:t": ["y", "x"]}, False),
        ({"ForAnyValue:StringNotEquals": {"a:t": ["x"]}}, {"a:t": ["y", "x"]}, True),
        # Variables, and their literals.
        ({"StringEquals": {"a:k": "${aws:username}"}}, {"a:k": "ana", "aws:username": "ana"}, True),
        ({"StringEquals": {"a:k": "${aws:username}"}}, {"a:k": "ana", "aws:username": "bob"}, False),
        ({"StringEquals": {"a:k": "${aws:username}*"}}, {"a:k": "anabel", "aws:username": "ana"}, False),
        ({"StringLike": {"a:k": "${aws:username}-*"}}, {"a:k": "ana-1", "aws:username": "ana"}, True),
        ({"StringLike": {"a:k": "${*}"}}, {"a:k": "anything"}, False),
        ({"StringLike": {"a:k": "${*}"}}, {"a:k": "*"}, True),
        ({"StringNotEquals": {"a:k": "${aws:username}"}}, {"a:k": "ana", "aws:username": "ana"}, False),
    ],
)
def test_rules(condition: dict[str, Any], context: dict[str, Any], expected: bool) -> None:
    assert holds(condition, context) is expected


@pytest.mark.parametrize(
    ("condition", "word"),
    [
        ({"NumericEquals": {"a:n": "many"}}, "number"),
        ({"NumericEquals": {"a:n": "NaN"}}, "number"),
        ({"DateEquals": {"a:d": "yesterday"}}, "date"),
        ({"Bool": {"a:b": "yes"}}, "true"),
        ({"Null": {"a:b": "maybe"}}, "true"),
        ({"NullIfExists": {"a:b": "true"}}, "neither"),
        ({"IpAddress": {"a:ip": "10.0.0.300"}}, "address"),
        ({"BinaryEquals": {"a:k": "!"}}, "base64"),
        ({"ArnLike": {"a:arn": "service/web"}}, "ARN"),
        ({"StringEquals": {"nokey": "x"}}, "condition key"),
        ({"StringEquals": {"a:k": []}}, "at least one"),
        ({"StringEquals": {"a:k": {"x": 1}}}, "strings"),
        ({"StringEquals": "x"}, "object"),
    ],
)
def test_mistakes_are_refused_on_parsing(condition: dict[str, Any], word: str) -> None:
    with pytest.raises(PolicyError, match=word):
        holds(condition, {})


def test_a_deny_with_a_condition_denies_only_when_it_holds() -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
            },
        ],
    }
    statements = parse(document)
    assert evaluate(statements, "ecs:X", ARN, {"aws:SourceIp": "10.1.1.1"}).reason == "allow"
    assert evaluate(statements, "ecs:X", ARN, {"aws:SourceIp": "192.168.1.1"}).reason == "explicit-deny"
    assert evaluate(statements, "ecs:X", ARN).reason == "explicit-deny"
