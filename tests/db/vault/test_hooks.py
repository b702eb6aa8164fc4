"""Rotation by a hook: a real HTTP server is asked step by step; failures wait and are told; a cancel is a cancel."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from access.caller import Caller
from access.models import AuditRecord
from base import jobs_by_name
from base.clock import frozen_by
from base.errors import AccessDenied, InvalidParameter, OperationError
from tests.db.vault.conftest import allow
from vault import hooks
from vault.models import Secret, SecretRotation
from vault.operations import create_secret, delete_secret, put_secret_value, update_secret_version_stage
from vault.queries import describe_secret, get_secret_value
from vault.rotation_operations import cancel_rotate_secret, rotate_secret

pytestmark = pytest.mark.django_db
PASSWORD = "corkscrew-5519"


class Hook:
    """Answers what the test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/rotate?key={PASSWORD}"

    @property
    def steps(self) -> list[str]:
        return [event["Step"] for event in self.asked]


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, **time: float) -> None:
        self.time += timedelta(**time)


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    monkeypatch.setattr(jobs_by_name, "send", lambda *args, **more: None)
    clock = Clock()
    with frozen_by(clock):
        yield clock


@pytest.fixture
def secret(root: Caller, now: Clock) -> Secret:
    return create_secret(root, name="shop/db", secret_string="one")


def row() -> SecretRotation:
    return SecretRotation.objects.get()


def rotated(root: Caller, hook: Hook, now: Clock) -> None:
    """What a hook does through the API, between its answers."""
    hook.status = 202
    hooks.work()
    token = hook.asked[-1]["ClientRequestToken"]
    put_secret_value(
        root,
        secret_id="shop/db",
        secret_string=f"new-{token}",
        client_request_token=token,
        version_stages=["AWSPENDING"],
    )
    current = get_secret_value(root, secret_id="shop/db").version_id
    update_secret_version_stage(
        root,
        secret_id="shop/db",
        version_stage="AWSCURRENT",
        move_to_version_id=token,
        remove_from_version_id=current,
    )
    hook.status = 200
    now.pass_by(seconds=31)
    hooks.work()


def test_a_secret_is_rotated_step_by_step_and_again_when_its_time_has_come(
    root: Caller, hook: Hook, now: Clock, secret: Secret
) -> None:
    rotate_secret(
        root, secret_id="shop/db", rotation_hook=hook.url, rotation_rules={"AutomaticallyAfterDays": 30}
    )
    rotated(root, hook, now)
    assert hook.steps == ["createSecret", *hooks.STEPS]
    assert {event["SecretId"] for event in hook.asked} == {secret.arn}
    assert get_secret_value(root, secret_id="shop/db").secret_string.startswith("new-")
    done = row()
    assert (done.token, done.step, done.error) == ("", "", "")
    assert done.last_rotated_at == now.time
    assert done.due_at == now.time + timedelta(days=30)
    assert AuditRecord.objects.filter(operation="rotate_secret", actor_name="system/rotation").count() == 1
    assert hooks.work() == 0
    now.pass_by(days=30)
    rotated(root, hook, now)
    assert len({event["ClientRequestToken"] for event in hook.asked}) == 2
    assert row().last_rotated_at == now.time


def test_a_hook_that_fails_is_asked_less_and_less_often_and_the_reason_is_told(
    root: Caller, hook: Hook, now: Clock, secret: Secret
) -> None:
    rotate_secret(root, secret_id="shop/db", rotation_hook=hook.url)
    hook.status = 500
    pauses = []
    for _ in range(3):
        assert hooks.work() == 1
        assert hooks.work() == 0
        pauses.append((row().due_at - now.time).total_seconds())
        now.time = row().due_at
    assert pauses == [60, 120, 240]
    assert row().error == f"createSecret: {row().hook_host} answered with status 500"
    assert AuditRecord.objects.filter(operation="rotate_secret", result="failed").count() == 1


