"""Sign-on by OpenID Connect against a real provider on a real port, honest and lying."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth import SESSION_KEY
from django.test import Client
from joserfc.jwk import OctKey, RSAKey

from access import guards
from access.identities.setup import ensure_ready_made
from access.models import AuditRecord, Group, User
from access.signon import oidc
from access.signon.models import OidcIdentity, PasswordPolicy
from tests.lab.oidc import CLIENT, SECRET, Provider, provider

MAP = "dev=deployer,ops=operator,everybody=read-only,gone=no-such-group"


@pytest.fixture
def there(db: None, settings: Any) -> Iterator[Provider]:
    ensure_ready_made()
    oidc._kept.cache_clear()
    with provider() as one:
        settings.SLIPWAY_OIDC_ISSUER = one.issuer
        settings.SLIPWAY_OIDC_CLIENT_ID = CLIENT
        settings.SLIPWAY_OIDC_CLIENT_SECRET = SECRET
        settings.SLIPWAY_OIDC_NAME = "Acme"
        settings.SLIPWAY_OIDC_GROUP_MAP = MAP
        one.claims = {"sub": "42", "preferred_username": "ana", "name": "Ana M", "groups": ["dev"]}
        yield one
    oidc._kept.cache_clear()


def sign_on(client: Client, one: Provider, change: Any = None) -> Any:
    """There and back. `change` rewrites the query that the browser brings back."""
    begun = client.get("/sign-in/oidc/?next=/clusters/")
    if begun.status_code != 302:
        return begun
    parts = urlsplit(begun["Location"])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert f"{parts.scheme}://{parts.netloc}" == one.issuer and query["scope"] == "openid profile email"
    back = urlsplit(one.authorize(query))
    answer = {name: values[0] for name, values in parse_qs(back.query).items()}
    assert back.path == "/sign-in/oidc/callback/"
    return client.get(back.path, change(answer) if change else answer)


def groups(name: str = "ana") -> set[str]:
    return set(User.objects.get(username=name).groups.values_list("name", flat=True))


def test_a_new_person_of_a_mapped_group_is_in_at_once(there: Provider, client: Client) -> None:
    there.claims |= {"email": "ana@example.com", "email_verified": True}
    response = sign_on(client, there)
    assert response.status_code == 302 and response["Location"] == "/clusters/"
    user = User.objects.get(username="ana")
    assert client.session[SESSION_KEY] == str(user.pk)
    assert (user.display_name, user.email, user.has_usable_password()) == ("Ana M", "ana@example.com", False)
    assert groups() == {"deployer"}
    record = AuditRecord.objects.get(action="signin:ConsoleLogin")
    assert (record.result, record.actor_name, record.parameters["method"]) == ("success", "ana", "oidc")
    assert {r.actor_name for r in AuditRecord.objects.filter(action="iam:AddUserToGroup")} == {
        "system/single-sign-on"
    }


def test_groups_follow_the_provider_and_nothing_unmapped_is_given(there: Provider, client: Client) -> None:
    sign_on(client, there)
    user = User.objects.get(username="ana")
    Group.objects.create(name="by-hand").members.add(user)
    there.claims["groups"] = ["ops", "administrator", "gone", {"name": "dev"}, 7]
    client.logout()
    assert sign_on(client, there).status_code == 302
    assert groups() == {"operator", "by-hand"}
    there.claims["groups"] = "everybody"
    client.logout()
    sign_on(client, there)
    assert groups() == {"read-only", "by-hand"}
    del there.claims["groups"]
    client.logout()
    assert sign_on(client, there).status_code == 302, "who has been here keeps the user, without the groups"
    assert groups() == {"by-hand"}


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"groups": ["unknown"]}, "None of your groups"),
        ({"groups": ["gone"]}, "None of your groups"),
        ({"preferred_username": "taken"}, "There is a user taken here already"),
        ({"preferred_username": "TAKEN"}, "There is a user TAKEN here already"),
        ({"preferred_username": "a b"}, "Your name at Acme cannot be used"),
        ({"preferred_username": None}, "Your name at Acme cannot be used"),
    ],
)
def test_who_is_not_welcome(there: Provider, client: Client, claims: dict[str, Any], words: str) -> None:
    User.objects.create_user("taken", "correct horse battery", email="ana@example.com")
    there.claims |= {"email": "ana@example.com", "email_verified": True, **claims}
    response = sign_on(client, there)
    assert response.status_code == 403 and words in response.content.decode()
    assert SESSION_KEY not in client.session and User.objects.count() == 1
    assert AuditRecord.objects.get().result == "failed"


def test_a_deactivated_user_stays_out(there: Provider, client: Client) -> None:
    sign_on(client, there)
    client.logout()
    User.objects.update(is_active=False)
    there.claims["groups"] = ["dev", "ops"]
    response = sign_on(client, there)
    assert response.status_code == 403 and "deactivated" in response.content.decode()
    assert SESSION_KEY not in client.session and groups() == {"deployer"}


LIES: dict[str, dict[str, Any]] = {
    "nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "issuer": {"iss": "https://evil.example"},
    "audience": {"aud": "somebody-else"},
    "two audiences without azp": {"aud": [CLIENT, "x"]},
    "azp": {"azp": "somebody-else"},
    "expired": {"exp": int(time.time()) - 3600},
    "no expiry": {"exp": None},
    "from the future": {"iat": int(time.time()) + 3600, "nbf": int(time.time()) + 3600},
    "no subject": {"sub": None},
    "subject no text": {"sub": 42},
}


@pytest.mark.parametrize("name", LIES)
def test_a_token_that_is_not_for_us_now_is_refused(there: Provider, client: Client, name: str) -> None:
    there.lie = LIES[name]
    refused(sign_on(client, there), client)


def test_signatures_that_prove_nothing_are_refused(there: Provider, client: Client) -> None:
    there.unsigned = True
    refused(sign_on(client, there), client)
    there.metadata = {"id_token_signing_alg_values_supported": ["none", "HS256", "RS256"]}
    oidc._kept.cache_clear()
    refused(sign_on(client, there), client)
    there.unsigned = False
    there.key = RSAKey.generate_key(2048, parameters={"kid": "one"})
    refused(sign_on(client, there), client)


def test_our_own_secret_signs_no_token(
    there: Provider, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from joserfc import jwt

    there.metadata = {"id_token_signing_alg_values_supported": ["HS256"]}
    secret = OctKey.import_key(SECRET.ljust(32, "x"))

    def forged(query: dict[str, str]) -> str:
        moment = int(time.time())
        claims = {"iss": there.issuer, "aud": CLIENT, "iat": moment, "exp": moment + 60, "sub": "1"}
        return str(jwt.encode({"alg": "HS256"}, claims | {"nonce": query["nonce"]}, secret))

    monkeypatch.setattr(there, "_id_token", forged)
    refused(sign_on(client, there), client)


def test_a_new_key_of_the_provider_is_fetched(there: Provider, client: Client) -> None:
    assert sign_on(client, there).status_code == 302
    client.logout()
    there.keys = [RSAKey.generate_key(2048, parameters={"kid": "two"})]
    there.key = there.keys[0]
    from joserfc import jwt

    original = jwt.encode
    jwt.encode = lambda header, claims, key: original(header | {"kid": "two"}, claims, key)  # type: ignore[assignment]
    try:
        assert sign_on(client, there).status_code == 302
    finally:
        jwt.encode = original  # type: ignore[assignment]


@pytest.mark.parametrize(("skew", "good"), [(-30, True), (30, True), (-3600, False), (3600, False)])
def test_clocks_may_differ_a_little(there: Provider, client: Client, skew: int, good: bool) -> None:
    there.skew = skew
    there.lie = {"nbf": int(time.time()) + skew}
    response = sign_on(client, there)
    assert (response.status_code == 302) is good


def test_state_binds_the_answer_to_this_browser(there: Provider, client: Client) -> None:
    refused(sign_on(client, there, lambda answer: answer | {"state": "another"}), client)
    refused(sign_on(client, there, lambda answer: {"code": answer["code"]}), client)
    kept: dict[str, str] = {}
    refused(sign_on(Client(), there, lambda answer: kept.update(answer) or {"error": "x"}), client)
    refused(client.get("/sign-in/oidc/callback/", kept), client)


def test_an_answer_is_good_once(there: Provider, client: Client) -> None:
    kept: dict[str, str] = {}
    assert sign_on(client, there, lambda answer: kept.update(answer) or answer).status_code == 302
    client.logout()
    refused(client.get("/sign-in/oidc/callback/", kept), client)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://10.0.0.1/token", "jwks_uri": "ftp://10.0.0.1/"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ],
)
def test_a_discovery_document_that_leads_elsewhere_is_refused(
    there: Provider, client: Client, metadata: dict[str, Any]
) -> None:
    there.metadata = metadata
    refused(sign_on(client, there), client)
    assert set(there.asked) == {"/.well-known/openid-configuration"}


@pytest.mark.parametrize("where", ["http://169.254.169.254/latest/meta-data", "MOVED"])
def test_no_redirect_and_no_metadata_address_is_followed(there: Provider, client: Client, where: str) -> None:
    there.metadata = {"jwks_uri": f"{there.issuer}/moved" if where == "MOVED" else where}
    refused(sign_on(client, there), client)
    assert "/keys" not in there.asked


@pytest.mark.parametrize("issuer", ["http://provider.example", "http://127.0.0.1:9", "gopher://x"])
def test_a_provider_that_cannot_be(there: Provider, client: Client, settings: Any, issuer: str) -> None:
    settings.SLIPWAY_OIDC_ISSUER = issuer
    refused(client.get("/sign-in/oidc/"), client)


def test_a_silent_provider_is_not_asked_for_ever(there: Provider, client: Client, settings: Any) -> None:
    settings.SLIPWAY_OIDC_ISSUER = "http://127.0.0.1:9"
    answers = [client.get("/sign-in/oidc/").status_code for _ in range(guards.FREE_TRIES_OF_ADDRESS + 1)]
    assert answers == [401] * guards.FREE_TRIES_OF_ADDRESS + [429]


def test_without_a_provider_there_is_no_such_page(client: Client, db: None) -> None:
    assert client.get("/sign-in/oidc/").status_code == 404
    assert "Sign in with" not in client.get("/sign-in/").content.decode()


def test_who_is_signed_in_connects_their_user(there: Provider, client: Client) -> None:
    mine = User.objects.create_user("ana", "correct horse battery")
    client.force_login(mine)
    response = sign_on(client, there)
    assert response["Location"] == "/account/security/"
    assert OidcIdentity.objects.get().user == mine
    record = AuditRecord.objects.get(action="slipway:ConnectSignOn")
    assert (record.actor_name, record.result) == ("ana", "success")
    client.logout()
    assert sign_on(client, there).status_code == 302 and client.session[SESSION_KEY] == str(mine.pk)
    other = User.objects.create_user("eve", "correct horse battery")
    client.logout()
    client.force_login(other)
    sign_on(client, there)
    assert OidcIdentity.objects.get().user == mine, "nobody takes somebody else's"


def test_the_second_factor_is_the_provider_s_or_ours(there: Provider, client: Client) -> None:
    PasswordPolicy.objects.create(require_mfa=True)
    assert sign_on(client, there)["Location"] == "/sign-in/add-second-factor/"
    assert SESSION_KEY not in client.session
    there.claims["amr"] = ["pwd", "mfa"]
    assert sign_on(client, there)["Location"] == "/clusters/" and SESSION_KEY in client.session


def refused(response: Any, client: Client) -> None:
    assert response.status_code == 401, response
    assert "Acme could not sign you in" in response.content.decode()
    assert SESSION_KEY not in client.session
    record = AuditRecord.objects.latest("id")
    assert (record.result, record.action) == ("failed", "signin:ConsoleLogin")
