"""The audit pages: search by what stands in the address, one record with its changes, the chain's state, export."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from access.models import Group, Policy
from access.registry import system_caller
from access.trail import audit, chain, database_guard
from access.trail.models import AuditRecord
from access.trail.search import export_audit_trail
from base import here
from console.web.changes import differences_of
from tests.db.web.conftest import Reader

START = datetime(2026, 1, 1, tzinfo=UTC)
ROLE = here.role_arn("on-call")


def write(number: int = 0, **more: Any) -> AuditRecord:
    fields: dict[str, Any] = {
        "at": START + timedelta(minutes=number),
        "face": "rest",
        "operation": "update_service",
        "action": "ecs:UpdateService",
        "actor_name": "ana",
        "actor_arn": here.user_arn("ana"),
        "result": "success",
        "resource": here.service_arn("default", f"web-{number}"),
        "resources": [here.service_arn("default", f"web-{number}")],
        "request_id": f"request-{number}",
    } | more
    made = AuditRecord(**fields)
    audit.write(made)
    return made


@pytest.fixture
def auditor(reader: Callable[..., Reader]) -> Reader:
    return reader("administrator")


def shown(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'<tr id="record-(\d+)">', html)]


@pytest.fixture
def records(db: None) -> dict[str, AuditRecord]:
    return {
        "plain": write(1),
        "role": write(
            2,
            actor_name="on-call/ana",
            actor_arn=here.assumed_role_arn("on-call", "ana"),
            role_arn=ROLE,
            assumed_by=here.user_arn("ana"),
        ),
        "other": write(
            3,
            actor_name="bob",
            actor_arn=here.user_arn("bob"),
            action="iam:CreateUser",
            resource=here.user_arn("eve"),
            result="failed",
            error_message="Too many cooks.",
        ),
        "denied": write(
            4,
            actor_name="bob",
            actor_arn=here.user_arn("bob"),
            result="denied",
            error_code="AccessDeniedException",
            error_message="User: bob may not.",
            context={"keys": {"aws:SourceIp": "10.0.0.9"}, "owners": []},
        ),
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["denied", "other", "role", "plain"]),
        ("actor=ana", ["role", "plain"]),
        (f"actor={here.user_arn('ana')}", ["role", "plain"]),
        ("actor=on-call/ana", ["role"]),
        ("role=on-call", ["role"]),
        (f"role={ROLE}", ["role"]),
        ("action=iam:*", ["other"]),
        ("action=ecs:UpdateService", ["denied", "role", "plain"]),
        (f"resource={here.service_arn('default', 'web-')}", ["denied", "role", "plain"]),
        ("result=denied", ["denied"]),
        ("request=request-2", ["role"]),
        ("since=2026-01-01T00:02&until=2026-01-01T00:04", ["other", "role"]),
        ("q=COOKS", ["other"]),
        ("q=web-1&actor=bob", []),
        ("since=yesterday", []),
        ("result=perhaps", []),
    ],
)  # fmt: skip
def test_the_address_says_what_is_found(
    auditor: Reader, records: dict[str, AuditRecord], query: str, found: list[str]
) -> None:
    names = {record.pk: name for name, record in records.items()}
    assert [names[number] for number in shown(auditor.text(f"/audit/?{query}"))] == found


def test_a_filter_that_cannot_be_read_says_so(auditor: Reader, records: object) -> None:
    html = auditor.text("/audit/?since=yesterday")
    assert "Enter a valid date/time" in html and 'value="yesterday"' in html


def test_a_record_through_a_role_names_both(auditor: Reader, records: dict[str, AuditRecord]) -> None:
    html = auditor.text(f"/audit/{records['role'].pk}/")
    assert re.search(r"<b>ana</b> as role <b>on-call</b>", html)
    assert ROLE in html and here.user_arn("ana") in html
    assert "as on-call" in auditor.text("/audit/")


def test_a_record_shows_what_changed_field_by_field(auditor: Reader, db: None) -> None:
    before = {"Statement": [{"Effect": "Allow", "Sid": "A"}]}
    after = {"Statement": [{"Effect": "Deny", "Sid": "A"}, {"Effect": "Allow"}]}
    record = write(
        changes=[
            {"field": "desiredCount", "before": 2, "after": 4},
            {"field": "document", "before": before, "after": after},
        ]
    )
    chain.seal()
    html = auditor.text(f"/audit/{record.pk}/")
    assert "document.Statement[0].Effect" in html and "document.Statement[1]" in html
    assert "document.Statement[0].Sid" not in html
    assert f"{AuditRecord.objects.get(pk=record.pk).hash}" in html


def test_differences_of_documents() -> None:
    given = [
        {
            "field": "f",
            "before": {"a": [1, 2], "b": None, "c": {"d": "x"}},
            "after": {"a": [1], "c": {"d": "y"}},
        }
    ]
    assert [(one.label, one.before, one.after) for one in differences_of(given)] == [
        ("f.a", "[1, 2]", "[1]"),
        ("f.c.d", "x", "y"),
    ]  # fmt: skip
    assert [(one.before, one.after) for one in differences_of([{"field": "f", "after": [{"k": 1}]}])] == [
        (None, '[{"k": 1}]')
    ]


def test_a_denial_says_what_it_was_decided_with(auditor: Reader, records: dict[str, AuditRecord]) -> None:
    html = auditor.text(f"/audit/{records['denied'].pk}/")
    assert "aws:SourceIp" in html and "10.0.0.9" in html and "User: bob may not." in html


def test_the_number_of_queries_does_not_grow(auditor: Reader, db: None) -> None:
    for number in range(3):
        write(number, role_arn=ROLE)
    few = auditor.queries("/audit/")
    for number in range(40):
        write(number, role_arn=ROLE)
    assert auditor.queries("/audit/") == few


def test_the_chain_says_how_far_it_is_sealed_and_whether_it_is_whole(
    auditor: Reader, records: object
) -> None:
    assert "Nothing is sealed yet" in auditor.text("/audit/")
    chain.seal()
    html = auditor.text("/audit/")
    assert "Sealed up to record <b>4</b>" in html and "not yet verified" in html
    assert auditor.post("/audit/verify/") == "/audit/"
    html = auditor.text("/audit/")
    assert "The trail is whole: 4 records verified." in html
    with database_guard.lifted(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE access_auditrecord SET actor_name = 'eve' WHERE seq = 2")
    auditor.post("/audit/verify/")
    html = auditor.text("/audit/")
    assert "The trail is not whole: 1 finding." in html
    assert "Record 2 was altered" in html and "Somebody has been at the trail." in html


def test_export_answers_json_lines_with_the_same_filters_and_is_recorded(
    auditor: Reader, records: dict[str, AuditRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("access.trail.search.EXPORT_PAGE", 1)
    chain.seal()
    response = auditor.client.get("/audit/export/?actor=ana")
    assert response.status_code == 200 and response["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]  # type: ignore[attr-defined]
    assert [line["record"]["id"] for line in lines] == [records["plain"].pk, records["role"].pk]
    text = json.dumps(lines[1]["record"], sort_keys=True, separators=(",", ":"))
    assert chain.digest(lines[0]["hash"], text) == lines[1]["hash"], "anybody can check it"
    record = AuditRecord.objects.latest("id")
    assert (record.action, record.result) == ("slipway:ExportAuditTrail", "success")
    assert record.parameters["actor"] == "ana"
    assert "ExportAuditTrail" not in auditor.text("/", 200).split("Last changes")[-1], "a read is no change"


def test_an_export_is_complete_whatever_is_sealed_meanwhile(
    records: dict[str, AuditRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("access.trail.search.EXPORT_PAGE", 1)
    chain.seal()
    write(5), write(6)
    pieces = export_audit_trail(system_caller("test"))
    lines = [json.loads(next(pieces)) for _ in range(5)]
    chain.seal()
    write(7)
    lines += [json.loads(piece) for piece in pieces]
    assert [line["record"]["request_id"] for line in lines if "request_id" in line["record"]][:6] == [
        f"request-{number}" for number in range(1, 7)
    ]
    assert len({line["record"]["id"] for line in lines}) == len(lines)
    assert "request-7" not in str(lines)


def test_who_may_only_look_neither_exports_nor_verifies(
    reader: Callable[..., Reader], records: object
) -> None:
    rita = reader("read-only")
    assert shown(rita.text("/audit/"))
    assert "slipway:ExportAuditTrail" in rita.text("/audit/"), "disabled, with the permission named"
    assert rita.client.get("/audit/export/").status_code == 403
    assert rita.client.post("/audit/verify/").status_code == 403
    assert set(AuditRecord.objects.filter(actor_arn=rita.user.arn).values_list("action", "result")) == {
        ("slipway:ExportAuditTrail", "denied"),
        ("slipway:VerifyAuditTrail", "denied"),
    }
    assert rita.client.get("/audit/verify/").status_code == 405


def test_a_record_out_of_ones_scope_does_not_exist(
    reader: Callable[..., Reader], records: dict[str, AuditRecord]
) -> None:
    one = reader()
    document = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    group = Group.objects.create(name="team", scope=[here.service_arn("default", "web-1")])
    group.policies.add(Policy.objects.create(name="all", document=document))
    group.members.add(one.user)
    assert shown(one.text("/audit/")) == [records["plain"].pk]
    one.text(f"/audit/{records['plain'].pk}/")
    assert one.client.get(f"/audit/{records['other'].pk}/").status_code == 404
    assert one.client.get("/audit/export/").status_code == 403, "the trail as a whole is not in the scope"


def test_nobody_reads_it_without_the_permission(
    reader: Callable[..., Reader], records: dict[str, AuditRecord]
) -> None:
    eve = reader()
    for path in ("/audit/", f"/audit/{records['plain'].pk}/", "/audit/export/"):
        assert eve.client.get(path).status_code == 403
