"""The list pages in a real browser, on a scene with a deployment in progress: WCAG, keyboard, live, phone, French."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site, ready, sign_in
from tests.browser.test_design import wrong_on
from tests.browser.test_live import listening, publish

SCENE = """
from access.models import Group, User
from access.identities.setup import ensure_ready_made
from clusters.models import ContainerInstance, InstanceCleaning
from django.utils import timezone
from services.models import Service
from access.registry import system_caller
from tests import factories
from vault.models import Secret
from vault.operations import create_secret, put_secret_value
from vault.parameter_operations import put_parameter
from vault.policies import put_resource_policy
from vault.rotation_operations import rotate_secret
ensure_ready_made()
Group.objects.get(name="administrator").members.add(User.objects.get(username="amina"))
Group.objects.get(name="read-only").members.add(User.objects.get(username="rita"))
if not Service.objects.exists():
    world = factories.world()
    broken = factories.service(world.cluster, "mailer", desired_count=2)
    factories.service_revision(broken, factories.definition("mailer"))
    ContainerInstance.objects.filter(pk=world.instances[2].pk).update(connected=False, connection_error="refused")
us = system_caller("scene")
if not Secret.objects.exists():
    create_secret(us, name="bare")
    create_secret(us, name="shop/db", secret_string="one", description="The shop's", tags={"team": "shop"})
    put_secret_value(us, secret_id="shop/db", secret_string="two")
    put_resource_policy(us, secret_id="shop/db", resource_policy={"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/ecs-execution"},
        "Action": "secretsmanager:GetSecretValue", "Resource": "*"}]})
    rotate_secret(us, secret_id="shop/db", rotation_hook="http://127.0.0.1:9/", rotate_immediately=False)
    put_parameter(us, name="/shop/level", type="String", value="info")
first = ContainerInstance.objects.order_by("name").first()
found = [("image", "registry.example/shop/web:v11", 48_211_000, "remove", "unused"),
    ("image", "9b1f0c62d4aa", 201_000_000, "failed", "not removed: conflict: image is being used by container"),
    ("volume", "slipway-0f3c1a3f54a14cb8bd7a4a2a5b7f2f11-scratch", None, "removed", "its task 0f3c1a3f has ended"),
    ("image", "registry.example/shop/web:v12", 48_300_000, "keep", "service web can roll back to its revision 12"),
    ("network", "slipway-production", None, "keep", "cluster production uses it")]
items = [dict(zip(("kind", "name", "size", "verdict", "reason"), one)) for one in found]
InstanceCleaning.objects.update_or_create(pk=first.pk, defaults={
    "items": items, "looked_at": timezone.now(), "cleaned_at": timezone.now(), "others": 7, "freed": 48_211_000})
print(first.pk)
"""
PAGES = (
    "/",
    "/clusters/",
    "/clusters/production/",
    "/clusters/production/?tab=tasks",
    "/clusters/production/?tab=instances",
    "/clusters/production/?tab=events",
    "/clusters/production/?tab=configuration",
    "/services/",
    "/tasks/?state=stopped",
    "/instances/",
    "/register-instance/",
    "/create-cluster/",
    "/audit/",
    "/clusters/production/services/web/",
    "/clusters/production/services/web/rollback/",
    "/task-definitions/",
    "/task-definitions/web/",
    "/access/users/",
    "/access/users/rita/",
    "/access/create-user/",
    "/access/groups/",
    "/access/groups/read-only/",
    "/access/create-group/",
    "/access/roles/",
    "/access/create-role/",
    "/access/policies/",
    "/access/policies/deployer/",
    "/access/create-policy/",
    "/access/explain/?action=ecs:UpdateService",
    "/simulator/",
    "/switch-role/",
    "/secrets/",
    "/secrets/shop/db/",
    "/secrets/bare/",
    "/create-secret/",
    "/rotate-secret/shop/db/",
    "/secret-policy/shop/db/",
    "/parameters/",
    "/parameters/shop/level/",
    "/create-parameter/",
    "/account/security/",
    "/clusters/production/services/web/deploy/",
    "/clusters/production/services/web/scale/",
    "/create-service/",
    "/register-task-definition/",
)


@pytest.fixture(scope="session")
def instance_id(site: Site) -> str:
    """The scene is set once; the first instance's id."""
    return site.manage(SCENE)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_every_page_meets_wcag_and_fits(page: Page, instance_id: str, theme: str, width: int) -> None:
    assert wrong_on(page, (*PAGES, f"/clusters/production/instances/{instance_id}/"), theme, width) == []


