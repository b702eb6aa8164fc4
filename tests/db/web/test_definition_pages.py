"""Task definitions: lists, a revision, comparing, registering from form and JSON, deregistering."""

from __future__ import annotations

import json
import re

from services.models import TaskDefinition
from tests import factories

NEW = "/register-task-definition/"
FORM = {
    "do": "register",
    "source": "form",
    "document": "{}",
    "family": "api",
    "network_mode": "bridge",
    "containers-0-name": "api",
    "containers-0-image": "registry.example/api:4",
    "containers-0-memory": "64",
    "containers-0-essential": "on",
    "containers-0-ports": "8080:80",
    "containers-0-environment": "LOG_LEVEL=info\nSECRET_WORD=a=b",
}


def _document(text: str) -> dict:
    found = re.search(r"<textarea[^>]*data-json[^>]*>(.*?)</textarea>", text, re.DOTALL)
    assert found
    return json.loads(found[1].replace("&quot;", '"').replace("&#x27;", "'"))


def test_families_say_where_they_run(reader) -> None:
    factories.world()
    factories.definition("cron")
    text = reader("read-only").text("/task-definitions/")
    assert "web:13" in text and "cron:1" in text
    assert "12 tasks" in text and "in 1 service<" in text


def test_a_family_lists_its_revisions_with_who_registered_them(reader) -> None:
    factories.world()
    person = reader("read-only")
    text = person.text("/task-definitions/web/")
    assert "The newest revision is <b>13</b>" in text
    assert text.index("web:13</a>") < text.index("web:12</a>") < text.index("web:10</a>")
    assert re.search(r'production/web</a> <span class="mute small">6</span>', text)
    assert "amina" in text
    TaskDefinition.objects.filter(revision=10).update(status="INACTIVE")
    rows = person.text("/task-definitions/web/", **{"X-Fragments": "list"})
    assert "web:10</a>" not in rows
    assert "web:10</a>" in person.text("/task-definitions/web/?state=inactive", **{"X-Fragments": "list"})


def test_a_revision_offers_the_services_it_may_go_to(reader) -> None:
    factories.world()
    text = reader("deployer").text("/task-definitions/web/13/")
    assert "/clusters/production/services/web/deploy/?task_definition=web:13" in text
    assert "/create-service/?task_definition=web:13" in text
    assert '<dt class="mono">FEATURE_CART</dt>' in text
    assert "6 tasks" in text
    assert "no such revision" in reader("deployer").text("/task-definitions/web/99/", status=400)


def test_any_two_are_compared(reader) -> None:
    factories.world()
    factories.definition("cron", image="cron:3")
    person = reader("read-only")
    text = person.text("/compare-task-definitions/?from=web:12&to=web:13")
    assert "3 differences" in text and "<del>web:9a3d0b1</del>" in text
    assert "web:12 → cron:1" in person.text("/compare-task-definitions/?from=web:12&to=cron:1")


def test_register_from_the_form(reader) -> None:
    person = reader("deployer")
    assert person.post(NEW, **FORM) == "/task-definitions/api/1/"
    document = TaskDefinition.objects.get().document
    container = document["containerDefinitions"][0]
    assert container["portMappings"] == [{"containerPort": 80, "hostPort": 8080, "protocol": "tcp"}]
    assert {"name": "SECRET_WORD", "value": "a=b"} in container["environment"]


def test_the_forms_mistakes_stand_beside_their_fields_and_keep_what_was_typed(reader, rows) -> None:
    before = rows()
    wrong = {
        **FORM,
        "containers-0-memory": "lots",
        "containers-0-image": "Not An Image",
        "containers-0-ports": "eighty",
    }
    text = reader("deployer").post(NEW, 400, **wrong)
    for field, typed in (("memory", "lots"), ("image", "Not An Image")):
        assert f'value="{typed}"' in text
        assert f'id="id_containers-0-{field}_errors"' in text
    assert "is not a port" in text and "eighty" in text
    assert rows() == before


