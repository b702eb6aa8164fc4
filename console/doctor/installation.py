"""Checks that need Django: database, migrations, Redis, assets, instances. Imported only where packages are there."""

from __future__ import annotations

from collections.abc import Iterator

import django
import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from console.conf.logs import redact
from console.doctor.finding import Check, Finding, ok, problem, warning


def database() -> Iterator[Finding]:
    if connection.vendor == "sqlite" and not settings.HOME.database.exists():
        yield ok("no database yet; the first `make run` makes it")
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        executor = MigrationExecutor(connection)
    except DatabaseError as error:
        yield problem(
            f"the database cannot be used: {redact(str(error).strip())}",
            "check DATABASE_URL, and that the server runs and lets us in",
        )
        return
    yield ok(f"the database answers ({connection.display_name})")
    yield from _sqlite_health()
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        yield warning(
            f"{len(waiting)} migrations are not applied", "make run applies them (and keeps a copy)"
        )
    else:
        yield ok("every migration is applied")


def _sqlite_health() -> Iterator[Finding]:
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        if (mode := cursor.fetchone()[0]) != "wal":
            yield problem(
                f"SQLite's journal is {mode}, not wal", "put SLIPWAY_HOME on a local disk, not a network one"
            )
        cursor.execute("PRAGMA quick_check(1)")
        if (answer := cursor.fetchone()[0]) != "ok":
            yield problem(
                f"the database file is damaged: {answer}", f"restore one of {settings.HOME.root / 'backups'}"
            )


def broker() -> Iterator[Finding]:
    private = not settings.SLIPWAY_REDIS_URL
    if private and not settings.HOME.redis_socket.exists():
        yield ok("the private Redis starts with `make run`")
        return
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=3)
    try:
        facts = client.info("server")
        waiting = sum(int(client.llen(f"slipway:{queue}")) for queue in ("default", "control"))
    except redis.RedisError as error:
        if private:
            yield ok("the private Redis is not running; `make run` starts it")
        else:
            yield problem(
                f"Redis does not answer: {redact(str(error))}", "check SLIPWAY_REDIS_URL and the server"
            )
        return
    yield ok(f"Redis {facts['redis_version']} answers; {waiting} jobs wait")
    if waiting > 1000:
        yield warning("jobs pile up", f"is the worker running? See {settings.HOME.logs / 'worker.log'}")


def assets() -> Iterator[Finding]:
    if settings.DEBUG or (settings.STATIC_ROOT / "staticfiles.json").exists():
        yield ok("the console's assets are collected")
    else:
        yield problem("the console's assets are not collected", "make setup")


CHECKS: tuple[Check, ...] = (database, broker, assets)


def load() -> None:
    django.setup()
