"""Signing in step by step, as a browser does it: second factors, rules, links, sessions, my security."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
from django.contrib.auth import SESSION_KEY
from django.core import mail
from django.core.management import call_command
from django.test import Client

from access.caller import system_caller
from access.identities.setup import ensure_ready_made
from access.models import AuditRecord, User
from access.registry import call
from access.signon import mfa, sessions, signin
from access.signon.links import invite_user
from access.signon.models import Passkey, PasswordPolicy, RecoveryCode, TotpDevice, UserSession
from base.cipher import decrypt, encrypt
from base.clock import frozen_by
from base.errors import InvalidParameter
from console.mail import mail_reset

RIGHT = "correct horse battery"
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SYSTEM = system_caller("test")


class Clock:
    moment = datetime.now(UTC).replace(second=5, microsecond=0)

    def forward(self, **parts: float) -> None:
        self.moment += timedelta(**parts)

    def code(self, steps: int = 0) -> str:
        return pyotp.TOTP(SEED).at(self.moment + timedelta(seconds=30 * steps))


@pytest.fixture
def clock() -> Any:
    one = Clock()
    with frozen_by(lambda: one.moment):
        yield one


@pytest.fixture
def ana(db: None) -> User:
    ensure_ready_made()
    return User.objects.create_user("ana", RIGHT, email="ana@example.com")


@pytest.fixture
def phone(ana: User, clock: Clock) -> TotpDevice:
    return TotpDevice.objects.create(
        user=ana, name="phone", encrypted_seed=encrypt(SEED), enabled_at=clock.moment
    )


def enter(client: Client, password: str = RIGHT, name: str = "ana") -> Any:
    return client.post("/sign-in/", {"username": name, "password": password, "next": "/clusters/"})


def factor(client: Client, code: str, kind: str = "totp") -> Any:
    return client.post("/sign-in/second-factor/", {"kind": kind, "code": code})


def is_in(client: Client) -> bool:
    return SESSION_KEY in client.session and client.get("/account/security/").status_code == 200


# --- the second factor -----------------------------------------------------------------------------------


def test_a_password_alone_is_not_enough(client: Client, phone: TotpDevice, clock: Clock) -> None:
    assert enter(client)["Location"] == "/sign-in/second-factor/"
    assert not is_in(client) and client.get("/clusters/").status_code == 302
    assert client.get("/api/v1/me").status_code == 401
    assert "Code of the app" in client.get("/sign-in/second-factor/").content.decode()
    assert factor(client, "000000").status_code == 401 and not is_in(client)
    assert factor(client, clock.code())["Location"] == "/clusters/"
    assert is_in(client) and sessions.facts(client.request().wsgi_request).mfa_at == clock.moment
    last = AuditRecord.objects.filter(action="signin:ConsoleLogin").latest("id")
    assert last.result == "success" and last.parameters == {"method": "password", "mfaUsed": True}
    checks = AuditRecord.objects.filter(action="signin:CheckMfa").order_by("id")
    assert [one.result for one in checks] == ["failed", "success"]
    assert clock.code() not in str([one.__dict__ for one in AuditRecord.objects.all()])


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_differ_by_a_step(
    client: Client, phone: TotpDevice, clock: Clock, steps: int, good: bool
) -> None:
    enter(client)
    assert (factor(client, clock.code(steps)).status_code == 302) is good


def test_a_code_is_good_once_and_none_before_it(phone: TotpDevice, clock: Clock) -> None:
    first, second = Client(), Client()
    enter(first)
    enter(second)
    assert factor(first, clock.code()).status_code == 302
    assert factor(second, clock.code()).status_code == 401
    assert factor(second, clock.code(-1)).status_code == 401
    clock.forward(seconds=30)
    assert factor(second, clock.code()).status_code == 302


def test_wrong_codes_make_wait_from_everywhere_together(phone: TotpDevice, clock: Clock) -> None:
    for index in range(signin.FREE_TRIES):
        client = Client(REMOTE_ADDR=f"10.0.0.{index}")
        enter(client)
        assert factor(client, "000000").status_code == 401
    client = Client(REMOTE_ADDR="10.0.0.99")
    enter(client)
    waiting = factor(client, clock.code())
    assert waiting.status_code == 429 and int(waiting["Retry-After"]) > 0 and not is_in(client)
    clock.forward(seconds=30)
    assert factor(client, clock.code()).status_code == 302


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "٠٠٠٠٠٠", "0" * 40])
def test_what_is_no_code(client: Client, phone: TotpDevice, clock: Clock, code: str) -> None:
    enter(client)
    assert factor(client, code).status_code == 401


def test_half_a_sign_in_ends_by_itself(client: Client, phone: TotpDevice, ana: User, clock: Clock) -> None:
    enter(client)
    clock.forward(minutes=10)
    assert factor(client, clock.code())["Location"] == "/sign-in/" and not is_in(client)
    enter(client)
    ana.set_password("another long phrase")
    ana.save()
    assert factor(client, clock.code())["Location"] == "/sign-in/" and not is_in(client)
    enter(client, "another long phrase")
    User.objects.update(is_active=False)
    assert factor(client, clock.code())["Location"] == "/sign-in/" and not is_in(client)


def test_recovery_codes_are_good_once(client: Client, phone: TotpDevice, ana: User, clock: Clock) -> None:
    issued = call("create_recovery_codes", SYSTEM, username="ana")
    assert len(set(issued.codes)) == 10 and issued.codes[0] not in repr(issued)
    enter(client)
    assert factor(client, "aaaaa-aaaaa", "recovery").status_code == 401
    assert factor(client, issued.codes[3].upper().replace("-", " "), "recovery").status_code == 302
    assert is_in(client) and RecoveryCode.objects.filter(used_at=None).count() == 9
    again = Client()
    enter(again)
    assert factor(again, issued.codes[3], "recovery").status_code == 401
    kept = str(list(RecoveryCode.objects.values())) + str(list(AuditRecord.objects.values()))
    assert not any(code in kept or code.replace("-", "") in kept for code in issued.codes)


def test_where_all_must_have_one_it_is_added_at_sign_in(client: Client, ana: User, clock: Clock) -> None:
    call("update_account_password_policy", SYSTEM, require_mfa=True)
    assert enter(client)["Location"] == "/sign-in/add-second-factor/" and not is_in(client)
    page = client.get("/sign-in/add-second-factor/").content.decode()
    assert "<svg" in page
    device = TotpDevice.objects.get()
    seed = decrypt(device.encrypted_seed)
    assert seed in page and seed not in UserSession.objects.get().session_data
    assert client.post("/sign-in/add-second-factor/", {"code": "000000"}).status_code == 400
    response = client.post("/sign-in/add-second-factor/", {"code": pyotp.TOTP(seed).at(clock.moment)})
    shown = re.findall(r"<li>([a-z0-9]{5}-[a-z0-9]{5})</li>", response.content.decode())
    assert len(shown) == 10 and 'href="/clusters/"' in response.content.decode() and is_in(client)
    other = Client()
    assert enter(other)["Location"] == "/sign-in/second-factor/"
    assert factor(other, shown[0], "recovery").status_code == 302


# --- rules for passwords -----------------------------------------------------------------------------------


def test_an_old_password_must_be_changed_before_anything_else(
    client: Client, ana: User, clock: Clock
) -> None:
    User.objects.update(created_at=clock.moment)
    call("update_account_password_policy", SYSTEM, max_password_age=30, password_reuse_prevention=2)
    clock.forward(days=29)
    assert enter(client)["Location"] == "/clusters/"
    client.logout()
    clock.forward(days=1)
    assert enter(client)["Location"] == "/sign-in/new-password/" and not is_in(client)
    where = "/sign-in/new-password/"
    same = client.post(where, {"current": RIGHT, "new": RIGHT, "again": RIGHT})
    assert same.status_code == 400 and "had before" in same.content.decode()
    new = "another long phrase"
    assert client.post(where, {"current": "wrong", "new": new, "again": new}).status_code == 400
    assert client.post(where, {"current": RIGHT, "new": new, "again": "x"}).status_code == 400
    assert client.post(where, {"current": RIGHT, "new": new, "again": new})["Location"] == "/clusters/"
    assert is_in(client)


@pytest.mark.parametrize(
    ("rules", "bad", "good"),
    [
        ({"minimum_password_length": 20}, "a" * 10 + "quite odd"[:9], "quite an odd pass phrase"),
        ({"require_uppercase_characters": True}, "all small letters", "All small letters"),
        ({"require_lowercase_characters": True}, "ALL LARGE LETTERS", "ALL LARGE LETTERs"),
        ({"require_numbers": True}, "without a digit", "without 1 digit"),
        ({"require_symbols": True}, "without a symbol", "without a symbol!"),
    ],
)
def test_each_rule_holds(ana: User, rules: dict[str, Any], bad: str, good: str) -> None:
    call("update_account_password_policy", SYSTEM, **rules)
    with pytest.raises(InvalidParameter) as caught:
        call("set_password", SYSTEM, username="ana", password=bad)
    assert set(caught.value.fields) == {"password"}
    call("set_password", SYSTEM, username="ana", password=good)
    assert bad not in str(list(AuditRecord.objects.values())) and PasswordPolicy.objects.count() == 1


def test_passwords_do_not_come_back(ana: User) -> None:
    call("update_account_password_policy", SYSTEM, password_reuse_prevention=2)
    for text in ("the first phrase", "the second phrase", "the third phrase"):
        call("set_password", SYSTEM, username="ana", password=text)
    for text in ("the second phrase", "the third phrase"):
        with pytest.raises(InvalidParameter):
            call("set_password", SYSTEM, username="ana", password=text)
    call("set_password", SYSTEM, username="ana", password="the first phrase")


# --- sessions ----------------------------------------------------------------------------------------------


def test_the_database_opens_no_session(client: Client, ana: User) -> None:
    enter(client)
    key = client.cookies["slipway_session_8000"].value
    rows = str(list(UserSession.objects.values()))
    assert key not in rows
    thief = Client()
    thief.cookies["slipway_session_8000"] = UserSession.objects.get(user=ana).session_key
    assert not is_in(thief)


def test_a_session_ends_when_idle_and_at_last(ana: User, clock: Clock, settings: Any) -> None:
    settings.SLIPWAY_SESSION_IDLE_MINUTES = 60
    idle, busy = Client(), Client()
    enter(idle)
    enter(busy)
    for _ in range(12):
        clock.forward(minutes=59)
        assert is_in(busy)
    assert not is_in(idle)
    clock.forward(minutes=13)
    assert not is_in(busy), "12 hours are over, whatever was done in them"


def test_live_refreshes_are_no_use_of_a_session(client: Client, ana: User, clock: Clock) -> None:
    enter(client)
    before = UserSession.objects.get().last_seen_at
    clock.forward(minutes=5)
    client.get("/account/security/", headers={"X-Fragments": "list"})
    assert UserSession.objects.get().last_seen_at == before
    client.get("/account/security/")
    assert UserSession.objects.get().last_seen_at == clock.moment
    clock.forward(seconds=59)
    client.get("/account/security/")
    assert UserSession.objects.get().last_seen_at == clock.moment - timedelta(seconds=59)


def test_sessions_are_listed_and_ended(ana: User) -> None:
    here = Client(headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"})
    there, third = Client(REMOTE_ADDR="10.0.0.7"), Client()
    for one in (here, there, third):
        enter(one)
    page = here.get("/account/security/").content.decode()
    assert "Firefox on Linux" in page and "10.0.0.7" in page and page.count("this one") == 1
    row = UserSession.objects.get(source_ip="10.0.0.7")
    here.post(f"/account/security/sessions/{row.public_id}/end/")
    assert not is_in(there) and is_in(third) and is_in(here)
    here.post("/account/security/sessions/end/")
    assert not is_in(third) and is_in(here)
    eve = User.objects.create_user("eve", RIGHT)
    other = Client()
    other.force_login(eve)
    mine = UserSession.objects.get(user=ana).public_id
    other.post(f"/account/security/sessions/{mine}/end/")
    assert is_in(here), "a session of somebody else is not there for me"


def test_a_new_password_ends_the_others(ana: User) -> None:
    here, there = Client(), Client()
    enter(here)
    enter(there)
    new = "another long phrase"
    old_key = here.cookies["slipway_session_8000"].value
    response = here.post("/account/security/password/", {"current": RIGHT, "new": new, "again": new})
    assert response.status_code == 302 and is_in(here) and not is_in(there)
    assert here.cookies["slipway_session_8000"].value != old_key
    assert UserSession.objects.filter(user=ana).count() == 1
    call("deactivate_user", SYSTEM, username="ana")
    assert not is_in(here) and not UserSession.objects.filter(user=ana).exists()


# --- my security -------------------------------------------------------------------------------------------


def test_an_app_is_added_and_removed(client: Client, ana: User, clock: Clock) -> None:
    enter(client)
    page = client.post("/account/security/app/", {"name": "My phone"}).content.decode()
    seed = re.search(r">([A-Z2-7]{32})<", page)
    assert seed is not None and not mfa.factors_of(ana).any
    wrong = client.post("/account/security/app/", {"code": "000000"})
    assert wrong.status_code == 400 and seed[1] in wrong.content.decode()
    done = client.post("/account/security/app/", {"code": pyotp.TOTP(seed[1]).at(clock.moment)})
    assert len(re.findall(r"<li>[a-z0-9]{5}-[a-z0-9]{5}</li>", done.content.decode())) == 10
    assert mfa.factors_of(ana) == mfa.Factors(True, False, 10)
    assert client.post("/account/security/remove/app/My phone/").status_code == 302
    assert not mfa.factors_of(ana).any and not RecoveryCode.objects.exists()


def test_without_the_factor_nobody_takes_it_away(client: Client, ana: User, phone: TotpDevice) -> None:
    client.force_login(ana)
    response = client.post("/account/security/remove/app/phone/")
    assert response.status_code == 403 and TotpDevice.objects.exists()
    assert client.post("/account/security/codes/").status_code == 403
    assert AuditRecord.objects.filter(result="denied").count() == 2


def test_a_token_is_shown_once(client: Client, ana: User) -> None:
    enter(client)
    page = client.post("/account/security/tokens/", {"name": "ci", "days": "30"}).content.decode()
    secret = re.search(r"slp_[\w-]{40,}", page)
    assert secret is not None and secret[0] not in client.get("/account/security/").content.decode()
    me = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret[0]}"})
    assert me.status_code == 200
    client.post("/account/security/tokens/ci/revoke/")
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret[0]}"}).status_code == 401


# --- links -------------------------------------------------------------------------------------------------


def test_an_invitation_is_good_once(client: Client, db: None, clock: Clock) -> None:
    ensure_ready_made()
    issued = invite_user(SYSTEM, username="jo", email="jo@example.com", groups=["deployer"])
    assert issued.secret not in str(list(AuditRecord.objects.values())) + repr(issued)
    assert client.get(issued.path)["Location"] == "/welcome/"
    assert issued.secret not in str(list(UserSession.objects.values()))
    assert "jo" in client.get("/welcome/").content.decode()
    assert client.post("/welcome/", {"new": "short", "again": "short"}).status_code == 400
    new = "another long phrase"
    assert client.post("/welcome/", {"new": new, "again": new}).status_code == 302 and is_in(client)
    late = Client()
    late.get(issued.path)
    assert late.get("/welcome/").status_code == 410
    assert (
        late.post("/welcome/", {"new": "yet another phrase", "again": "yet another phrase"}).status_code
        == 410
    )


def test_links_end(client: Client, ana: User, clock: Clock) -> None:
    first = call("create_sign_in_link", SYSTEM, username="ana")
    second = call("create_sign_in_link", SYSTEM, username="ana")
    client.get(first.path)
    assert client.get("/welcome/").status_code == 410, "a newer one has taken its place"
    client.get(second.path)
    assert client.get("/welcome/").status_code == 200
    clock.forward(hours=72)
    assert client.get("/welcome/").status_code == 410


def test_a_forgotten_password(
    client: Client, ana: User, phone: TotpDevice, settings: Any, monkeypatch: Any
) -> None:
    assert client.get("/sign-in/forgotten/").status_code == 404, "without mail there is no such page"
    settings.SLIPWAY_MAIL_URL = "smtp://mail"
    sent: list[tuple[Any, ...]] = []
    monkeypatch.setattr("base.jobs_by_name.send", lambda name, *args: sent.append((name, *args)))
    answers = {
        re.sub(r"csrf\S+|nonce\S+|data-rendered\S+", "", client.post(
            "/sign-in/forgotten/", {"username": name}).content.decode())
        for name in ("ana", "nobody")
    }  # fmt: skip
    assert len(answers) == 1 and [one[1] for one in sent] == ["ana", "nobody"]
    assert not mail_reset("nobody", "http://x", "en") and mail_reset("ana", "http://testserver", "en")
    assert [one.to for one in mail.outbox] == [["ana@example.com"]]
    path = re.search(r"http://testserver(/welcome/\S+)", str(mail.outbox[0].body))
    assert path is not None
    client.get(path[1])
    new = "another long phrase"
    response = client.post("/welcome/", {"new": new, "again": new})
    assert response["Location"] == "/sign-in/second-factor/", "a mailbox is no second factor"
    assert not is_in(client)
    for _ in range(signin.FREE_TRIES):
        last = client.post("/sign-in/forgotten/", {"username": "ana"})
    assert last.status_code == 429


# --- who has lost everything -------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [True, False])
def test_the_administrator_who_lost_everything(
    client: Client, ana: User, phone: TotpDevice, clock: Clock, capsys: Any, there: bool
) -> None:
    name = "ana" if there else "new"
    call("update_account_password_policy", SYSTEM, minimum_password_length=20)
    enter(client)
    factor(client, clock.code())
    Passkey.objects.create(user=ana, name="key", credential_id="AAAA", public_key=b"0")
    link = call("create_sign_in_link", SYSTEM, username="ana")
    call("deactivate_user", SYSTEM, username="ana")
    call_command("access_recover", name)
    password = re.search(r"shown once\): (\S+)", capsys.readouterr().out)
    assert password is not None
    assert not is_in(client)
    fresh = Client()
    assert enter(fresh, password[1], name)["Location"] == "/clusters/" and is_in(fresh)
    assert User.objects.get(username=name).groups.filter(name="administrator").exists()
    if there:
        assert not mfa.factors_of(ana).any
        fresh.get(link.path)
        assert fresh.get("/welcome/").status_code == 410
        removed = AuditRecord.objects.filter(
            action="iam:DeactivateMFADevice", actor_name="system/command-line"
        )
        assert removed.count() == 2
    assert password[1] not in str(list(AuditRecord.objects.values()))


def test_two_codes_in_a_row_set_a_clock_right(client: Client, phone: TotpDevice, clock: Clock) -> None:
    for wrong in ((0, 2), (1, 0), (70, 71)):
        with pytest.raises(InvalidParameter):
            call(
                "resync_mfa_device", SYSTEM, username="ana", name="phone",
                authentication_code1=clock.code(wrong[0]), authentication_code2=clock.code(wrong[1]),
            )  # fmt: skip
    call(
        "resync_mfa_device", SYSTEM, username="ana", name="phone",
        authentication_code1=clock.code(20), authentication_code2=clock.code(21),
    )  # fmt: skip
    enter(client)
    assert factor(client, clock.code()).status_code == 401, "its clock is known to be ten minutes ahead"
    assert factor(client, clock.code(21)).status_code == 401, "used"
    clock.forward(seconds=30)
    assert factor(client, clock.code(21)).status_code == 302


def test_passkeys_are_offered_where_browsers_have_them(client: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    offered = {
        host: "Use a passkey" in client.get("/sign-in/", headers={"host": host}).content.decode()
        for host in ("127.0.0.1:8000", "localhost:8000", "slipway.example.com")
    }
    assert offered == {"127.0.0.1:8000": False, "localhost:8000": True, "slipway.example.com": False}
    secure = client.get("/sign-in/", headers={"host": "slipway.example.com"}, secure=True)
    assert "Use a passkey" in secure.content.decode()


def test_one_s_own_access_keys_stand_under_my_security(reader: Any) -> None:
    person = reader()
    assert "With a key the AWS CLI" in person.text("/account/security/")
    issued = call("create_access_key", system_caller("test"), username=person.user.username)
    text = person.text("/account/security/")
    assert issued.key.key_id in text and f'href="/access/users/{person.user.username}/#keys"' in text
    assert issued.secret not in text
