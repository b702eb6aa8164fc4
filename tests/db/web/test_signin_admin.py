"""What administrators do about other people's sign-in, and what those who may not are left with."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from access.identities.setup import ensure_ready_made
from access.models import AuditRecord, Group, User
from access.signon.models import Passkey, SignInLink, TotpDevice, UserSession
from access.signon.passwords import policy
from base.cipher import encrypt
from base.clock import now

RIGHT = "correct horse battery"


@pytest.fixture
def people(db: None) -> dict[str, Client]:
    """root may everything, rita sees everything, ana is looked after."""
    ensure_ready_made()
    made = {}
    for name, group in (("root", "administrator"), ("rita", "read-only"), ("ana", "")):
        user = User.objects.create_user(name, RIGHT)
        if group:
            Group.objects.get(name=group).members.add(user)
        made[name] = Client()
        made[name].force_login(user)
    ana = User.objects.get(username="ana")
    TotpDevice.objects.create(user=ana, name="phone", encrypted_seed=encrypt("A" * 32), enabled_at=now())
    Passkey.objects.create(user=ana, name="laptop", credential_id="AAAA", public_key=b"0")
    return made


def test_somebody_is_invited(people: dict[str, Client], settings: Any) -> None:
    given = {"username": "jo", "email": "jo@example.com", "groups": ["deployer", "read-only"]}
    page = people["root"].post("/access/invite/", given).content.decode()
    link = re.search(r"http://testserver(/welcome/[\w-]+/)", page)
    assert link is not None and not mail.outbox
    assert set(User.objects.get(username="jo").groups.values_list("name", flat=True)) == {
        "deployer",
        "read-only",
    }
    guest = Client()
    assert guest.get(link[1], follow=True).status_code == 200
    assert guest.post("/welcome/", {"new": RIGHT + "!", "again": RIGHT + "!"}).status_code == 302
    assert guest.get("/account/security/").status_code == 200
    settings.SLIPWAY_MAIL_URL = "smtp://mail"
    page = people["root"].post("/access/invite/", given | {"username": "jack"}).content.decode()
    assert "mailed to jo@example.com" in page and "/welcome/" in str(mail.outbox[0].body)


def test_a_bad_invitation_is_marked(people: dict[str, Client]) -> None:
    response = people["root"].post("/access/invite/", {"username": "ana", "groups": []})
    assert response.status_code == 400 and "is taken" in response.content.decode()
    assert not SignInLink.objects.exists()


def test_a_link_for_a_new_password(people: dict[str, Client]) -> None:
    page = people["root"].post("/access/users/ana/sign-in/link/").content.decode()
    link = re.search(r"http://testserver(/welcome/[\w-]+/)", page)
    assert link is not None
    assert Client().get(link[1], follow=True).status_code == 200


def test_sessions_end_and_factors_go(people: dict[str, Client]) -> None:
    page = people["root"].get("/access/users/ana/sign-in/").content.decode()
    assert "phone" in page and "laptop" in page
    row = UserSession.objects.get(user__username="ana")
    people["root"].post("/access/users/ana/sign-in/end/", {"session": row.public_id})
    assert people["ana"].get("/account/security/").status_code == 302
    people["root"].post("/access/users/ana/sign-in/remove/app/phone/")
    people["root"].post("/access/users/ana/sign-in/remove/passkey/laptop/")
    assert not TotpDevice.objects.exists() and not Passkey.objects.exists()
    people["root"].post("/access/users/rita/sign-in/end/")
    assert people["rita"].get("/account/security/").status_code == 302


def test_the_rules_are_set(people: dict[str, Client]) -> None:
    assert 'value="10"' in people["root"].get("/access/sign-in-rules/").content.decode()
    given = {
        "minimum_password_length": 14, "require_mfa": "on", "password_reuse_prevention": 3, "max_password_age": 0
    }  # fmt: skip
    wrong = people["root"].post("/access/sign-in-rules/", given | {"minimum_password_length": 3})
    assert wrong.status_code == 400 and "between 8 and 128" in wrong.content.decode()
    assert people["root"].post("/access/sign-in-rules/", given).status_code == 302
    rules = policy()
    assert (rules.minimum_password_length, rules.require_mfa, rules.require_symbols) == (14, True, False)


def test_who_only_looks_changes_nothing(people: dict[str, Client]) -> None:
    rita = people["rita"]
    for path in ("/access/invite/", "/access/users/ana/sign-in/", "/access/sign-in-rules/"):
        assert rita.get(path).status_code == 200
    before = (User.objects.count(), UserSession.objects.count(), policy().minimum_password_length)
    rules = {"minimum_password_length": 14, "password_reuse_prevention": 3, "max_password_age": 0}
    tries: list[tuple[str, dict[str, Any]]] = [
        ("/access/invite/", {"username": "jo"}),
        ("/access/users/ana/sign-in/link/", {}),
        ("/access/users/ana/sign-in/end/", {}),
        ("/access/users/ana/sign-in/remove/app/phone/", {}),
        ("/access/users/ana/sign-in/remove/passkey/laptop/", {}),
        ("/access/sign-in-rules/", rules),
    ]
    for path, given in tries:
        assert rita.post(path, given).status_code == 403, path
    assert AuditRecord.objects.filter(result="denied", actor_name="rita").count() == len(tries)
    assert before == (User.objects.count(), UserSession.objects.count(), policy().minimum_password_length)
    assert TotpDevice.objects.exists() and Passkey.objects.exists() and not SignInLink.objects.exists()
    assert people["ana"].get("/access/users/rita/sign-in/").status_code == 403
