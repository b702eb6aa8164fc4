"""The pool that gives work to the thread that was busy last."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import CancelledError, Future
from threading import get_ident

import pytest

from base.threads import RecentFirst


def test_one_thread_does_what_one_can_do() -> None:
    pool = RecentFirst(8, "test")
    assert len({pool.submit(get_ident).result(5) for _ in range(20)}) == 1


def test_another_begins_where_it_is_busy_and_no_more_than_allowed() -> None:
    pool, go = RecentFirst(3, "test"), threading.Event()
    held = [pool.submit(lambda: (go.wait(5), get_ident())[1]) for _ in range(7)]
    go.set()
    assert len({one.result(5) for one in held}) == 3


def test_the_one_that_was_busy_last_goes_first() -> None:
    pool = RecentFirst(2, "test")
    first, second = threading.Event(), threading.Event()
    slow = pool.submit(lambda: (first.wait(5), get_ident())[1])
    quick = pool.submit(lambda: (second.wait(5), get_ident())[1])
    second.set()
    quick.result(5)
    first.set()
    last = slow.result(5)
    assert {pool.submit(get_ident).result(5) for _ in range(5)} == {last}


def test_what_fails_is_told_and_the_thread_goes_on() -> None:
    pool = RecentFirst(1, "test")
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0).result(5)
    with pytest.raises(SystemExit):
        pool.submit(sys.exit).result(5)
    assert pool.submit(int, "7").result(5) == 7


def test_work_that_waits_can_be_cancelled() -> None:
    pool, go = RecentFirst(1, "test"), threading.Event()
    busy, waiting = pool.submit(go.wait, 5), pool.submit(int)
    assert waiting.cancel()
    go.set()
    assert busy.result(5)
    assert pool.submit(int, "1").result(5) == 1


@pytest.mark.parametrize("cancel", [False, True])
def test_its_end_waits_for_what_runs(cancel: bool) -> None:
    pool, go = RecentFirst(1, "test"), threading.Event()
    busy, waiting = pool.submit(go.wait, 5), pool.submit(int, "3")
    threading.Timer(0.05, go.set).start()
    pool.shutdown(cancel_futures=cancel)
    assert busy.done()
    if cancel:
        with pytest.raises(CancelledError):
            waiting.result(0)
    else:
        assert waiting.result(0) == 3
    with pytest.raises(RuntimeError):
        pool.submit(int)


def test_nothing_is_lost_under_many_hands() -> None:
    pool = RecentFirst(4, "test")
    done: list[Future[int]] = []

    def give() -> None:
        done.extend([pool.submit(int, str(number)) for number in range(500)])

    givers = [threading.Thread(target=give) for _ in range(4)]
    for one in givers:
        one.start()
    for one in givers:
        one.join()
    assert sum(one.result(5) for one in done) == 4 * sum(range(500))
    pool.shutdown()
