"""The design system in a real browser: accessibility, theme, palette, copying, dialogs, languages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, Site, ready

AXE = ROOT / "static" / "vendor" / "dev" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(page: Page) -> list[str]:
    """What axe finds wrong by WCAG 2.2 AA, one line each. Evaluated, not added as a script: the policy forbids that."""
    page.evaluate(Path(AXE).read_text("utf-8"))
    found: list[str] = page.evaluate(
        """tags => axe.run(document, {runOnly: tags, resultTypes: ["violations"]}).then(found =>
            found.violations.flatMap(one =>
                one.nodes.map(node => `${one.id}: ${JSON.stringify(node.target)} ${node.failureSummary}`)))""",
        TAGS,
    )
    return found


def wrong_on(page: Page, paths: Iterable[str], theme: str, width: int) -> list[str]:
    """What axe finds on these pages, and which of them are wider than the screen."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("theme => localStorage.setItem('slipway-theme', theme)", theme)
    wrong: list[str] = []
    for path in paths:
        page.goto(path)
        ready(page)
        wrong += [f"{path}: {found}" for found in violations(page)]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wrong.append(f"{path}: wider than {width}")
    return wrong


def calm(page: Page) -> None:
    """Charts drawn, animations ended."""
    page.emulate_media(reduced_motion="reduce")
    for chart in page.locator("[data-chart]").all():
        chart.scroll_into_view_if_needed()
        expect(chart.locator("canvas")).to_be_visible()
    page.evaluate("scrollTo(0, 0)")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_component_meets_wcag(page: Page, theme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("theme => localStorage.setItem('slipway-theme', theme)", theme)
    page.goto("/styleguide/?message=1")
    ready(page)
    calm(page)
    assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dialog", ["dlg-stop", "dlg-delete", "palette"])
def test_dialogs_meet_wcag(page: Page, dialog: str) -> None:
    page.evaluate("id => document.getElementById(id).showModal()", dialog)
    assert violations(page) == []


def test_refusal_and_sign_in_meet_wcag(page: Page) -> None:
    page.goto("/styleguide/refusal/")
    expect(page.get_by_text("ecs:UpdateService", exact=True).first).to_be_visible()
    assert violations(page) == []
    page.context.clear_cookies()
    page.goto("/sign-in/")
    assert violations(page) == []


def test_theme_is_toggled_kept_and_never_flashes(page: Page) -> None:
    html = page.locator("html")
    expect(html).to_have_attribute("data-bs-theme", "light")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(html).to_have_attribute("data-bs-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.reload(wait_until="commit")
    # Before any module has run.
    page.wait_for_selector("body", state="attached")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    page.locator("#user-menu summary").click()
    page.get_by_role("button", name="As the system").click()
    expect(html).to_have_attribute("data-bs-theme", "light")
    expect(page.locator("#user-menu")).not_to_have_attribute("open", "")


def test_palette_finds_moves_and_opens(page: Page) -> None:
    page.evaluate("document.body.dataset.search = '/styleguide/search.json'")
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Go to a cluster")
    expect(box).to_be_focused()
    box.fill("w")
    options = page.locator("#palette [role=option]")
    expect(options.filter(has_text="web:13")).to_be_visible()
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == options.nth(1).get_attribute("id")
    page.keyboard.press("Enter")
    page.wait_for_url("**#worker")
    page.keyboard.press("Control+k")
    expect(options.filter(has_text="worker")).to_be_visible()  # remembered
    box.fill("zzzzz")
    expect(page.locator("#palette .none")).to_have_text("Nothing found for “zzzzz”.")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()


def test_an_arn_copies_itself(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator('.copy[data-copy^="arn:aws:ecs:eu-west-3:123456789012:service/"]').first.click()
    expect(page.locator("#toasts").get_by_text("Copied")).to_be_visible()
    assert (
        page.evaluate("navigator.clipboard.readText()")
        == "arn:aws:ecs:eu-west-3:123456789012:service/production/web"
    )


def test_the_name_must_be_typed_where_nothing_brings_it_back(page: Page) -> None:
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog", name="Delete the service web?")
    send = dialog.get_by_role("button", name="Delete web")
    expect(send).to_be_disabled()
    dialog.get_by_role("textbox").fill("we")
    expect(send).to_be_disabled()
    dialog.get_by_role("textbox").fill("web")
    expect(send).to_be_enabled()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_what_one_may_not_do_says_why(page: Page) -> None:
    button = page.get_by_role("button", name="Deploy", exact=True)
    expect(button).to_have_attribute("aria-disabled", "true")
    button.focus()
    tip = page.get_by_role("tooltip").filter(has_text="ecs:UpdateService").first
    expect(tip).to_be_visible()


def test_french_from_the_first_page(page: Page, site: Site) -> None:
    page.locator("#user-menu summary").click()
    page.get_by_role("button", name="Français").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.get_by_role("button", name="Rechercher")).to_be_visible()
    page.locator("#user-menu summary").click()
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page.get_by_role("button", name="Se connecter")).to_be_visible()


def test_the_log_keeps_5000_lines_and_finds_any(page: Page) -> None:
    log = page.locator("[data-log]")
    log.scroll_into_view_if_needed()
    lines = log.locator(".line")
    expect(lines.last).to_contain_text("99999 ")
    box = log.locator("[data-log-lines]")
    for _ in range(16):
        first = lines.first.get_attribute("data-c")
        box.evaluate("node => { node.scrollTop = 0; node.dispatchEvent(new Event('scroll')); }")
        page.wait_for_function(
            # One scroll may fetch twice, so that all are there by now.
            """([node, first]) => node.querySelector('.line').dataset.c !== first ||
                node.querySelectorAll('.line').length === 5000""",
            arg=[box.element_handle(), first],
        )
        if lines.count() == 5000:
            break
    assert lines.count() == 5000
    expect(log.locator("[data-log-follow]")).to_have_attribute("aria-pressed", "false")
    log.locator("[data-log-query]").fill("KeyError: 'REDIS_URL' (97)")
    log.get_by_role("button", name="Only matches").click()
    expect(lines).to_have_count(1)  # line 97 of 100,000, found by the server
    expect(log.locator("mark")).to_have_text("KeyError: 'REDIS_URL' (97)")
    log.locator("[data-log-query]").fill("")
    log.get_by_role("button", name="Only matches").click()
    log.locator("[data-log-follow]").click()
    expect(lines.last).to_contain_text("99999 ")
