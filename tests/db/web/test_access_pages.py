"""The pages of access: who sees them, what they show, what their buttons do, and what a refusal leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import QueryDict

from access import registry
from access.models import AccessKey, AuditRecord, Group, InlinePolicy, Policy, PolicyVersion, Role, User
from access.registry import system_caller
from access.setup import ensure_ready_made
from base import here
from console.web.access_actions import DEEDS
from tests.db.web.conftest import Reader

Make = Callable[..., Reader]
DENY_ZERO = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "NeverToZero",
            "Effect": "Deny",
            "Action": "ecs:UpdateService",
            "Resource": "*",
            "Condition": {"NumericEquals": {"slipway:desired-count": "0"}},
        }
    ],
}
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


@pytest.fixture
def scene(db: None) -> None:
    """A team with a person in it, who may become a role."""
    ensure_ready_made()
    me = system_caller("test")
    statement = {"Effect": "Allow", "Action": "logs:GetLogEvents", "Resource": "*"}
    trust = {"Effect": "Allow", "Principal": {"AWS": here.user_arn("ana")}, "Action": "sts:AssumeRole"}
    for name, given in (
        ("create_user", {"username": "ana", "display_name": "Ana Lima", "tags": {"team": "shop"}}),
        ("create_policy", {"policy": "never-to-zero", "document": DENY_ZERO}),
        ("create_policy_version", {"policy": "never-to-zero", "document": DENY_ZERO, "set_as_default": True}),
        (
            "create_group",
            {"group": "team-shop", "scope": [here.cluster_arn("shop")], "policies": ["deployer"]},
        ),
        ("add_user_to_group", {"group": "team-shop", "username": "ana"}),
        ("attach_user_policy", {"username": "ana", "policy": "never-to-zero"}),
        ("put_user_policy", {"username": "ana", "policy_name": "logs", "document": _document(statement)}),
        ("create_access_key", {"username": "ana"}),
        ("create_role", {"role": "auditing", "assume_role_policy_document": _document(trust)}),
        ("attach_role_policy", {"role": "auditing", "policy": "read-only"}),
    ):
        registry.call(name, me, **given)


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def rows() -> list[Any]:
    """Everything a button of these pages could change."""
    models = (User, Group, Role, Policy, PolicyVersion, InlinePolicy, AccessKey)
    through = (Group.members.through, Group.policies.through, User.policies.through, Role.policies.through)
    found = [list(model.objects.order_by("pk").values()) for model in (*models, *through)]  # type: ignore[attr-defined]
    for users in found[:1]:
        for user in users:
            user.pop("last_login", None)
    return found


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
    hidden, none = (_main(person.text(f"/access/users/{name}/", 403)) for name in ("ana", "bob"))
    assert hidden.replace("ana", "bob") == none


def _main(text: str) -> str:
    """What a page says, without its frame (which holds the time)."""
    return text.partition("<main")[2].partition("</main>")[0]


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
        ("/access/create-role/", {"role": "eve", "max_session_seconds": "3600", "document": _trust()}),
        ("/access/create-policy/", {"policy": "eve", "document": document}),
        ("/access/policies/never-to-zero/edit/", {"document": document}),
        ("/access/roles/auditing/trust/", {"document": _trust()}),
        ("/access/users/ana/edit/", {"display_name": "Eve", "tags": "team=eve"}),
        ("/access/groups/team-shop/edit/", {"description": "Eve"}),
        ("/access/roles/auditing/edit/", {"description": "Eve", "max_session_seconds": "7200"}),
        ("/access/users/ana/inline/", {"policy": "eve", "document": document}),
        ("/access/users/ana/keys/", {}),
        ("/switch-role/", {"role": "auditing"}),
    ):
        assert "Missing permission" in person.post(path, 403, **given), path
    assert rows() == before


def _trust(name: str = "ana") -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": here.user_arn(name)}, "Action": "sts:AssumeRole"}
    return json.dumps(_document(statement))


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
    person.post("/access/create-role/", role="ops", max_session_seconds="7200", document=_trust(), tags="a=b")
    role = Role.objects.get(name="ops")
    assert (role.max_session_seconds, role.tags) == (7200, {"a": "b"})
    person.post("/access/roles/ops/edit/", description="Ops", max_session_seconds="3600", tags="a=c")
    person.post("/access/roles/ops/trust/", document=_trust("bo"))
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


# --- the editor ---------------------------------------------------------------------------------------

WRONG = """{
 "Version": "2012-10-17",
 "Statement": [{"Effect": "Allow",
  "Action": ["ecs:A", "nonsense"],
  "Resource": "*"}]
}"""


def test_every_mistake_stands_on_its_line(reader: Make, scene: None) -> None:
    person = reader("administrator")
    for path in (
        "/access/create-policy/",
        "/access/policies/never-to-zero/edit/",
        "/access/users/ana/inline/",
    ):
        text = person.post(path, 200, document=WRONG, do="check")
        assert 'data-line="4" data-tone="bad"' in text
        assert '<code class="sub mute">Statement[0].Action[1]</code>' in text
        assert "1 mistake" in text
    before = rows()
    text = person.post("/access/create-policy/", 400, policy="mine", document=WRONG, do="save")
    assert "nonsense" in text
    assert 'value="mine"' in text
    text = person.post("/access/create-policy/", 200, document='{"a": 1,\n oops', do="check")
    assert 'data-line="2" data-tone="bad"' in text
    assert rows() == before


def test_only_the_check_is_sent_while_one_types(reader: Make, scene: None) -> None:
    person = reader("administrator")
    response = person.client.post(
        "/access/create-policy/", {"document": WRONG, "do": "check"}, headers={"X-Fragments": "policy-check"}
    )
    text = response.content.decode()
    assert 'id="policy-check"' in text
    assert "<textarea" not in text


def test_examples_are_inserted_and_the_text_is_tidied(reader: Make, scene: None) -> None:
    person = reader("administrator")
    text = person.post("/access/create-policy/", 200, document='{"Statement": []}', do="example-not-zero")
    assert "slipway:desired-count" in text
    assert "no mistakes" in text
    text = person.post("/access/create-policy/", 200, document=json.dumps(DENY_ZERO), do="example-not-zero")
    assert "NeverToZero2" in text
    text = person.post("/access/roles/auditing/trust/", 200, document=_trust(), do="example-tasks")
    assert "ecs-tasks.amazonaws.com" in text
    assert "no mistakes" in text
    text = person.post("/access/create-policy/", 200, document='{"Statement":[]}', do="tidy")
    assert "{ &quot;Statement&quot;: []" in text


def test_every_example_is_a_policy_that_can_be_kept(scene: None) -> None:
    from access.policy import parse
    from console.web.policy_examples import EXAMPLES, start, with_example

    for kind, examples in EXAMPLES.items():
        document: Any = start(kind)
        for example in examples:
            document = with_example(document, kind, example.key)
        assert len(parse(document, kind=kind)) == len(examples) + 1


def test_a_policy_is_created_and_given_a_version(reader: Make, scene: None) -> None:
    person = reader("administrator")
    assert person.post("/access/create-policy/", policy="mine", document=json.dumps(DENY_ZERO)).endswith(
        "/mine/"
    )
    changed = json.dumps(DENY_ZERO).replace("Deny", "Allow")
    person.post("/access/policies/mine/edit/", document=changed)
    policy = Policy.objects.get(name="mine")
    assert (policy.default_version_id, policy.document["Statement"][0]["Effect"]) == ("v2", "Allow")
    text = person.text("/access/policies/mine/compare/")
    assert "<del>Deny</del>" in text.replace(" ", "").replace("\n", "")
    text = person.post("/access/policies/mine/edit/", 400, document=changed.replace('"*"', '"x"'))
    assert "is not a resource" in text
    assert Policy.objects.get(name="mine").default_version_id == "v2"


# --- simulator, explanations, roles -------------------------------------------------------------------


def test_the_simulator_names_the_deciding_statement(reader: Make, scene: None) -> None:
    person = reader("administrator")
    ask = {
        "principal": here.user_arn("ana"),
        "actions": "ecs:UpdateService\necs:DeleteService",
        "resources": here.service_arn("shop", "web"),
    }
    text = _asked(person, **ask)
    assert "1 of 2 allowed" in text
    assert 'href="/access/policies/deployer/"' in text
    assert "of the group team-shop" in text
    text = _asked(person, **ask, context="slipway:desired-count=0")
    assert "0 of 2 allowed" in text
    assert "NeverToZero" in text
    text = _asked(person, **ask | {"resources": here.service_arn("other", "web")})
    assert "its group is held to other resources" in text
    assert "without wildcards" in _asked(person, 400, **ask | {"actions": "ecs:*"})


def _asked(person: Reader, status: int = 200, **given: str) -> str:
    from urllib.parse import urlencode

    return person.text(f"/simulator/?{urlencode(given)}", status)


def test_the_simulator_is_for_those_who_may(reader: Make, scene: None) -> None:
    person = reader("operator")
    principal = here.user_arn("ana")
    text = _asked(person, 403, principal=principal, actions="ecs:UpdateService")
    assert "iam:SimulatePrincipalPolicy" in text
    text = _asked(reader("administrator"), 400, principal="nobody", actions="ecs:UpdateService")
    assert "the ARN of a user, group or role" in text


def test_a_refusal_is_explained_as_far_as_the_reader_may_know(reader: Make, scene: None) -> None:
    operator = reader("operator")
    assert "Missing permission" in operator.post("/access/users/ana/do/delete/", 403)
    record = AuditRecord.objects.get(result="denied", operation="delete_user")
    text = operator.text(f"/access/explain/?record={record.pk}")
    assert "You may not do <code>iam:DeleteUser</code>" in text
    assert "smallest statement" not in text
    text = reader("administrator").text(f"/access/explain/?record={record.pk}")
    assert f"{operator.user.username} may not do" in text
    assert "&quot;Action&quot;: &quot;iam:DeleteUser&quot;" in text
    assert "data-copy=" in text
    # Another person's denial is as if it were not there.
    stranger = reader()
    hidden = _main(stranger.text(f"/access/explain/?record={record.pk}", 404))
    none = _main(stranger.text("/access/explain/?record=999999", 404))
    assert hidden.replace(str(record.pk), "N") == none.replace("999999", "N")


def test_one_switches_to_a_role_and_back(reader: Make, scene: None) -> None:
    person = reader("deployer")
    role = Role.objects.get(name="auditing")
    role.trust_policy = json.loads(_trust(person.user.username))
    role.save()
    assert "Switch to auditing" in person.text("/switch-role/")
    person.post("/switch-role/", role="auditing")
    for path in ("/", "/access/users/", "/services/"):
        text = person.text(path)
        assert "Switch back" in text
        assert f"<b>auditing</b> ({person.user.username})" in text
    assert "iam:CreateUser" in person.text("/access/create-user/")
    denied = person.post("/access/users/ana/do/delete/", 403)
    assert "Missing permission" in denied
    record = AuditRecord.objects.get(result="denied", operation="delete_user")
    assert (record.role_arn, record.assumed_by) == (role.arn, person.user.arn)
    # The trust policy changes: out with the next request.
    role.trust_policy = json.loads(_trust("ana"))
    role.save()
    assert "Switch back" not in person.text("/")
    role.trust_policy = json.loads(_trust(person.user.username))
    role.save()
    person.post("/switch-role/", role="auditing")
    person.post("/switch-role/back/")
    assert "Switch back" not in person.text("/")


def test_roles_that_do_not_let_one_in_cannot_be_told_from_ones_that_are_not_there(
    reader: Make, scene: None
) -> None:
    person = reader("read-only")
    assert "No role lets you in" in person.text("/switch-role/")
    there, none = (_main(person.post("/switch-role/", 403, role=role)) for role in ("auditing", "nothing"))
    assert "Missing permission" in there
    assert there.replace("auditing", "nothing") == none


def test_the_palette_finds_identities_and_policies(reader: Make, scene: None) -> None:
    found = {
        (hit["kind"], hit["url"])
        for q in ("ana", "team-sh", "audit", "never")
        for hit in json.loads(reader("administrator").client.get(f"/search/?q={q}").content)["results"]
    }
    assert {
        ("Users", "/access/users/ana/"),
        ("Groups", "/access/groups/team-shop/"),
        ("Roles", "/access/roles/auditing/"),
        ("Policies", "/access/policies/never-to-zero/"),
    } <= found
    assert json.loads(reader().client.get("/search/?q=never").content)["results"] == []


def test_an_arn_of_access_leads_to_its_page(scene: None) -> None:
    from console.web.links import of_arn

    assert of_arn(here.user_arn("ana")) == "/access/users/ana/"
    assert of_arn(here.role_arn("auditing")) == "/access/roles/auditing/"
    assert of_arn(here.policy_arn("deployer", ready_made=True)) == "/access/policies/deployer/"
    assert of_arn(here.assumed_role_arn("auditing", "ana")) == ""
