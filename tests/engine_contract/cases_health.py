"""Health checks."""

from __future__ import annotations

from dataclasses import replace

from .world import FAST_CHECK, World


def case_without_a_check_there_is_no_health(world: World) -> None:
    assert world.state(world.running()).health == "NONE"


def case_health_begins_as_starting(world: World) -> None:
    slow = replace(FAST_CHECK, interval=60)
    assert world.state(world.running("web", health_check=slow)).health == "STARTING"


def case_a_passing_check_makes_it_healthy(world: World) -> None:
    container_id = world.running("web", health_check=FAST_CHECK)
    world.until(lambda: world.state(container_id).health == "HEALTHY", 15, "it is healthy")
    assert world.state(container_id).failing_streak == 0


def case_a_failing_check_makes_it_unhealthy_after_its_retries(world: World) -> None:
    container_id = world.running("never-healthy", health_check=FAST_CHECK)
    world.until(lambda: world.state(container_id).health == "UNHEALTHY", 15, "it is unhealthy")
    state = world.state(container_id)
    assert state.status == "running"
    assert state.failing_streak >= 2
    assert state.health_output == "not today"


def case_failures_in_the_start_period_do_not_count(world: World) -> None:
    container_id = world.running("never-healthy", health_check=replace(FAST_CHECK, start_period=60))
    world.wait(4)
    state = world.state(container_id)
    assert (state.health, state.failing_streak) == ("STARTING", 0)


def case_the_images_own_check_is_switched_off(world: World) -> None:
    container_id = world.running("own-check")
    world.wait(3)
    state = world.state(container_id)
    assert (state.health, state.status) == ("NONE", "running")


def case_the_list_without_detail_tells_health(world: World) -> None:
    well = world.running("web", health_check=FAST_CHECK)
    ill = world.running("never-healthy", health_check=FAST_CHECK)
    new = world.running("web", health_check=replace(FAST_CHECK, interval=60))
    plain = world.running()

    def seen() -> dict[str, str]:
        return {state.id: state.health for state in world.engine.list_containers(detail=False)}

    wanted = {well: "HEALTHY", ill: "UNHEALTHY", new: "STARTING", plain: "NONE"}
    world.until(lambda: seen() == wanted, 20, "all healths are seen")


def case_what_has_ended_is_not_healthy_any_more(world: World) -> None:
    container_id = world.running("web", health_check=FAST_CHECK)
    world.until(lambda: world.state(container_id).health == "HEALTHY", 15, "it is healthy")
    world.engine.stop_container(container_id, 5)
    assert world.state(container_id).health == "UNHEALTHY"
