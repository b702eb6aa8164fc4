"""The pages of access: who sees them, what they show, what their buttons do, and what a refusal leaves behind."""

from __future__ import annotations

import json

import pytest
from django.http import QueryDict

from access import registry
from access.models import AccessKey, AuditRecord, Group, InlinePolicy, Policy, Role, User
from base import here
from console.web.access_actions import DEEDS
from tests.db.web.access_scene import DENY_ZERO, Make, main_of, rows, trust_of

LISTS = ("/access/users/", "/access/groups/", "/access/roles/", "/access/policies/")
PAGES = (
    *LISTS,
    "/access/users/ana/",
    "/access/groups/team-shop/",
    "/access/roles/auditing/",
    "/access/policies/never-to-zero/",
    "/access/policies/never-to-zero/compare/",
    "/simulator/",
)
FORMS = (
    "/access/create-user/",
    "/access/create-group/",
    "/access/create-role/",
    "/access/create-policy/",
    "/access/policies/never-to-zero/edit/",
    "/access/roles/auditing/trust/",
    "/access/users/ana/edit/",
    "/access/groups/team-shop/edit/",
    "/access/roles/auditing/edit/",
    "/access/users/ana/inline/?policy=logs",
    "/access/groups/team-shop/inline/",
    "/switch-role/",
)


@pytest.mark.parametrize("group", ["administrator", "read-only"])
def test_who_may_look_sees_every_page(reader: Make, scene: None, group: str) -> None:
    person = reader(group)
    for path in (*PAGES, *FORMS):
        text = person.text(path)
        assert "<h1>" in text, path
        if path not in _LOCKS_DIFFER:
            assert ('aria-disabled="true"' in text) is (group == "read-only"), path


# Nothing to press there; and a policy that is attached cannot be deleted by anybody.
_LOCKS_DIFFER = (
    "/access/policies/never-to-zero/",
    "/access/policies/never-to-zero/compare/",
    "/simulator/",
    "/switch-role/",
)


def test_who_may_not_look_is_told_which_permission_is_missing(reader: Make, scene: None) -> None:
    person = reader()
    for path in LISTS:
        text = person.text(path, 403)
        assert "Missing permission" in text
        assert "/access/explain/?action=iam" in text


def test_a_person_without_permissions_sees_its_own_page_and_what_is_missing(
    reader: Make, scene: None
) -> None:
    person = reader()
    text = person.text(f"/access/users/{person.user.username}/")
    assert "iam:ListAttachedUserPolicies" in text
    assert "You cannot do this to yourself." in text
    hidden, none = (main_of(person.text(f"/access/users/{name}/", 403)) for name in ("ana", "bob"))
    assert hidden.replace("ana", "bob") == none


# --- buttons ------------------------------------------------------------------------------------------

FORM = {
    "policy": "operator",
    "group": "operator",
    "username": "ana",
    "key_id": "AKIA0000000000000000",
    "active": "",
    "version": "v1",
}
NAMES = {"users": "ana", "groups": "team-shop", "roles": "auditing", "policies": "never-to-zero"}
EVERY_DEED = [(kind, what) for kind, deeds in DEEDS.items() for what in deeds]


@pytest.mark.parametrize(("kind", "what"), EVERY_DEED)
def test_every_button_calls_an_operation_that_is_there(kind: str, what: str) -> None:
    deed = DEEDS[kind][what]
    form = QueryDict(mutable=True)
    form.update(FORM)
    known = {parameter.name: parameter for parameter in registry.get(deed.operation).parameters}
    given = deed.given("x", form)
    assert set(given) <= set(known)
    assert {name for name, parameter in known.items() if parameter.default is parameter.empty} <= set(given)


def test_no_button_works_for_who_may_only_look(reader: Make, scene: None) -> None:
    person = reader("read-only")
    before = rows()
    for kind, what in EVERY_DEED:
        text = person.post(f"/access/{kind}/{NAMES[kind]}/do/{what}/", 403, **FORM)
        assert "Missing permission" in text
        assert AuditRecord.objects.filter(operation=DEEDS[kind][what].operation, result="denied").exists()
    document = json.dumps(DENY_ZERO)
    for path, given in (
        ("/access/create-user/", {"username": "eve"}),
        ("/access/create-group/", {"group": "eves"}),
        ("/access/create-role/", {"role": "eve", "max_session_seconds": "3600", "document": trust_of()}),
        ("/access/create-policy/", {"policy": "eve", "document": document}),
        ("/access/policies/never-to-zero/edit/", {"document": document}),
        ("/access/roles/auditing/trust/", {"document": trust_of()}),
        ("/access/users/ana/edit/", {"display_name": "Eve", "tags": "team=eve"}),
        ("/access/groups/team-shop/edit/", {"description": "Eve"}),
        ("/access/roles/auditing/edit/", {"description": "Eve", "max_session_seconds": "7200"}),
        ("/access/users/ana/inline/", {"policy": "eve", "document": document}),
        ("/access/users/ana/keys/", {}),
        ("/switch-role/", {"role": "auditing"}),
    ):
        assert "Missing permission" in person.post(path, 403, **given), path
    assert rows() == before


