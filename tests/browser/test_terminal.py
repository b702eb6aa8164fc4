"""A terminal in a real browser, in a real container: a command is typed and its output is seen, in both themes and on a
phone; who may not is refused by the page, the WebSocket and REST."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from clusters.engine.connect import open_engine
from tests.browser.conftest import PASSWORD, persistent, ready
from tests.lab.images import ensure_image
from tests.lab.installation import Installation, until
from tests.lab.leftovers import remove_all

PROMPT = re.compile(r"[#$] ")

SET_UP = """
from access.models import Group, User
from access.registry import system_caller
from services.definitions import register_task_definition
from services.task_operations import run_task
for name, group in (("dora", "administrator"), ("rita", "read-only")):
    User.objects.create_user(name, "{password}").groups.add(Group.objects.get(name=group))
me = system_caller("test")
register_task_definition(me, document={{"family": "shell", "containerDefinitions": [
    {{"name": "app", "image": "{image}", "memory": 32, "cpu": 16}}]}})
print(run_task(me, task_definition="shell", enable_execute_command=True).tasks[0].pk)
"""


class Shell:
    def __init__(self) -> None:
        self.slipway = Installation({"SLIPWAY_STEADY_SECONDS": "1", "DEBUG": "1"})
        self.slipway.start()
        identity = self.slipway.python("from base.installation import installation_id as i; print(i())")
        self.engine = open_engine("unix:///var/run/docker.sock", identity.strip())
        image = ensure_image(self.engine, "idle")
        self.task = self.slipway.python(SET_UP.format(password=PASSWORD, image=image)).split()[-1]
        self.page = f"/clusters/default/tasks/{self.task}/"
        until(lambda: self.status() == "RUNNING", "the task runs", 60, every=0.5)

    def status(self) -> str:
        return self.slipway.python(
            f"from services.models import Task; print(Task.objects.get(pk='{self.task}').status)"
        ).strip()


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    made = Shell()
    try:
        yield made
    finally:
        made.slipway.stop()
        remove_all(made.engine)
        made.engine.close()
        made.slipway.remove()


def _signed_in(browser: Browser, shell: Shell, name: str, **more: Any) -> Page:
    page = browser.new_context(base_url=shell.slipway.url, locale="en-GB", **more).new_page()
    page.goto = persistent(page.goto)  # type: ignore[method-assign]
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda said: trouble.append(said.text) if "Content Security" in said.text else None)
    page.trouble = trouble  # type: ignore[attr-defined]
    page.goto("/sign-in/")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "sign-in" not in url)
    return page


def _types(page: Page, text: str, wanted: str) -> None:
    """The prompt is awaited: what is typed before a shell reads is thrown away by it, as in any terminal."""
    expect(page.locator(".terminal-state")).to_have_attribute("data-state", "connected", timeout=30_000)
    expect(page.locator(".xterm-rows")).to_contain_text(PROMPT, timeout=30_000)
    page.keyboard.type(text)
    expect(page.locator(".xterm-rows")).to_contain_text(wanted, timeout=20_000)


def test_a_command_is_typed_and_its_output_seen(browser: Browser, shell: Shell) -> None:
    page = _signed_in(browser, shell, "dora")
    page.goto(shell.page)
    ready(page)
    page.get_by_role("link", name="Terminal", exact=True).click()
    _types(page, "echo one-$((1+1))\n", "one-2")
    light = page.locator(".xterm-viewport, .xterm").first.evaluate("node => getComputedStyle(node).color")
    page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    expect(page.locator(".xterm-rows")).not_to_have_css("color", light)
    _types(page, "printf '\\033[38;2;200;30;30mtrue colour\\033[0m\\n'\n", "true colour")
    _types(page, "exit 3\n", "exit 3")
    expect(page.locator(".terminal-state")).to_have_text("The command ended with code 3.", timeout=20_000)
    expect(page.locator("#sessions")).to_contain_text("The command ended with code 3.", timeout=20_000)
    assert page.trouble == []  # type: ignore[attr-defined]


def test_on_a_phone_with_its_row_of_keys(browser: Browser, shell: Shell) -> None:
    page = _signed_in(browser, shell, "dora", viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto(f"{shell.page}exec/")
    ready(page)
    page.get_by_role("button", name="Connect").click()
    _types(page, "sleep 100\n", "sleep 100")
    page.get_by_role("button", name="Ctrl").click()
    page.keyboard.type("c")
    expect(page.locator(".xterm-rows")).to_contain_text(re.compile(r"\^C.*[#$] "), timeout=20_000)
    _types(page, "echo back-$((1+1))\n", "back-2")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    page.get_by_role("button", name="End", exact=True).first.click()
    expect(page.locator(".terminal-state")).to_have_attribute("data-state", "ended", timeout=20_000)
    assert page.trouble == []  # type: ignore[attr-defined]


def test_who_may_not_is_refused_everywhere(browser: Browser, shell: Shell) -> None:
    page = _signed_in(browser, shell, "rita")
    page.goto(shell.page)
    expect(page.get_by_role("button", name="Terminal")).to_have_attribute("aria-disabled", "true")
    page.goto(f"{shell.page}exec/")
    expect(page.get_by_text("You need the permission ecs:ExecuteCommand")).to_be_visible()
    assert page.locator("[data-terminal]").count() == 0
    code = page.evaluate(
        """async (task) => (await fetch(`/api/v1/clusters/default/tasks/${task}/exec`, {
            method: "POST", body: JSON.stringify({command: "/bin/sh", interactive: true}),
            headers: {"Content-Type": "application/json", "X-CSRFToken": document.cookie.match(/csrf_\\d+=([^;]+)/)[1]},
        })).status""",
        shell.task,
    )
    assert code == 403
    # Somebody else's session and its very token: the socket opens for nobody but who asked.
    session, token = shell.slipway.python(
        "from access.models import User\nfrom access.caller import Caller\n"
        "from services.execute.operations import execute_command\n"
        "dora = Caller.for_user(User.objects.get(username='dora'), face='rest')\n"
        f"e = execute_command(dora, task='{shell.task}', command='/bin/sh', interactive=True)\n"
        "print(e.session.pk, e.token_value)"
    ).split()[-2:]
    closed = page.evaluate(
        """([session, tokenValue]) => new Promise((told) => {
            const socket = new WebSocket(`ws://${location.host}/live/exec/${session}/`);
            socket.onopen = () => socket.send(JSON.stringify({tokenValue}));
            socket.onclose = (event) => told(event.code);
        })""",
        [session, token],
    )
    assert closed == 4403
