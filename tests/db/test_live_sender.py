"""What changed is told by a thread of its own: soon, once, and without anybody waiting for Redis."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from base import live


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = live._Sender()
    monkeypatch.setattr(live, "_sender", made)
    return made


def test_what_was_said_meanwhile_goes_out_together_and_once(
    sender: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[list[str]] = []
    begun, go_on = threading.Event(), threading.Event()

    def deliver(topics: list[str]) -> None:
        messages.append(topics)
        begun.set()
        assert go_on.wait(10)

    monkeypatch.setattr(live, "_deliver", deliver)
    live._send(("service:default/web",))
    assert begun.wait(10)
    live._send(("tasks", "service:default/web"))
    live._send(("tasks",))
    go_on.set()
    sender.flush(10)
    assert messages == [["service:default/web"], ["tasks", "service:default/web"]]


def test_what_is_said_in_quick_succession_is_no_message_each(
    sender: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[list[str]] = []
    first = threading.Event()

    def deliver(topics: list[str]) -> None:
        messages.append(topics)
        first.set()

    monkeypatch.setattr(live, "_deliver", deliver)
    monkeypatch.setattr(live, "_APART", 3.0)
    live._send(("overview",))
    assert first.wait(10)
    for number in range(5):
        live._send((f"task:{number}",))
        time.sleep(0.02)  # longer than what is gathered after a pause
    sender.flush(10)
    assert messages == [["overview"], [f"task:{number}" for number in range(5)]]


def test_nobody_waits_while_redis_does_not_answer(sender: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = threading.Event()
    monkeypatch.setattr(live, "_deliver", lambda topics: stuck.wait(10))
    monkeypatch.setattr(live, "_MOST_WAITING", 3)
    for number in range(10):
        live._send((f"task:{number}",))
    assert len(sender._waiting) <= 4
    stuck.set()
    sender.flush(10)


def test_a_redis_that_is_away_costs_the_message_alone(
    sender: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    live.client.cache_clear()
    try:
        live._send(("instances",))
        sender.flush(10)
        live._send(("instances",))
        sender.flush(10)
        assert sender._thread.is_alive()
    finally:
        live.client.cache_clear()
