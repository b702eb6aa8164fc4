"""The engine contract: every function named case_… of the modules here, for any World.

Run by tests/unit/test_engine_contract_fake.py and tests/docker/test_engine_contract.py.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

import pytest

from .world import World

_MODULES = tuple(
    f"{__package__}.cases_{topic}"
    for topic in ("containers", "exec", "health", "networks", "images", "archives", "streams", "faults")
)
# Before they are imported: failed assertions in the cases are then explained as in test modules.
pytest.register_assert_rewrite(*_MODULES)


def _cases_of(module: ModuleType) -> list[Callable[[World], None]]:
    return [found for name, found in vars(module).items() if name.startswith("case_")]


CASES = [case for name in _MODULES for case in _cases_of(importlib.import_module(name))]


def title(case: Callable[[World], None]) -> str:
    return case.__name__.removeprefix("case_")
