"""Pages follow their topics: only what changed is replaced, what the reader did stays, a broken stream is said."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

import pytest
import redis
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site


def publish(site: Site, topic: str) -> int:
    """How many heard it."""
    with redis.Redis.from_url(f"unix://{site.redis}") as client:
        return int(client.publish("slipway:live", json.dumps([topic])))


def made_at(page: Page) -> str:
    return page.locator("#made-at").inner_text()


def listening(page: Page) -> None:
    """The stream is open and the refresh that follows its opening is done."""
    expect(page.locator("#pulse")).to_have_attribute("data-state", "open")
    page.wait_for_timeout(600)


def test_a_fragment_follows_its_topic_and_keeps_what_the_reader_did(page: Page, site: Site) -> None:
    listening(page)
    page.get_by_label("Typed text stays").fill("half a sen")
    page.locator("#live-details summary").click()
    page.get_by_label("Typed text stays").focus()
    page.keyboard.press("End")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.evaluate("window.sameDocument = document.getElementById('typed')")
    before, scroll = made_at(page), page.evaluate("scrollY")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.headers.get("x-fragments", "")))
    assert publish(site, "overview") >= 1
    expect(page.locator("#made-at")).not_to_have_text(before)
    page.keyboard.type("tence")
    expect(page.get_by_label("Typed text stays")).to_have_value("half a sentence")
    expect(page.get_by_label("Typed text stays")).to_be_focused()
    assert page.evaluate("window.sameDocument === document.getElementById('typed')")
    assert page.locator("#live-details").get_attribute("open") is not None
    assert page.evaluate("scrollY") == scroll
    assert [found for found in requests if found] == ["live-sample"]


def test_events_that_come_together_are_one_request(page: Page, site: Site) -> None:
    listening(page)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.headers.get("x-fragments", "")))
    for _ in range(30):
        publish(site, "overview")
    page.wait_for_timeout(1500)
    assert 1 <= len([found for found in requests if found]) <= 3


def test_a_topic_nobody_watches_fetches_nothing(page: Page, site: Site) -> None:
    listening(page)
    before = made_at(page)
    publish(site, "instances")
    page.wait_for_timeout(700)
    assert made_at(page) == before


def test_a_broken_stream_is_said_and_recovers_with_the_truth(page: Page, site: Site) -> None:
    listening(page)
    banner = page.locator("#live-banner")
    expect(banner).to_be_hidden()
    site.stop_redis()
    expect(banner).to_be_visible(timeout=15_000)
    before = made_at(page)
    site.start_redis()
    expect(banner).to_be_hidden(timeout=30_000)
    expect(page.locator("#made-at")).not_to_have_text(before)  # what was missed is fetched
    listening(page)
    before = made_at(page)
    publish(site, "overview")
    expect(page.locator("#made-at")).not_to_have_text(before)


def test_streams_are_for_people_who_are_signed_in(site: Site) -> None:
    request = urllib.request.Request(f"{site.url}/live/?topic=overview")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    assert refused.value.code == 401


LEAVE = """
from access.models import Group, User
amina = User.objects.get(username="amina")
left = list(Group.objects.filter(members=amina).values_list("name", flat=True))
for group in Group.objects.filter(name__in=left):
    group.members.remove(amina)
print(",".join(left))
"""
JOIN = """
from access.models import Group, User
for group in Group.objects.filter(name__in="{0}".split(",")):
    group.members.add(User.objects.get(username="amina"))
"""


def test_what_one_may_not_see_one_may_not_follow(page: Page, site: Site) -> None:
    """In no group lists may be followed, a cluster may not."""
    groups = site.manage(LEAVE)
    try:
        assert page.request.get("/live/?topic=cluster:default").status == 403
    finally:
        site.manage(JOIN.format(groups))


def test_heartbeats_keep_coming(page: Page, site: Site) -> None:
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies())
    request = urllib.request.Request(f"{site.url}/live/?topic=overview", headers={"Cookie": cookies})
    with urllib.request.urlopen(request, timeout=20) as stream:
        start, seen = time.monotonic(), b""
        while b"event: beat" not in seen and time.monotonic() - start < 19:
            seen += stream.readline()
    assert b"event: state\ndata: open" in seen
    assert b"event: beat" in seen
