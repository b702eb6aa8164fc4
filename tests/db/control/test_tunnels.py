"""Tunnels to the engines' helpers, where no engine is needed. What they carry: tests/docker/test_task_roles.py."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from services.control.local_tunnel import LocalTunnel, _Multiplexer


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


class Quiet:
    """A helper's stream on which nothing is said."""

    def __init__(self) -> None:
        self.reads: list[float] = []
        self.read_once = threading.Event()

    def write(self, data: bytes) -> None: ...

    def read(self, timeout: float) -> bytes | None:
        self.reads.append(timeout)
        self.read_once.set()
        return None


def test_a_tunnel_that_is_given_up_ends_however_seldom_it_looks(tunnel: LocalTunnel) -> None:
    tunnel.share(200, connected=True)
    stream: Any = Quiet()
    held = threading.Thread(target=_Multiplexer(tunnel, None, stream).run, daemon=True)  # type: ignore[arg-type]
    held.start()
    assert stream.read_once.wait(10)
    tunnel.stop()
    held.join(10)
    assert not held.is_alive(), "another may hold the engine by now"
    assert max(stream.reads) <= 5
