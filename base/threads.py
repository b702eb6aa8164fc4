"""A pool of threads in which work goes to the thread that was busy last.

`concurrent.futures.ThreadPoolExecutor` hands work to its threads in turn, so that at little load each of eight does
every eighth piece: with a connection to the database whose pages are out of date by then, on a core whose caches know
nothing of it. Here one thread does what one can do, and another begins where it is busy.

Called by: the AWS face, Celery's worker and the watcher.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class RecentFirst(Executor):
    """At most `most` threads, made when first needed. Daemons: a process that was told to end and does not wait for
    them by `shutdown` ends with them."""

    def __init__(self, most: int, name: str) -> None:
        self.most, self.name = most, name
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[_Work | None]] = []  # the one that was busy last is the last
        self._backlog: deque[_Work] = deque()
        self._threads: set[threading.Thread] = set()  # of this name, for Celery counts them
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        work = _Work(future, lambda: fn(*args, **kwargs))
        with self._lock:
            if self._closed:
                raise RuntimeError(f"{self.name}: work is taken no more")
            if self._idle:
                self._idle.pop().put(work)
            elif len(self._threads) < self.most:
                self._begin(work)
            else:
                self._backlog.append(work)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            self._closed = True
            dropped = list(self._backlog) if cancel_futures else []
            if cancel_futures:
                self._backlog.clear()
            while self._idle:
                self._idle.pop().put(None)
        for work in dropped:
            work.future.cancel()
        if wait:
            for thread in list(self._threads):
                thread.join()

    def _begin(self, work: _Work) -> None:
        name = f"{self.name}-{len(self._threads)}"
        thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _run(self, first: _Work) -> None:
        own: SimpleQueue[_Work | None] = SimpleQueue()
        own.put(first)
        del first
        while (work := own.get()) is not None:
            tell = work.run()
            # What it held is let go before the next wait, which may be long. And free before it tells, or who
            # heard of it and comes again at once would find it busy still.
            del work
            self._free(own)
            tell()
            del tell

    def _free(self, own: SimpleQueue[_Work | None]) -> None:
        with self._lock:
            if self._backlog:
                own.put(self._backlog.popleft())
            elif self._closed:
                own.put(None)
            else:
                self._idle.append(own)


class _Work:
    __slots__ = ("function", "future")

    def __init__(self, future: Future[Any], function: Callable[[], Any]) -> None:
        self.future, self.function = future, function

    def run(self) -> Callable[[], None]:
        """Do it; what is returned tells those who wait for it."""
        if not self.future.set_running_or_notify_cancel():
            return lambda: None
        try:
            return partial(self.future.set_result, self.function())
        except BaseException as error:  # whoever waits for it gets it
            return partial(self.future.set_exception, error)
