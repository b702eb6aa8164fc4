"""Celery's pool of threads, in which a job goes to the thread that was busy last: see base/threads.py.

Called by: Celery's worker, through the setting `worker_pool`.
"""

from __future__ import annotations

from typing import Any

from celery.concurrency.thread import TaskPool as ThreadPool

from base.threads import RecentFirst


class TaskPool(ThreadPool):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The one made above has no threads yet, and gets none.
        self.executor = RecentFirst(self.limit, "jobs")