def test_the_json_follows_the_form_and_keeps_what_the_form_has_no_field_for(reader) -> None:
    base = {
        "family": "api",
        "containerDefinitions": [{"name": "api", "image": "a:1", "memory": 64, "user": "1000"}],
    }
    data = {**FORM, "do": "sync", "document": json.dumps(base), "containers-0-origin": "api"}
    text = reader("deployer").post(NEW, 200, **data)
    container = _document(text)["containerDefinitions"][0]
    assert container["image"] == "registry.example/api:4" and container["user"] == "1000"


def test_the_form_follows_the_json(reader) -> None:
    base = {
        "family": "api",
        "containerDefinitions": [
            {"name": "api", "image": "a:1", "memory": 64, "environment": [{"name": "A", "value": "1"}]},
            {"name": "side", "image": "b:1", "memory": 64, "essential": False},
        ],
    }
    text = reader("deployer").post(
        NEW, 200, **{**FORM, "do": "sync", "source": "json", "document": json.dumps(base)}
    )
    assert 'name="containers-0-image" value="a:1"' in text
    assert 'name="containers-1-name" value="side"' in text
    assert ">A=1</textarea>" in text


def test_mistakes_of_the_json_say_where_they_are(reader, rows) -> None:
    person, before = reader("deployer"), rows()
    text = person.post(NEW, 200, **{**FORM, "do": "sync", "source": "json", "document": '{\n "family": }'})
    assert "Line 2, column 12" in text
    wrong = {
        "family": "api",
        "containerDefinitions": [{"name": "api", "image": "a:1", "memory": 64, "gpu": 1}],
    }
    text = person.post(NEW, 400, **{**FORM, "source": "json", "document": json.dumps(wrong)})
    assert "containerDefinitions[0].gpu" in text
    assert rows() == before


def test_register_from_json(reader) -> None:
    document = {
        "family": "job",
        "containerDefinitions": [{"name": "job", "image": "j:1", "memory": 64, "stopTimeout": 7}],
    }
    person = reader("deployer")
    assert (
        person.post(NEW, **{**FORM, "source": "json", "document": json.dumps(document)})
        == "/task-definitions/job/1/"
    )
    assert TaskDefinition.objects.get().document["containerDefinitions"][0]["stopTimeout"] == 7


def test_containers_are_added_and_removed_without_losing_a_word(reader) -> None:
    person = reader("deployer")
    text = person.post(NEW, 200, **{**FORM, "do": "add"})
    assert 'name="containers-1-name"' in text and 'value="registry.example/api:4"' in text
    text = person.post(NEW, 200, **{**FORM, "containers-1-name": "side", "do": "drop-0"})
    assert 'name="containers-0-name"' not in text and 'value="side"' in text


def test_a_new_revision_begins_as_a_copy(reader) -> None:
    factories.world()
    person = reader("deployer")
    text = person.text(f"{NEW}?from=web:13")
    assert "New revision from web:13" in text and 'value="web:4f1c9e2"' in text
    assert _document(text)["containerDefinitions"][0]["cpu"] == 512


def test_deregister(reader) -> None:
    factories.world()
    person = reader("administrator")
    person.post("/task-definitions/web/10/deregister/")
    assert TaskDefinition.objects.get(revision=10).status == "INACTIVE"
    assert "It is INACTIVE already." in person.text("/task-definitions/web/10/")


def test_what_needs_a_permission_of_its_own_is_refused_in_words(reader, rows) -> None:
    before = rows()
    document = {
        "family": "x",
        "containerDefinitions": [{"name": "x", "image": "x", "memory": 64, "privileged": True}],
    }
    text = reader("deployer").post(NEW, 403, **{**FORM, "source": "json", "document": json.dumps(document)})
    assert "slipway:UsePrivileged" in text
    assert rows() == before


def test_queries_are_constant(reader) -> None:
    factories.world()
    person = reader("administrator")
    paths = (
        "/task-definitions/",
        "/task-definitions/web/",
        "/task-definitions/web/13/",
        f"{NEW}?from=web:13",
    )
    few = [person.queries(path) for path in paths]
    for number in range(30):
        factories.definition("web", image=f"web:{number}")
        factories.definition(f"family-{number}")
    assert [person.queries(path) for path in paths] == few
    assert max(few) <= 20
