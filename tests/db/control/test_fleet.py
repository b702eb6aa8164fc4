"""A cluster's instances as the scheduler sees them, beside their rows."""

from __future__ import annotations

import pytest

from base import clock
from clusters.cql import compile_query
from clusters.models import ContainerInstance
from services.control import fleet
from tests import factories

PLAIN = compile_query("attribute:rack == 1")
VERSION = compile_query("agentVersion >= 24")
REGISTERED = compile_query("registeredAt > 2000-01-01")


@pytest.fixture
def rows(db: None) -> list[ContainerInstance]:
    owner = factories.cluster("production")
    factories.instance(factories.cluster("other"), "elsewhere")
    made = [
        factories.instance(
            owner, "a", attributes={"rack": 'a "quoted" one'}, capabilities=["ecs.capability.x"],
            info={"version": "24.0.7"}, overlay={"in": True}, gpus=["GPU-1", "GPU-2"], cpu=4096, memory=8192,
            cpu_reserved=512, memory_reserved=256, running_tasks=2, pending_tasks=1,
        ),
        factories.instance(owner, "b", attributes={}, connected=False, status="DRAINING"),
        factories.instance(owner, "c", lost_at=clock.now()),
        factories.instance(owner, "d", status="INACTIVE"),
    ]  # fmt: skip
    return sorted(made[:3], key=lambda row: row.pk)


def test_they_say_what_their_rows_say(rows: list[ContainerInstance]) -> None:
    found = fleet.instances(rows[0].cluster_id)
    assert [one.id for one in found] == [row.pk for row in rows]
    for one, row in zip(found, rows, strict=True):
        assert (one.cpu, one.memory) == (row.cpu, row.memory)
        assert (one.cpu_reserved, one.memory_reserved) == (row.cpu_reserved, row.memory_reserved)
        assert one.running_tasks == row.running_tasks + row.pending_tasks
        assert one.status == row.status
        assert one.connected == (row.connected and row.lost_at is None)
        assert one.gpus == len(row.gpus)
        overlay = {fleet.OVERLAY: "overlay"} if row.overlay else {}
        assert one.attributes == row.attributes | dict.fromkeys(row.capabilities, "") | overlay


@pytest.mark.parametrize("query", [VERSION, REGISTERED])
def test_what_few_queries_ask_is_there_where_one_does(
    rows: list[ContainerInstance], query: fleet.model.Query
) -> None:
    found = fleet.instances(rows[0].cluster_id, [PLAIN, query])
    assert [one.agent_version for one in found] == [row.info.get("version", "") for row in rows]
    assert [one.registered_at for one in found] == [row.registered_at for row in rows]
    plain = fleet.instances(rows[0].cluster_id, [PLAIN])
    assert {(one.agent_version, one.registered_at) for one in plain} == {("", None)}


def test_one_that_changed_is_read_anew(rows: list[ContainerInstance]) -> None:
    first = fleet.instances(rows[0].cluster_id)
    ContainerInstance.objects.filter(pk=rows[0].pk).update(cpu_reserved=900, attributes={"rack": "2"})
    second = fleet.instances(rows[0].cluster_id)
    assert second[0].cpu_reserved == 900
    assert second[0].attributes["rack"] == "2"
    assert second[1:] == first[1:]
