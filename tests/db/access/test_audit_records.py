"""What a record says of its caller, that any text can be kept, and who is woken by it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import RequestFactory

from access import registry
from access.caller import Caller
from access.jobs import seal_audit
from access.policy import parse
from access.registry import operation
from access.trail import audit, chain
from access.trail.models import AuditRecord
from base import here, jobs_by_name, live
from base.errors import AccessDenied

ANYTHING = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "test:*", "Resource": "*"}}


@pytest.fixture(autouse=True)
def note(own_registry: None) -> None:
    @operation("test:Note", resource="*", writes=True, context=lambda params: {"test:Colour": "red"})
    def note(caller: Caller, *, text: Any = "", secret_text: str = "") -> None:
        """Notes."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, float]]]:
    jobs: list[tuple[str, float]] = []
    monkeypatch.setattr(jobs_by_name, "send", lambda name, *args, delay=0.0: jobs.append((name, delay)))
    monkeypatch.setattr(audit, "_asked_until", 0.0)
    yield jobs


def through_role(**more: Any) -> Caller:
    fields: dict[str, Any] = {
        "arn": here.assumed_role_arn("on-call", "ana"),
        "name": "on-call/ana",
        "face": "console",
        "role_arn": here.role_arn("on-call"),
        "assumed_by": here.user_arn("ana"),
        "user_agent": "Firefox",
        "mfa_at": datetime(2026, 1, 1, tzinfo=UTC),
        "statements": parse(ANYTHING),
    }
    return Caller(**(fields | more))


def test_a_record_says_who_through_which_role_with_what(db: None) -> None:
    registry.call("note", through_role(), text="x")
    record = AuditRecord.objects.get()
    assert record.actor_arn == here.assumed_role_arn("on-call", "ana")
    assert (record.role_arn, record.assumed_by) == (here.role_arn("on-call"), here.user_arn("ana"))
    assert (record.user_agent, record.mfa, record.context) == ("Firefox", True, {})


def test_a_denial_keeps_what_it_was_decided_on(db: None) -> None:
    caller = through_role(statements=(), context={"aws:SourceIp": "10.0.0.9"}, mfa_at=None)
    with pytest.raises(AccessDenied):
        registry.call("note", caller, text="x")
    record = AuditRecord.objects.get()
    assert (record.result, record.mfa) == ("denied", False)
    keys = record.context["keys"]
    assert (keys["test:Colour"], keys["aws:SourceIp"]) == ("red", "10.0.0.9")
    assert "aws:CurrentTime" in keys


def test_slipway_itself_has_no_second_factor_to_speak_of(db: None) -> None:
    registry.call("note", registry.system_caller("test"))
    assert AuditRecord.objects.get().mfa is None


def test_the_browser_of_a_request_is_kept(db: None, make_user: Any) -> None:
    request = RequestFactory().get("/", headers={"User-Agent": "Mozilla/5.0 " + "x" * 500})
    user = make_user(statements=[{"Effect": "Allow", "Action": "test:*", "Resource": "*"}])
    registry.call("note", Caller.for_user(user, face="rest", request=request))
    assert AuditRecord.objects.get().user_agent.startswith("Mozilla/5.0 xxx")


@pytest.mark.parametrize(
    "text", ["a\0b", "\ud800", float("nan"), float("-inf"), {"k\0": ["\0"]}, 10**400, b"\xff"]
)
def test_whatever_is_asked_can_be_recorded_sealed_and_verified(db: None, text: Any) -> None:
    from access.trail.verification import verify

    registry.call("note", through_role(user_agent="\0\ud800"), text=text)
    assert chain.seal() == 1
    assert verify().whole
    assert "\0" not in str(AuditRecord.objects.values().get())


def test_secrets_are_in_no_column(db: None) -> None:
    registry.call("note", through_role(), secret_text="hush-hush", text={"password": "hush-hush"})
    assert "hush-hush" not in str(AuditRecord.objects.values().get())


def test_writers_wake_the_sealer_once_for_many_records(
    sent: list[tuple[str, float]], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(5):
            registry.call("note", through_role())
        assert sent == [], "not before the commit"
    assert [name for name, _ in sent] == ["access.seal_audit"]
    assert 0 < sent[0][1] < 1, "sealed within a second"


def test_a_denial_wakes_it_too(
    sent: list[tuple[str, float]], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(AccessDenied):
        registry.call("note", through_role(statements=()))
    assert [name for name, _ in sent] == ["access.seal_audit"]


def test_the_job_seals_and_tells_the_pages(
    db: None, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[tuple[str, ...]] = []
    monkeypatch.setattr(live, "_send", told.append)
    registry.call("note", through_role())
    with django_capture_on_commit_callbacks(execute=True):
        assert seal_audit() == 1
        assert seal_audit() == 0
    assert told == [("audit",)]
    assert AuditRecord.objects.get().seq == 1
