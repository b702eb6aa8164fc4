"""Service, task and task definition pages in a real browser: WCAG, what follows live, the two panes in step."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.test_design import wrong_on
from tests.browser.test_live import listening
from tests.browser.test_pages import SCENE

SERVICE = "/clusters/production/services/web/"
PAGES = (
    f"{SERVICE}?tab=tasks&state=all",
    f"{SERVICE}?tab=events",
    f"{SERVICE}?tab=logs",
    f"{SERVICE}?tab=configuration",
    f"{SERVICE}scale/",
    f"{SERVICE}deploy/?task_definition=web:12",
    "/create-service/?cluster=production&launch_type=strategy",
    "/clusters/production/capacity-providers/",
    "/clusters/production/settings/",
    "/capacity-providers/",
    "/create-capacity-provider/",
    "/task-definitions/web/13/",
    "/compare-task-definitions/?from=web:12&to=web:13",
    "/register-task-definition/?from=web:13",
)
TASKS = """
from services.models import Task
running = Task.objects.filter(status="RUNNING", task_definition__revision=12).first()
print(running.pk, Task.objects.filter(status="STOPPED").first().pk)
"""


@pytest.fixture(scope="session")
def tasks(site: Site) -> list[str]:
    """The scene is set once; the ids of a running and of a stopped task."""
    site.manage(SCENE)
    return site.manage(TASKS).split()


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_every_page_meets_wcag_and_fits(page: Page, tasks: list[str], theme: str, width: int) -> None:
    assert (
        wrong_on(page, (*PAGES, *(f"/clusters/production/tasks/{task}/" for task in tasks)), theme, width)
        == []
    )


def test_the_deployment_follows_its_tasks_without_a_reload(page: Page, site: Site, tasks: list[str]) -> None:
    page.goto(SERVICE)
    listening(page)
    expect(page.locator(".say")).to_have_text(
        "Revision 13 is taking over: 4 of 6 healthy. Revision 12 still serves."
    )
    page.get_by_role("button", name="Scale").click()
    count = page.get_by_label("Desired tasks")
    count.fill("9")
    page.evaluate("window.mark = document.querySelector('#deployment section')")
    site.manage(
        "from services.models import Task; from base import clock, live\n"
        "one = Task.objects.filter(status='RUNNING', healthy_at=None).first()\n"
        "Task.objects.filter(pk=one.pk).update(healthy_at=clock.now(), health='HEALTHY', deployment_health='HEALTHY')\n"
        "live.publish('service:production/web')"
    )
    expect(page.locator(".say")).to_contain_text("5 of 6 healthy")
    assert page.evaluate("window.mark === document.querySelector('#deployment section')")
    expect(count).to_have_value("9")  # what was typed stays


def test_form_and_json_follow_each_other(page: Page, tasks: list[str]) -> None:
    page.goto("/register-task-definition/")
    page.wait_for_selector("html[data-ready]")
    page.get_by_label("Family", exact=True).fill("shop")
    page.get_by_label("Name", exact=True).fill("shop")
    image = page.get_by_label("Image", exact=True)
    image.fill("shop:1")
    page.get_by_label("Memory, MiB (hard limit)").fill("64")
    document = page.get_by_label("Task definition as JSON")
    page.wait_for_function(
        "() => { const made = JSON.parse(document.querySelector('[data-json]').value);"
        " return made.family === 'shop' && made.containerDefinitions[0].memory === 64; }"
    )
    written = json.loads(document.input_value())
    written["containerDefinitions"][0] |= {"image": "shop:2", "user": "1000"}
    document.fill(json.dumps(written))
    expect(image).to_have_value("shop:2")
    written["containerDefinitions"][0]["gpus"] = 1
    document.fill(json.dumps(written))
    expect(page.locator("#document-errors")).to_contain_text("containerDefinitions[0].gpus")
    del written["containerDefinitions"][0]["gpus"]
    document.fill(json.dumps(written))
    expect(page.locator("#document-errors")).to_have_count(0)
    page.get_by_role("button", name="Add a container").click()
    expect(page.get_by_label("Image", exact=True)).to_have_count(2)
    page.get_by_role("button", name="Remove").nth(1).click()
    expect(page.get_by_label("Image", exact=True)).to_have_count(1)
    page.get_by_label("CPU units", exact=True).fill("16")
    page.wait_for_function(
        "() => { const made = JSON.parse(document.querySelector('[data-json]').value).containerDefinitions[0];"
        " return made.cpu === 16 && made.user === '1000' && made.image === 'shop:2'; }"
    )
    page.get_by_role("button", name="Register", exact=True).click()
    page.wait_for_url("**/task-definitions/shop/1/")
    expect(page.locator("#toasts")).to_contain_text("shop:1 is registered.")


def test_the_choice_of_a_revision_shows_what_it_changes(page: Page, tasks: list[str]) -> None:
    page.goto(f"{SERVICE}deploy/")
    page.wait_for_selector("html[data-ready]")
    page.get_by_label("Revision", exact=True).select_option("web:10")
    expect(page.locator("#changes")).to_contain_text("web:77d0c1a")
    expect(page.locator("#command")).to_contain_text("--task-definition web:10")
    assert page.url.endswith("?task_definition=web%3A10")


def test_the_command_follows_what_is_filled_in(page: Page, tasks: list[str]) -> None:
    page.goto("/create-service/")
    page.wait_for_selector("html[data-ready]")
    page.locator('[name="cluster"]').select_option("production")
    page.locator('[name="task_definition"]').fill("web:13")
    expect(page.locator('[name="service_name"]')).to_have_value("web")
    page.locator('[name="service_name"]').fill("shop")
    page.locator('[name="launch_type"]').select_option("strategy")
    page.locator('[name="weight-FARGATE"]').fill("7")
    command = page.locator("#command code")
    expect(command).to_contain_text("--service-name shop --task-definition web:13 --desired-count 1")
    expect(command).to_contain_text("--capacity-provider-strategy capacityProvider=FARGATE,base=0,weight=7")
    expect(page.locator('[name="weight-FARGATE"]')).to_have_value("7")


def test_a_log_shows_new_lines_while_it_follows(page: Page, site: Site, tasks: list[str]) -> None:
    page.goto(f"/clusters/production/tasks/{tasks[0]}/")
    listening(page)
    site.manage(
        "from services.models import Task; from tests import factories; from telemetry.models import LogStream\n"
        f"task = Task.objects.get(pk='{tasks[0]}')\n"
        "LogStream.objects.filter(task_id=task.pk).delete(); factories.log(task, 'first line')"
    )
    page.reload()
    lines = page.locator("[data-log] .line")
    expect(lines.last).to_contain_text("first line")
    site.manage(
        "from telemetry.models import LogEvent, LogStream; from base import clock\n"
        f"stream = LogStream.objects.get(task_id='{tasks[0]}')\n"
        "LogEvent.objects.create(stream=stream, at=clock.now(), message='second line')\n"
        "LogStream.objects.filter(pk=stream.pk).update(collected_until=clock.now())"
    )
    expect(lines.last).to_contain_text("second line")  # it asks by itself while containers still speak
    expect(page.locator("[data-log] [data-log-state]")).to_contain_text("following")
