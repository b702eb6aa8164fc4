"""What must be true before the processes start: database migrated, first administrator, local engine registered.

Called by: `console.run.supervisor`, and as `manage.py prepare` by container entrypoints.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from access.identities.setup import ensure_administrator
from access.trail import database_guard
from clusters.operations import ensure_defaults
from console.conf import engine_probe

ADMINISTRATOR = "admin"
_KEPT_BACKUPS = 3

Say = Callable[[str], None]


def prepare(say: Say) -> str | None:
    """Bring the installation up to this version of the code. Idempotent.

    Returns the administrator's generated password when this call made the account without being given one: it is
    not kept anywhere, so the caller must show it. Raises what Django raises when the database cannot be reached.
    """
    try:
        _migrate(say)
        if database_guard.install(connection):
            say("the audit trail's guard in the database was missing or of another release: renewed")
        ensure_defaults(engine_probe.endpoint())
        given = settings.SLIPWAY_ADMIN_PASSWORD
        password = given or secrets.token_urlsafe(12)
        created = ensure_administrator(ADMINISTRATOR, password, _access_key())
        return password if created and not given else None
    finally:
        # The processes are started next: none of them may share this connection.
        connection.close()


def _access_key() -> tuple[str, str] | None:
    """The one the environment gives. Raises ImproperlyConfigured when it gives half of one."""
    key = (settings.SLIPWAY_ADMIN_ACCESS_KEY_ID, settings.SLIPWAY_ADMIN_SECRET_ACCESS_KEY)
    if any(key) and not all(key):
        raise ImproperlyConfigured(
            "SLIPWAY_ADMIN_ACCESS_KEY_ID and SLIPWAY_ADMIN_SECRET_ACCESS_KEY go together: give both or none."
        )
    return key if all(key) else None


def _migrate(say: Say) -> None:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return
    if executor.loader.applied_migrations:
        say(f"upgrading the database ({len(plan)} migrations)")
        _back_up(say)
    else:
        say("making the database")
    call_command("migrate", interactive=False, verbosity=0)


def _back_up(say: Say) -> None:
    """A copy of an SQLite database before it is changed; the last three are kept. PostgreSQL has tools of its own."""
    if connection.vendor != "sqlite":
        return
    source = Path(str(connection.settings_dict["NAME"]))
    if not source.is_file():
        return
    folder = settings.HOME.root / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / time.strftime("slipway-%Y%m%d-%H%M%S.sqlite3", time.gmtime())
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
    target.chmod(0o600)
    for stale in sorted(folder.glob("slipway-*.sqlite3"))[:-_KEPT_BACKUPS]:
        stale.unlink()
    say(f"a copy of it as it was: {target}")
