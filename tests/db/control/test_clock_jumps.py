"""What counts is what was seen and what came first, whatever the clock says: it may jump, and an event may be lost."""

from __future__ import annotations

from clusters.engine.fake_world import Behaviour
from services.revisions import rollback_target

from .world import World


def _crashing(world: World) -> None:
    world.host().add_image("good", Behaviour())
    world.hosts["one"].add_image("crash", Behaviour(exits_after=9, exit_code=3))
    world.register("web", "good")
    world.create("web", "web", 1)
    world.until_steady()
    world.update("web", task_definition=world.register("web", "crash"))
    world.until(lambda: any(t.revision.number == 2 for t in world.tasks() if t.revision))


def test_a_death_that_nobody_was_told_of_completes_no_deployment(world: World) -> None:
    _crashing(world)
    world.watching = False
    world.run(50)
    world.align()
    world.run(5)
    assert world.deployment().status == "IN_PROGRESS"
    assert world.service().completed_revision.number == 1  # type: ignore[union-attr]


def test_a_clock_that_jumps_completes_no_deployment(world: World) -> None:
    _crashing(world)
    world.clock.advance(600)
    world.run(5)
    assert world.service().completed_revision.number == 1  # type: ignore[union-attr]


def test_a_clock_that_jumps_back_changes_no_rollback_target(world: World) -> None:
    """Completed were 1, 2 and 3, in this order; by the clock 1 was the last."""
    world.host("one", "web:1", "web:2", "web:3")
    world.register("web", "web:1")
    world.create("web", "web", 1)
    world.until_steady()
    world.clock.advance(-3600)
    world.run(120)  # what was due by the old time is found by comparing
    for image in ("web:2", "web:3"):
        world.update("web", task_definition=world.register("web", image))
        world.until_steady(seconds=7200)
    row = world.service()
    assert row.completed_revision.number == 3  # type: ignore[union-attr]
    assert rollback_target(row).number == 2  # type: ignore[union-attr]
