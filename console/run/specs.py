"""Which processes an installation consists of, and how each is started.

Called by: `console.run.supervisor`.
"""

from __future__ import annotations

import sys

from django.conf import settings

from console.conf.home import Home
from console.run.child import Spec


def redis(home: Home) -> Spec:
    """A private Redis: no port, a 0600 socket, everything accepted kept in an append-only file."""
    options = {
        "port": "0",
        "unixsocket": str(home.redis_socket),
        "unixsocketperm": "600",
        "dir": str(home.redis_data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        # Queued jobs are never thrown away to make room.
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
        "always-show-logo": "no",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return Spec("redis", ("redis-server", *arguments), stop_seconds=5.0, quiet=True)


def web(index: int, listener: int, *, several: bool) -> Spec:
    """`listener`: descriptor of the listening socket all web processes share. One of `several` keeps to a core: of one
    alone, other installations on the machine would take the same."""
    core = ("--core", str(index - 1)) if several else ()
    return Spec(
        f"web-{index}",
        (sys.executable, "-m", "console.run.web", "--fd", str(listener), *core),
        env={"SLIPWAY_ROLE": "web"},
        pass_fds=(listener,),
        stop_seconds=5.0,
    )


def worker() -> Spec:
    """Celery's worker. Threads (console/pool.py), because jobs wait for engines and the database; gossip and
    heartbeats are for fleets of other designs: here rows and leases say who does what."""
    return Spec(
        "worker",
        (
            *(sys.executable, "-m", "celery", "--quiet", "--app", "console.celery", "worker"),
            *("--concurrency", str(settings.SLIPWAY_JOB_THREADS)),
            *("--queues", "control,default", "--hostname", "slipway@%h"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"),
        ),
        env={
            "SLIPWAY_ROLE": "worker",
            # Celery's advice against root is about pickled messages; ours are JSON.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
        },
        stop_seconds=8.0,
    )


def beat(home: Home) -> Spec:
    return Spec(
        "beat",
        (
            *(sys.executable, "-m", "celery", "--quiet", "--app", "console.celery", "beat"),
            *("--schedule", str(home.beat_schedule), "--pidfile", "", "--loglevel", "INFO"),
        ),
        env={"SLIPWAY_ROLE": "beat"},
        stop_seconds=3.0,
    )


def terminals() -> Spec:
    """Holds what ExecuteCommand runs, so that a busy terminal slows down nothing else."""
    return Spec(
        "exec",
        (sys.executable, "manage.py", "exec"),
        env={"SLIPWAY_ROLE": "exec"},
        stop_seconds=5.0,
    )


def watcher() -> Spec:
    return Spec(
        "watcher", (sys.executable, "manage.py", "watch"), env={"SLIPWAY_ROLE": "watcher"}, stop_seconds=5.0
    )
