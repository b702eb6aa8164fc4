"""What the API's description allows, and much that it does not, sent to a running server by three identities: never a
5xx, and every answer as it is described. Seeded, so a failure can be seen again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from console.rest.reference import description
from tests.wire.server import WebServer

# More of them, for a longer look: SLIPWAY_FUZZ=200 pytest tests/wire/test_schemathesis.py
EXAMPLES = int(os.environ.get("SLIPWAY_FUZZ", "3"))
SECONDS = 45.0 if EXAMPLES <= 3 else 3600.0
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
GENERATION = GenerationConfig(
    modes=[schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE],
    with_security_parameters=False,
)
CONFIG = SchemathesisConfig(projects=ProjectsConfig(default=ProjectConfig(generation=GENERATION)))
IDENTITIES = ("administrator", "read-only", "nobody", "anonymous")

# What is there, so that not every address is answered 404. Deleting goes to what is spare.
THERE = {
    "cluster": "default",
    "service": "there",
    "taskDefinition": "there:1",
    "username": "amina",
    "group": "team",
    "policy": "mine",
}
SPARE = {**THERE, "cluster": "spare", "service": "spare", "taskDefinition": "spare:1", "username": "spare"}
SPARE |= {"group": "spare", "policy": "spare"}
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecs:List*", "Resource": "*"}]}

schema: Any = schemathesis.openapi.from_dict(description(), config=CONFIG)


class World:
    """A server with something in it, and a session for each identity. `turn` makes them take turns."""

    def __init__(self) -> None:
        self.server = WebServer({"SLIPWAY_REST_PER_MINUTE": "1000000"})
        self.turn = 0
        self.tried: set[tuple[str, str]] = set()
        self.begun = time.monotonic()

    def late(self) -> bool:
        """Once the time is up, each operation that is left is tried once."""
        return time.monotonic() - self.begun > SECONDS

    def start(self) -> None:
        self.server.start()
        self.sessions = {
            name: self._session(secret)
            for name, secret in zip(IDENTITIES, [*self._secrets(), ""], strict=True)
        }
        for name in ("there", "spare"):
            definition = {
                "family": name,
                "containerDefinitions": [{"name": "web", "image": "web:1", "memory": 64}],
            }
            self._make("task-definitions", definition)
        self._make("clusters", {"clusterName": "spare"})
        for cluster, name in (("default", "there"), ("spare", "spare")):
            service = {"serviceName": name, "taskDefinition": name, "desiredCount": 0}
            self._make(f"clusters/{cluster}/services", service)
        for username in ("amina", "spare"):
            self._make("users", {"username": username})
        for name in ("team", "spare"):
            self._make("groups", {"group": name})
        for name in ("mine", "spare"):
            self._make(f"policies/{name}", {"document": POLICY}, "PUT")

    def _secrets(self) -> list[str]:
        """A token each, in one process: starting one takes a while."""
        code = """
from access.registry import call, system_caller
me = system_caller("tests")
for name, groups in (("sam", ["administrator"]), ("rita", ["read-only"]), ("nemo", [])):
    call("create_user", me, username=name, groups=groups)
    print(call("create_token", me, username=name, name="wire").secret)
"""
        return self.server.python(code).split()[-3:]

    def _session(self, token: str) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        if token:
            session.headers["Authorization"] = f"Bearer {token}"
        return session

    def _make(self, path: str, body: dict[str, Any], method: str = "POST") -> None:
        url = f"{self.server.url}/api/v1/{path}"
        answer = self.sessions["administrator"].request(method, url, json=body, timeout=20)
        assert answer.status_code in (200, 201), answer.text

    def close(self) -> None:
        for session in getattr(self, "sessions", {}).values():
            session.close()
        self.server.remove()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    try:
        made.start()
        yield made
    finally:
        made.close()


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: Any, world: World) -> None:
    if world.late() and (case.method, case.path) in world.tried:
        return
    world.tried.add((case.method, case.path))
    world.turn += 1
    # Twice out of three times what the address names is there.
    if world.turn % 3:
        known = SPARE if case.method == "DELETE" else THERE
        for name in case.path_parameters or {}:
            if name in known:
                case.path_parameters[name] = known[name]
    # The administrator gets furthest; the others take turns.
    for identity in dict.fromkeys((IDENTITIES[0], IDENTITIES[1 + world.turn % 3])):
        session = world.sessions[identity]
        response = case.call(base_url=world.server.url, session=session, timeout=20)
        if identity == "anonymous":
            assert response.status_code == 401, response.text
        case.validate_response(response, checks=CHECKS)


def test_all_four_were_there(world: World) -> None:
    """The identities are told apart, so what the others saw was not one and the same."""
    url = f"{world.server.url}/api/v1/clusters"
    seen = {
        name: session.post(url, json={"clusterName": "made"}, timeout=20).status_code
        for name, session in world.sessions.items()
    }
    assert seen == {"administrator": 201, "read-only": 403, "nobody": 403, "anonymous": 401}
    assert "Traceback" not in world.server.said()
