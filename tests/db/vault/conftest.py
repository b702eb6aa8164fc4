from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from access.caller import Caller
from access.policy import parse
from access.registry import system_caller


@pytest.fixture
def root(db: None) -> Caller:
    return system_caller("test")


@pytest.fixture
def caller_with(db: None) -> Callable[..., Caller]:
    """A caller who may do what the statements given say."""

    def make(*statements: dict[str, Any]) -> Caller:
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        return Caller(
            arn="arn:aws:iam::123456789012:user/ana", name="ana", face="rest", statements=parse(document)
        )

    return make


def allow(*actions: str, resource: str = "*", **condition: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {**found, "Condition": condition} if condition else found
