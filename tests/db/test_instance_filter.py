"""ListContainerInstances with an expression of the cluster query language."""

from __future__ import annotations

from typing import Any

import pytest

from access.registry import system_caller
from base.errors import InvalidParameter
from clusters.models import ContainerInstance
from clusters.queries import list_container_instances
from tests import factories

CALLER = system_caller("test")


@pytest.fixture
def three(db: None) -> dict[str, ContainerInstance]:
    owner = factories.cluster("production")
    other = factories.cluster("other")
    made = {
        "a": factories.instance(
            owner, "a", attributes={"rack": "1"}, info={"version": "24.0.7"}, running_tasks=2
        ),
        "b": factories.instance(owner, "b", attributes={"rack": "2"}, connected=False),
        "c": factories.instance(other, "c", attributes={}, status="DRAINING"),
    }
    what = factories.definition("web")
    factories.task(what=what, on=made["a"], group="database")
    return made


def names(**asked: Any) -> list[str]:
    return sorted(row.name for row in list_container_instances(CALLER, **asked))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("attribute:rack exists", ["a", "b"]),
        ("attribute:rack > 1", ["b"]),
        ("agentConnected == false", ["b"]),
        ("agentVersion >= 24", ["a"]),
        ("runningTasksCount == 3", ["a"]),
        ("attribute:rack !exists", ["c"]),
        ("task:group == database", ["a"]),
        ("task:group !exists", ["b", "c"]),
        ("registeredAt > 2000-01-01 and not attribute:rack == 1", ["b", "c"]),
    ],
)
def test_which_are_listed(three: Any, text: str, found: list[str]) -> None:
    assert names(filter=text) == found


def test_by_the_id_that_is_shown(three: dict[str, ContainerInstance]) -> None:
    assert names(filter=f"ec2InstanceId in [{three['b'].ec2_instance_id}]") == ["b"]


def test_of_one_cluster_and_status(three: Any) -> None:
    assert names(cluster="production", filter="attribute:rack == 1 or attribute:rack !exists") == ["a"]
    assert names(status="DRAINING") == ["c"]
    assert names(status="ACTIVE", filter="attribute:rack !exists") == []


@pytest.mark.parametrize(
    ("asked", "field"), [({"filter": "rack == 1"}, "filter"), ({"status": "GONE"}, "status")]
)
def test_what_is_wrong_is_named(three: Any, asked: Any, field: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        names(**asked)
    assert list(caught.value.fields) == [field]
