"""The page of AWS clients: the address people came by, and their own keys."""

from __future__ import annotations

import pytest
from django.test import Client

from access.models import User
from access.registry import call, system_caller

pytestmark = pytest.mark.django_db


def test_the_page_says_where_and_with_which_key(client: Client) -> None:
    me = system_caller("tests")
    call("create_user", me, username="ann")
    client.force_login(User.objects.get(username="ann"), backend="access.backends.PasswordBackend")
    empty = client.get("/account/aws-clients/", headers={"host": "ship.example:8000"}).content.decode()
    assert "http://ship.example:8000" in empty and "AKIA..." in empty
    issued = call("create_access_key", me, username="ann")
    shown = client.get("/account/aws-clients/").content.decode()
    assert f"AWS_ACCESS_KEY_ID={issued.key.key_id}" in shown and "endpoint_url" in shown
    assert issued.secret not in shown


def test_nobody_sees_it_without_signing_in(client: Client) -> None:
    assert client.get("/account/aws-clients/").status_code == 302
