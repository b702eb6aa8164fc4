"""Three teams on one installation, in a real browser: two held to their clusters by a group's scope, one to what
carries its tag; an auditor who reads all and changes nothing; a deployer who may neither scale to zero
nor touch access."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site, persistent, sign_in
from tests.browser.test_design import violations

SCENE = """
import json
from access.models import Group, User
from access.registry import call, system_caller
from access.identities.setup import ensure_ready_made
from base import here
from services.models import Service
from tests import factories
from tests.browser.conftest import PASSWORD
ensure_ready_made()
me = system_caller("test")
TEAMS = ("shop", "blog", "lab")
for team in TEAMS:
    owner = factories.cluster(team, tags={"team": team})
    factories.instance(owner, f"{team}-host")
    service = factories.service(owner, f"{team}-web", desired_count=2, tags={"team": team})
    for revision in (1, 2):
        what = factories.definition(f"{team}-web")
        type(what).objects.filter(pk=what.pk).update(tags={"team": team})
        factories.deployment(factories.service_revision(service, what))
for name in ("sara", "bela", "luis", "olga", "ada"):
    User.objects.create_user(name, PASSWORD)
for team, name in (("shop", "sara"), ("blog", "bela")):
    arn = here.task_definition_arn(f"{team}-web", "*")
    call("create_group", me, group=f"team-{team}", scope=[here.cluster_arn(team), arn], policies=["deployer"])
    call("add_user_to_group", me, group=f"team-{team}", username=name)
statement = {"Sid": "OwnTeam", "Effect": "Allow", "Action": "ecs:*", "Resource": "*", "Condition":
    {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}}
lists = {"Sid": "Lists", "Effect": "Allow", "Action": "ecs:List*", "Resource": "*"}
call("create_policy", me, policy="own-team", document={"Version": "2012-10-17", "Statement": [statement, lists]})
call("create_group", me, group="by-tag", policies=["own-team"])
call("tag_user", me, username="luis", tags={"team": "lab"})
for group, name in (("by-tag", "luis"), ("auditor", "olga"), ("administrator", "ada")):
    call("add_user_to_group", me, group=group, username=name)
trust = {"Effect": "Allow", "Principal": {"AWS": here.user_arn("sara")}, "Action": "sts:AssumeRole"}
call("create_role", me, role="looking", assume_role_policy_document={"Version": "2012-10-17", "Statement": [trust]})
call("attach_role_policy", me, role="looking", policy="read-only")
call("create_secret", me, name="shop/database", secret_string="hunter2hunter2")
"""
STATE = """
from access.models import *
from services.models import *
from vault.models import *
from clusters.models import Cluster
services = (Service, ServiceRevision, Deployment, TaskDefinition, Cluster)
for model in (*services, Group, Policy, PolicyVersion, Role, Secret):
    print(model.__name__, list(model.objects.order_by("pk").values_list()))
