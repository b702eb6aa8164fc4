"""An installation from before roles and versions is upgraded in place: every row has its id, every policy its v1."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BEFORE = ("access", "0001_initial")
AFTER = ("access", "0004_unique_ids")


@pytest.mark.django_db(transaction=True)
def test_rows_from_before_get_ids_and_first_versions() -> None:
    newest = [leaf for leaf in MigrationExecutor(connection).loader.graph.leaf_nodes() if leaf[0] == "access"]
    try:
        old = _migrate(BEFORE)
        document = {"Version": "2012-10-17", "Statement": []}
        for index in range(3):
            old.get_model("access", "User").objects.create(username=f"u{index}", password="x")
            old.get_model("access", "Group").objects.create(name=f"g{index}")
            old.get_model("access", "Policy").objects.create(name=f"p{index}", document=document)
        new = _migrate(AFTER)
        for name, prefix in (("User", "AIDA"), ("Group", "AGPA"), ("Policy", "ANPA")):
            ids = set(new.get_model("access", name).objects.values_list("unique_id", flat=True))
            assert len(ids) == 3 and all(one.startswith(prefix) and len(one) == 21 for one in ids)
        versions = new.get_model("access", "PolicyVersion").objects.values_list(
            "policy__name", "number", "document"
        )
        assert sorted(versions, key=str) == [(f"p{index}", 1, document) for index in range(3)]
    finally:
        for leaf in newest:
            _migrate(leaf)


def _migrate(target: tuple[str, str]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate([target])
    return MigrationExecutor(connection).loader.project_state([target]).apps
