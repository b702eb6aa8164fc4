"""The same table by REST: every method of every address by every ready-made policy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from access.authorization.matrix import rows as table
from access.identities.ready_made import READY_MADE
from access.models import AuditRecord
from tests.db.rest.cases import READS, VALUES, WRITES, Case, Scene, name_of
from tests.db.rest.conftest import client_for, error_of, make_user, rows
from tests.db.rest.openapi import operation_of
from tests.factories import World

POLICIES = [one.name for one in READY_MADE]


@pytest.mark.parametrize("policy", POLICIES)
def test_every_address_answers_as_the_table_says(policy: str, world: World) -> None:
    scene = Scene.of(world)
    client = client_for(make_user("mallory", policy))
    verdicts = {row.operation: row.verdicts[policy] for row in table()}
    before = rows()
    for case in (*READS, *VALUES, *WRITES):
        operations = operation_of(case)[1].target.operations
        own = case.path.startswith("me")
        permitted = all(
            verdicts[op.name] == "yes" or (own and verdicts[op.name] == "self") for op in operations
        )
        if permitted:
            _allowed(case, client, scene, own)
        else:
            _denied(case, client, scene)
            assert rows() == before, name_of(case)


def _send(case: Case, client: APIClient, scene: Scene) -> Any:
    given = scene.body(case.body)
    text = json.dumps(given) if given is not None else ""
    return client.generic(case.method, scene.url(case), text, content_type="application/json")


def _allowed(case: Case, client: APIClient, scene: Scene, own: bool) -> None:
    here = transaction.savepoint()
    response = _send(case, client, scene)
    transaction.savepoint_rollback(here)
    if response.status_code == 403 and not own:
        # What it needs besides (a role to pass, a tag to put on) may be missing; its own permission may not.
        missing = error_of(response, 403)["action"]
        assert missing not in {op.action for op in operation_of(case)[1].target.operations}, name_of(case)
        return
    assert response.status_code == case.status, (name_of(case), response.content)


def _denied(case: Case, client: APIClient, scene: Scene) -> None:
    response = _send(case, client, scene)
    error = error_of(response, 403, "AccessDeniedException")
    record = AuditRecord.objects.get(request_id=response["X-Request-Id"])
    assert (record.result, record.face, record.action) == ("denied", "rest", error["action"]), name_of(case)
    assert record.actor_name == "mallory"