def test_the_buttons_do_what_they_say(reader: Make, scene: None) -> None:
    person = reader("administrator")
    ana = User.objects.get(username="ana")
    key = ana.access_keys.get()

    def press(kind: str, what: str, **given: str) -> None:
        person.post(f"/access/{kind}/{NAMES[kind]}/do/{what}/", **given)

    press("users", "attach", policy="operator")
    press("users", "detach", policy="never-to-zero")
    assert [policy.name for policy in ana.policies.all()] == ["operator"]
    press("users", "bound", policy="deployer")
    ana.refresh_from_db()
    assert str(ana.boundary) == "deployer"
    press("users", "unbound")
    press("users", "delete-inline", policy="logs")
    press("users", "set-key", key_id=key.key_id, active="")
    key.refresh_from_db()
    ana.refresh_from_db()
    assert (ana.boundary, ana.inline_policies.count(), key.active) == (None, 0, False)
    press("users", "delete-key", key_id=key.key_id)
    press("users", "add-group", group="operator")
    assert [group.name for group in ana.groups.order_by("name")] == ["operator", "team-shop"]
    press("groups", "remove-member", username="ana")
    press("users", "deactivate")
    ana.refresh_from_db()
    assert (ana.is_active, ana.access_keys.count(), ana.groups.count()) == (False, 0, 1)
    press("policies", "set-default", version="v1")
    press("policies", "delete-version", version="v2")
    policy = Policy.objects.get(name="never-to-zero")
    assert (policy.default_version_id, policy.versions.count()) == ("v1", 1)
    press("roles", "revoke")
    assert Role.objects.get(name="auditing").sessions_valid_from is not None
    for kind in NAMES:
        press(kind, "delete")
    assert not User.objects.filter(username="ana").exists()
    assert not Role.objects.filter(name="auditing").exists()
    assert not Group.objects.filter(name="team-shop").exists()
    assert not Policy.objects.filter(name="never-to-zero").exists()


def test_a_refusal_of_the_domain_is_said_on_the_page_it_came_from(reader: Make, scene: None) -> None:
    person = reader("administrator")
    before = rows()
    assert person.post("/access/policies/deployer/do/delete/") == "/access/policies/deployer/"
    assert "ready-made" in person.text("/access/policies/deployer/")
    assert person.post("/access/users/nobody/do/delete/").endswith("/nobody/")
    assert rows() == before


# --- forms --------------------------------------------------------------------------------------------


def test_users_groups_and_roles_are_created_and_edited(reader: Make, scene: None) -> None:
    person = reader("administrator")
    assert person.post("/access/create-user/", username="bo", groups=["operator"]) == "/access/users/bo/"
    assert User.objects.get(username="bo").groups.get().name == "operator"
    scope = f"{here.cluster_arn('shop')}\n{here.cluster_arn('lab')}"
    person.post("/access/create-group/", group="lab", scope=scope, policies=["operator", "read-only"])
    lab = Group.objects.get(name="lab")
    assert (lab.scope, lab.policies.count()) == (scope.split("\n"), 2)
    person.post("/access/groups/lab/edit/", description="The lab", scope="")
    person.post("/access/users/bo/edit/", display_name="Bo", email="bo@example.org", tags="team=lab")
    person.post("/access/users/bo/edit/", display_name="Bo", email="bo@example.org", tags="site=lyon")
    lab.refresh_from_db()
    user = User.objects.get(username="bo")
    assert (lab.description, lab.scope) == ("The lab", [])
    assert (user.display_name, user.email, user.tags) == ("Bo", "bo@example.org", {"site": "lyon"})
    person.post(
        "/access/create-role/", role="ops", max_session_seconds="7200", document=trust_of(), tags="a=b"
    )
    role = Role.objects.get(name="ops")
    assert (role.max_session_seconds, role.tags) == (7200, {"a": "b"})
    person.post("/access/roles/ops/edit/", description="Ops", max_session_seconds="3600", tags="a=c")
    person.post("/access/roles/ops/trust/", document=trust_of("bo"))
    role.refresh_from_db()
    assert (role.description, role.tags) == ("Ops", {"a": "c"})
    assert "user/bo" in json.dumps(role.trust_policy)


def test_a_form_that_fails_keeps_what_was_typed(reader: Make, scene: None) -> None:
    person = reader("administrator")
    text = person.post("/access/create-user/", 400, username="ana", display_name="Another Ana")
    assert "is taken" in text
    assert 'value="Another Ana"' in text
    text = person.post("/access/create-group/", 400, group="x", scope="no-arn\nneither")
    assert "is not an ARN pattern" in text
    assert "neither" in text


def test_a_secret_key_is_shown_once(reader: Make, scene: None) -> None:
    person = reader("administrator")
    response = person.client.post("/access/users/ana/keys/")
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    made = AccessKey.objects.order_by("-pk").first()
    assert made is not None
    shown = response.content.decode()
    assert made.key_id in shown
    assert "it is never shown again" in shown
    assert "it is never shown again" not in person.text("/access/users/ana/")
    assert "at most two access keys" in person.text("/access/users/ana/")


# --- constant queries ---------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow(reader: Make, scene: None) -> None:
    person = reader("administrator")
    pages = (*PAGES[:-1], "/access/create-user/", "/access/create-group/", "/switch-role/", "/simulator/")
    before = {path: person.queries(path) for path in pages}
    _many()
    after = {path: person.queries(path) for path in pages}
    assert after == before
    assert max(after.values()) <= 45


def _many() -> None:
    team = Group.objects.get(name="team-shop")
    ana = User.objects.get(username="ana")
    trust = Role.objects.get(name="auditing").trust_policy
    for number in range(12):
        user = User.objects.create_user(f"more-{number}")
        team.members.add(user)
        policy = Policy.objects.create(name=f"more-{number}", document=DENY_ZERO)
        group = Group.objects.create(name=f"more-{number}")
        role = Role.objects.create(name=f"more-{number}", trust_policy=trust)
        group.policies.add(policy)
        group.members.add(ana)
        role.policies.add(policy)
        ana.policies.add(policy)
        team.policies.add(policy)
        Policy.objects.get(name="never-to-zero").groups.add(group)
        InlinePolicy.objects.create(name=f"more-{number}", user=ana, document=DENY_ZERO)
