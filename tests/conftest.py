"""The five rings: a test's folder is its ring, and carries the marker of that name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import TransactionTestCase

RINGS = ("unit", "db", "wire", "docker", "browser")
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(_HERE).parts[0] if item.path.is_relative_to(_HERE) else ""
        if folder in RINGS:
            item.add_marker(getattr(pytest.mark, folder))
            # The nearest marker wins, so a module's own (transaction=True) must not be shadowed.
            if folder in ("db", "wire") and item.get_closest_marker("django_db") is None:
                item.add_marker(pytest.mark.django_db)


@pytest.fixture(autouse=True, scope="session")
def _flushes_may_empty_the_audit_trail() -> Iterator[None]:
    """A test with transaction=True empties every table after it; the trail's guard refuses that, as it should."""
    from django.db import connection

    from access import audit_guard

    flush = TransactionTestCase._fixture_teardown

    def unguarded(case: TransactionTestCase) -> None:
        with audit_guard.lifted(connection):
            flush(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", unguarded)
        yield
