"""Every sentence of the checker of policies can be translated, with its names and places as they are."""

from __future__ import annotations

from typing import Any

import pytest

from access.language.lint import lint
from access.language.parsing import PolicyError, parse_text
from access.language.statements import Kind
from console.web.policy_remarks import is_known, parted

ACTIONS = frozenset({"ecs:UpdateService", "ecs:ListServices"})


def statement(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "ecs:UpdateService", "Resource": "*", **more}


def document(*statements: Any, **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **more}


def condition(operator: str, key: str, value: Any) -> dict[str, Any]:
    return document(statement(Condition={operator: {key: value}}))


def whom(principal: Any, kind: Kind = "resource", **more: Any) -> tuple[dict[str, Any], Kind]:
    return document(statement(Principal=principal, **more)), kind


def spared(principal: Any, **more: Any) -> tuple[dict[str, Any], Kind]:
    return document({**statement(NotPrincipal=principal), "Effect": "Deny", **more}), "resource"


IDENTITY: tuple[Any, ...] = (
    [],
    document(statement(), Version="2020-01-01"),
    document(statement(), Id=3, More=1),
    document(),
    document(*[statement()] * 501),
    document(statement(Sid="a"), statement(Sid="a")),
    document("x", statement(Sid="a b"), statement(Effect="Permit"), statement(Action="nonsense")),
    document(
        statement(NotAction="*"),
        statement(NotResource="*"),
        {"Effect": "Allow", "Action": 3, "Resource": "*"},
    ),
    document({"Effect": "Allow"}),
    document(statement(Principal="*"), statement(Resource="web"), statement(Resource="arn:aws:ecs")),
    document(statement(Condition={}), statement(Condition={"Bool": {}}), statement(Unknown=1)),
    condition("Sounds", "aws:username", "a"),
    condition("NullIfExists", "aws:username", "true"),
    condition("StringEquals", "username", "a"),
    condition("StringEquals", "aws:username", []),
    condition("StringEquals", "aws:username", {"a": 1}),
    condition("NumericEquals", "aws:x", "a"),
    condition("DateEquals", "aws:x", "a"),
    condition("ArnEquals", "aws:x", "a"),
    condition("Bool", "aws:x", "a"),
    condition("Null", "aws:x", "a"),
    condition("IpAddress", "aws:x", "a b"),
    condition("BinaryEquals", "aws:x", "!"),
    {"Statement": statement(Resource="arn:aws:ecs:*:*:service/${aws:username}/x")},
    document(statement(), statement()),
    document({"Effect": "Allow", "NotAction": "ecs:ListServices", "NotResource": "arn:aws:s3:::x"}),
    document(statement(Action="*")),
    document(statement(Action=["ecs:Nothing", "s3:Get", "ecs:UpdateService", "ecs:UpdateService"])),
    condition("StringEquals", "aws:username", "a*"),
    condition("StringLike", "aws:username", "${aws:x"),
    condition("ForAllValues:StringEquals", "aws:TagKeys", ["a"]),
)
WITH_PRINCIPALS: tuple[tuple[Any, Kind], ...] = (
    whom(3),
    whom({"Robot": "x"}),
    whom({"CanonicalUser": "x"}),
    whom({"AWS": []}),
    whom({"AWS": "ana"}),
    whom({"AWS": "arn:aws:iam::123456789012:user/*"}),
    whom({"Service": "ecs tasks"}),
    whom("*"),
    (document(statement()), "resource"),
    (document(statement(Principal="*", NotPrincipal="*")), "resource"),
    (document(statement(NotPrincipal={"AWS": "123456789012"})), "resource"),
    (
        document({"Effect": "Deny", "Action": "sts:AssumeRole", "NotPrincipal": {"AWS": "123456789012"}}),
        "trust",
    ),
    whom({"AWS": "123456789012"}, "trust"),
    spared("*"),
    spared({"AWS": "123456789012"}),
)


@pytest.mark.parametrize(("written", "kind"), [*((one, "identity") for one in IDENTITY), *WITH_PRINCIPALS])
def test_every_remark_is_known(written: Any, kind: Kind) -> None:
    found = lint(written, kind, ACTIONS)
    assert found
    said = [text for one in found for text in (one.message, one.remedy) if text]
    assert [text for text in said if not is_known(text)] == []


def test_a_name_twice_is_known() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_text('{"a": 1, "a": 2}')
    assert is_known(caught.value.problems[0].message)


def test_what_varies_is_taken_out() -> None:
    assert parted('"NaN" is not a number') == ("%s is not a number", ['"NaN"'])
    assert parted("is covered by Statement[0].Action[1]") == ("is covered by %s", ["Statement[0].Action[1]"])
    assert not is_known("something new")
