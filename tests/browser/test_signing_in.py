"""Signing in with a real browser: an authenticator app, a passkey (Chromium's virtual authenticator), and a provider of
somebody else's making in a process of its own."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import PASSWORD, Site, console_in, persistent, ready
from tests.browser.test_design import violations

PEOPLE = [
    {"sub": "sub-nina", "preferred_username": "nina", "name": "Nina Berg", "groups": ["platform"]},
    {"sub": "sub-otto", "preferred_username": "otto", "name": "Otto", "groups": ["strangers"]},
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """The provider's own process; nothing of ours runs in it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true"]
    for one in PEOPLE:
        command += ["--user-claims", json.dumps(one)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{url}/.well-known/openid-configuration")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait(url: str) -> None:
    for _ in range(150):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, issuer: str) -> Iterator[Site]:
    """A console of its own that knows the provider; opened as localhost, since a passkey needs a name."""
    with console_in(
        tmp_path_factory.mktemp("door"),
        SLIPWAY_OIDC_ISSUER=issuer,
        SLIPWAY_OIDC_CLIENT_ID="slipway",
        SLIPWAY_OIDC_CLIENT_SECRET="any",
        SLIPWAY_OIDC_NAME="Acme",
        SLIPWAY_OIDC_GROUP_MAP="platform=operator",
    ) as running:
        running.manage("from access.identities.setup import ensure_ready_made; ensure_ready_made()")
        running.url = running.url.replace("127.0.0.1", "localhost")
        yield running


@pytest.fixture
def browsers(browser: Browser, door: Site) -> Iterator[Any]:
    """A browser that has never been here, as often as asked for."""
    made: list[BrowserContext] = []

    def fresh(**more: Any) -> Page:
        context = browser.new_context(base_url=door.url, locale=more.pop("locale", "en-GB"), **more)
        made.append(context)
        page = context.new_page()
        page.goto = persistent(page.goto)  # type: ignore[method-assign]
        return page

    yield fresh
    for context in made:
        context.close()


