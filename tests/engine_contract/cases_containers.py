"""A container's life: create, start, end, stop, kill, remove, look."""

from __future__ import annotations

from datetime import UTC

import pytest

from clusters.engine.errors import (
    ContainerNotFound,
    EngineTimeout,
    ImageNotFound,
    InvalidRequest,
    NameConflict,
    NotOurs,
    StartFailed,
)
from clusters.engine.port import LABEL_INSTALLATION
from tests.lab.images import EXEC_BOTH

from .world import World

MISSING = "0" * 64


def case_create_answers_the_full_id(world: World) -> None:
    container_id = world.created()
    assert len(container_id) == 64
    assert world.state(container_id).id == container_id


def case_a_created_container_has_not_run(world: World) -> None:
    state = world.state(world.created())
    assert (state.status, state.exit_code, state.started_at, state.finished_at) == (
        "created",
        None,
        None,
        None,
    )
    assert (state.health, state.pid, state.oom_killed, state.error) == ("NONE", 0, False, "")
    assert state.created_at is not None and state.created_at.tzinfo is UTC


def case_a_second_create_of_a_name_tells_the_first_ones_id(world: World) -> None:
    spec = world.spec()
    first = world.engine.create_container(spec)
    with pytest.raises(NameConflict) as refused:
        world.engine.create_container(spec)
    assert refused.value.container_id == first
    assert not refused.value.retryable


def case_a_name_taken_by_another_installation_conflicts_too(world: World) -> None:
    spec = world.spec()
    first = world.stranger.create_container(spec)
    with pytest.raises(NameConflict) as refused:
        world.engine.create_container(spec)
    assert refused.value.container_id == first


def case_create_without_the_image(world: World) -> None:
    with pytest.raises(ImageNotFound, match="slipway-lab/absent:1"):
        world.created("slipway-lab/absent:1")


def case_create_with_an_invalid_name(world: World) -> None:
    with pytest.raises(InvalidRequest, match="Invalid container name"):
        world.created(name="no spaces please")


def case_create_with_an_invalid_reference(world: World) -> None:
    with pytest.raises(InvalidRequest, match="invalid reference format"):
        world.created("Not A Reference")


def case_create_with_too_little_memory(world: World) -> None:
    with pytest.raises(InvalidRequest, match="6MB"):
        world.created(memory_limit=2)


def case_create_with_more_cores_than_there_are(world: World) -> None:
    with pytest.raises(InvalidRequest, match="Range of CPUs"):
        world.created(cpu_limit=1024 * 512)


def case_a_refused_create_leaves_nothing(world: World) -> None:
    spec = world.spec(memory_limit=2)
    with pytest.raises(InvalidRequest):
        world.engine.create_container(spec)
    assert world.engine.inspect_container(spec.name) is None


def case_labels_are_kept_and_ours_added(world: World) -> None:
    state = world.state(world.created(labels={"a": "1", "b.c/d": "two = 2"}))
    assert state.labels == {"a": "1", "b.c/d": "two = 2", LABEL_INSTALLATION: world.engine.installation}


def case_a_spec_cannot_claim_another_installation(world: World) -> None:
    state = world.state(world.created(labels={LABEL_INSTALLATION: "somebody else's"}))
    assert state.labels[LABEL_INSTALLATION] == world.engine.installation


def case_start_makes_it_run(world: World) -> None:
    state = world.state(world.running())
    assert state.status == "running"
    assert state.pid > 0
    assert state.exit_code is None
    assert state.finished_at is None
    assert state.started_at >= state.created_at


def case_starting_twice_is_success(world: World) -> None:
    container_id = world.running()
    before = world.state(container_id).started_at
    world.engine.start_container(container_id)
    assert world.state(container_id).started_at == before


def case_starting_what_is_not_there(world: World) -> None:
    with pytest.raises(ContainerNotFound):
        world.engine.start_container(MISSING)


def case_starting_what_has_vanished_since(world: World) -> None:
    container_id = world.created()
    world.another_connection().remove_container(container_id)
    with pytest.raises(ContainerNotFound):
        world.engine.start_container(container_id)


def case_a_start_that_fails_leaves_the_reason(world: World) -> None:
    container_id = world.created("no-executable")
    with pytest.raises(StartFailed, match="/bin/nonesuch"):
        world.engine.start_container(container_id)
    state = world.state(container_id)
    assert (state.status, state.exit_code) == ("created", None)
    assert "/bin/nonesuch" in state.error


def case_starting_a_strangers_is_refused(world: World) -> None:
    container_id = world.stranger.create_container(world.spec())
    with pytest.raises(NotOurs):
        world.engine.start_container(container_id)
    assert world.state(container_id).status == "created"


def case_a_crash_at_start_shows_its_code(world: World) -> None:
    state = world.ended(world.running("crash"))
    assert (state.exit_code, state.oom_killed, state.pid) == (3, False, 0)
    assert state.finished_at >= state.started_at


