"""The policy editor, the simulator, explanations of refusals, switching roles, and what leads to these pages."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from access.models import AuditRecord, Policy, Role
from base import here
from tests.db.web.access_scene import DENY_ZERO, Make, main_of, rows, trust_of
from tests.db.web.conftest import Reader

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


def test_what_is_valid_and_probably_not_meant_is_said_and_may_be_saved(reader: Make, scene: None) -> None:
    person = reader("administrator")
    odd = WRONG.replace('"nonsense"', '"iam:PassRole", "slipway:UseHostMounts", "ecs:UpdateServices"')
    text = person.post("/access/create-policy/", 200, document=odd, do="check")
    assert "no mistakes" in text
    assert 'data-line="4" data-tone="wait"' in text
    assert "ecs:UpdateServices" in text and "there is no action" in text
    assert "no action &quot;iam:PassRole" not in text and "no action &quot;slipway:" not in text
    person.post("/access/create-policy/", 302, policy="odd", document=odd, do="save")


def test_a_statement_without_a_known_effect_allows_nothing_in_words(reader: Make, scene: None) -> None:
    document = WRONG.replace('"Allow"', '"allow"')
    text = reader("administrator").post("/access/create-policy/", 200, document=document, do="check")
    assert "neither allows nor denies" in text


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
    text = person.post("/access/roles/auditing/trust/", 200, document=trust_of(), do="example-tasks")
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
    hidden = main_of(stranger.text(f"/access/explain/?record={record.pk}", 404))
    none = main_of(stranger.text("/access/explain/?record=999999", 404))
    assert hidden.replace(str(record.pk), "N") == none.replace("999999", "N")


def test_one_switches_to_a_role_and_back(reader: Make, scene: None) -> None:
    person = reader("deployer")
    role = Role.objects.get(name="auditing")
    role.trust_policy = json.loads(trust_of(person.user.username))
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
    role.trust_policy = json.loads(trust_of("ana"))
    role.save()
    assert "Switch back" not in person.text("/")
    role.trust_policy = json.loads(trust_of(person.user.username))
    role.save()
    person.post("/switch-role/", role="auditing")
    person.post("/switch-role/back/")
    assert "Switch back" not in person.text("/")


def test_roles_that_do_not_let_one_in_cannot_be_told_from_ones_that_are_not_there(
    reader: Make, scene: None
) -> None:
    person = reader("read-only")
    assert "No role lets you in" in person.text("/switch-role/")
    there, none = (main_of(person.post("/switch-role/", 403, role=role)) for role in ("auditing", "nothing"))
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
