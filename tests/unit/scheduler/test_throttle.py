"""Waiting longer and longer before starting again what keeps failing to start."""

from __future__ import annotations

import pytest

from services.scheduler.model import Failure, Timing
from services.scheduler.throttle import delay
from tests.unit.scheduler.build import at, failure, plan_now, said, started, tasks


@pytest.mark.parametrize(
    ("failed", "desired", "expected"),
    [
        (1, 1, 5),
        (2, 1, 10),
        (3, 1, 20),
        (8, 1, 640),
        (9, 1, 900),
        (100_000, 1, 900),
        (1, 10, 5),
        (10, 10, 5),
        (11, 10, 10),
        (21, 10, 20),
        (1, 0, 5),
    ],
)
def test_delay_doubles_with_each_round_up_to_the_cap(failed: int, desired: int, expected: float) -> None:
    assert delay(failed, desired, Timing()) == expected


def row(count: int, *, last: float = 995, ran: bool = False) -> tuple[Failure, ...]:
    """`count` failures, a second apart."""
    return tuple(failure(f"f{n}", last - count + 1 + n, ran=ran) for n in range(count))


def test_nothing_is_started_before_the_newest_failure_and_the_delay() -> None:
    waits = plan_now(1, failures=row(2, last=995))
    assert (started(waits), waits.wake_at) == ([], at(1005))
    assert waits.waiting == "Waiting 5 s before trying again: the last 2 tasks failed to start (exit code 1)."
    goes = plan_now(1, failures=row(2, last=990))
    assert started(goes) == ["old"]


def test_one_failure_reads_well() -> None:
    assert plan_now(1, failures=row(1, last=998)).waiting == (
        "Waiting 3 s before trying again: the last task failed to start (exit code 1)."
    )


def test_a_task_that_reached_running_ends_the_row() -> None:
    assert started(plan_now(1, failures=row(9), last_started_at=at(996))) == ["old"]


def test_only_failures_after_it_count() -> None:
    waits = plan_now(1, failures=row(9, last=999), last_started_at=at(997))
    assert waits.wake_at == at(999 + 10)


def test_tasks_that_ran_and_crashed_do_not_throttle_but_pace() -> None:
    assert started(plan_now(1, failures=row(9, last=998, ran=True))) == ["old"]
    waits = plan_now(1, failures=row(9, last=999, ran=True))
    assert (started(waits), waits.wake_at) == ([], at(1001))
    assert (
        waits.waiting == "Waiting 1 s before trying again: a task ended before it was healthy (exit code 1)."
    )


def test_a_clock_that_was_set_back_does_not_hold_the_service_up() -> None:
    assert started(plan_now(1, failures=row(3, last=5000))) == ["old"]


def test_three_in_a_row_are_said_and_not_said_again() -> None:
    quiet = plan_now(1, failures=row(2))
    assert said(quiet) == []
    loud = plan_now(1, failures=row(3))
    assert said(loud) == ["is unable to consistently start tasks successfully."]
    again = plan_now(1, failures=row(4), last_events=("(service web) " + said(loud)[0],))
    assert said(again) == []


def test_while_it_waits_the_rest_goes_on() -> None:
    """Throttled or not, a surplus is stopped."""
    from tests.unit.scheduler.build import stopped

    assert stopped(plan_now(1, tasks("o", 2), failures=row(3))) == ["o1"]