"""
OWN = {"sara": "shop", "bela": "blog", "luis": "lab"}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def teams(site: Site) -> str:
    """The scene is set once."""
    site.manage(SCENE)
    return "set"


@pytest.fixture
def person(browser: Browser, site: Site, teams: str) -> Iterator[Page]:
    context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 900}, locale="en-GB")
    page = context.new_page()
    page.goto = persistent(page.goto)  # type: ignore[method-assign]
    page.set_default_timeout(20_000)
    yield page
    context.close()


def state(site: Site) -> str:
    """Every row that a team could change, as one digest."""
    return site.manage(
        "import hashlib, io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n"
        + "".join(f"    {line}\n" for line in STATE.strip().splitlines() if line)
        + "print(hashlib.sha256(out.getvalue().encode()).hexdigest())"
    )


def send(page: Page, path: str, **form: str) -> int:
    """A form that the page does not offer, sent all the same."""
    token = next(cookie["value"] for cookie in page.context.cookies() if "csrf" in cookie["name"])
    origin = page.url.split("/", 3)
    headers = {"Referer": f"{origin[0]}//{origin[2]}{path}"}
    sent = page.request.post(
        path, form={**form, "csrfmiddlewaretoken": token}, headers=headers, max_redirects=0
    )
    return sent.status


@pytest.mark.parametrize("name", sorted(OWN))
def test_each_team_sees_and_touches_its_own(site: Site, person: Page, name: str) -> None:
    own = OWN[name]
    others = [team for team in OWN.values() if team != own]
    sign_in(person, name, then="/services/")
    expect(person.get_by_role("link", name=f"{own}-web", exact=True)).to_be_visible()
    for path in ("/", "/services/", "/clusters/", "/task-definitions/"):
        person.goto(path)
        shown = person.locator("main").inner_text()
        assert not any(f"{team}-web" in shown for team in others), path
    person.goto(f"/clusters/{own}/services/{own}-web/")
    expect(person.get_by_role("heading", level=1)).to_contain_text(f"{own}-web")
    before = state(site)
    for team in others:
        answer = person.goto(f"/clusters/{team}/services/{team}-web/")
        assert answer is not None and answer.status in (403, 404), team
        assert send(person, f"/clusters/{team}/services/{team}-web/scale/", desired_count="3") in (403, 404)
        assert send(person, f"/clusters/{team}/services/{team}-web/delete/", confirm=f"{team}-web") in (
            403,
            404,
        )
    assert state(site) == before
    assert send(person, f"/clusters/{own}/services/{own}-web/scale/", desired_count="3") == 302
    assert _desired(site, own) == 3


def _desired(site: Site, team: str) -> int:
    code = f"from services.models import Service\nprint(Service.objects.get(name='{team}-web').desired_count)"
    return int(site.manage(code))


def test_an_auditor_reads_all_and_changes_nothing(site: Site, person: Page) -> None:
    sign_in(person, "olga", then="/services/")
    for team in OWN.values():
        expect(person.get_by_role("link", name=f"{team}-web", exact=True)).to_be_visible()
    for path in (
        *(
            "/",
            "/audit/",
            "/tasks/",
            "/instances/",
            "/access/users/",
            "/access/users/sara/",
            "/access/groups/",
        ),
        *("/access/groups/team-shop/", "/access/roles/looking/", "/access/policies/own-team/"),
        *(f"/clusters/{team}/services/{team}-web/" for team in OWN.values()),
    ):
        answer = person.goto(path)
        assert answer is not None and answer.status == 200, path
    before = state(site)
    for path, form in {
        "/clusters/shop/services/shop-web/scale/": {"desired_count": "5"},
        "/clusters/shop/services/shop-web/deploy/": {"task_definition": "shop-web:1"},
        "/clusters/shop/services/shop-web/delete/": {"confirm": "shop-web"},
        "/access/create-user/": {"username": "eve"},
        "/access/groups/administrator/do/add-member/": {"username": "olga"},
        "/access/users/olga/do/attach/": {"policy": "administrator"},
        "/access/policies/own-team/do/delete/": {},
        "/access/roles/looking/do/delete/": {},
        "/access/users/sara/do/deactivate/": {},
    }.items():
        # 400: the deploy form wants more than this, and asks no operation before it has it.
        assert send(person, path, **form) in (400, 403), path
    assert state(site) == before


def test_a_deployer_deploys_and_rolls_back_but_not_to_zero_nor_access_nor_secrets(
    site: Site, person: Page
) -> None:
    sign_in(person, "sara", then="/services/")
    service = "/clusters/shop/services/shop-web/"
    person.goto(f"{service}deploy/")
    person.get_by_label("Revision", exact=True).select_option("shop-web:1")
    person.get_by_role("button", name="Deploy", exact=True).click()
    person.wait_for_url(f"**{service}")
    expect(person.get_by_text("Roll back now").first).to_be_visible()
    person.get_by_text("Roll back now").first.click()
    stop = person.get_by_role("dialog").get_by_role("button", name="Roll back")
    if stop.count():
        stop.first.click()
    expect(person.locator("main")).to_contain_text("roll", ignore_case=True)

    before = state(site)
    assert send(person, f"{service}scale/", desired_count="0") == 403
    assert send(person, "/access/create-role/", role="mine", max_session_seconds="3600", document="{}") in (
        400,
        403,
    )
    assert send(person, "/access/roles/looking/do/attach/", policy="administrator") == 403
    assert send(person, "/access/groups/team-shop/do/attach/", policy="administrator") == 403
    assert state(site) == before
    answer = person.goto("/secrets/")
    assert answer is not None and "hunter2" not in person.content()

    # From the refusal one click explains it; an administrator sees the statement that would allow it.
    person.goto("/access/create-user/")
    locked = person.get_by_role("button", name="Create the user")
    locked.hover()
    person.get_by_role("link", name="Why?").first.click()
    expect(person.get_by_role("heading", level=1)).to_contain_text("Why was this refused?")
    expect(person.locator("main")).not_to_contain_text("smallest statement")
    assert violations(person) == []


def test_an_administrator_learns_what_would_allow_it(site: Site, person: Page) -> None:
    code = (
        "from access.models import AuditRecord\n"
        "denied = AuditRecord.objects.filter(result='denied', actor_name='sara', operation='update_service')\n"
        "print(denied.latest('pk').pk)"
    )
    record = site.manage(code)
    sign_in(person, "ada", then="/services/")
    person.goto(f"/access/explain/?record={record}")
    expect(person.locator(".verdict")).to_contain_text("sara may not do")
    expect(person.locator("main")).to_contain_text("ecs:UpdateService")
    person.get_by_role("link", name="Open in the simulator").click()
    expect(person.locator("#results")).to_contain_text("ecs:UpdateService")
    assert violations(person) == []


def test_a_role_is_seen_at_the_top_of_every_page(person: Page) -> None:
    sign_in(person, "sara", then="/services/")
    person.locator("#user-menu summary").click()
    person.get_by_role("link", name="Switch role…").click()
    person.get_by_role("button", name="Switch to looking").click()
    for path in ("/", "/services/", "/audit/"):
        person.goto(path)
        expect(person.locator(".as-role")).to_contain_text("looking (sara)")
    expect(person.locator("main")).to_contain_text("looking")
    # As read-only she sees every team.
    person.goto("/services/")
    expect(person.get_by_role("link", name="blog-web", exact=True)).to_be_visible()
    person.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    assert person.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert violations(person) == []
    person.get_by_role("button", name="Switch back").click()
    expect(person.locator(".as-role")).to_have_count(0)
    person.goto("/services/")
    expect(person.get_by_role("link", name="blog-web", exact=True)).to_have_count(0)


def test_the_editor_marks_a_mistake_where_it_is(person: Page) -> None:
    sign_in(person, "ada", then="/access/create-policy/")
    box = person.get_by_label("Policy document as JSON")
    wrong = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "nonsense", "Resource": "*"}],
    }
    box.fill(json.dumps(wrong, indent=2))
    finding = person.locator("#policy-check").get_by_role("button", name="Line 6")
    expect(finding).to_be_visible()
    expect(person.locator(".gutter li.bad")).to_have_text("6")
    assert violations(person) == []
    finding.click()
    expect(box).to_be_focused()
    assert (
        box.evaluate("box => box.value.slice(box.selectionStart, box.selectionEnd)")
        .strip()
        .startswith('"Action"')
    )
    person.keyboard.type('      "Action": "ecs:UpdateService",')
    expect(person.locator("#policy-check")).to_contain_text("no mistakes")
    expect(person.locator(".gutter li.bad")).to_have_count(0)
    person.get_by_text("Insert an example").click()
    person.get_by_role("button", name="Forbid scaling to zero").click()
    expect(person.locator("#policy-check")).to_contain_text("NeverToZero")
    assert "slipway:desired-count" in box.input_value()
    person.get_by_label("Policy name").fill("written-in-the-browser")
    person.get_by_role("button", name="Create the policy").last.click()
    person.wait_for_url("**/access/policies/written-in-the-browser/")
    expect(person.locator("main")).to_contain_text("slipway:desired-count is 0")
