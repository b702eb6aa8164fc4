"""One error body, whatever goes wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from access.models import AuditRecord
from base.errors import Throttled
from clusters.models import Cluster
from console.rest import composed
from tests.db.rest.conftest import error_of, rows

CLUSTERS = "/api/v1/clusters"


def post(client: APIClient, text: str | bytes, kind: str = "application/json", path: str = CLUSTERS) -> Any:
    return client.generic("POST", path, text, content_type=kind)


@pytest.mark.parametrize(
    "text",
    [
        "{", "nonsense", '{"clusterName": NaN}', '{"tags": Infinity}', b"\xff\xfe{}", "[" * 100_000,
        '{"a": ' * 80 + "1" + "}" * 80, '{"clusterName": "a", "clusterName": "b"}', "9" * 5000,
    ],
    ids=["cut", "words", "nan", "infinity", "bytes", "deep", "deep-object", "twins", "digits"],
)  # fmt: skip
def test_what_is_not_json(text: str | bytes, root: APIClient) -> None:
    error_of(post(root, text), 400, "SerializationException")
    assert not Cluster.objects.exists()


@pytest.mark.parametrize("text", ["[]", '"text"', "1", "null", "true"])
def test_a_body_is_an_object(text: str, root: APIClient) -> None:
    for path in (CLUSTERS, "/api/v1/task-definitions"):
        error_of(post(root, text, path=path), 400, "InvalidParameterException")


def test_every_wrong_field_is_named_at_once(root: APIClient) -> None:
    body = {
        "serviceNane": "web", "taskDefinition": 3, "desiredCount": "2", "deploymentConfiguration": [],
        "placementStrategy": [{"type": "spread"}, "random"], "tags": {"team": 1}, "propagateTags": None,
    }  # fmt: skip
    error = error_of(
        post(root, json.dumps(body), path="/api/v1/clusters/x/services"), 400, "InvalidParameterException"
    )
    assert error["fields"] == {
        "serviceNane": "unknown field, did you mean serviceName?",
        "serviceName": "This field is required.",
        "taskDefinition": "must be a string, not a number",
        "desiredCount": "must be a whole number, not a string",
        "deploymentConfiguration": "must be an object, not a list",
        "placementStrategy[1]": "must be an object, not a string",
        "tags.team": "must be a string, not a number",
        "propagateTags": "This field may not be null.",
    }
    assert all(f"{path}: {reason}" in error["message"] for path, reason in error["fields"].items())


@pytest.mark.parametrize("text", ['"a\\u0000b"', '"\\ud800"'])
def test_text_that_cannot_be_kept_is_refused_with_its_place(text: str, root: APIClient) -> None:
    for body, place in (
        (f'{{"clusterName": {text}}}', "clusterName"),
        (f'{{"tags": {{"a": [{text}]}}}}', "tags.a[0]"),
    ):
        error = error_of(post(root, body), 400, "InvalidParameterException")
        assert place in error["fields"]
    error_of(post(root, f'{{"tags": {{{text}: "x"}}}}'), 400)


@pytest.mark.parametrize("value", ["true", 1, "false", 0, None])
def test_a_boolean_is_no_text_and_no_number(value: object, root: APIClient) -> None:
    path = "/api/v1/clusters/default/services/web"
    response = root.patch(path, {"forceNewDeployment": value}, format="json")
    assert "forceNewDeployment" in error_of(response, 400)["fields"]


def test_query_values_are_checked(root: APIClient) -> None:
    error = error_of(root.delete("/api/v1/clusters/c/services/s?force=yes"), 400)
    assert error["fields"] == {"force": "must be true or false"}
    assert "since" in error_of(root.get("/api/v1/audit?since=yesterday"), 400)["fields"]
    assert "beforeId" in error_of(root.get("/api/v1/audit?beforeId=" + "9" * 30), 400)["fields"]
    assert "family" in error_of(root.get("/api/v1/task-definitions?family=a&family=b"), 400)["fields"]
    assert "desiredStatus" in error_of(root.get("/api/v1/tasks?desiredStatus=LOST"), 400)["fields"]


def test_a_domains_parameter_is_named_as_it_was_sent(root: APIClient) -> None:
    error = error_of(post(root, '{"name": "ci", "expiresInDays": 0}', path="/api/v1/users/root/tokens"), 400)
    assert error["fields"] == {"expiresInDays": "a number of days between 1 and 3650, or none"}
    assert error["message"].startswith("expiresInDays:")


def test_a_document_is_refused_with_every_problem(root: APIClient) -> None:
    document = {
        "family": "web",
        "containerDefinitions": [{"name": "web", "image": "a", "memory": "1", "colour": 1}],
    }
    error = error_of(
        post(root, json.dumps(document), path="/api/v1/task-definitions"), 400, "ClientException"
    )
    assert set(error["fields"]) == {"containerDefinitions[0].memory", "containerDefinitions[0].colour"}


def test_nothing_there(root: APIClient, nobody: APIClient) -> None:
    for path in ("/api/", "/api/v1/nothing", "/api/v2/clusters", "/api/v1/clusters/a/b/c/"):
        for client in (root, nobody):
            error_of(client.get(path), 404, "ResourceNotFoundException")
            error_of(client.post(path, {}, format="json"), 404, "ResourceNotFoundException")
    error = error_of(root.get("/api/v1/clusters/nowhere"), 404, "ClusterNotFoundException")
    assert error["fields"] == {"cluster": "not found"}


def test_a_method_that_an_address_has_not(root: APIClient) -> None:
    response = root.put("/api/v1/clusters/default", {}, format="json")
    error_of(response, 405, "MethodNotAllowedException")
    assert set(response["Allow"].replace(",", "").split()) >= {"GET", "DELETE"}
    error_of(root.options(CLUSTERS), 405, "MethodNotAllowedException")


def test_a_delete_has_no_body(root: APIClient) -> None:
    error = error_of(root.delete("/api/v1/clusters/c/services/s", {"force": True}, format="json"), 400)
    assert error["fields"] == {"force": "DELETE takes its parameters in the query"}


def test_head_is_get_without_its_body(root: APIClient) -> None:
    response = root.head(CLUSTERS)
    assert (response.status_code, response.content) == (200, b"")


def test_other_media_types(root: APIClient) -> None:
    error_of(
        post(root, "clusterName=a", "application/x-www-form-urlencoded"), 415, "UnsupportedMediaTypeException"
    )
    error_of(root.get(CLUSTERS, HTTP_ACCEPT="text/html"), 406, "NotAcceptableException")


def test_a_body_has_a_bound(root: APIClient, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert post(root, json.dumps({"clusterName": "a", "tags": {"a": "x" * 200}})).status_code == 201
    error_of(post(root, json.dumps({"clusterName": "b", "tags": {"a": "x" * 1000}})), 413)


def test_a_failure_is_told_without_its_inside_and_nothing_happened(
    root: APIClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any, **more: Any) -> None:
        Cluster.objects.create(name="half", arn="half")
        raise ZeroDivisionError("password=hunter2")

    monkeypatch.setattr("clusters.operations.live.publish", fail)
    before = rows()
    response = post(root, '{"clusterName": "a"}')
    error = error_of(response, 500, "InternalFailure")
    assert "hunter2" not in response.content.decode()
    assert rows() == before
    assert error["requestId"] in caplog.text and "hunter2" in caplog.text
    record = AuditRecord.objects.latest("id")
    assert (record.result, record.request_id) == ("failed", error["requestId"])


def test_too_many_requests_of_one_identity(
    root: APIClient, reader: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SLIPWAY_REST_PER_MINUTE", 2)
    assert [root.get(CLUSTERS).status_code for _ in range(2)] == [200, 200]
    response = root.get(CLUSTERS)
    error_of(response, 429, "ThrottlingException")
    assert 0 < int(response["Retry-After"]) <= 60
    assert reader.get(CLUSTERS).status_code == 200


def test_guessing_tokens_is_slowed_down_for_good_ones_too(
    root: APIClient, reader: APIClient, nobody: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SLIPWAY_BAD_TOKENS_PER_MINUTE", 3)
    nobody.credentials(HTTP_AUTHORIZATION="Bearer slp_guess")
    for _ in range(3):
        error_of(nobody.get(CLUSTERS), 401, "UnrecognizedClientException")
    error_of(nobody.get(CLUSTERS), 429, "ThrottlingException")
    # Else the one good guess would be told from the others.
    error_of(root.get(CLUSTERS), 429, "ThrottlingException")
    assert reader.get(CLUSTERS, REMOTE_ADDR="10.9.8.7").status_code == 200


@pytest.mark.parametrize("path", [CLUSTERS, "/api/v1/nowhere", "/api/"])
def test_a_wrong_host_is_told_in_the_same_body(path: str, root: APIClient, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["slipway.example.org"]
    response = root.get(path, HTTP_HOST="evil.example.org")
    assert error_of(response, 400, "BadRequestException")["requestId"]
    assert "evil" not in response.content.decode()


def test_the_domains_own_throttling_says_when_to_come_back(
    root: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*args: Any, **more: Any) -> None:
        raise Throttled("Too many at once.", retry_after=2.4)

    monkeypatch.setattr(composed, "describe_service", busy)
    response = root.get("/api/v1/clusters/default/services/web/rollback")
    error_of(response, 429, "ThrottlingException")
    assert response["Retry-After"] == "3"
