"""The API's description is whole, valid, and served."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from access.models import User
from access.registry import all_operations
from console.rest import documents
from console.rest.names import camel, outside, snake
from console.rest.parameters import PARAMETERS
from console.rest.reference import description
from console.rest.schema import first_sentence
from console.rest.urls import ENDPOINTS
from services.taskdef.validate import validate
from tests.db.rest.cases import DOCUMENT
from tests.db.rest.conftest import error_of, make_user

SCHEMA = "/api/v1/schema/"


def test_it_is_valid_and_without_a_warning(tmp_path: Path) -> None:
    written = tmp_path / "schema.yml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(written), stdout=StringIO())
    assert yaml.safe_load(written.read_text())["paths"] == json.loads(json.dumps(description()["paths"]))


def test_every_method_is_described() -> None:
    paths = description()["paths"]
    ids = []
    for endpoint in ENDPOINTS:
        path = "/api/v1/" + endpoint.path.replace("<str:", "{").replace(">", "}")
        assert set(paths[path]) == {method.lower() for method in endpoint.actions}
        for method in paths[path].values():
            ids.append(method["operationId"])
            assert method["summary"] and method["description"] and method["x-permissions"]
            assert {"400", "401", "403", "404", "429"} <= set(method["responses"])
            assert all(one["description"] for one in method.get("parameters", ()))
    assert len(ids) == len(set(ids))
    assert len(paths) == len(ENDPOINTS)


def test_every_parameter_is_described_and_no_other() -> None:
    targets = [action.target for endpoint in ENDPOINTS for action in endpoint.actions.values()]
    used = {name for target in targets for name in target.parameters}
    assert set(PARAMETERS) == used


def test_requests_have_the_operations_parameters_and_their_defaults() -> None:
    request = description()["components"]["schemas"]["CreateServiceRequest"]
    assert set(request["required"]) == {"serviceName"}  # EXTERNAL has no task definition
    assert request["properties"]["schedulingStrategy"]["default"] == "REPLICA"
    assert request["properties"]["deploymentConfiguration"]["properties"]["maximumPercent"]["default"] == 200
    assert "cluster" not in request["properties"]  # it is in the path


def test_every_parameters_name_comes_back() -> None:
    for op in all_operations():
        for parameter in op.parameters:
            assert snake(camel(parameter.name)) == parameter.name


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"expires_in_days": "no"}, {"expiresInDays": "no"}),
        ({"tags.my_key": "no"}, {"tags.my_key": "no"}),
        ({"placement_strategy[0].a_b": "no"}, {"placementStrategy[0].a_b": "no"}),
        ({"containerDefinitions[0].image": "no"}, {"containerDefinitions[0].image": "no"}),
    ],
)
def test_only_parameters_are_renamed(fields: dict[str, str], expected: dict[str, str]) -> None:
    assert outside("", fields)[1] == expected


def test_first_sentences() -> None:
    assert first_sentence("One cluster, by name or ARN.") == "One cluster, by name or ARN"
    assert first_sentence("A list: with\nmore. Then this.") == "A list"
    assert first_sentence("family:revision is one") == "family:revision is one"


def test_the_task_definitions_schema_is_that_of_the_tables() -> None:
    schema = documents.task_definition()
    assert schema["required"] == ["family", "containerDefinitions"]
    container = schema["properties"]["containerDefinitions"]["items"]
    assert container["properties"]["healthCheck"]["properties"]["interval"]["minimum"] == 5
    assert container["properties"]["portMappings"]["items"]["properties"]["protocol"]["enum"] == [
        "tcp",
        "udp",
    ]
    assert "secrets" in container["properties"]
    assert "environmentFiles" not in container["properties"]  # refused, so not offered
    known = {**DOCUMENT, "tags": []}
    assert set(validate(known)) <= set(schema["properties"])


@pytest.mark.parametrize(("query", "accept", "kind"), [
    ("?format=json", "*/*", "json"), ("?format=yaml", "*/*", "yaml"), ("", "application/json", "json"),
    ("", "application/yaml", "yaml"),
])  # fmt: skip
def test_it_is_served_to_those_who_are_known(query: str, accept: str, kind: str, reader: APIClient) -> None:
    response = reader.get(SCHEMA + query, HTTP_ACCEPT=accept)
    assert response.status_code == 200
    read = json.loads if kind == "json" else yaml.safe_load
    assert read(response.content)["info"]["title"] == "Slipway"


def test_it_is_not_served_to_strangers(nobody: APIClient) -> None:
    response = nobody.get(SCHEMA, HTTP_ACCEPT="application/json")
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "MissingAuthenticationTokenException"


def page(user: User | None, **more: Any) -> Any:
    browser = Client()
    if user is not None:
        browser.force_login(user)
    return browser.get("/api/v1/", HTTP_ACCEPT="text/html,application/xhtml+xml,*/*;q=0.8", **more)


def test_the_reference_page_shows_every_method_within_the_console(db: None) -> None:
    response = page(make_user("ana"))
    assert response.status_code == 200
    text = response.content.decode()
    for endpoint in ENDPOINTS:
        assert "/api/v1/" + endpoint.path.replace("<str:", "{").replace(">", "}") in text
    assert "ecs:UpdateService" in text and "desiredCount" in text
    methods = sum(len(endpoint.actions) for endpoint in ENDPOINTS)
    assert len(text) < 20_000 + 1_700 * methods
    assert "<script>" not in text and "style=" not in text.replace("theme", "")
    assert "default-src 'self'" in response["Content-Security-Policy"]


def test_the_reference_page_is_for_people_who_are_signed_in(db: None) -> None:
    response = page(None)
    assert response.status_code == 302 and "/sign-in/" in response["Location"]


def test_programs_are_told_where_to_go(nobody: APIClient) -> None:
    assert nobody.get("/api/v1/").json()["schema"].endswith(SCHEMA)
    error_of(nobody.post("/api/v1/", {}, format="json"), 405, "MethodNotAllowedException")
