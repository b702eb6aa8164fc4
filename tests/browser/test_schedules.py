"""Scheduled tasks in a real browser: made by clicks, fired, seen live, switched off and deleted; WCAG and widths."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, ready
from tests.browser.test_design import wrong_on

SCENE = """
from access.identities.setup import ensure_ready_made
from access.models import Group, Policy, Role, User
from access.registry import system_caller
from clusters.models import Cluster
from services.schedules.operations import put_rule
from tests import factories
from tests.db.rest.cases import EVENTS_TRUST
ensure_ready_made()
Group.objects.get(name="administrator").members.add(User.objects.get(username="amina"))
if not Cluster.objects.filter(name="clockwork").exists():
    cluster = factories.cluster("clockwork")
    factories.instance(cluster, "clock-host")
    factories.definition("report")
    role = Role.objects.create(name="clock", trust_policy=EVENTS_TRUST)
    role.policies.add(Policy.objects.create(name="clock", document={"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["ecs:RunTask"], "Resource": "*"}]}))
    put_rule(system_caller("scene"), name="hourly", schedule_expression="rate(1 hour)", description="Each hour",
        tags={"team": "shop"}, targets=[{"Id": "task", "Arn": cluster.arn, "RoleArn": "clock",
        "Input": '{"cpu": "256"}', "EcsParameters": {"TaskDefinitionArn": "report:1", "LaunchType": "EC2"}}])
"""
# As beat's job does it at the due time, and then the worker.
FIRE = """
import console.celery
from base import clock
from services.models import Rule, RuleRun
from services.schedules import firing
Rule.objects.filter(name="{name}").update(next_at=clock.now())
firing.fire_due()
for run in RuleRun.objects.filter(rule__name="{name}", status="PENDING"):
    firing.run(run.pk)
"""
PAGES = (
    "/scheduled-tasks/",
    "/clusters/clockwork/?tab=schedules",
    "/scheduled-tasks/hourly/",
    "/scheduled-tasks/hourly/edit/?expression=rate(1 hours)",
    "/scheduled-tasks/hourly/target/?id=task",
    "/create-scheduled-task/?expression=cron(0 3 * * ? *)",
)


@pytest.fixture(scope="module")
def clockwork(site: Site) -> None:
    site.manage(SCENE)


def test_one_is_made_fires_is_switched_off_and_deleted(page: Page, site: Site, clockwork: None) -> None:
    page.goto("/clusters/clockwork/?tab=schedules")
    ready(page)
    page.get_by_role("link", name="Create a scheduled task").click()
    page.wait_for_url("**/create-scheduled-task/?cluster=clockwork")
    ready(page)
    expect(page.get_by_label("Cluster", exact=True)).to_have_value("clockwork")
    page.get_by_label("Name", exact=True).fill("minutely")
    schedule, preview = page.get_by_label("Schedule", exact=True), page.locator("#next-times")
    schedule.fill("rate(1 minutes)")
    expect(preview).to_contain_text("Write rate(1 minute)")
    schedule.fill("rate(1 minute)")
    expect(preview).to_contain_text("Every minute")
    expect(preview.locator("li")).to_have_count(5)
    expect(page.get_by_label("Name", exact=True)).to_have_value("minutely")
    page.get_by_label("Task definition", exact=True).fill("report")
    page.get_by_label("Role", exact=True).fill("clock")
    page.get_by_role("button", name="Create the scheduled task").click()

    page.wait_for_url("**/scheduled-tasks/minutely/")
    ready(page)
    runs = page.locator("#rule-runs")
    expect(runs).to_contain_text("It has not fired yet.")
    site.manage(FIRE.format(name="minutely"))
    expect(runs).to_contain_text("Started")  # by itself: the page is not loaded again
    runs.locator("tbody a").click()
    page.wait_for_url("**/clusters/clockwork/tasks/*/")
    expect(page.get_by_text("events-rule/minutely").first).to_be_visible()

    page.goto("/scheduled-tasks/minutely/")
    ready(page)
    page.get_by_role("button", name="Disable").click()
    expect(page.locator("#rule-times")).to_contain_text("None while it is disabled.")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/scheduled-tasks/")
    expect(page.locator("#rules-list")).not_to_contain_text("minutely")
    assert site.manage("from services.models import Rule\nprint(Rule.objects.get().name)") == "hourly"


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_every_page_meets_wcag_and_fits(page: Page, clockwork: None, theme: str, width: int) -> None:
    assert wrong_on(page, PAGES, theme, width) == []
