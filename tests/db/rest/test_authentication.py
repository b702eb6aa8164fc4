"""Who may come in: tokens, sessions with their CSRF token, and nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from access.models import AuditRecord, Token, User
from base.clock import now
from tests.db.rest.conftest import PASSWORD, client_for, error_of, make_user

ME = "/api/v1/me"


@pytest.fixture
def ana(db: None) -> User:
    return make_user("ana", "administrator")


def test_a_token_says_who_calls(ana: User) -> None:
    response = client_for(ana).get(ME)
    assert response.json()["username"] == "ana"
    assert response.json()["groups"] == ["administrator"]
    assert Token.objects.get().last_used_at is not None


def test_the_scheme_ignores_case(ana: User) -> None:
    client = client_for(ana)
    client.credentials(HTTP_AUTHORIZATION="bearer slp_ana-test")
    assert client.get(ME).status_code == 200


@pytest.mark.parametrize("header", ["Bearer slp_wrong", "Bearer", "Bearer a b", "Bearer slp_\xff\xfe"])
def test_a_bad_token_is_refused_with_a_challenge(header: str, ana: User) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    response = client.get(ME)
    error_of(response, 401, "UnrecognizedClientException")
    assert response["WWW-Authenticate"] == 'Bearer realm="slipway"'


def test_a_bad_token_is_not_saved_by_a_good_session(ana: User) -> None:
    client = APIClient()
    client.force_login(ana)
    client.credentials(HTTP_AUTHORIZATION="Bearer slp_wrong")
    error_of(client.get(ME), 401, "UnrecognizedClientException")


@pytest.mark.parametrize("header", ["Basic YTpi", "slp_ana-test", ""])
def test_other_schemes_are_no_token(header: str, ana: User) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    error_of(client.get(ME), 401, "MissingAuthenticationTokenException")


def test_an_expired_token_and_one_of_a_deactivated_user_are_refused(ana: User) -> None:
    client = client_for(ana)
    Token.objects.update(expires_at=now() - timedelta(seconds=1))
    error_of(client.get(ME), 401, "UnrecognizedClientException")
    Token.objects.update(expires_at=now() + timedelta(days=1))
    assert client.get(ME).status_code == 200
    User.objects.update(is_active=False)
    error_of(client.get(ME), 401, "UnrecognizedClientException")


def test_a_token_made_by_rest_works_until_it_is_revoked_and_is_shown_once(ana: User) -> None:
    client = client_for(ana)
    made = client.post(
        "/api/v1/users/ana/tokens", {"name": "ci", "expiresInDays": None}, format="json"
    ).json()
    assert made["expiresAt"] is None
    other = APIClient()
    other.credentials(HTTP_AUTHORIZATION=f"Bearer {made['secret']}")
    assert other.get(ME).status_code == 200
    listed = client.get("/api/v1/users/ana/tokens")
    assert made["secret"] not in listed.content.decode()
    assert {token["name"] for token in listed.json()["items"]} == {"test", "ci"}
    assert made["secret"] not in str(list(AuditRecord.objects.values()))
    assert client.delete("/api/v1/users/ana/tokens/ci").status_code == 204
    error_of(other.get(ME), 401, "UnrecognizedClientException")


def test_everyone_makes_their_own_tokens_and_nobody_elses(ana: User, client_of: Any) -> None:
    eve = client_of("eve")
    assert eve.post("/api/v1/users/eve/tokens", {"name": "ci"}, format="json").status_code == 201
    error_of(eve.post("/api/v1/users/ana/tokens", {"name": "ci"}, format="json"), 403)
    assert not Token.objects.filter(user=ana).exists()


def test_a_browser_writes_with_its_session_and_csrf_token_only(ana: User) -> None:
    browser = APIClient(enforce_csrf_checks=True)
    assert browser.login(username="ana", password=PASSWORD)
    assert browser.get(ME).status_code == 200
    error = error_of(browser.post("/api/v1/clusters", {}, format="json"), 403, "AccessDeniedException")
    assert "CSRF" in error["message"]
    secret = "a" * 32
    browser.cookies[settings.CSRF_COOKIE_NAME] = secret
    response = browser.post("/api/v1/clusters", {"clusterName": "c"}, format="json", HTTP_X_CSRFTOKEN=secret)
    assert response.status_code == 201
    assert AuditRecord.objects.latest("id").face == "rest"


def test_a_token_needs_no_csrf_token(ana: User) -> None:
    client = client_for(ana)
    strict = APIClient(enforce_csrf_checks=True)
    strict.credentials(**client._credentials)
    assert strict.post("/api/v1/clusters", {"clusterName": "c"}, format="json").status_code == 201
