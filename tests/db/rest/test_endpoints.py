"""Every method of every address: answered in the shape it is described with, refused when wrong, denied without a
permission, and then nothing has changed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from rest_framework.test import APIClient

from access.models import AuditRecord
from access.registry import all_operations
from console.rest.urls import ENDPOINTS
from tests.db.rest.cases import READS, VALUES, WRITES, Case, Scene, name_of
from tests.db.rest.conftest import error_of, rows
from tests.db.rest.openapi import operation_of, problems_of
from tests.factories import World

# Write operations that REST does not offer, each with the reason.
NOT_IN_REST: dict[str, str] = {
    "switch_role": "the console's own session acts as the role; programs assume it with /roles/R/sessions",
    "enable_passkey": "a browser and an authenticator make a passkey, for a challenge kept in the browser's session",
}
# What everyone may do for themselves: these are never denied.
FOR_ONESELF = {"GET me", "GET me/identity", "POST me/session-token", "PUT me/password"}


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene.of(world)


def send(client: APIClient, scene: Scene, case: Case, body: Any = None) -> Any:
    given = scene.body(case.body if body is None else body)
    text = json.dumps(given) if given is not None else ""
    return client.generic(case.method, scene.url(case), text, content_type="application/json")


def test_the_cases_are_every_method_of_every_address() -> None:
    def pattern(path: str) -> str:
        return re.sub(r"<str:\w+>", "[^/]+", path)

    for endpoint in ENDPOINTS:
        for method in endpoint.actions:
            assert any(
                case.method == method and re.fullmatch(pattern(endpoint.path), case.path.partition("?")[0])
                for case in (*READS, *VALUES, *WRITES)
            ), f"{method} {endpoint.path} has no case"


def test_every_write_operation_is_reachable() -> None:
    offered = {
        part for endpoint in ENDPOINTS for action in endpoint.actions.values() for part in action.target.parts
    }
    missing = {
        op.name for op in all_operations() if op.writes and op.module.partition(".")[0] != "tests"
    } - offered
    assert missing == set(NOT_IN_REST)


def test_every_parameter_comes_from_the_path_the_body_or_the_query() -> None:
    for endpoint in ENDPOINTS:
        for action in endpoint.actions.values():
            unknown = set(endpoint.path_parameters) - set(action.target.parameters)
            assert not unknown, f"{endpoint.path}: {unknown} are no parameters of {action.target.name}"


# One scene serves every case that must not change it.


def test_a_reader_is_answered_as_described(scene: Scene, reader: APIClient) -> None:
    for case in READS:
        response = send(reader, scene, case)
        assert response.status_code == 200, (case, response.content)
        assert problems_of(case, response) == [], case


def test_a_value_is_answered_as_described_and_recorded(scene: Scene, root: APIClient) -> None:
    for case in VALUES:
        response = send(root, scene, case)
        assert response.status_code == 200, (case, response.content)
        assert problems_of(case, response) == [], case
        assert response["Cache-Control"] == "no-store"
        record = AuditRecord.objects.get(request_id=response["X-Request-Id"])
        assert (record.result, record.face, record.actor_name) == ("success", "rest", "root"), case


@pytest.mark.parametrize("case", WRITES, ids=name_of)
def test_a_write_is_answered_as_described_and_audited(case: Case, scene: Scene, root: APIClient) -> None:
    before = rows()
    response = send(root, scene, case)
    assert response.status_code == case.status, response.content
    assert problems_of(case, response) == []
    # A cluster's settings take only what is so anyway: nothing is stored of them.
    unchanged = ("tags?", "simulations/", "clusters/production/settings")
    assert rows() != before or case.path.startswith(unchanged)
    record = AuditRecord.objects.latest("id")
    assert (record.result, record.face, record.actor_name) == ("success", "rest", "root")
    assert record.request_id == response["X-Request-Id"]
    assert record.operation in operation_of(case)[1].target.parts


def test_a_denied_write_changes_nothing(scene: Scene, reader: APIClient) -> None:
    before = rows()
    for case in (*VALUES, *WRITES):
        if name_of(case) in FOR_ONESELF:
            continue
        response = send(reader, scene, case)
        error = error_of(response, 403, "AccessDeniedException")
        assert error["action"] in error["message"] and error["resource"], case
        assert error["resource"] == "*" or error["resource"] in error["message"], case
        record = AuditRecord.objects.get(request_id=response["X-Request-Id"])
        assert (record.result, record.action, record.face) == ("denied", error["action"], "rest"), case
        assert rows() == before, case


def test_a_wrong_write_is_refused_and_changes_nothing(scene: Scene, root: APIClient) -> None:
    before = rows()
    for case in WRITES:
        if case.wrong is None:
            continue
        error = error_of(send(root, scene, case, case.wrong), 400)
        assert case.field in error["fields"], (case, error)
        assert rows() == before, case


def test_nothing_without_a_token(scene: Scene, nobody: APIClient) -> None:
    before = rows()
    for case in (*READS, *WRITES):
        response = send(nobody, scene, case)
        error_of(response, 401, "MissingAuthenticationTokenException")
        assert response["WWW-Authenticate"].startswith("Bearer")
    assert rows() == before


def test_who_may_nothing_sees_nothing(scene: Scene, client_of: Any) -> None:
    eve = client_of("eve")
    for case in READS:
        if name_of(case) not in FOR_ONESELF:
            error_of(send(eve, scene, case), 403, "AccessDeniedException")


def test_an_unknown_query_parameter_is_refused(scene: Scene, root: APIClient) -> None:
    before = rows()
    for case in (*READS, *WRITES):
        joiner = "&" if "?" in case.path else "?"
        wrong = Case(case.method, f"{case.path}{joiner}colour=red", 400, case.body)
        error = error_of(send(root, scene, wrong), 400, "InvalidParameterException")
        assert "colour" in error["fields"], case
    assert rows() == before
