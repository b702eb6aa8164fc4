"""The database setting: SQLite by default, PostgreSQL by DATABASE_URL.

Called by: `console.settings`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ

# WAL lets readers go on while one process writes; NORMAL is durable over a process's death (a power cut may
# lose the last moments, never the file's integrity). busy_timeout waits for the writer instead of failing.
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=NORMAL;"
    "PRAGMA busy_timeout=20000;"
    "PRAGMA foreign_keys=ON;"
    "PRAGMA temp_store=MEMORY;"
    "PRAGMA cache_size=-16000;"
)


def configure(url: str, default_file: Path, *, pool_size: int, kept: int = 0) -> dict[str, Any]:
    """Django's `DATABASES["default"]` for `url` ("" for SQLite in `default_file`).

    `pool_size` bounds a process's PostgreSQL connections; 0 opens one per request or job instead. `kept`: seconds for
    which a thread's SQLite connection is used again: opening one reads the whole schema, which takes longer than most
    jobs. For processes whose threads are few and stay.
    Raises ImproperlyConfigured (django-environ) on a scheme other than sqlite and postgres.
    """
    config: dict[str, Any] = (
        dict(environ.Env.db_url_config(url)) if url else {"ENGINE": "django.db.backends.sqlite3"}
    )
    if config["ENGINE"].endswith("sqlite3"):
        return _sqlite(config, default_file, kept)
    if not config["ENGINE"].endswith("postgresql"):
        raise environ.ImproperlyConfigured("DATABASE_URL must begin with postgres:// or sqlite:///")
    return _postgresql(config, pool_size)


def _sqlite(config: dict[str, Any], default_file: Path, kept: int) -> dict[str, Any]:
    config["NAME"] = str(config.get("NAME") or default_file)
    # A transaction that means to write takes the write lock at once. A deferred one that reads first and then
    # writes cannot be retried by busy_timeout and fails with "database is locked" under concurrency.
    config["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": _SQLITE_PRAGMAS}
    # Web requests run in threads that come and go: a connection kept per thread would leak.
    config["CONN_MAX_AGE"] = kept
    return config


def _postgresql(config: dict[str, Any], pool_size: int) -> dict[str, Any]:
    options = dict(config.get("OPTIONS", {}))
    # The pool is per process and shared by its threads; Django asks that CONN_MAX_AGE be 0 with it.
    config["CONN_MAX_AGE"] = 0
    if pool_size > 0:
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 20, "max_idle": 300}
    else:
        config["CONN_HEALTH_CHECKS"] = True
    config["OPTIONS"] = options
    return config
