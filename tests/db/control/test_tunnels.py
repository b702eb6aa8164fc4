"""Tunnels to the engines' helpers, where no engine is needed. What they carry: tests/docker/test_task_roles.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.control.local_tunnel import LocalTunnel


@pytest.fixture
def tunnel(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalTunnel]:
    """One whose thread does nothing."""
    monkeypatch.setattr(LocalTunnel, "_run", lambda self: None)
    yield LocalTunnel("a" * 32)


@pytest.mark.parametrize(("tunnels", "looks"), [(1, 0.5), (10, 5), (200, 5), (1000, 5)])
def test_hundreds_ask_the_database_no_more_often_than_ten(
    tunnel: LocalTunnel, tunnels: int, looks: float
) -> None:
    tunnel.share(tunnels, connected=True)
    assert tunnels / tunnel.pace == looks


def test_an_engine_that_comes_or_goes_is_looked_at_at_once(tunnel: LocalTunnel) -> None:
    looks = []
    for connected in (False, True, True, False):
        tunnel.share(200, connected=connected)
        looks.append(tunnel._look.is_set())
        tunnel._look.clear()
    assert looks == [False, True, False, True]
