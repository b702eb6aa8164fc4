"""The chain: whatever an intruder does to the rows shows, and nothing that Slipway does itself looks like one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError
from django.db import connection, connections, transaction
from django.test import override_settings

from access.trail import audit, chain, database_guard, verification
from access.trail.models import AuditChain, AuditCheckpoint, AuditRecord
from access.trail.verification import verify
from base.clock import frozen_by

START = datetime(2026, 1, 1, tzinfo=UTC)


def record(number: int, **more: Any) -> AuditRecord:
    made = AuditRecord(
        at=more.pop("at", START + timedelta(seconds=number)),
        face="rest",
        operation="update_service",
        action="ecs:UpdateService",
        actor_name=f"user-{number % 3}",
        result=more.pop("result", "success"),
        resource=f"arn:aws:ecs:us-east-1:123456789012:service/default/s{number}",
        parameters={"n": number, "ratio": 2.0, "text": "é \u2028"},
        **more,
    )
    audit.write(made)
    return made


def trail(count: int) -> None:
    for number in range(count):
        record(number)
    chain.seal()


def sql(statement: str, *values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def refused(statement: str, *values: Any) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(statement, *values)


@pytest.fixture
def intruder(db: None) -> Iterator[Callable[..., int]]:
    """Who can change the schema, and so lift the guard."""
    database_guard.lift(connection)
    yield sql


@pytest.fixture(autouse=True)
def small_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "CHECKPOINT_EVERY", 10)


@pytest.fixture(autouse=True)
def time_stands() -> Iterator[None]:
    with frozen_by(lambda: START + timedelta(minutes=1)):
        yield


def told(**more: Any) -> list[tuple[str, int | None]]:
    """What a verification says beside the guard that the intruder lifted."""
    return [(problem.kind, problem.seq) for problem in verify(**more).problems if problem.kind != "guard"]


# --- what Slipway does ---------------------------------------------------------------------------------


def test_records_are_sealed_in_order_and_the_chain_is_whole() -> None:
    trail(25)
    record(25)
    rows = list(AuditRecord.objects.order_by("id").values_list("seq", flat=True))
    assert rows == [*range(1, 26), None]
    found = verify()
    assert found.problems == []
    assert (found.first, found.last, found.records, found.unsealed) == (1, 25, 25, 1)
    assert found.checkpoints == AuditCheckpoint.objects.count() >= 1
    assert chain.seal() == 1
    assert chain.seal() == 0
    assert verify().whole


def test_several_batches_are_one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "BATCH", 7)
    monkeypatch.setattr(verification, "CHUNK", 4)
    trail(30)
    assert AuditChain.objects.get().seq == 30
    found = verify()
    assert found.whole and found.records == 30 and found.checkpoints >= 2


def test_anybody_can_recompute_a_hash_from_the_text_of_a_record() -> None:
    trail(2)
    first, second = AuditRecord.objects.order_by("seq").values("hash", *chain.CONTENT)
    text = chain.canonical(second)
    assert json.loads(text)["at"] == "2026-01-01T00:00:01.000000+00:00"
    assert "role_arn" not in json.loads(text), "what is empty is left out"
    assert chain.digest(first["hash"], text) == second["hash"]


def test_a_record_committed_late_is_sealed_later() -> None:
    """On PostgreSQL a lower id may become visible after a higher one was sealed."""
    late, early = record(1), record(2)
    chain.seal()
    with database_guard.lifted(connection):
        sql("UPDATE access_auditrecord SET seq = NULL, hash = '' WHERE id = %s", late.pk)
        sql("UPDATE access_auditrecord SET seq = NULL, hash = '' WHERE id = %s", early.pk)
        AuditCheckpoint.objects.all()._raw_delete("default")
        AuditChain.objects.all().delete()
    # The same two, seen one after the other in the other order.
    with pytest.MonkeyPatch.context() as patch:
        rows = AuditRecord.objects.filter(pk=early.pk)
        patch.setattr(AuditRecord, "objects", rows)
        chain.seal()
    chain.seal()
    assert list(AuditRecord.objects.order_by("seq").values_list("id", flat=True)) == [early.pk, late.pk]
    assert verify().whole


def test_the_retention_forgets_from_the_old_end_and_the_rest_stays_provable() -> None:
    trail(30)
    assert chain.forget_before(START + timedelta(seconds=12)) == 12
    assert AuditRecord.objects.count() == 18
    found = verify()
    assert found.problems == []
    assert (found.first, found.last, found.records) == (13, 30, 18)
    last = AuditCheckpoint.objects.latest("number")
    assert (last.kind, last.seq) == ("retention", 12)
    assert chain.forget_before(START + timedelta(seconds=12)) == 0
    record(30)
    assert chain.forget_before(START + timedelta(days=1)) == 19
    assert AuditRecord.objects.count() == 0
    assert verify().whole
    record(31)
    chain.seal()
    assert AuditRecord.objects.get().seq == 32
    assert verify().whole


def test_a_retention_that_was_interrupted_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    trail(10)
    monkeypatch.setattr(chain, "_delete_up_to", lambda seq: 0)
    chain.forget_before(START + timedelta(seconds=5))
    assert AuditRecord.objects.count() == 10
    assert verify().whole, "what may be forgotten need not be there, and may be"
    monkeypatch.undo()
    assert chain.forget_before(START + timedelta(seconds=5)) == 5
    assert verify().whole


def test_an_older_record_behind_a_younger_one_waits_for_it() -> None:
    record(0, at=START + timedelta(days=3))
    record(1)
    chain.seal()
    assert chain.forget_before(START + timedelta(days=2)) == 0
    assert AuditRecord.objects.count() == 2


# --- the guard -----------------------------------------------------------------------------------------


def test_the_database_refuses_what_is_not_sealing_or_retention() -> None:
    trail(3)
    record(3)
    refused("UPDATE access_auditrecord SET action = 'x:Y' WHERE seq = 2")
    refused("UPDATE access_auditrecord SET action = 'x:Y' WHERE seq IS NULL")
    refused("UPDATE access_auditrecord SET seq = 9 WHERE seq = 2")
    refused("UPDATE access_auditrecord SET seq = NULL WHERE seq = 2")
    refused("UPDATE access_auditrecord SET hash = '' WHERE seq = 2")
    refused("UPDATE access_auditrecord SET hash = 'x' WHERE seq IS NULL")
    refused("UPDATE access_auditrecord SET seq = 4, action = 'x:Y' WHERE seq IS NULL")
    refused("DELETE FROM access_auditrecord WHERE seq = 1")
    refused("DELETE FROM access_auditrecord WHERE seq IS NULL")
    refused("DELETE FROM access_auditrecord")
    refused("UPDATE access_auditcheckpoint SET hash = ''")
    refused("DELETE FROM access_auditcheckpoint")
    columns = ", ".join(
        field.column for field in AuditRecord._meta.fields if field.column not in ("id", "seq")
    )
    refused(
        f"INSERT INTO access_auditrecord ({columns}, seq) SELECT {columns}, 77 FROM access_auditrecord WHERE seq=1"
    )
    if connection.vendor == "postgresql":
        refused("TRUNCATE access_auditrecord")
        refused("TRUNCATE access_auditcheckpoint")
    assert AuditRecord.objects.count() == 4
    assert verify().whole


def test_a_guard_that_is_missing_is_told_and_put_back(intruder: Callable[..., int]) -> None:
    trail(2)
    assert [problem.kind for problem in verify().problems] == ["guard"]
    assert database_guard.install(connection)
    assert not database_guard.install(connection), "there already"
    assert verify().whole


def test_a_trigger_that_is_switched_off_is_told_and_put_back() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite knows no switched-off trigger")
    sql("ALTER TABLE access_auditrecord DISABLE TRIGGER USER")
    assert [problem.kind for problem in verify().problems] == ["guard"]
    database_guard.install(connection)
    assert verify().whole


# --- the intruder ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column", ["action", "actor_name", "resource", "error_message", "role_arn", "source_ip"]
)
def test_an_altered_text_shows(intruder: Callable[..., int], column: str) -> None:
    trail(25)
    assert intruder(f"UPDATE access_auditrecord SET {column} = 'forged' WHERE seq = 7") == 1
    assert told() == [("altered", 7)]


def test_altered_times_documents_and_flags_show(intruder: Callable[..., int]) -> None:
    trail(25)
    intruder("UPDATE access_auditrecord SET at = %s WHERE seq = 3", START + timedelta(seconds=3.000001))
    intruder("UPDATE access_auditrecord SET parameters = '{\"n\": 1}' WHERE seq = 9")
    intruder("UPDATE access_auditrecord SET mfa = %s WHERE seq = 12", True)
    assert told() == [("altered", 3), ("altered", 9), ("altered", 12)]


def test_altered_with_its_hash_made_new_shows_in_what_follows(intruder: Callable[..., int]) -> None:
    trail(25)
    intruder("UPDATE access_auditrecord SET action = 'forged' WHERE seq = 7")
    rows = list(AuditRecord.objects.order_by("seq").values("seq", "hash", *chain.CONTENT))
    intruder(
        "UPDATE access_auditrecord SET hash = %s WHERE seq = 7",
        chain.digest(rows[5]["hash"], chain.canonical(rows[6])),
    )
    assert told() == [("altered", 8)]


def test_a_whole_rewritten_chain_shows_at_the_signed_checkpoints_and_head(
    intruder: Callable[..., int],
) -> None:
    for _ in range(3):
        trail(10)
    intruder("UPDATE access_auditrecord SET actor_name = 'somebody-else' WHERE seq = 7")
    last = ""
    for row in AuditRecord.objects.order_by("seq").values("seq", *chain.CONTENT):
        last = chain.digest(last, chain.canonical(row))
        intruder("UPDATE access_auditrecord SET hash = %s WHERE seq = %s", last, row["seq"])
    kinds = {kind for kind, _ in told()}
    assert kinds == {"checkpoint", "head"}
    # And rewriting the head too, without the key.
    AuditChain.objects.update(hash=last)
    assert "head" in {kind for kind, _ in told()}


@pytest.mark.parametrize(("first", "last"), [(1, 1), (7, 7), (5, 9), (24, 25), (1, 25)])
def test_removed_records_show(intruder: Callable[..., int], first: int, last: int) -> None:
    trail(25)
    intruder("DELETE FROM access_auditrecord WHERE seq BETWEEN %s AND %s", first, last)
    found = [problem for problem in verify().problems if problem.kind != "guard"]
    assert [(problem.kind, problem.seq) for problem in found] == [("removed", first)]
    assert str(last) in found[0].message


def test_a_removal_hidden_by_new_numbers_shows(intruder: Callable[..., int]) -> None:
    trail(25)
    intruder("DELETE FROM access_auditrecord WHERE seq = 7")
    intruder("UPDATE access_auditrecord SET seq = -(seq - 1) WHERE seq > 7")
    intruder("UPDATE access_auditrecord SET seq = -seq WHERE seq < 0")
    assert ("altered", 7) in told() and ("removed", 25) in told()


def test_an_inserted_record_shows_in_the_middle_and_beyond_the_head(intruder: Callable[..., int]) -> None:
    trail(25)
    intruder("UPDATE access_auditrecord SET seq = -(seq + 1) WHERE seq > 6")
    intruder("UPDATE access_auditrecord SET seq = -seq WHERE seq < 0")
    forged = record(99)
    rows = list(AuditRecord.objects.filter(seq=6).values("hash", *chain.CONTENT)) + list(
        AuditRecord.objects.filter(pk=forged.pk).values("hash", *chain.CONTENT)
    )
    hash_ = chain.digest(rows[0]["hash"], chain.canonical(rows[1]))
    intruder("UPDATE access_auditrecord SET seq = 7, hash = %s WHERE id = %s", hash_, forged.pk)
    found = told()
    assert ("inserted", 7) in found and ("inserted", 26) in found
    assert "altered" not in {kind for kind, _ in found}


def test_records_that_changed_places_show(intruder: Callable[..., int]) -> None:
    trail(25)
    intruder("UPDATE access_auditrecord SET seq = -8 WHERE seq = 7")
    intruder("UPDATE access_auditrecord SET seq = 7 WHERE seq = 8")
    intruder("UPDATE access_auditrecord SET seq = 8 WHERE seq = -8")
    assert told() == [("moved", 7)]


def test_forging_what_may_be_forgotten_shows(intruder: Callable[..., int]) -> None:
    trail(25)
    AuditChain.objects.update(forgotten_seq=10)
    database_guard.install(connection)
    assert sql("DELETE FROM access_auditrecord WHERE seq <= 10") == 10, "the guard goes by that number"
    assert {kind for kind, _ in told()} == {"head"}


def test_checkpoints_that_were_removed_or_altered_show(intruder: Callable[..., int]) -> None:
    for _ in range(4):
        trail(10)
    assert AuditCheckpoint.objects.count() == 4
    intruder("DELETE FROM access_auditcheckpoint WHERE number = 2")
    assert [kind for kind, _ in told()] == ["checkpoint"]
    intruder("DELETE FROM access_auditcheckpoint WHERE number = 4")
    assert [kind for kind, _ in told()] == ["checkpoint", "checkpoint"]
    intruder("UPDATE access_auditcheckpoint SET hash = 'x' WHERE number = 1")
    assert [kind for kind, _ in told()] == ["checkpoint"] * 3


def test_a_head_that_was_removed_or_set_back_shows(intruder: Callable[..., int]) -> None:
    trail(10)
    before = AuditChain.objects.values().get()
    trail(5)
    AuditChain.objects.update(
        **{name: before[name] for name in ("seq", "hash", "sealed_at", "signature", "checkpoints")}
    )
    assert {kind for kind, _ in told()} == {"inserted"}
    AuditChain.objects.all().delete()
    assert ("head", None) in told()


def test_a_trail_set_back_as_a_whole_shows_against_a_note_kept_elsewhere(
    intruder: Callable[..., int],
) -> None:
    trail(10)
    before = AuditChain.objects.values().get()
    trail(5)
    noted = (15, str(AuditChain.objects.get().hash))
    assert told(expected=noted) == []
    intruder("DELETE FROM access_auditrecord WHERE seq > 10")
    AuditChain.objects.update(
        **{name: before[name] for name in ("seq", "hash", "sealed_at", "signature", "checkpoints")}
    )
    assert told() == []
    assert told(expected=noted) == [("head", 15)]
    assert told(expected=(3, "0" * 64)) == [("head", 3)]


def test_another_key_is_no_key_and_an_old_one_goes_on_verifying() -> None:
    trail(10)
    from django.conf import settings

    old = settings.SLIPWAY_AUDIT_KEYS[0]
    with override_settings(SLIPWAY_AUDIT_KEYS=["another-key-altogether"]):
        assert {problem.kind for problem in verify().problems} == {"head", "checkpoint"}
    with override_settings(SLIPWAY_AUDIT_KEYS=["the-new-key", old]):
        trail(10)
        assert verify().whole


def test_a_backdated_record_shows() -> None:
    trail(10)
    with frozen_by(lambda: START + timedelta(hours=3)):
        record(11, at=START - timedelta(days=20))
        chain.seal()
    assert told() == [("backdated", 11)]


def test_many_problems_are_counted_but_not_all_listed(intruder: Callable[..., int]) -> None:
    trail(verification.MOST_PROBLEMS + 20)
    intruder("UPDATE access_auditrecord SET action = 'forged'")
    found = verify()
    assert len(found.problems) == verification.MOST_PROBLEMS and found.more


# --- at once ---------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_sealers_and_writers_at_once_make_one_whole_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "BATCH", 20)
    monkeypatch.setattr(audit.jobs_by_name, "send", lambda *args, **more: None)
    writing = threading.Event()
    writing.set()
    trouble: list[BaseException] = []
    sealed: list[int] = []

    def run(work: Callable[[], None]) -> threading.Thread:
        def body() -> None:
            try:
                work()
            except BaseException as error:
                trouble.append(error)
            finally:
                connections.close_all()

        thread = threading.Thread(target=body)
        thread.start()
        return thread

    def write() -> None:
        for number in range(60):
            with transaction.atomic():
                record(number)
                if number % 7 == 0:
                    transaction.set_rollback(True)

    def seal() -> None:
        while writing.is_set():
            try:
                sealed.append(chain.seal())
            except chain.SealingContested:
                sealed.append(0)

    sealers = [run(seal) for _ in range(3)]
    writers = [run(write) for _ in range(3)]
    for thread in writers:
        thread.join()
    writing.clear()
    for thread in sealers:
        thread.join()
    assert trouble == []
    sealed.append(chain.seal())
    kept = 3 * (60 - 9)
    assert sum(sealed) == kept == AuditRecord.objects.count()
    assert list(AuditRecord.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, kept + 1))
    assert verify().problems == []


# --- commands --------------------------------------------------------------------------------------------


def command(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


def test_the_command_verifies_and_its_head_can_be_kept_elsewhere(intruder: Callable[..., int]) -> None:
    database_guard.install(connection)
    trail(12)
    said = command("access_verify_audit")
    assert "The audit trail is whole." in said and "12 records (1 to 12)" in said
    head = next(line.removeprefix("head ") for line in said.splitlines() if line.startswith("head "))
    assert "is whole" in command("access_verify_audit", "--expect", head)
    chain.seal()
    found = json.loads(command("access_verify_audit", "--json"))
    assert (found["whole"], found["records"]) == (True, 14), "the verifications are recorded themselves"
    with pytest.raises(CommandError, match="NUMBER:HASH"):
        command("access_verify_audit", "--expect", "12")
    database_guard.lift(connection)
    intruder("UPDATE access_auditrecord SET action = 'forged' WHERE seq = 5")
    database_guard.install(connection)
    out = StringIO()
    with pytest.raises(CommandError, match="not whole"):
        call_command("access_verify_audit", stdout=out)
    assert "altered: Record 5 was altered" in out.getvalue()


def test_the_command_exports_what_lookup_finds(tmp_path: Path) -> None:
    trail(9)
    target = tmp_path / "audit.jsonl"
    command("access_export_audit", "--actor", "user-1", "--output", str(target))
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert [line["record"]["parameters"]["n"] for line in lines] == [1, 4, 7]
    assert AuditRecord.objects.latest("id").operation == "export_audit_trail"
    with pytest.raises(CommandError, match="File exists"):
        command("access_export_audit", "--output", str(target))
    with pytest.raises(CommandError, match="result"):
        command("access_export_audit", "--result", "perhaps")