def case_a_later_crash_shows_its_code_and_time(world: World) -> None:
    container_id = world.running("crash-soon")
    assert world.state(container_id).status == "running"
    state = world.ended(container_id)
    assert state.exit_code == 4
    assert 1.5 <= (state.finished_at - state.started_at).total_seconds() < 6


def case_a_clean_end_is_code_zero(world: World) -> None:
    assert world.ended(world.running("done")).exit_code == 0


def case_what_has_ended_can_be_started_again(world: World) -> None:
    container_id = world.running("crash-soon")
    first = world.ended(container_id)
    world.engine.start_container(container_id)
    state = world.state(container_id)
    assert (state.status, state.exit_code) == ("running", None)
    assert state.started_at > first.started_at


def case_more_memory_than_the_limit_is_killed(world: World) -> None:
    state = world.ended(world.running("eater", memory_limit=32), within=30)
    assert (state.exit_code, state.oom_killed) == (137, True)


def case_memory_within_the_limit_lives(world: World) -> None:
    container_id = world.running(memory_limit=32)
    world.wait(1)
    assert world.state(container_id).status == "running"


def case_stop_lets_it_end_by_itself(world: World) -> None:
    container_id = world.running()
    before = world.now_monotonic()
    world.engine.stop_container(container_id, 20)
    assert world.now_monotonic() - before < 15
    state = world.state(container_id)
    assert (state.status, state.exit_code) == ("exited", 0)


def case_stop_kills_what_ignores_it_after_the_timeout(world: World) -> None:
    container_id = world.running("stubborn")
    world.wait(0.5)  # until its trap is set
    before = world.now_monotonic()
    world.engine.stop_container(container_id, 2)
    assert 2 <= world.now_monotonic() - before < 10
    state = world.state(container_id)
    assert (state.status, state.exit_code) == ("exited", 137)


def case_an_image_may_have_a_stop_signal_of_its_own(world: World) -> None:
    assert world.state(world.created()).stop_signal == "SIGTERM"
    reference = world.published("interrupted")
    list(world.engine.pull(reference))
    stopped, killed = world.running(reference), world.running(reference)
    assert world.state(killed).stop_signal == "SIGINT"
    world.wait(0.5)
    world.engine.stop_container(stopped, 20)
    assert world.state(stopped).exit_code == 6
    world.engine.kill_container(killed, "SIGTERM")
    world.wait(1)
    assert world.state(killed).status == "running"
    world.engine.kill_container(killed, "SIGINT")
    assert world.ended(killed).exit_code == 6


def case_stop_with_no_time_kills_at_once(world: World) -> None:
    container_id = world.running("stubborn")
    before = world.now_monotonic()
    world.engine.stop_container(container_id, 0)
    assert world.now_monotonic() - before < 5
    assert world.state(container_id).status == "exited"


def case_stopping_what_has_ended_is_success(world: World) -> None:
    container_id = world.running("crash")
    world.ended(container_id)
    world.engine.stop_container(container_id, 5)
    assert world.state(container_id).exit_code == 3


def case_stopping_what_never_ran_is_success(world: World) -> None:
    container_id = world.created()
    world.engine.stop_container(container_id, 5)
    assert world.state(container_id).status == "created"


def case_stopping_what_is_not_there_is_success(world: World) -> None:
    world.engine.stop_container(MISSING, 5)


def case_stopping_a_strangers_is_refused(world: World) -> None:
    container_id = world.foreign()
    with pytest.raises(NotOurs):
        world.engine.stop_container(container_id, 0)
    assert world.state(container_id).status == "running"


def case_kill_ends_it_with_137(world: World) -> None:
    container_id = world.running("stubborn")
    world.engine.kill_container(container_id)
    assert world.ended(container_id).exit_code == 137


def case_kill_sends_other_signals(world: World) -> None:
    container_id = world.running()
    world.wait(0.5)
    world.engine.kill_container(container_id, "TERM")
    assert world.ended(container_id).exit_code == 0


def case_a_signal_may_be_ignored(world: World) -> None:
    container_id = world.running("stubborn")
    world.wait(0.5)
    world.engine.kill_container(container_id, "SIGTERM")
    world.wait(1)
    assert world.state(container_id).status == "running"


def case_kill_with_no_such_signal(world: World) -> None:
    with pytest.raises(InvalidRequest):
        world.engine.kill_container(world.running(), "SIGNONSENSE")


def case_killing_what_does_not_run_is_success(world: World) -> None:
    container_id = world.running("done")
    world.ended(container_id)
    world.engine.kill_container(container_id)
    world.engine.kill_container(MISSING)


def case_killing_a_strangers_is_refused(world: World) -> None:
    container_id = world.foreign()
    with pytest.raises(NotOurs):
        world.engine.kill_container(container_id)
    assert world.state(container_id).status == "running"


