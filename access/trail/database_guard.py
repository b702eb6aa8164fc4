"""The trail's guard in the database itself: triggers that refuse to change or delete a record, whoever asks.

Allowed are only: inserting an unsealed record, sealing it once (`seq` from null to a number, with its `hash`), and
deleting records up to `AuditChain.forgotten_seq`, which the retention moves and signs. Checkpoints are only inserted.
Whoever may alter the schema can lift the guard; that, and what is done meanwhile, shows in the chain.

Built from the table's columns as they are: a migration that remakes or alters the tables calls `lift` before and
`install` after. Every start installs what is missing. SQLite and PostgreSQL.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

RECORDS, CHECKPOINTS = "access_auditrecord", "access_auditcheckpoint"
PREFIX = "audit_guard_"
_MESSAGE = "The audit trail is append-only."
_SEALING = {"seq", "hash"}
_STAYS = (
    "OLD.seq IS NULL OR OLD.seq >"
    " COALESCE((SELECT forgotten_seq FROM access_auditchain WHERE key = 'this'), 0)"
)
_RAISE = f"RAISE EXCEPTION '{_MESSAGE}' USING ERRCODE = 'restrict_violation';"
_FUNCTIONS = (
    "CREATE OR REPLACE FUNCTION audit_guard_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    f" $$ BEGIN {_RAISE} END $$",
    "CREATE OR REPLACE FUNCTION audit_guard_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS"
    f" $$ BEGIN IF {_STAYS} THEN {_RAISE} END IF; RETURN OLD; END $$",
)


def install(connection: BaseDatabaseWrapper) -> bool:
    """Put the triggers in place; returns whether anything was missing or out of date. Idempotent."""
    if installed(connection):
        return False
    lift(connection)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for statement in _FUNCTIONS:
                cursor.execute(statement)
        for statement in _wanted(connection).values():
            cursor.execute(statement)
    return True


def lift(connection: BaseDatabaseWrapper) -> None:
    """Remove the triggers: for migrations of these tables, and for tests that play the intruder or flush."""
    with connection.cursor() as cursor:
        for table, name, _ in _present(connection):
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {name}{on}")


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Without the guard inside the block."""
    lift(connection)
    try:
        yield
    finally:
        install(connection)


def installed(connection: BaseDatabaseWrapper) -> bool:
    """Whether every trigger is there, as this release wants it, and none is switched off."""
    present = _present(connection)
    return {name for _, name, _ in present} == set(_wanted(connection)) and all(on for _, _, on in present)


def _present(connection: BaseDatabaseWrapper) -> list[tuple[str, str, bool]]:
    """(table, trigger, enabled) of those of ours that are there."""
    if connection.vendor == "postgresql":
        query = (
            "SELECT c.relname, t.tgname, t.tgenabled <> 'D' FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal AND t.tgname LIKE %s"
        )
    else:
        query = "SELECT tbl_name, name, 1 FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s"
    with connection.cursor() as cursor:
        cursor.execute(query, [PREFIX + "%"])
        return [(str(table), str(name), bool(on)) for table, name, on in cursor.fetchall()]


def _wanted(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Trigger name -> the statement that makes it. The name carries a digest of what it does, so that a trigger of
    an older release, or of older columns, is known for one."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {RECORDS} WHERE 1 = 0")  # noqa: S608 - our own name
        names = {str(column[0]) for column in cursor.description}
    columns = ", ".join(sorted(f'"{name}"' for name in names - _SEALING))
    rules = {
        "insert": (f"BEFORE INSERT ON {RECORDS}", "NEW.seq IS NOT NULL"),
        "update": (f"BEFORE UPDATE OF {columns} ON {RECORDS}", ""),
        "reseal": (f"BEFORE UPDATE OF seq, hash ON {RECORDS}", "OLD.seq IS NOT NULL OR NEW.seq IS NULL"),
        "delete": (f"BEFORE DELETE ON {RECORDS}", _STAYS),
        "checkpoint_update": (f"BEFORE UPDATE ON {CHECKPOINTS}", ""),
        "checkpoint_delete": (f"BEFORE DELETE ON {CHECKPOINTS}", ""),
    }
    make = _sqlite
    if connection.vendor == "postgresql":
        make = _postgresql
        rules["truncate"] = (f"BEFORE TRUNCATE ON {RECORDS}", "")
        rules["checkpoint_truncate"] = (f"BEFORE TRUNCATE ON {CHECKPOINTS}", "")
    found = {}
    for rule, (event, when) in rules.items():
        name = f"{PREFIX}{rule}_{hashlib.sha256(f'{event} {when}'.encode()).hexdigest()[:8]}"
        found[name] = make(name, event, when)
    return found


def _sqlite(name: str, event: str, when: str) -> str:
    condition = f" WHEN {when}" if when else ""
    return (
        f"CREATE TRIGGER {name} {event} FOR EACH ROW{condition} BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
    )


def _postgresql(name: str, event: str, when: str) -> str:
    each = "STATEMENT" if "TRUNCATE" in event else "ROW"
    if when == _STAYS:  # WHEN allows no subquery
        return f"CREATE TRIGGER {name} {event} FOR EACH ROW EXECUTE FUNCTION audit_guard_refuse_delete()"
    condition = f" WHEN ({when})" if when else ""
    return f"CREATE TRIGGER {name} {event} FOR EACH {each}{condition} EXECUTE FUNCTION audit_guard_refuse()"
