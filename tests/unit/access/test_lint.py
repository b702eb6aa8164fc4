"""Findings of the editor: valid, and probably not meant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from access.language.lint import lint
from tests.unit.access.random_policies import documents

KNOWN = ["ecs:UpdateService", "ecs:DescribeServices", "iam:GetUser"]


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Any = "ecs:UpdateService", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


C = "Statement[0].Condition"


@pytest.mark.parametrize(
    ("raw", "severity", "place", "word"),
    [
        (document(allow("nothing")), "error", "Statement[0].Action", "not an action"),
        ({"Statement": allow()}, "suggestion", "Version", "missing"),
        (
            {"Version": "2008-10-17", "Statement": allow(resource="arn:aws:iam::1:user/${aws:username}")},
            "warning",
            "Version",
            "plain text",
        ),
        (document(allow("ecs:UpdateServise")), "warning", "Statement[0].Action", "no action"),
        (document(allow(["ecs:Update*", "s3:Get*"])), "warning", "Statement[0].Action[1]", '"s3" has no'),
        (document(allow(["ecs:*", "ecs:UpdateService"])), "suggestion", "Statement[0].Action[1]", "covered"),
        (document(allow(), allow()), "suggestion", "Statement[1]", "the same as Statement[0]"),
        (document(allow("*")), "warning", "Statement[0]", "every action"),
        (
            document({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
            "warning",
            "Statement[0].NotAction",
            "later",
        ),
        (
            document(allow(Condition={"StringEquals": {"a:b": "x*"}})),
            "warning",
            f"{C}.StringEquals.a:b",
            "plain character",
        ),
        (
            document(allow(Condition={"StringLike": {"a:b": "${aws:username"}})),
            "warning",
            f"{C}.StringLike.a:b",
            "not closed",
        ),
        (
            document(allow(Condition={"ForAllValues:StringLike": {"aws:TagKeys": "x"}})),
            "suggestion",
            f"{C}.ForAllValues:StringLike.aws:TagKeys",
            "missing",
        ),
    ],
)
def test_findings(raw: Any, severity: str, place: str, word: str) -> None:
    (found,) = lint(raw, known=KNOWN)
    assert (found.severity, found.place) == (severity, place)
    assert word in found.message


def test_what_is_meant_has_no_findings() -> None:
    assert lint(document(allow(["ecs:Update*", "iam:GetUser"])), known=KNOWN) == ()


def test_principals() -> None:
    raw = document({**allow("sts:AssumeRole"), "Principal": "*"})
    del raw["Statement"][0]["Resource"]
    assert [one.place for one in lint(raw, "trust")] == ["Statement[0].Principal"]


@given(documents())
def test_any_valid_document_can_be_looked_at(raw: dict[str, Any]) -> None:
    assert all(one.severity != "error" for one in lint(raw, known=KNOWN))
