"""Availability zone rebalancing: when tasks are moved, how far, and that calm returns with even zones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduler.model import (
    Instance,
    Provider,
    Snapshot,
    StartTask,
    Status,
    StopTask,
    Strategy,
    Task,
)
from services.scheduler.plan import plan
from tests.unit.scheduler.build import (
    NOW,
    ZONE,
    deployment,
    instance,
    plan_now,
    revision,
    said,
    snapshot,
    task,
)
from tests.unit.scheduler.rules import check

ZONES = [instance("ia", zone="a"), instance("ib", zone="b")]


def running(**where: int) -> list[Task]:
    return [
        task(f"{zone}{n}", on=f"i{zone}", healthy=150) for zone, many in where.items() for n in range(many)
    ]


def started_on(made: Any) -> list[str]:
    return [action.instance for action in made.actions if isinstance(action, StartTask)]


@pytest.mark.parametrize(
    ("where", "percent", "starts"),
    [
        ({"a": 3, "b": 1}, (100, 200), ["ib"]),
        ({"a": 6, "b": 0}, (100, 200), ["ib"] * 3),
        ({"a": 6, "b": 0}, (100, 117), ["ib"]),
        ({"a": 2, "b": 1}, (100, 200), []),
        ({"a": 2, "b": 2}, (100, 200), []),
        ({"a": 4, "b": 0}, (0, 100), []),
    ],
)
def test_as_many_as_even_the_zones_and_no_more_than_the_maximum(
    where: dict[str, int], percent: tuple[int, int], starts: list[str]
) -> None:
    made = plan_now(sum(where.values()), running(**where), percent=percent, instances=ZONES, rebalance=True)
    assert started_on(made) == starts and not made.of(StopTask)


def test_what_is_said() -> None:
    made = plan_now(4, running(a=3, b=1), instances=ZONES, rebalance=True, steady=True)
    assert "is not AZ balanced with 3 tasks in a and 1 tasks in b. AZ Rebalancing in progress." in said(made)
    told = (
        "(service web) is not AZ balanced with 3 tasks in a and 1 tasks in b. AZ Rebalancing in progress.",
    )
    made = plan_now(4, running(a=2, b=2), instances=ZONES, rebalance=True, last_events=told)
    assert said(made) == ["is AZ balanced with 2 tasks in a and 2 tasks in b.", "has reached a steady state."]


def test_a_full_zone_is_said_once() -> None:
    full = [ZONES[0], instance("ib", cpu=100, zone="b")]
    made = plan_now(4, running(a=4), instances=full, rebalance=True)
    words = "is unable to place a task in b because no container instance met all of its requirements."
    assert words in said(made) and not started_on(made)
    again = plan_now(4, running(a=4), instances=full, rebalance=True, last_events=(f"(service web) {words}",))
    assert words not in said(again)


@pytest.mark.parametrize(
    "more",
    [
        {"rebalance": False},
        {"deployment": deployment("IN_PROGRESS")},
        {"revisions": {"old": revision("old", strategies=(Strategy("spread", "instanceId"),))}},
        {"revisions": {"old": revision("old", strategies=(Strategy("binpack", "cpu"),))}},
        {"revisions": {"old": revision("old", providers=(Provider("FARGATE"),))}},
        {"instances": [ZONES[0], replace(ZONES[1], connected=False)]},
        {"instances": [ZONES[0], replace(ZONES[1], status="DRAINING")]},
        {"revisions": {"old": revision("old", required_attributes={ZONE: "a"})}},
    ],
)
def test_when_nothing_is_moved(more: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"instances": ZONES, "rebalance": True} | more
    made = plan_now(4, running(a=4), **fields)
    assert "ib" not in started_on(made) or "deployment" in more


def test_not_while_something_is_still_starting() -> None:
    own = [*running(a=3), task("new", on="ia", status="PENDING")]
    assert not started_on(plan_now(4, own, instances=ZONES, rebalance=True))


def test_the_new_one_is_held_and_then_one_of_the_fullest_zone_goes() -> None:
    own = [*running(a=3, b=1), task("new", on="ib", status="PENDING")]
    made = plan_now(4, own, instances=ZONES, rebalance=True)
    assert not made.of(StopTask) and not started_on(made)
    well = [*running(a=3, b=1), task("new", on="ib", healthy=900)]
    made = plan_now(4, well, instances=ZONES, rebalance=True)
    [stop] = made.of(StopTask)
    assert stop.task.startswith("a") and not started_on(made)


def _play(facts: Snapshot, where: list[Instance]) -> Snapshot:
    """Plans applied until nothing more is decided: what starts is healthy a minute later, what stops is gone."""
    now, serial = NOW, 0
    for _ in range(60):
        made = plan(facts, now)
        check(facts, made, now)
        tasks = {one.id: one for one in facts.tasks}
        for action in made.actions:
            if isinstance(action, StopTask):
                del tasks[action.task]
            elif isinstance(action, StartTask):
                serial += 1
                new = task(f"n{serial}", on=action.instance)
                tasks[new.id] = replace(new, created_at=now, started_at=now, status=Status.RUNNING)
        for one in facts.tasks:  # seen alive a minute after it started
            if one.id in tasks and one.healthy_at is None:
                tasks[one.id] = replace(one, healthy_at=now)
        if not made.of(StartTask) and not made.of(StopTask) and len(tasks) == facts.desired_count:
            return facts
        facts, now = replace(facts, tasks=tuple(tasks.values())), now + timedelta(seconds=60)
    raise AssertionError("it never ends")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=4),
    st.sampled_from([(100, 200), (50, 150), (100, 125), (0, 200)]),
)
def test_it_ends_with_even_zones_and_the_desired_number_served_throughout(
    counts: list[int], percent: tuple[int, int]
) -> None:
    names = "abcd"[: len(counts)]
    places = [instance(f"i{zone}", zone=zone) for zone in names]
    own = running(**dict(zip(names, counts, strict=True)))
    facts = snapshot(len(own), own, percent=percent, instances=places, rebalance=True)
    end = Counter(one.instance for one in _play(facts, places).tasks)
    room = len(own) * percent[1] // 100 > len(own)
    spread = [end[f"i{zone}"] for zone in names]
    assert sum(spread) == len(own)
    assert max(spread) - min(spread) <= 1 or not room
