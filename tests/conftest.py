"""The five rings: a test's folder is its ring, and carries the marker of that name."""

from __future__ import annotations

from pathlib import Path

import pytest

# Rings whose tests share the machine's engine, ports and processor: with several test processes they all go to one,
# in order, while the others take the quick rings.
SERIAL_RINGS = ("docker", "browser")
RINGS = ("unit", "db", "wire", "docker", "browser")
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(_HERE).parts[0] if item.path.is_relative_to(_HERE) else ""
        if folder in RINGS:
            item.add_marker(getattr(pytest.mark, folder))
            if folder in SERIAL_RINGS:
                item.add_marker(pytest.mark.xdist_group("machine"))
            # The nearest marker wins, so a module's own (transaction=True) must not be shadowed.
            if folder in ("db", "wire") and item.get_closest_marker("django_db") is None:
                item.add_marker(pytest.mark.django_db)
