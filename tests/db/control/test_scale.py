"""What bench/scale.py measures in time, counted here in statements: the cost of one event does not grow."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from services.control import sweep

from .world import World


def heal(world: World, services: int) -> list[str]:
    """The statements of one healing of the first of so many services, from the engine's event on."""
    world.until(lambda: all(world.service(f"web{n}").steady_since for n in range(services)), 900)
    world.run(5)
    world.sweeping = False
    container = world.tasks("web0")[0].containers.get().runtime_id
    host = next(host for host in world.hosts.values() if host.find(container))
    with CaptureQueriesContext(connection) as seen:
        host.end_container(container, 1)
        world.run(50)
    world.sweeping = True
    assert len(world.tasks("web0")) == 2
    return [one["sql"] for one in seen.captured_queries]


def test_healing_takes_as_many_statements_in_a_large_installation(world: World) -> None:
    world.host("one", "web:1")
    world.register()
    world.create("web0", count=2)
    small = heal(world, 1)
    for number in range(6):
        world.host(f"more{number}", "web:1")
    for number in range(1, 14):
        world.create(f"web{number}", count=2)
    large = heal(world, 14)
    assert len(large) == len(small), _difference(small, large)


def _difference(small: list[str], many: list[str]) -> str:
    return "\n".join(sorted({sql[:150] for sql in many} - {sql[:150] for sql in small}))


def test_a_sweep_with_nothing_due_takes_as_many_statements(world: World) -> None:
    world.host("one", "web:1")
    world.register()
    taken = []
    for services in (1, 12):
        for number in range(1 if services == 12 else 0, services):
            world.create(f"web{number}", count=1)
        world.until(
            lambda amount=services: all(world.service(f"web{n}").steady_since for n in range(amount)), 900
        )
        world.run(5)
        with CaptureQueriesContext(connection) as seen:
            assert sweep.sweep() == 0
        taken.append(len(seen))
    assert taken[0] == taken[1]
