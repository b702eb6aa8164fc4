"""The main job in a real browser, on real containers: a deployer registers a revision by the form, deploys it, watches
it to steady state and rolls it back through the preview; a read-only user sees it all and changes nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from clusters.engine.connect import open_engine
from tests.browser.conftest import PASSWORD, persistent
from tests.lab.images import ensure_image
from tests.lab.installation import Installation, until
from tests.lab.leftovers import remove_all

SERVICE = "/clusters/default/services/shop/"
SET_UP = """
from access.models import Group, User
from access.registry import system_caller
from services.definitions import register_task_definition
from services.operations import create_service
for name, group in (("dora", "deployer"), ("rita", "read-only")):
    User.objects.create_user(name, "{password}").groups.add(Group.objects.get(name=group))
me = system_caller("test")
register_task_definition(me, document={{"family": "shop", "containerDefinitions": [
    {{"name": "app", "image": "{image}", "memory": 32, "cpu": 16}}]}})
create_service(me, service_name="shop", task_definition="shop", desired_count=2)
"""


class Shop:
    """The installation under test with two images, the one that runs and the one to be deployed."""

    def __init__(self) -> None:
        self.slipway = Installation({"SLIPWAY_STEADY_SECONDS": "3"})
        self.slipway.start()
        self.installation = self.python(
            "from base.installation import installation_id as i; print(i())"
        ).strip()
        self.engine = open_engine("unix:///var/run/docker.sock", self.installation)
        self.old, self.new = (ensure_image(self.engine, name) for name in ("idle", "web"))
        self.slipway.python(SET_UP.format(password=PASSWORD, image=self.old))

    def python(self, code: str) -> str:
        return self.slipway.python(code)

    def running_images(self) -> list[str]:
        """The image of every running container of ours, as docker inspect says it."""
        label = f"label=slipway.installation={self.installation}"
        ids = subprocess.run(
            ["docker", "ps", "-q", "--filter", label], capture_output=True, text=True, check=True
        ).stdout.split()
        told = subprocess.run(
            ["docker", "inspect", *ids], capture_output=True, text=True, check=bool(ids)
        ).stdout
        return sorted(container["Image"] for container in json.loads(told or "[]"))

    def image_id(self, reference: str) -> str:
        found = self.engine.image(reference)
        assert found is not None
        return found.id

    def rows(self) -> str:
        """Everything a write could have changed, as text."""
        return self.python(
            "from services.models import *\n"
            "print(list(Service.objects.values_list('name', 'status', 'desired_count', 'newest_revision', "
            "'newest_deployment')), list(Deployment.objects.values_list('id', 'status')), "
            "list(TaskDefinition.objects.values_list('arn', 'status')), list(Task.objects.values_list('id', "
            "'desired_status')))"
        )


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.slipway.stop()
    remove_all(made.engine)
    made.slipway.remove()


@pytest.fixture
def person(browser: Browser, shop: Shop) -> Iterator[Page]:
    context = browser.new_context(
        base_url=shop.slipway.url, viewport={"width": 1280, "height": 900}, locale="en-GB"
    )
    page = context.new_page()
    page.goto = persistent(page.goto)  # type: ignore[method-assign]
    page.set_default_timeout(20_000)
    yield page
    context.close()


def sign_in(page: Page, name: str) -> None:
    page.goto("/sign-in/")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")


def steady(page: Page) -> None:
    """The page says so by itself: it is never reloaded here."""
    expect(page.locator("main .head").first).to_contain_text("steady", timeout=60_000, ignore_case=True)


def test_a_deployer_deploys_and_rolls_back(shop: Shop, person: Page) -> None:
    old, new = shop.image_id(shop.old), shop.image_id(shop.new)
    until(lambda: shop.running_images() == [old, old], "the first revision runs", 60)
    sign_in(person, "dora")

    person.goto("/register-task-definition/")
    person.get_by_label("Family", exact=True).fill("shop")
    person.get_by_label("Name", exact=True).fill("app")
    person.get_by_label("Image", exact=True).fill(shop.new)
    person.get_by_label("CPU units", exact=True).fill("16")
    person.get_by_label("Memory, MiB (hard limit)").fill("32")
    person.get_by_role("button", name="Register").last.click()
    person.wait_for_url("**/task-definitions/shop/2/")

    person.goto(SERVICE)
    steady(person)
    person.get_by_role("link", name="Deploy…").click()
    person.get_by_label("Revision", exact=True).select_option("shop:2")
    person.get_by_role("button", name="Deploy", exact=True).click()
    person.wait_for_url(f"**{SERVICE}")
    expect(person.get_by_text("Roll back now").first).to_be_visible()
    steady(person)
    until(lambda: shop.running_images() == [new, new], "only the new image runs", 30)

    person.get_by_role("link", name="Roll back", exact=True).click()
    expect(person.get_by_role("heading", level=1)).to_contain_text("Roll back shop to revision 1")
    expect(person.locator("main")).to_contain_text(shop.old.rpartition(":")[2])
    person.get_by_role("button", name="Roll back to revision 1").click()
    person.wait_for_url(f"**{SERVICE}")
    steady(person)
    until(lambda: shop.running_images() == [old, old], "the old image runs again", 30)


def test_a_reader_sees_all_and_changes_nothing(shop: Shop, person: Page) -> None:
    sign_in(person, "rita")
    for path in ("/", "/clusters/default/", SERVICE, "/task-definitions/shop/1/", "/tasks/", "/instances/"):
        answer = person.goto(path)
        assert answer is not None and answer.status == 200, path
    before = shop.rows()
    person.goto(SERVICE)
    token = person.context.cookies()
    csrf = next(cookie["value"] for cookie in token if "csrf" in cookie["name"])
    # The one that runs after the rollback, and the one that could be gone back to.
    revisions = shop.python(
        "from services.models import *\nprint(*ServiceRevision.objects.order_by('number').values_list('pk', flat=True))"
    ).split()
    writes = {
        f"{SERVICE}scale/": {"desired_count": "5"},
        f"{SERVICE}deploy/": {"task_definition": "shop:1", "force": "on"},
        f"{SERVICE}rollback/": {"to": revisions[-1], "seen": revisions[0]},
        f"{SERVICE}delete/": {"confirm": "shop"},
        "/task-definitions/shop/1/deregister/": {},
        "/clusters/default/delete/": {"confirm": "default"},
    }
    for path, form in writes.items():
        answer = person.request.post(
            path, form={**form, "csrfmiddlewaretoken": csrf}, headers={"Referer": shop.slipway.url + path}
        )
        assert answer.status in (400, 403), f"{path}: {answer.status}"
    secret = shop.python(
        "from access.models import User\nfrom access.registry import Caller\n"
        "from access.identities.tokens import create_token\n"
        "rita = User.objects.get(username='rita')\n"
        "print(create_token(Caller.for_user(rita, face='rest'), username='rita', name='test').secret)"
    ).strip()
    rest = requests.Session()
    rest.headers["Authorization"] = f"Bearer {secret}"
    api = f"{shop.slipway.url}/api/v1"
    assert rest.get(f"{api}/clusters/default/services/shop/").status_code == 200
    refused = [
        rest.patch(f"{api}/clusters/default/services/shop/", json={"desiredCount": 5}),
        rest.delete(f"{api}/clusters/default/services/shop/"),
        rest.post(f"{api}/clusters/default/services/shop/rollback/", json={}),
        rest.post(f"{api}/clusters/", json={"clusterName": "mine"}),
    ]
    assert [answer.status_code for answer in refused] == [403] * len(refused), [a.text for a in refused]
    assert shop.rows() == before
