"""Database and logging settings."""

from __future__ import annotations

import logging
from pathlib import Path

import environ
import pytest

from console.conf import database, logs
from console.conf.engine_probe import probe
from console.conf.words import one_of

FILE = Path("/somewhere/slipway.sqlite3")


def test_sqlite_in_wal_that_takes_the_write_lock_at_once_is_the_default() -> None:
    config = database.configure("", FILE, pool_size=10)
    assert config["NAME"] == str(FILE)
    assert config["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in config["OPTIONS"]["init_command"]
    assert "foreign_keys=ON" in config["OPTIONS"]["init_command"]


@pytest.mark.parametrize("kept", [0, 300])
def test_sqlite_connections_last_as_long_as_the_process_wants(kept: int) -> None:
    assert database.configure("", FILE, pool_size=10, kept=kept)["CONN_MAX_AGE"] == kept


def test_a_url_selects_postgresql_with_a_pool() -> None:
    config = database.configure("postgres://me:pw@db:5433/slipway", FILE, pool_size=7, kept=300)
    assert (config["HOST"], config["PORT"], config["NAME"]) == ("db", 5433, "slipway")
    assert config["OPTIONS"]["pool"]["max_size"] == 7
    assert config["CONN_MAX_AGE"] == 0


def test_a_unix_socket_in_the_url_is_kept() -> None:
    config = database.configure("postgres://postgres@/slipway?host=/run/pg", FILE, pool_size=0)
    assert config["OPTIONS"]["host"] == "/run/pg"
    assert "pool" not in config["OPTIONS"]


def test_a_setting_of_a_few_words_takes_no_other_and_names_itself() -> None:
    one_of("SLIPWAY_IMAGE_CLEANUP", "enabled", "enabled", "disabled")
    with pytest.raises(
        environ.ImproperlyConfigured, match="SLIPWAY_IMAGE_CLEANUP=off: must be one of enabled"
    ):
        one_of("SLIPWAY_IMAGE_CLEANUP", "off", "enabled", "disabled")


def test_another_database_is_refused_by_name() -> None:
    with pytest.raises(environ.ImproperlyConfigured, match="postgres://"):
        database.configure("mysql://me@db/slipway", FILE, pool_size=0)


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("connecting to postgres://slipway:hunter2@db/slipway", "hunter2"),
        ("redis://:s3cret@cache:6379/0 refused", "s3cret"),
        ("headers {'Authorization': 'Bearer abc.def'}", "abc.def"),
        ("password=hunter2 rejected", "hunter2"),
        ('{"SecretString": 1, "token": "tok123"}', "tok123"),
    ],
)
def test_secrets_do_not_reach_the_log(line: str, secret: str) -> None:
    assert secret in line
    assert secret not in logs.redact(line)


def test_a_traceback_is_redacted_too() -> None:
    formatter = logs.RedactingFormatter("%(message)s")
    try:
        raise RuntimeError("cannot reach postgres://me:hunter2@db/x")
    except RuntimeError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 0, "failed", None, (RuntimeError, error, error.__traceback__)
        )
    text = formatter.format(record)
    assert "RuntimeError" in text
    assert "hunter2" not in text


def test_ordinary_lines_are_left_alone() -> None:
    line = "service hello has reached a steady state at http://127.0.0.1:8000/"
    assert logs.redact(line) == line


def test_an_absent_engine_is_told_not_raised(tmp_path: Path) -> None:
    answer = probe(f"unix://{tmp_path}/docker.sock")
    assert "no socket" in answer.problem
    assert "neither unix:// nor tcp://" in probe("npipe://x").problem
    assert probe("tcp://127.0.0.1:1").problem