def enter(page: Page, name: str) -> None:
    page.goto("/sign-in/?next=/account/security/")
    ready(page)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_an_authenticator_app(browsers: Any, door: Site) -> None:
    page = browsers()
    enter(page, "amina")
    page.get_by_role("link", name="Add an authenticator app").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".qr svg")).to_be_visible()
    totp = pyotp.TOTP(page.locator("p.seed").inner_text().strip())
    looked_at(page, "app-seed")
    page.get_by_label("Code of the app").fill(totp.now())
    page.get_by_role("button", name="Add the app").click()
    expect(page.locator(".codes li")).to_have_count(10)
    codes = page.locator(".codes li").all_inner_texts()
    looked_at(page, "codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("#factors")).to_contain_text("Signing in asks for one")

    other = browsers()
    enter(other, "amina")
    other.wait_for_url("**/sign-in/second-factor/")
    looked_at(other, "second-factor")
    other.get_by_label("Code of the app").fill("000000")
    other.get_by_role("button", name="Continue").click()
    expect(other.get_by_role("alert")).to_contain_text("not the code")
    other.get_by_label("Code of the app").fill(totp.at(datetime.now(UTC), counter_offset=1))
    other.get_by_role("button", name="Continue").click()
    other.wait_for_url("**/account/security/")
    rows = other.locator("#sessions tbody tr")
    expect(rows).to_have_count(2)
    other.get_by_role("button", name="Sign out all others").click()
    expect(rows).to_have_count(1)
    page.goto("/account/security/")
    assert "/sign-in/" in page.url, "the first browser is out"

    third = browsers()
    enter(third, "amina")
    third.get_by_role("link", name="Use a recovery code").click()
    third.get_by_label("Recovery code").fill(codes[0])
    third.get_by_role("button", name="Continue").click()
    third.wait_for_url("**/account/security/")
    expect(third.locator("#factors")).to_contain_text("9 recovery codes left")


def authenticator(page: Page) -> Any:
    """Chromium's own, with a finger that is always right."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, made["authenticatorId"]


def test_a_passkey_signs_in_alone_and_as_a_second_factor(browsers: Any, door: Site) -> None:
    page = browsers()
    session, key = authenticator(page)
    enter(page, "rita")
    page.wait_for_url("**/account/security/")
    ready(page)
    page.get_by_label("Name of the passkey").fill("Laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator(".codes li")).to_have_count(10)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("#factors")).to_contain_text("Laptop")
    looked_at(page, "with-passkey")

    # Nothing typed: the passkey names its user.
    page.context.clear_cookies()
    page.goto("/sign-in/?next=/account/security/")
    ready(page)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/account/security/")
    expect(page.locator("#sessions")).to_contain_text("Passkey")
    expect(page.locator("#factors")).to_contain_text("used")

    # With the password it is the second factor.
    page.context.clear_cookies()
    enter(page, "rita")
    page.wait_for_url("**/sign-in/second-factor/")
    ready(page)
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url("**/account/security/")

    # An authenticator whose person is not verified opens nothing alone.
    page.context.clear_cookies()
    session.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": False})
    page.goto("/sign-in/")
    ready(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("[data-passkey-trouble]")).to_contain_text("No passkey was given")
    assert page.url.endswith("/sign-in/")

    # A copy, whose count of signatures stayed behind, neither.
    session.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": True})
    assert door.manage(
        "from access.models import Passkey; print(Passkey.objects.update(sign_count=10**6))"
    ).endswith("1")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert").first).to_contain_text("not known here")


def test_sign_on_by_a_provider(browsers: Any, door: Site) -> None:
    page = browsers()
    page.goto("/sign-in/?next=/account/security/")
    ready(page)
    looked_at(page, "sign-in")
    page.get_by_role("link", name="Sign in with Acme").click()
    page.get_by_role("button", name="sub-nina").click()
    page.wait_for_url(re.compile(rf"{re.escape(door.url)}/account/security/"))
    expect(page.locator("#sessions")).to_contain_text("Single sign-on")
    expect(page.get_by_text("Connected")).to_be_visible()
    groups = door.manage(
        "from access.models import User\n"
        "user = User.objects.get(username='nina')\n"
        "print(user.display_name, [one.name for one in user.groups.all()])"
    )
    assert groups == "Nina Berg ['operator']"

    stranger = browsers()
    stranger.goto("/sign-in/")
    stranger.get_by_role("link", name="Sign in with Acme").click()
    stranger.get_by_role("button", name="sub-otto").click()
    expect(stranger.get_by_role("alert")).to_contain_text("None of your groups at Acme")
    looked_at(stranger, "refused")

    denied = browsers()
    denied.goto("/sign-in/")
    denied.get_by_role("link", name="Sign in with Acme").click()
    denied.get_by_role("button", name="Deny").click()
    expect(denied.get_by_role("alert")).to_contain_text("Acme could not sign you in")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_the_pages_meet_wcag_fit_and_speak_french(browsers: Any, door: Site, theme: str, width: int) -> None:
    page = browsers(
        viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce", locale="fr-FR"
    )
    invited = door.manage(
        "from access.signon.links import invite_user; from access.registry import system_caller\n"
        f"print(invite_user(system_caller('test'), username='{theme}').path)"
    )
    page.goto(invited)
    ready(page)
    looked_at(page, f"welcome-{theme}-{width}")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.get_by_role("button", name="Définir le mot de passe").click()
    page.goto("/account/security/")
    ready(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Ma sécurité")
    page.get_by_label("Nom", exact=True).fill("ci")
    page.get_by_role("button", name="Créer un jeton").click()
    expect(page.locator("#secret")).to_contain_text("slp_")
    looked_at(page, f"token-{theme}-{width}")
    page.goto("/account/security/")
    ready(page)
    looked_at(page, f"security-{theme}-{width}")


def looked_at(page: Page, name: str) -> None:
    """WCAG, no sideways scrolling; with SLIPWAY_SCREENSHOTS set, a picture into that folder."""
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    if folder := os.environ.get("SLIPWAY_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_the_administrators_pages_meet_wcag(browsers: Any, door: Site) -> None:
    door.manage(
        "from access.models import Group, User\n"
        "user = User.objects.create_user('boss', '" + PASSWORD + "')\n"
        "Group.objects.get(name='administrator').members.add(user)"
    )
    page = browsers(viewport={"width": 390, "height": 900}, reduced_motion="reduce")
    enter(page, "boss")
    page.wait_for_url("**/account/security/")
    page.goto("/access/invite/")
    ready(page)
    page.get_by_label("User name").fill("guest")
    page.get_by_label("deployer").check()
    looked_at(page, "invite")
    page.get_by_role("button", name="Make the link").click()
    expect(page.locator("#link")).to_contain_text("/welcome/")
    ready(page)
    looked_at(page, "link")
    for path in ("/access/users/boss/sign-in/", "/access/sign-in-rules/"):
        page.goto(path)
        ready(page)
        looked_at(page, path.strip("/").replace("/", "-"))
