"""A token that is not let in leaves a record: whose it was, never what it was."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from access.models import AuditRecord, Token, User
from base.clock import now
from tests.db.rest.conftest import client_for, make_user

ME = "/api/v1/me"


@pytest.fixture
def ana(db: None) -> User:
    return make_user("ana", "administrator")


def refused(secret: str) -> AuditRecord:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}", HTTP_USER_AGENT="curl/8")
    response = client.get(ME)
    assert response.status_code == 401
    record = AuditRecord.objects.latest("id")
    assert record.request_id == response["X-Request-Id"]
    assert (record.result, record.face, record.action) == ("failed", "rest", "signin:BearerToken")
    assert secret not in str(record.__dict__)
    return record


def test_an_unknown_one_is_nobodys(ana: User) -> None:
    record = refused("hunter2-the-password-of-something-else")
    assert (record.actor_name, record.actor_arn, record.user_agent) == ("unknown", "", "curl/8")
    assert record.parameters == {}


def test_an_expired_one_is_its_users(ana: User) -> None:
    client_for(ana)
    Token.objects.update(expires_at=now() - timedelta(seconds=1))
    record = refused("slp_ana-test")
    assert record.actor_arn == ana.arn and "has expired" in record.error_message


def test_one_of_a_deactivated_user_is_its_users(ana: User) -> None:
    client_for(ana)
    User.objects.update(is_active=False)
    record = refused("slp_ana-test")
    assert record.actor_arn == ana.arn and "deactivated" in record.error_message


def test_a_good_one_leaves_none(ana: User) -> None:
    assert client_for(ana).get(ME).status_code == 200
    assert not AuditRecord.objects.exists()


@override_settings(SLIPWAY_BAD_TOKENS_PER_MINUTE=3)
def test_a_flood_does_not_fill_the_trail(ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def hit(name: str, who: str, most: int, *, count: int = 1) -> float:
        if name == "bad-token" and count:
            tries.append(who)
        return 30.0 if name == "bad-token" and len(tries) >= most else 0.0

    monkeypatch.setattr("base.rates.hit", hit)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Bearer slp_wrong")
    assert [client.get(ME).status_code for _ in range(6)] == [401, 401, 401, 429, 429, 429]
    assert AuditRecord.objects.count() == 3
