"""The table of AWS's documented rules (aws_rules.py), by our evaluator and by the reference."""

from __future__ import annotations

from typing import Any

import pytest

from access.policy import Principal, compile_identity, evaluate, parse
from tests.unit.access import aws_rules as table
from tests.unit.access import reference

Raw = dict[str, Any]
WHO: dict[str, dict[str, str]] = {
    "user": {"arn": table.U, "account": "123456789012"},
    "session": {"arn": table.S, "role": table.R, "account": "123456789012"},
    "service": {"service": "ecs-tasks.amazonaws.com"},
}


def cases(sections: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(*case, id=f"{source.rpartition(', ')[2]} #{number}")
        for source, listed in sections.items()
        for number, case in enumerate(listed)
    ]


def document(statements: list[Raw]) -> list[Raw]:
    return [{"Version": "2012-10-17", "Statement": statements}] if statements else []


def compiled(statements: list[Raw], kind: Any = "identity") -> Any:
    return compile_identity(one for raw in document(statements) for one in parse(raw, "", kind))


@pytest.mark.parametrize(("condition", "context", "holds"), cases(table.CONDITIONS))
def test_conditions(condition: Raw, context: Raw, holds: bool) -> None:
    statements = [table.allow(Condition=condition)]
    assert evaluate(compiled(statements), "ecs:X", table.W, context).allowed is holds
    if "::ffff:" not in str(context):  # which the reference takes as it is written
        assert (reference.decide(document(statements), "ecs:X", table.W, context) == "allow") is holds


@pytest.mark.parametrize(("statements", "action", "resource", "context", "decision"), cases(table.STATEMENTS))
def test_statements(statements: list[Raw], action: str, resource: str, context: Raw, decision: str) -> None:
    assert evaluate(compiled(statements), action, resource, context).reason == decision
    assert reference.decide(document(statements), action, resource, context) == decision


@pytest.mark.parametrize(("who", "identity", "guards", "resource_policy", "decision"), cases(table.LAYERS))
def test_layers(
    who: str, identity: list[Raw], guards: list[list[Raw]], resource_policy: list[Raw] | None, decision: str
) -> None:
    found = evaluate(
        compiled(identity),
        "ecs:UpdateService",
        table.W,
        guards=[compiled(guard) for guard in guards],
        resource_policy=None if resource_policy is None else compiled(resource_policy, "resource"),
        principal=Principal(**WHO[who]),
    )
    assert found.reason == decision
    expected = reference.decide(
        document(identity),
        "ecs:UpdateService",
        table.W,
        {},
        [document(guard) for guard in guards],
        document(resource_policy or []),
        WHO[who],
    )
    assert expected == decision


def test_there_are_two_hundred() -> None:
    found = sum(
        len(listed)
        for sections in (table.CONDITIONS, table.STATEMENTS, table.LAYERS)
        for listed in sections.values()
    )
    assert found >= 200
