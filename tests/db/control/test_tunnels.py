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
def test_where_roles_decide_hundreds_ask_the_database_no_more_often_than_ten(
    tunnel: LocalTunnel, settings: Any, tunnels: int, looks: float
) -> None:
    settings.SLIPWAY_TASK_ENDPOINT = "roles"
    tunnel.share(tunnels, 0, told=("ACTIVE", True))
    assert tunnel.pace is not None
    assert tunnels / tunnel.pace == looks


@pytest.mark.parametrize("endpoint", ["all", "off"])
def test_where_no_task_decides_the_database_is_asked_only_when_the_row_changed(
    tunnel: LocalTunnel, settings: Any, endpoint: str
) -> None:
    settings.SLIPWAY_TASK_ENDPOINT = endpoint
    looks = []
    for told in (("ACTIVE", False), ("ACTIVE", True), ("ACTIVE", True), ("DRAINING", True), None, None):
        tunnel.share(200, 0, told=told)
        looks.append(tunnel.is_due(looked=0.0))
    assert looks == [True, True, False, True, True, False]


def test_helpers_that_never_answer_are_tried_seldom_and_the_more_so_the_more_they_are(
    tunnel: LocalTunnel,
) -> None:
    def pauses(crowd: int) -> list[float]:
        tunnel.well()
        tunnel.share(200, crowd, told=None)
        return [tunnel._failed() for _ in range(7)]

    assert pauses(1) == [1, 2, 5, 10, 30, 30, 30]
    assert pauses(100) == [1, 2, 5, 10, 30, 200, 200]
    assert pauses(1000) == [1, 2, 5, 10, 30, 300, 300]
    assert tunnel.failing
    tunnel.well()
    assert not tunnel.failing


@pytest.mark.parametrize(("tunnels", "every"), [(1, 5), (100, 5), (160, 8), (1000, 10)])
def test_many_helpers_are_pinged_seldom_but_before_they_give_up(
    tunnel: LocalTunnel, tunnels: int, every: float
) -> None:
    assert not tunnel.answering
    tunnel.share(tunnels, 0, told=None)
    assert tunnel.ping_every == every  # of the 30 s after which helper_program.py gives up
    tunnel.well()
    assert tunnel.answering


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
    tunnel.share(200, 0, told=("ACTIVE", True))
    tunnel.is_due(0.0)
    stream: Any = Quiet()
    held = threading.Thread(target=_Multiplexer(tunnel, None, stream).run, daemon=True)  # type: ignore[arg-type]
    held.start()
    assert stream.read_once.wait(10)
    tunnel.stop()
    held.join(10)
    assert not held.is_alive(), "another may hold the engine by now"
    assert max(stream.reads) <= 5