def case_remove_takes_a_running_one_away(world: World) -> None:
    container_id = world.running("stubborn")
    world.engine.remove_container(container_id)
    assert world.engine.inspect_container(container_id) is None


def case_removing_twice_is_success(world: World) -> None:
    container_id = world.created()
    world.engine.remove_container(container_id)
    world.engine.remove_container(container_id)


def case_removing_what_is_not_there_is_success(world: World) -> None:
    world.engine.remove_container(MISSING)
    world.engine.remove_container("no-such-name")


def case_removing_by_name(world: World) -> None:
    spec = world.spec()
    container_id = world.engine.create_container(spec)
    world.engine.remove_container(spec.name)
    assert world.engine.inspect_container(container_id) is None


def case_a_removed_name_is_free_again(world: World) -> None:
    spec = world.spec()
    first = world.engine.create_container(spec)
    world.engine.remove_container(first)
    assert world.engine.create_container(spec) != first


def case_removing_a_strangers_is_refused(world: World) -> None:
    container_id = world.foreign()
    with pytest.raises(NotOurs, match=world.engine.installation):
        world.engine.remove_container(container_id)
    assert world.state(container_id).status == "running"


def case_another_process_of_ours_may_stop_and_remove(world: World) -> None:
    container_id = world.running()
    other = world.another_connection()
    other.stop_container(container_id, 5)
    other.remove_container(container_id)
    assert world.engine.inspect_container(container_id) is None


def case_inspect_by_name(world: World) -> None:
    spec = world.spec()
    container_id = world.engine.create_container(spec)
    state = world.state(spec.name)
    assert (state.id, state.name, state.image) == (container_id, spec.name, spec.image)
    assert state.image_id.startswith("sha256:")


def case_inspecting_what_is_not_there_is_none(world: World) -> None:
    assert world.engine.inspect_container(MISSING) is None
    assert world.engine.inspect_container("no-such-name") is None


def case_list_shows_ours_only_running_or_not(world: World) -> None:
    alive, dead, fresh = world.running(), world.running("crash"), world.created()
    world.foreign()
    world.ended(dead)
    found = {state.id: state.status for state in world.engine.list_containers()}
    assert found == {alive: "running", dead: "exited", fresh: "created"}


def case_list_by_label_wants_all_of_them(world: World) -> None:
    both = world.created(labels={"task": "1", "role": "pause"})
    world.created(labels={"task": "1"})
    world.created(labels={"task": "2", "role": "pause"})
    found = world.engine.list_containers({"task": "1", "role": "pause"})
    assert [state.id for state in found] == [both]
    assert len(world.engine.list_containers({"task": "1"})) == 2
    assert world.engine.list_containers({"task": "3"}) == []


def case_list_in_detail_says_what_inspect_says(world: World) -> None:
    container_id = world.running("crash")
    world.ended(container_id)
    assert list(world.engine.list_containers()) == [world.state(container_id)]


def case_list_without_detail_still_tells_the_essentials(world: World) -> None:
    spec = world.spec("crash", labels={"x": "y"})
    container_id = world.engine.create_container(spec)
    world.engine.start_container(container_id)
    full = world.ended(container_id)
    (brief,) = world.engine.list_containers(detail=False)
    assert (brief.id, brief.name, brief.labels) == (full.id, full.name, full.labels)
    assert (brief.status, brief.exit_code) == ("exited", 3)


def case_exec_answers_code_and_output(world: World) -> None:
    assert world.engine.top_exec(world.running(), EXEC_BOTH) == (7, "out\n")


def case_exec_that_does_not_end_in_time(world: World) -> None:
    container_id = world.running()
    before = world.now_monotonic()
    with pytest.raises(EngineTimeout, match="sleep 5"):
        world.engine.top_exec(container_id, ["sleep", "5"], timeout=1)
    assert 0.9 <= world.now_monotonic() - before < 4


def case_exec_in_what_does_not_run(world: World) -> None:
    with pytest.raises(InvalidRequest, match="not running"):
        world.engine.top_exec(world.created(), EXEC_BOTH)


def case_exec_in_what_is_not_there(world: World) -> None:
    with pytest.raises(ContainerNotFound):
        world.engine.top_exec(MISSING, EXEC_BOTH)


def case_exec_in_a_strangers_is_refused(world: World) -> None:
    with pytest.raises(NotOurs):
        world.engine.top_exec(world.foreign(), EXEC_BOTH)


def case_gpus_that_the_engine_cannot_give_fail_the_start_for_good(world: World) -> None:
    container_id = world.created(gpus=("GPU-of-no-host",))
    with pytest.raises(StartFailed, match="NVIDIA container runtime") as refused:
        world.engine.start_container(container_id)
    assert not refused.value.retryable
    assert world.state(container_id).status == "created"