def test_the_overview_follows_what_happens(page: Page, site: Site, instance_id: str) -> None:
    page.goto("/")
    listening(page)
    attention = page.locator("section", has=page.get_by_role("heading", name="Needs attention"))
    expect(attention.get_by_role("link", name="mailer")).to_be_visible()
    site.manage(
        "from services.models import Service; from base import clock\n"
        "Service.objects.filter(name='mailer').update(running_count=2, steady_since=clock.now())"
    )
    publish(site, "overview")
    expect(attention.get_by_role("link", name="mailer")).to_have_count(0)
    site.manage(
        "from services.models import Service\n"
        "Service.objects.filter(name='mailer').update(running_count=0, steady_since=None)"
    )
    publish(site, "services")
    expect(attention.get_by_role("link", name="mailer")).to_be_visible()


def test_a_list_is_searched_while_typing_and_the_address_holds_it(page: Page, instance_id: str) -> None:
    page.goto("/services/")
    ready(page)
    box = page.get_by_role("searchbox", name="Search by name, cluster or family")
    box.press_sequentially("mail", delay=40)
    expect(page.get_by_role("row")).to_have_count(2)  # the heading and mailer
    expect(page).to_have_url(re.compile("q=mail"))
    expect(box).to_be_focused()
    expect(box).to_have_value("mail")
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("mail")
    expect(page.get_by_role("link", name="mailer", exact=True)).to_be_visible()


def test_the_palette_jumps_to_a_service(page: Page, instance_id: str) -> None:
    page.goto("/audit/")
    ready(page)
    page.keyboard.press("Control+k")
    page.get_by_role("combobox").fill("mailer")
    expect(page.locator("#palette [role=option]").first).to_contain_text("mailer")
    page.keyboard.press("Enter")
    page.wait_for_url("**/clusters/production/services/mailer/")


def test_draining_asks_first_and_then_shows_the_truth(page: Page, instance_id: str) -> None:
    page.goto(f"/clusters/production/instances/{instance_id}/")
    ready(page)
    page.get_by_role("button", name="Drain", exact=True).click()
    dialog = page.get_by_role("dialog", name="Drain host-a?")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Drain").click()
    expect(page.locator("#instance-head").get_by_text("Draining", exact=True)).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("The instance is draining")
    page.get_by_role("button", name="Take tasks again").click()
    expect(page.locator("#instance-head").get_by_text("Active", exact=True)).to_be_visible()


def test_the_phone_has_its_bar_at_the_bottom(page: Page, instance_id: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/")
    bar = page.locator(".bottom-bar")
    expect(bar).to_be_visible()
    expect(page.locator(".rail")).to_be_hidden()
    bar.get_by_role("link", name="Services").click()
    page.wait_for_url("**/services/")
    ready(page)
    bar.locator("summary").click()
    bar.get_by_role("link", name="Instances").click()
    page.wait_for_url("**/instances/")


def test_every_page_speaks_french(browser: Browser, site: Site, instance_id: str) -> None:
    page = browser.new_context(base_url=site.url, locale="fr-FR").new_page()
    sign_in(page, then="/", words=("Nom d’utilisateur", "Mot de passe", "Se connecter"))
    for path, heading in {
        "/": "Vue d’ensemble",
        "/tasks/": "Tâches",
        "/services/": "Services",
        "/audit/": "Audit",
    }.items():
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", "fr")
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    page.goto("/")
    expect(page.locator("#overview-head")).to_contain_text("à surveiller")
    expect(page.locator("time").first).to_contain_text("il y a")