def test_a_hook_that_only_says_it_is_done_is_not_believed(
    root: Caller, hook: Hook, now: Clock, secret: Secret
) -> None:
    rotate_secret(root, secret_id="shop/db", rotation_hook=hook.url)
    hooks.work()
    assert hook.steps == list(hooks.STEPS)
    assert "AWSCURRENT is not on the new version" in row().error
    assert row().step == "finishSecret"
    assert get_secret_value(root, secret_id="shop/db").secret_string == "one"


def test_a_cancelled_rotation_goes_no_further(root: Caller, hook: Hook, now: Clock, secret: Secret) -> None:
    rotate_secret(root, secret_id="shop/db", rotation_hook=hook.url)
    hook.status = 202
    hooks.work()
    stale = SecretRotation.objects.select_related("secret").get()
    cancel_rotate_secret(root, secret_id="shop/db")
    now.pass_by(hours=1)
    assert hooks.work() == 0
    hooks._rotate(stale)  # a worker that had it in hand
    assert (row().enabled, row().token, row().step) == (False, "", "")
    assert AuditRecord.objects.filter(operation="cancel_rotate_secret").exists()


def test_an_interrupted_rotation_goes_on_with_the_version_it_left_pending(
    root: Caller, hook: Hook, now: Clock, secret: Secret
) -> None:
    token = "a" * 32
    put_secret_value(
        root,
        secret_id="shop/db",
        secret_string="x",
        client_request_token=token,
        version_stages=["AWSPENDING"],
    )
    rotate_secret(root, secret_id="shop/db", rotation_hook=hook.url)
    hooks.work()
    assert hook.asked[0]["ClientRequestToken"] == token


def test_a_secret_marked_for_deletion_is_not_rotated(
    root: Caller, hook: Hook, now: Clock, secret: Secret
) -> None:
    rotate_secret(root, secret_id="shop/db", rotation_hook=hook.url)
    delete_secret(root, secret_id="shop/db")
    assert hooks.work() == 0


def test_the_address_of_the_hook_is_nowhere_in_the_clear(
    root: Caller, hook: Hook, now: Clock, secret: Secret, caplog: pytest.LogCaptureFixture
) -> None:
    rotate_secret(root, secret_id="shop/db", rotation_hook=hook.url)
    hook.server.shutdown()
    hook.server.server_close()
    hooks.work()
    told = (
        caplog.text + repr(list(AuditRecord.objects.values())) + repr(list(SecretRotation.objects.values()))
    )
    assert "did not answer" in told
    assert PASSWORD not in told


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"rotation_hook": "http://169.254.169.254/latest"}, "rotationHook"),
        ({"rotation_hook": "ftp://example.com/"}, "rotationHook"),
        ({"rotation_hook": "http://host:99999/"}, "rotationHook"),
        ({"rotation_hook": 5}, "rotationHook"),
        ({}, "rotationHook"),
        ({"rotation_lambda_arn": "arn:aws:lambda:us-east-1:1:function:x"}, "rotationLambdaARN"),
        (
            {"rotation_rules": {"AutomaticallyAfterDays": 0}, "rotation_hook": "http://a/"},
            "rotationRules.AutomaticallyAfterDays",
        ),
        (
            {"rotation_rules": {"ScheduleExpression": "rate(1 day)"}, "rotation_hook": "http://a/"},
            "rotationRules.ScheduleExpression",
        ),
        ({"client_request_token": "short", "rotation_hook": "http://a/"}, "clientRequestToken"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    root: Caller, secret: Secret, given: dict[str, Any], field: str
) -> None:
    with pytest.raises((InvalidParameter, OperationError)) as refused:
        rotate_secret(root, secret_id="shop/db", **given)
    assert field in refused.value.fields
    assert not SecretRotation.objects.exists()


def test_who_may_not_changes_nothing(root: Caller, secret: Secret, caller_with: Any) -> None:
    reader = caller_with(allow("secretsmanager:DescribeSecret"))
    with pytest.raises(AccessDenied):
        rotate_secret(reader, secret_id="shop/db", rotation_hook="http://127.0.0.1:1/")
    with pytest.raises(AccessDenied):
        cancel_rotate_secret(reader, secret_id="shop/db")
    assert not SecretRotation.objects.exists()
    assert describe_secret(reader, secret_id="shop/db").name == "shop/db"
