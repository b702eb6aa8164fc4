"""Every registered operation by every ready-made policy: allowed or denied as docs/access-matrix.md says; a denial
leaves the rows as they were, and a record."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import transaction

from access.authorization.matrix import Row, markdown
from access.authorization.matrix import rows as table
from access.caller import Caller
from access.identities.ready_made import READY_MADE
from access.models import AuditRecord
from access.registry import call, get
from base.errors import AccessDenied, OperationError
from tests.db.matrix.values import parameters_of
from tests.db.rest.cases import Scene
from tests.db.rest.conftest import make_user, rows
from tests.factories import World

ROOT = Path(__file__).resolve().parents[3]
POLICIES = [one.name for one in READY_MADE]
KNOWN = ("administrator", "deployer", "operator", "read-only")
# They act on whoever calls, and on nobody else.
OF_THE_CALLER = {"change_password", "get_caller_identity", "get_session_token"}


def test_the_page_is_what_the_policies_say() -> None:
    said = (ROOT / "docs" / "access-matrix.md").read_text()
    assert said == markdown(), "run: manage.py access_matrix > docs/access-matrix.md"


def test_the_table_tells_the_policies_apart() -> None:
    by_name = {row.operation: row.verdicts for row in table()}
    assert len(by_name) > 100
    expected = {
        "describe_service": ("yes", "yes", "yes", "yes"),
        "update_service": ("yes", "yes", "yes", "no"),
        "create_service": ("yes", "yes", "no", "no"),
        "create_user": ("yes", "no", "no", "no"),
        "get_secret_value": ("yes", "no", "no", "no"),
        "change_password": ("yes", "self", "self", "self"),
    }
    for name, verdicts in expected.items():
        assert tuple(by_name[name][policy] for policy in KNOWN) == verdicts, name


@pytest.mark.parametrize("policy", POLICIES)
def test_every_operation_is_allowed_or_denied_as_the_table_says(policy: str, world: World) -> None:
    scene = Scene.of(world)
    user = make_user("mallory", policy)
    caller = Caller.for_user(user, face="system")
    before = rows()
    wrong = [
        problem
        for row in table()
        if (problem := _tried(row, row.verdicts[policy], caller, scene, before)) is not None
    ]
    assert wrong == []


def _tried(row: Row, verdict: str, caller: Caller, scene: Scene, before: object) -> str | None:
    """What is not as the table says, or None."""
    op = get(row.operation)
    given = parameters_of(op, scene)
    newest = AuditRecord.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    allowed = verdict == "yes" or op.name in OF_THE_CALLER
    # No atomic block: writes refuse to run inside of somebody's.
    here = transaction.savepoint()
    try:
        call(op.name, caller, **given)
    except AccessDenied as denied:
        if allowed:
            # What it needs besides may be missing, its own permission may not.
            missing = not caller.may(denied.action, denied.resource).allowed
            beside = denied.action != op.action and missing
            transaction.savepoint_rollback(here)
            return None if beside else f"{op.name}: denied {denied.action} on {denied.resource}"
        records = AuditRecord.objects.filter(pk__gt=newest)
        if [(one.result, one.operation, one.actor_name) for one in records] != [
            ("denied", op.name, caller.name)
        ]:
            return f"{op.name}: its denial left {list(records.values('result', 'operation'))}"
        if rows() != before:
            return f"{op.name}: its denial changed rows"
        transaction.savepoint_commit(here)
        return None
    except OperationError:
        pass  # allowed, and not to be done as things are
    transaction.savepoint_rollback(here)
    return None if allowed else f"{op.name}: allowed"
