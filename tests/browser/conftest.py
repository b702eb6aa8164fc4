"""A web process of its own (with a private Redis and an empty database) and a real browser on it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.lab.installation import migrated

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PEOPLE = ("amina", "rita")
PASSWORD = "correct-horse-7"


@dataclass
class Site:
    """A running console. `redis` is its Redis's socket, for tests that break the live stream."""

    url: str
    home: Path
    environment: dict[str, str]
    redis: Path
    _broker: subprocess.Popen[bytes] | None = None

    def manage(self, code: str) -> str:
        """Run Python with Django set up, in a process of its own; the last line it prints."""
        done = subprocess.run(
            [sys.executable, "-c", f"import django; django.setup()\n{code}"],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().rpartition("\n")[2]

    def start_redis(self) -> None:
        command = ["redis-server", "--port", "0", "--unixsocket", str(self.redis), "--unixsocketperm", "600"]
        self._broker = subprocess.Popen([*command, "--save", ""], cwd=self.home, stdout=subprocess.DEVNULL)
        _until(self.redis.exists, "Redis")

    def stop_redis(self) -> None:
        if self._broker is not None:
            self._broker.terminate()
            self._broker.wait(timeout=10)
        self._broker = None
        self.redis.unlink(missing_ok=True)


def _until(ready: object, what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():  # type: ignore[operator]
            return
        time.sleep(0.1)
    raise AssertionError(f"{what} was not ready after {seconds:.0f} s")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Started once for all tests of this folder."""
    with console_in(tmp_path_factory.mktemp("home")) as running:
        yield running


@contextmanager
def console_in(home: Path, **more: str) -> Iterator[Site]:
    """A console, DEBUG on for the style guide, its two people there; `more` goes into its environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    redis = Path(f"/tmp/slipway-{port}.sock")
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "SLIPWAY_HOME": str(home),
        "DEBUG": "1",
        "PORT": str(port),
        "SLIPWAY_REDIS_URL": f"unix://{redis}",
        "SLIPWAY_LOG_LEVEL": "WARNING",
        **more,
    }
    environment.pop("DATABASE_URL", None)
    subprocess.run([sys.executable, "scripts/vendor_assets.py", "--with-dev"], cwd=ROOT, check=True)
    running = Site(f"http://127.0.0.1:{port}", home, environment, redis)
    (home / "slipway.sqlite3").write_bytes(migrated())
    running.manage(
        "from access.models import User\n"
        f"for name in {PEOPLE!r}: User.objects.create_user(name, {PASSWORD!r}, display_name=name.title() + ' Malik')"
    )
    running.start_redis()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "console.asgi:application",
        "--port",
        str(port),
        "--log-level",
        "warning",
        "--timeout-graceful-shutdown",
        "1",
    ]
    web = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        _until(lambda: _answers(f"{running.url}/sign-in/"), "the console")
        yield running
    finally:
        web.terminate()
        web.wait(timeout=15)
        running.stop_redis()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def session_of_amina() -> list[Any]:
    """The cookies of her session, once she has signed in: it takes seconds, and most tests are of what comes after."""
    return []


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    made = browser.new_context(
        base_url=site.url, viewport={"width": 1280, "height": 900}, locale="en-GB", color_scheme="light"
    )
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, site: Site, session_of_amina: list[Any]) -> Iterator[Page]:
    """Signed in as amina. A request to another host, or an error in the page, fails the test."""
    opened = context.new_page()
    trouble: list[str] = []
    opened.on("pageerror", lambda error: trouble.append(f"script: {error}"))
    opened.on(
        "console",
        lambda message: trouble.append(message.text) if "Content Security Policy" in message.text else None,
    )
    opened.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((site.url, "data:", "blob:"))
            else trouble.append(f"left for {request.url}")
        ),
    )
    opened.goto = persistent(opened.goto)  # type: ignore[method-assign]
    opened.reload = persistent(opened.reload)  # type: ignore[method-assign]
    come_in(opened, session_of_amina)
    yield opened
    assert trouble == []


def come_in(page: Page, session: list[Any]) -> None:
    """By the session that is there; by signing in where there is none, or a test has ended it."""
    page.context.add_cookies(session)
    if not session or page.context.request.get("/account/security/", max_redirects=0).status != 200:
        sign_in(page)
        session[:] = page.context.cookies()
        return
    page.goto("/styleguide/")  # which is shown to anybody
    ready(page)


def persistent(go: Callable[..., Any]) -> Callable[..., Any]:
    """Chromium gives up a navigation when any network interface of the machine appears or goes, and containers do
    that all the time. A person would reload; so does this."""

    def again(*args: Any, **kwargs: Any) -> Any:
        for _ in range(4):
            try:
                return go(*args, **kwargs)
            except PlaywrightError as error:
                if "ERR_NETWORK_CHANGED" not in str(error):
                    raise
                time.sleep(0.5)
        return go(*args, **kwargs)

    return again


def ready(page: Page) -> None:
    """The page's scripts run. A script that was lost to a change of the network (see `persistent`) is fetched again."""
    for _ in range(3):
        try:
            page.wait_for_selector("html[data-ready]", timeout=12_000)
            return
        except PlaywrightTimeout:
            page.reload()
    page.wait_for_selector("html[data-ready]")


def sign_in(
    page: Page,
    name: str = "amina",
    then: str = "/styleguide/",
    words: tuple[str, str, str] = ("User name", "Password", "Sign in"),
) -> None:
    """`words`: the labels of the form in the browser's language."""
    page.goto(f"/sign-in/?next={then}")
    page.get_by_label(words[0]).fill(name)
    page.get_by_label(words[1]).fill(PASSWORD)
    page.get_by_role("button", name=words[2]).click()
    page.wait_for_url(f"**{then}")
    ready(page)
