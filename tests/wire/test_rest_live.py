"""REST over HTTP against a running server, by the client anyone would use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.wire.server import PASSWORD, WebServer

DOCUMENT = {"family": "wire", "containerDefinitions": [{"name": "wire", "image": "wire:1", "memory": 64}]}


class Rest(requests.Session):
    def __init__(self, server: WebServer, token: str = "") -> None:
        super().__init__()
        self.trust_env = False
        self.base = server.url + "/api/v1/"
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def request(
        self, method: str | bytes, url: str | bytes, *args: object, **more: object
    ) -> requests.Response:  # type: ignore[override]
        more.setdefault("timeout", 20)
        return super().request(method, self.base + str(url), *args, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def root(web_server: WebServer) -> Iterator[Rest]:
    with Rest(web_server, web_server.token("admin")) as session:
        yield session


@pytest.fixture(scope="module")
def reader(web_server: WebServer) -> Iterator[Rest]:
    with Rest(web_server, web_server.token("rita", "read-only")) as session:
        yield session


def error(response: requests.Response, status: int) -> dict[str, object]:
    assert response.status_code == status, response.text
    found: dict[str, object] = response.json()["error"]
    assert found["requestId"] == response.headers["X-Request-Id"]
    return found


def test_nobody_gets_in_without_a_token(web_server: WebServer) -> None:
    with Rest(web_server) as nobody:
        response = nobody.get("clusters")
        assert error(response, 401)["code"] == "MissingAuthenticationTokenException"
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        nobody.headers["Authorization"] = "Bearer slp_guessed"
        assert error(nobody.get("clusters"), 401)["code"] == "UnrecognizedClientException"
        assert error(nobody.get("nowhere"), 401)  # even there a bad token is told first


def test_a_cluster_comes_and_goes(root: Rest) -> None:
    made = root.post("clusters", json={"clusterName": "wire", "tags": {"a": "b"}})
    assert made.status_code == 201, made.text
    assert made.headers["Content-Type"] == "application/json"
    shown = root.get("clusters/wire").json()
    assert shown == made.json()
    assert "wire" in [cluster["clusterName"] for cluster in root.get("clusters?orderBy=name").json()["items"]]
    assert root.delete("clusters/wire").json()["status"] == "INACTIVE"
    assert error(root.get("clusters/wire"), 404)["code"] == "ClusterNotFoundException"


def test_a_service_is_created_scaled_and_deleted(root: Rest) -> None:
    revision = root.post("task-definitions", json=DOCUMENT)
    assert revision.status_code == 201, revision.text
    body = {"serviceName": "wire", "taskDefinition": "wire", "desiredCount": 0}
    made = root.post("clusters/default/services", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["taskDefinition"] == revision.json()["taskDefinitionArn"]
    assert root.patch("clusters/default/services/wire", json={"desiredCount": 3}).json()["desiredCount"] == 3
    deployments = root.get("clusters/default/services/wire/deployments").json()
    assert deployments["total"] == 1
    stopped = root.post(f"deployments/{deployments['items'][0]['id']}/stop", json={"stopType": "ABORT"})
    assert stopped.json()["status"] == "STOP_REQUESTED", stopped.text
    assert root.delete("clusters/default/services/wire?force=true").json()["status"] == "DRAINING"
    trail = root.get("audit?action=ecs:DeleteService&pageSize=1").json()["items"]
    assert (trail[0]["face"], trail[0]["sourceIp"], trail[0]["result"]) == ("rest", "127.0.0.1", "success")


def test_a_reader_reads_and_changes_nothing(root: Rest, reader: Rest) -> None:
    before = root.get("clusters").json()
    assert reader.get("clusters").json() == before
    denied = error(reader.post("clusters", json={"clusterName": "mine"}), 403)
    assert denied["action"] == "ecs:CreateCluster"
    assert str(denied["resource"]).endswith("cluster/mine")
    assert root.get("clusters").json() == before
    record = root.get(f"audit?requestId={denied['requestId']}").json()["items"][0]
    assert (record["result"], record["actorName"]) == ("denied", "rita")


def test_what_is_wrong_is_told_by_name(root: Rest) -> None:
    response = root.post("clusters", json={"clusterNane": "x"})
    assert error(response, 400)["fields"] == {"clusterNane": "unknown field, did you mean clusterName?"}
    response = root.post("clusters", data=b"{", headers={"Content-Type": "application/json"})
    assert error(response, 400)["code"] == "SerializationException"
    assert error(root.put("clusters"), 405)
    too_large = root.post("clusters", data=b" " * 3_000_000, headers={"Content-Type": "application/json"})
    assert error(too_large, 413)


def test_a_browsers_session_writes_with_its_csrf_token_only(web_server: WebServer) -> None:
    with requests.Session() as browser:
        browser.trust_env = False
        browser.get(f"{web_server.url}/sign-in/", timeout=20)
        name = f"slipway_csrf_{web_server.port}"
        form = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies[name]}
        signed_in = browser.post(f"{web_server.url}/sign-in/", data=form, timeout=20, allow_redirects=False)
        assert signed_in.status_code == 302, signed_in.text[:500]
        url = f"{web_server.url}/api/v1/clusters"
        assert browser.get(url, timeout=20).status_code == 200
        assert error(browser.post(url, json={"clusterName": "by-session"}, timeout=20), 403)
        headers = {"X-CSRFToken": browser.cookies[name]}
        made = browser.post(url, json={"clusterName": "by-session"}, headers=headers, timeout=20)
        assert made.status_code == 201, made.text


def test_the_description_is_served(root: Rest) -> None:
    described = root.get("schema/?format=json")
    assert described.status_code == 200
    assert "/api/v1/clusters/{cluster}/services" in json.loads(described.content)["paths"]


def test_many_writers_at_once_are_all_served(root: Rest, web_server: WebServer) -> None:
    """SQLite's one writer at a time must show as waiting, never as a failure."""
    token = str(root.headers["Authorization"]).removeprefix("Bearer ")

    def make(number: int) -> int:
        with Rest(web_server, token) as session:
            return session.post("clusters", json={"clusterName": f"many-{number}"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(make, range(24))) == [201] * 24
    assert root.get("clusters?name=many-&pageSize=50").json()["total"] == 24
