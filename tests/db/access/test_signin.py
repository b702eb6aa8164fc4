"""Signing in: uniform answers, growing waits, records; and bearer tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from access import backends
from access.caller import Caller
from access.identities import tokens
from access.middleware import AccessMiddleware, prepare
from access.models import AuditRecord, SignInGuard, Token
from access.signon import signin
from base import here
from base.errors import AccessDenied, EntityAlreadyExists, InvalidParameter, NoSuchEntity

RIGHT = "correct horse battery"


def request_from(ip: str = "10.0.0.1", **headers: str) -> HttpRequest:
    request = RequestFactory(REMOTE_ADDR=ip).post("/sign-in", headers=headers)
    request.session = SessionStore()
    prepare(request)
    return request


def test_a_right_password_opens_a_session(make_user: Any) -> None:
    user = make_user("ana", "deployer")
    request = request_from()
    found = signin.sign_in(request, "ana", RIGHT)
    assert found.user == user and request.session[SESSION_KEY] == str(user.pk)
    record = AuditRecord.objects.get()
    assert (record.action, record.result, record.source_ip) == ("signin:ConsoleLogin", "success", "10.0.0.1")
    assert record.actor_arn == here.user_arn("ana")


@pytest.mark.parametrize("username", ["ana", "nobody", "off", "tokens-only", "", "a" * 300])
def test_every_wrong_try_gets_the_same_answer(make_user: Any, username: str) -> None:
    make_user("ana")
    off = make_user("off")
    off.is_active = False
    off.save()
    only = make_user("tokens-only")
    only.set_unusable_password()
    only.save()
    request = request_from()
    password = RIGHT if username in ("off", "tokens-only") else "wrong"
    assert signin.sign_in(request, username, password) == signin.SignIn()
    assert SESSION_KEY not in request.session
    record = AuditRecord.objects.get()
    assert (record.result, record.error_code) == ("failed", "FailedAuthentication")


def test_an_unknown_name_costs_a_hash_too(make_user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user("ana")
    hashed: list[str] = []
    monkeypatch.setattr(backends, "make_password", hashed.append)
    signin.sign_in(request_from(), "nobody", "typed")
    assert hashed == ["typed"]


def test_what_was_typed_as_a_name_is_kept_only_when_it_is_one(db: None) -> None:
    signin.sign_in(request_from(), "my password by mistake", "x")
    record = AuditRecord.objects.get()
    assert "mistake" not in " ".join(map(str, record.__dict__.values()))


def test_waits_grow_and_end(make_user: Any, clock: Any) -> None:
    make_user("ana")
    for _ in range(signin.FREE_TRIES):
        assert signin.sign_in(request_from(), "ana", "wrong").wait == 0
    waits = []
    for _ in range(4):
        waits.append(signin.sign_in(request_from(), "ana", RIGHT).wait)
        clock.forward(seconds=waits[-1])
        assert signin.sign_in(request_from(), "ana", "wrong") == signin.SignIn()
    assert waits == [6, 11, 21, 41]
    assert signin.sign_in(request_from(), "ana", RIGHT).user is None
    assert signin.sign_in(request_from("10.0.0.2"), "ana", RIGHT).user is not None, (
        "another address is not held up"
    )
    clock.forward(minutes=15, seconds=1)
    assert signin.sign_in(request_from(), "ana", RIGHT).user is not None
    assert signin.sign_in(request_from(), "ana", "wrong").wait == 0


def test_a_blocked_try_is_not_even_looked_at(make_user: Any, clock: Any) -> None:
    make_user("ana")
    for _ in range(signin.FREE_TRIES):
        signin.sign_in(request_from(), "ana", "wrong")
    before = AuditRecord.objects.count()
    for _ in range(20):
        assert signin.sign_in(request_from(), "ana", RIGHT).wait > 0
    assert AuditRecord.objects.count() == before, "a flood does not fill the trail"


def test_one_address_may_not_try_many_names(make_user: Any, clock: Any) -> None:
    make_user("ana")
    for index in range(signin.FREE_TRIES_OF_ADDRESS):
        signin.sign_in(request_from(), f"name{index}", "wrong")
    assert signin.sign_in(request_from(), "ana", RIGHT).wait > 0
    assert signin.sign_in(request_from("10.0.0.2"), "ana", RIGHT).user is not None


def test_success_does_not_count_as_a_failure(make_user: Any, clock: Any) -> None:
    make_user("ana")
    for _ in range(signin.FREE_TRIES_OF_ADDRESS + 5):
        assert signin.sign_in(request_from(), "ana", RIGHT).user is not None
    clock.forward(hours=2)
    assert signin.forget_guards() == 1
    assert not SignInGuard.objects.exists()


# --- tokens -------------------------------------------------------------------------------------------


def test_a_token_is_its_user_until_revoked(caller_of: Any) -> None:
    ana = caller_of("ana", "read-only")
    issued = tokens.create_token(ana, username="ana", name="laptop")
    assert issued.secret not in repr(issued) and issued.secret.startswith(issued.token.prefix)
    stored = Token.objects.get()
    assert issued.secret not in " ".join(map(str, stored.__dict__.values()))
    assert issued.secret not in " ".join(str(r.__dict__) for r in AuditRecord.objects.all())
    user = tokens.authenticate(issued.secret)
    assert user is not None and user.username == "ana"
    assert tokens.authenticate(issued.secret + "x") is None
    assert tokens.authenticate(stored.digest) is None and tokens.authenticate("") is None
    assert [token.name for token in tokens.list_tokens(ana, username="ana")] == ["laptop"]
    tokens.revoke_token(ana, username="ana", name="laptop")
    assert tokens.authenticate(issued.secret) is None
    with pytest.raises(NoSuchEntity):
        tokens.revoke_token(ana, username="ana", name="laptop")


def test_a_token_ends_with_its_time_or_its_user(caller_of: Any, clock: Any, make_user: Any) -> None:
    ana = caller_of("ana", "read-only")
    short = tokens.create_token(ana, username="ana", name="short", expires_in_days=1)
    endless = tokens.create_token(ana, username="ana", name="endless", expires_in_days=None)
    clock.forward(days=1, seconds=1)
    assert tokens.authenticate(short.secret) is None
    user = tokens.authenticate(endless.secret)
    assert user is not None
    user.is_active = False
    user.save()
    assert tokens.authenticate(endless.secret) is None


def test_last_use_is_written_once_a_minute(
    caller_of: Any, clock: Any, django_assert_num_queries: Any
) -> None:
    issued = tokens.create_token(caller_of("ana"), username="ana", name="t")
    with django_assert_num_queries(2):
        tokens.authenticate(issued.secret)
    first = clock.moment
    clock.forward(seconds=59)
    with django_assert_num_queries(1):
        tokens.authenticate(issued.secret)
    assert Token.objects.get().last_used_at == first
    clock.forward(seconds=1)
    tokens.authenticate(issued.secret)
    assert Token.objects.get().last_used_at == first + timedelta(minutes=1)


@pytest.mark.parametrize("params", [{"name": ""}, {"name": "x" * 65}, {"name": "t", "expires_in_days": 0}])
def test_bad_tokens_are_refused(caller_of: Any, params: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter):
        tokens.create_token(caller_of("ana"), username="ana", **params)


def test_nobody_makes_tokens_for_others(caller_of: Any) -> None:
    caller_of("bob")
    ana = caller_of("ana", "deployer")
    with pytest.raises(AccessDenied):
        tokens.create_token(ana, username="bob", name="t")
    assert not Token.objects.exists()
    tokens.create_token(ana, username="ana", name="t")
    with pytest.raises(EntityAlreadyExists):
        tokens.create_token(ana, username="ana", name="t")


# --- what a request carries -----------------------------------------------------------------------------


def test_a_request_knows_its_caller_and_answers_its_id(
    make_user: Any, django_assert_num_queries: Any
) -> None:
    request = RequestFactory(REMOTE_ADDR="10.0.0.9").get("/")
    request.user = make_user("ana", "deployer")
    with django_assert_num_queries(0):
        response = AccessMiddleware(lambda request: HttpResponse())(request)
    assert response["X-Request-Id"] == request.request_id and len(request.request_id) == 36
    caller = request.caller
    assert (caller.name, caller.face, caller.source_ip) == ("ana", "console", "10.0.0.9")
    assert isinstance(caller, Caller) and caller.may("ecs:RegisterTaskDefinition", "*").allowed
    assert caller.request_id == request.request_id


def test_nobody_may_nothing(db: None) -> None:
    request = request_from()
    assert not request.caller.may("ecs:ListClusters", "*").allowed


@pytest.mark.parametrize(
    ("behind", "forwarded", "expected"),
    [
        (False, "1.2.3.4", "10.0.0.1"),
        (True, "1.2.3.4", "1.2.3.4"),
        (True, "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (True, "", "10.0.0.1"),
        (True, "<script>", ""),
    ],
)
def test_where_a_request_comes_from(behind: bool, forwarded: str, expected: str) -> None:
    with override_settings(BEHIND_TLS=behind):
        request = request_from(**({"x-forwarded-for": forwarded} if forwarded else {}))
        assert request.source_ip == expected


def test_it_serves_asynchronous_pages_too() -> None:
    async def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    middleware = AccessMiddleware(page)
    assert iscoroutinefunction(middleware)
    response = async_to_sync(middleware)(RequestFactory().get("/"))
    assert response["X-Request-Id"]
