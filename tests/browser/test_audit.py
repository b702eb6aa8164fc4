"""The audit pages in a real browser: live, filtered, one record, the chain; nothing that axe finds wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, ready
from tests.browser.test_design import violations
from tests.browser.test_live import listening

RECORD = """
from access.trail import audit
from access.trail.models import AuditRecord
from access.jobs import seal_audit
from base import here
audit.write(AuditRecord(
    face="rest", operation="update_service", action="ecs:UpdateService", actor_name="on-call/bob",
    actor_arn=here.assumed_role_arn("on-call", "bob"), role_arn=here.role_arn("on-call"),
    assumed_by=here.user_arn("bob"), resource=here.service_arn("production", {name!r}),
    resources=[here.service_arn("production", {name!r})], result={result!r}, error_message={error!r},
    context={{"keys": {{"aws:SourceIp": "10.0.0.9"}}, "owners": []}},
    changes=[{{"field": "desiredCount", "before": 2, "after": 4}}]))
seal_audit()
"""


def write(site: Site, name: str, result: str = "success", error: str = "") -> None:
    """A record by bob through the role on-call, sealed as the job does it."""
    site.manage(RECORD.format(name=name, result=result, error=error))


@pytest.fixture(autouse=True, scope="module")
def administrator(site: Site) -> Iterator[None]:
    """Amina, for these tests: the site is everybody's."""
    site.manage(
        "from access.models import User\nfrom access.identities.setup import make_administrator\n"
        "make_administrator(User.objects.get(username='amina'))"
    )
    yield
    site.manage("from access.models import User\nUser.objects.get(username='amina').groups.clear()")


def test_a_new_record_appears_by_itself_and_typed_filters_stay(page: Page, site: Site) -> None:
    page.goto("/audit/")
    listening(page)
    page.get_by_text("More filters").click()
    page.get_by_label("Request id").fill("half an id")
    write(site, "live-one")
    expect(page.get_by_role("row", name=re.compile("live-one"))).to_be_visible(timeout=10_000)
    expect(page.get_by_label("Request id")).to_have_value("half an id")
    expect(page.locator(".chain")).to_contain_text("Sealed up to record")


def test_filters_stand_in_the_address_and_lead_to_the_record(page: Page, site: Site) -> None:
    write(site, "filtered-one")
    page.goto("/audit/")
    ready(page)
    page.get_by_text("More filters").click()
    page.get_by_label("Person", exact=True).fill("bob")
    page.get_by_label("Through role").fill("on-call")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url(re.compile("actor=bob"))
    row = page.get_by_role("row", name=re.compile("filtered-one"))
    expect(row).to_contain_text("as on-call")
    expect(page.get_by_role("link", name=re.compile("Person: bob"))).to_be_visible()
    row.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("UpdateService")
    expect(page.locator(".say")).to_contain_text("bob as role on-call")
    expect(page.locator(".diff")).to_contain_text("desiredCount")


def test_the_trail_is_verified_and_exported(page: Page, site: Site) -> None:
    write(site, "exported-one")
    page.goto("/audit/?q=exported-one")
    ready(page)
    page.get_by_role("button", name="Verify now").click()
    expect(page.locator("#toasts")).to_contain_text("The trail is whole")
    expect(page.locator(".chain")).to_contain_text("verified up to")
    ready(page)
    page.get_by_role("searchbox").press_sequentially("exported-one", delay=20)
    expect(page.get_by_role("link", name="Export", exact=True)).to_have_attribute(
        "href", re.compile("q=exported-one")
    )
    with page.expect_download() as started:
        page.get_by_role("link", name="Export", exact=True).click()
    lines = Path(str(started.value.path())).read_text().splitlines()
    assert [json.loads(line)["record"]["actor_name"] for line in lines] == ["on-call/bob"]


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_wrong(page: Page, site: Site, theme: str, width: int) -> None:
    name = f"axe-{theme}-{width}"
    write(site, name, "denied", "User: bob may not.")
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("theme => localStorage.setItem('slipway-theme', theme)", theme)
    page.goto("/audit/?since=yesterday")
    ready(page)
    assert violations(page) == []
    page.goto("/audit/")
    ready(page)
    page.get_by_text("More filters").click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out"
    page.get_by_role("row", name=re.compile(name)).get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/audit/\d+/"))
    ready(page)
    expect(page.get_by_text("aws:SourceIp")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
