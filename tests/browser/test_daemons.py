"""Daemons in a real browser: WCAG and width of every page, and the way from a definition to a daemon that is there."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.test_design import wrong_on

SCENE = """
from access.identities.setup import ensure_ready_made
from access.models import Group, User
from tests import factories
ensure_ready_made()
Group.objects.get(name="administrator").members.add(User.objects.get(username="amina"))
owner = factories.cluster("platform")
factories.daemon(owner)
for name in ("node-a", "node-b"):
    factories.instance(owner, name, attributes={"slipway.auto-scaling-group": "nodes"})
"""
PAGES = (
    "/clusters/platform/?tab=daemons",
    "/clusters/platform/daemons/agent/",
    "/clusters/platform/daemons/agent/update/",
    "/clusters/platform/create-daemon/",
    "/daemon-task-definitions/",
    "/daemon-task-definitions/agent/1/",
    "/register-daemon-task-definition/?from=agent:1",
)


@pytest.fixture(scope="module")
def platform(site: Site) -> None:
    site.manage(SCENE)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_every_page_meets_wcag_and_fits(page: Page, platform: None, theme: str, width: int) -> None:
    assert wrong_on(page, PAGES, theme, width) == []


def test_from_a_definition_to_a_daemon(page: Page, platform: None) -> None:
    page.goto("/register-daemon-task-definition/")
    container = {"name": "collector", "image": "collector:1", "memory": 64}
    document = page.get_by_label("Daemon task definition as JSON")
    document.fill(json.dumps({"family": "collector", "containerDefinitions": [container]}))
    page.get_by_role("button", name="Register", exact=True).click()
    page.wait_for_url("**/daemon-task-definitions/collector/1/")

    page.goto("/clusters/platform/?tab=daemons")
    page.get_by_role("link", name="Create daemon").click()
    page.wait_for_selector("html[data-ready]")
    page.get_by_label("Daemon name").fill("collector")
    page.get_by_label("Daemon task definition", exact=True).fill("collector:1")
    page.get_by_label("Drain percent").fill("50")
    command = page.locator("#command code")
    expect(command).to_contain_text("--daemon-name collector")
    expect(command).to_contain_text("--capacity-provider-arns nodes")
    page.get_by_role("button", name="Create daemon").click()
    page.wait_for_url("**/daemons/collector/")
    expect(page.locator("#toasts")).to_contain_text("The daemon collector is created.")
    expect(page.locator("#places")).to_contain_text("nodes")

    page.get_by_role("button", name="Delete…").click()
    page.locator("#dlg-delete input").last.fill("collector")
    page.get_by_role("button", name="Delete collector").click()
    expect(page.locator("#toasts")).to_contain_text("The daemon collector is being deleted.")
