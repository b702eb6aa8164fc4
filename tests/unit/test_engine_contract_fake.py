"""The fake engine keeps the engine contract, without ever sleeping."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine_contract.cases import CASES, title
from tests.engine_contract.world import FakeWorld, World


@pytest.mark.parametrize("case", CASES, ids=title)
def test_contract(case: Callable[[World], None]) -> None:
    case(FakeWorld("contract"))


def test_the_contract_is_not_empty() -> None:
    assert len(CASES) >= 60
