from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from rest_framework.test import APIClient

from access.identities.setup import ensure_ready_made
from access.identities.tokens import digest_of
from access.models import AuditRecord, Group, Policy, Token, User
from base import rates
from clusters.operations import ensure_defaults
from tests import factories
from tests.factories import World

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _no_throttle_left_over() -> Iterator[None]:
    rates.forget()
    yield
    rates.forget()


def make_user(username: str, *groups: str, statements: list[dict[str, Any]] | None = None) -> User:
    ensure_ready_made()
    user = User.objects.create_user(username, PASSWORD)
    for name in groups:
        Group.objects.get(name=name).members.add(user)
    if statements is not None:
        own = Group.objects.create(name=f"{username}-group")
        document = {"Version": "2012-10-17", "Statement": statements}
        own.policies.add(Policy.objects.create(name=f"{username}-policy", document=document))
        own.members.add(user)
    return user


def client_for(user: User, name: str = "test") -> APIClient:
    """A client that sends a token of this user's."""
    secret = f"slp_{user.username}-{name}"
    Token.objects.create(user=user, name=name, prefix=secret[:12], digest=digest_of(secret))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


@pytest.fixture
def client_of(db: None) -> Callable[..., APIClient]:
    """client_of("ana", "deployer"): a new user in those groups, or with `statements` of its own."""

    def make(username: str, *groups: str, **more: Any) -> APIClient:
        return client_for(make_user(username, *groups, **more))

    return make


@pytest.fixture
def root(client_of: Callable[..., APIClient]) -> APIClient:
    return client_of("root", "administrator")


@pytest.fixture
def reader(client_of: Callable[..., APIClient]) -> APIClient:
    return client_of("rita", "read-only")


@pytest.fixture
def nobody() -> APIClient:
    return APIClient()


@pytest.fixture
def world(db: None) -> World:
    """The factories' scene, and what every installation starts with."""
    ensure_defaults()
    return factories.world(tasks=2, healthy=1)


def rows() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the audit trail (and a token's last use), to be compared. In SQL, as some tests
    ask hundreds of times.
    """
    found = {}
    with connection.cursor() as cursor:
        for app in ("base", "access", "telemetry", "vault", "clusters", "services"):
            for model in apps.get_app_config(app).get_models(include_auto_created=True):
                if model is AuditRecord:
                    continue
                columns = [
                    field.column
                    for field in model._meta.local_concrete_fields
                    if (model, field.name) != (Token, "last_used_at")
                ]
                table, key = model._meta.db_table, model._meta.pk.column
                quoted = ", ".join(map(connection.ops.quote_name, columns))
                cursor.execute(f'SELECT {quoted} FROM "{table}" ORDER BY "{key}"')
                found[model.__name__] = list(cursor.fetchall())
    return found


def error_of(response: Any, status: int, code: str = "") -> dict[str, Any]:
    """The error of an answer, its shape checked."""
    assert response.status_code == status, response.content[:2000]
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert {"code", "message", "fields", "requestId"} <= set(error) <= {
        "code", "message", "fields", "requestId", "action", "resource",
    }  # fmt: skip
    assert error["requestId"] == response["X-Request-Id"]
    assert error["message"] and isinstance(error["fields"], dict)
    if code:
        assert error["code"] == code
    return dict(error)
