"""The Celery application. A job is one call of a function in some room's `jobs.py`.

Messages may be lost or doubled: jobs claim their work in the database, and a sweep finds whatever is due. So the
broker is set up for low latency and clean recovery, not for exactly-once.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import celeryd_after_setup, setup_logging, task_postrun, task_prerun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

from django.conf import settings

from console.schedule import BEAT_SCHEDULE


def broker_url(redis_url: str) -> str:
    """Celery's spelling of a Redis URL: unix:///path becomes redis+socket:///path."""
    if redis_url.startswith("unix://"):
        return "redis+socket://" + redis_url.removeprefix("unix://")
    return redis_url


app = Celery("slipway")
app.conf.update(
    broker_url=broker_url(settings.REDIS_URL),
    broker_connection_retry_on_startup=True,
    # For ever: Redis may be away for as long as it likes, a worker that gave up would need a person.
    broker_connection_max_retries=None,
    broker_transport_options={
        # A job taken by a worker that died is handed out again after this many seconds; longer jobs are safe
        # because a second delivery finds the claim taken.
        "visibility_timeout": 120,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "retry_on_timeout": True,
        "global_keyprefix": "slipway:",
    },
    # A web request that queues a job does not hang on an absent broker: the sweep will find the work.
    task_publish_retry_policy={
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.1,
    },
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_default_queue="default",
    task_create_missing_queues=True,
    worker_prefetch_multiplier=1,
    worker_pool="console.pool:TaskPool",
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    beat_schedule=BEAT_SCHEDULE,
    beat_scheduler="console.beat:LeasedScheduler",
    beat_schedule_filename=str(settings.HOME.beat_schedule),
    # How long beat may sleep before it looks at its schedule again; entries fire on time regardless.
    beat_max_loop_interval=30,
    timezone="UTC",
    enable_utc=True,
)
# Celery would close the database connection before and after each job; ours are closed as Django's are, see below.
app.conf.CELERY_DB_REUSE_MAX = sys.maxsize
app.autodiscover_tasks(related_name="jobs")


@task_prerun.connect
@task_postrun.connect
def _close_old_connections(**_: Any) -> None:
    """Also broken ones. In a worker on SQLite they last for a while, see console/conf/database.py."""
    from django.db import close_old_connections

    close_old_connections()


@setup_logging.connect
def _use_django_logging(**_: Any) -> None:
    """Celery would install handlers of its own; Django's are already there. (Celery's hook, not domain logic.)"""


@celeryd_after_setup.connect
def _take_over(**_: Any) -> None:
    """What a killed worker of this name held is due at once, instead of when its leases end. Before the first job:
    afterwards such leases are this worker's own."""
    from django.db import connection

    from base.memory import settle
    from services.control import sweep

    sweep.take_over()
    connection.close()
    settle()
