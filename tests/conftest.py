"""The five rings: a test's folder is its ring, and carries the marker of that name."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.test import TransactionTestCase

# No test is judged by the clock: the machines are shared, and a slow minute is not a defect.
hypothesis.settings.register_profile(
    "slipway", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("slipway")

RINGS = ("unit", "db", "wire", "docker", "browser")
_HERE = Path(__file__).parent
_HOMES = ("slipway-test-*", "slipway-it-*")
_OLD = 3600.0


def pytest_sessionstart(session: pytest.Session) -> None:
    """Homes of test runs that were killed: an hour old, and in no process's environment or working directory."""
    if hasattr(session.config, "workerinput"):  # xdist's workers leave it to the one that started them
        return
    temporary = Path(tempfile.gettempdir())
    old = [
        home
        for pattern in _HOMES
        for home in temporary.glob(pattern)
        if home.is_dir() and not home.is_symlink() and _age(home) > _OLD
    ]
    if not old:
        return
    used = _environments()
    for home in old:
        with contextlib.suppress(FileNotFoundError):  # another run that starts now removes it as well
            if home.stat().st_uid == os.getuid() and str(home).encode() not in used:
                shutil.rmtree(home, ignore_errors=True)
                home.with_name(home.name + ".out").unlink(missing_ok=True)


def _age(home: Path) -> float:
    """Seconds since anything directly in it changed."""
    try:
        newest = max(one.stat().st_mtime for one in (home, *home.iterdir()))
    except OSError:  # it is being removed
        return 0.0
    return time.time() - newest


def _environments() -> bytes:
    """Environments and command lines of every process that may be read."""
    found = b""
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("environ", "cmdline"):
            with contextlib.suppress(OSError):
                found += (process / name).read_bytes() + b"\0"
    return found


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

    from access.trail import database_guard

    flush = TransactionTestCase._fixture_teardown

    def unguarded(case: TransactionTestCase) -> None:
        with database_guard.lifted(connection):
            flush(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", unguarded)
        yield
