"""Daemons through the whole control loop: see tests/db/control/world.py."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.attributes import put_attributes
from clusters.capacity import create_capacity_provider, put_cluster_capacity_providers
from services.daemons.operations import create_daemon
from services.daemons.task_definitions import register_daemon_task_definition
from services.models import Service
from tests.db.control.conftest import world
from tests.db.control.world import CALLER, World

__all__ = ["world"]


def register(image: str = "agent:1", family: str = "agent", **container: Any) -> str:
    one = {"name": family, "image": image, "cpu": 64, "memory": 64, **container}
    row = register_daemon_task_definition(CALLER, document={"family": family, "containerDefinitions": [one]})
    return row.arn


def join(world: World, name: str, group: str = "workers") -> None:
    """An instance of the capacity provider, from its registration on, as an Auto Scaling group's are."""
    world.host(name, "agent:1", "agent:2", "web:1")
    item = {"name": "slipway.auto-scaling-group", "value": group, "targetId": world.instances[name]}
    put_attributes(CALLER, attributes=[item])


def create(**given: Any) -> Service:
    return create_daemon(
        CALLER,
        **{
            "daemon_name": "agent",
            "daemon_task_definition": "agent",
            "capacity_providers": ["workers"],
            **given,
        },
    )


def hosts(world: World, name: str = "agent") -> list[str]:
    names = {pk: host for host, pk in world.instances.items()}
    return sorted(names[str(task.instance_id)] for task in world.tasks(name))


@pytest.fixture
def fleet(world: World) -> World:
    """The instances `one` and `two` of the capacity provider `workers`, and `other` of none."""
    for name in ("workers", "spare"):
        create_capacity_provider(CALLER, name=name, auto_scaling_group_provider={"autoScalingGroupArn": name})
    put_cluster_capacity_providers(
        CALLER,
        cluster="default",
        capacity_providers=["workers", "spare"],
        default_capacity_provider_strategy=[],
    )
    join(world, "one")
    join(world, "two")
    world.host("other", "agent:1", "agent:2", "web:1")
    register()
    return world
