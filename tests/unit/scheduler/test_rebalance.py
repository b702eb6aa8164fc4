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
    AUTO_SCALING_GROUP,
    Announce,
    Provider,
    SetSteady,
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


UNEVEN = "(service web) is not AZ balanced with 3 tasks in a, 1 tasks in b. AZ Rebalancing in progress."


def test_what_is_said() -> None:
    made = plan_now(4, running(a=3, b=1), instances=ZONES, rebalance=True, steady=True)
    assert UNEVEN.removeprefix("(service web) ") in said(made)
    [start] = made.of(StartTask)
    assert isinstance(start, StartTask) and start.rebalanced_to == "b"
    made = plan_now(4, running(a=2, b=2), instances=ZONES, rebalance=True, last_events=(UNEVEN,))
    assert said(made) == ["is AZ balanced with 2 tasks in a, 2 tasks in b.", "has reached a steady state."]


def test_a_move_says_why_it_stops_a_healthy_task() -> None:
    own = running(a=3, b=2)
    made = plan_now(4, own, instances=ZONES, rebalance=True, last_events=(UNEVEN,))
    [stop] = made.of(StopTask)
    assert isinstance(stop, StopTask)
    assert stop.reason == "Availability-zone rebalancing initiated by (service web)"
    assert f"has stopped 1 running tasks in a due to AZ rebalancing: (task {stop.task})." in said(made)
    made = plan_now(4, own, instances=ZONES, rebalance=True)
    [stop] = made.of(StopTask)
    assert isinstance(stop, StopTask) and stop.reason.startswith("Scaling activity")


def test_a_full_zone_is_said_once() -> None:
    full = [ZONES[0], instance("ib", cpu=100, zone="b")]
    made = plan_now(4, running(a=4), instances=full, rebalance=True)
    words = "is unable to place a task in b because no container instance met all of its requirements."
    assert words in said(made) and not started_on(made)
    assert made.wake_at == NOW + timedelta(minutes=5), "nobody tells when there is room"
    again = plan_now(4, running(a=4), instances=full, rebalance=True, last_events=(f"(service web) {words}",))
    assert words not in said(again)


def test_a_full_zone_does_not_keep_from_the_others() -> None:
    places = [ZONES[0], instance("ib", cpu=100, zone="b"), instance("ic", zone="c")]
    made = plan_now(4, running(a=4), instances=places, rebalance=True)
    assert started_on(made) == ["ic", "ic"]


BLOCKED = (
    "was unable to AZ Rebalance because (taskSet ecs-svc/old) was unable to scale in due to "
    "(reason 3 tasks under protection)"
)


def test_protected_tasks_are_not_moved_and_it_says_so_once() -> None:
    own = [replace(one, protected=True) if one.id != "a0" else one for one in running(a=4)]
    made = plan_now(4, own, instances=ZONES, rebalance=True, steady=True)
    assert started_on(made) == ["ib"] and BLOCKED not in said(made)
    own = [*(replace(one, protected=True) for one in running(a=3)), task("b0", on="ib", healthy=150)]
    made = plan_now(4, own, instances=ZONES, rebalance=True, steady=True)
    assert not started_on(made) and said(made) == [BLOCKED]
    calm = plan_now(4, own, instances=ZONES, rebalance=True)
    assert said(calm) == ["has reached a steady state.", BLOCKED]
    again = plan_now(
        4, own, instances=ZONES, rebalance=True, steady=True, last_events=(f"(service web) {BLOCKED}",)
    )
    assert not said(again)


def test_another_zone_gives_where_the_fullest_is_protected() -> None:
    places = [*ZONES, instance("ic", zone="c")]
    own = [*(replace(one, protected=True) for one in running(a=4)), *running(b=3, c=1)]
    assert started_on(plan_now(8, own, instances=places, rebalance=True)) == ["ic"]


def test_a_zone_that_may_take_none_is_not_counted() -> None:
    only = revision("old", required_attributes={"rack": "1"})
    places = [instance("ia", zone="a", attributes={"rack": "1"}), instance("ib", zone="b")]
    made = plan_now(4, running(a=3, b=1), instances=places, rebalance=True, revisions={"old": only})
    assert not made.of(StartTask) and not said(made)[:-1]


def test_nothing_moves_while_an_engine_does_not_answer() -> None:
    places = [*ZONES, replace(instance("ic", zone="c"), connected=False)]
    made = plan_now(4, running(a=3, c=1), instances=places, rebalance=True)
    assert not made.of(StartTask)


@pytest.mark.parametrize(
    "more",
    [
        {"rebalance": False},
        {"deployment": deployment("IN_PROGRESS")},
        {"revisions": {"old": revision("old", strategies=(Strategy("spread", "instanceId"),))}},
        {"revisions": {"old": revision("old", strategies=(Strategy("binpack", "cpu"),))}},
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


def _play(facts: Snapshot) -> Snapshot:
    """Plans applied until nothing more is decided: what starts is healthy a minute later, what stops is gone."""
    now, serial, calm = NOW, 0, 0
    for _ in range(80):
        made = plan(facts, now)
        check(facts, made, now)
        tasks = {one.id: one for one in facts.tasks}
        told, steady = list(facts.last_events), facts.steady
        for action in made.actions:
            match action:
                case StopTask(key):
                    assert not tasks[key].protected
                    del tasks[key]
                case StartTask(of, _, place, provider):
                    serial += 1
                    new = task(f"n{serial}", of, on=place, provider=provider)
                    fresh = replace(new, created_at=now, started_at=now, status=Status.RUNNING)
                    tasks[new.id] = fresh
                case Announce(message):
                    told.append(message)
                case SetSteady(steady):
                    pass
        for one in facts.tasks:  # seen alive a minute after it started
            if one.id in tasks and one.healthy_at is None:
                tasks[one.id] = replace(one, healthy_at=now)
        moved = made.of(StartTask) or made.of(StopTask)
        calm = 0 if moved or len(tasks) != facts.desired_count else calm + 1
        if calm == 3:
            return facts
        facts = replace(facts, tasks=tuple(tasks.values()), last_events=tuple(told[-10:]), steady=steady)
        now += timedelta(seconds=60)
    raise AssertionError("it never ends")


PERCENTS = st.sampled_from([(100, 200), (50, 150), (100, 125), (0, 200)])


def _spread(facts: Snapshot, names: str) -> list[int]:
    end = Counter(one.instance for one in facts.tasks)
    return [end[f"i{zone}"] for zone in names]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), PERCENTS)
def test_it_ends_with_even_zones_and_the_desired_number_served_throughout(
    counts: list[int], percent: tuple[int, int]
) -> None:
    names = "abcd"[: len(counts)]
    places = [instance(f"i{zone}", zone=zone) for zone in names]
    own = running(**dict(zip(names, counts, strict=True)))
    facts = snapshot(len(own), own, percent=percent, instances=places, rebalance=True)
    spread = _spread(_play(facts), names)
    room = len(own) * percent[1] // 100 > len(own)
    assert sum(spread) == len(own)
    assert max(spread) - min(spread) <= 1 or not room


@st.composite
def services(draw: st.DrawFn) -> tuple[Snapshot, str]:
    """Steady ones with some protected tasks, full or forbidden zones, and perhaps capacity providers."""
    names = "abcd"[: draw(st.integers(1, 4))]
    kinds = [draw(st.sampled_from(["", "", "", "full", "forbidden"])) for _ in names]
    strategy = draw(
        st.sampled_from(
            [
                (),
                (Provider("FARGATE", weight=1), Provider("FARGATE_SPOT", weight=draw(st.integers(0, 3)))),
                (Provider("FARGATE", base=2, weight=1), Provider("FARGATE_SPOT", weight=1)),
                (Provider("p", base=1, weight=1, group="odd"), Provider("q", weight=1, group="even")),
            ]
        )
    )
    places = [
        instance(
            f"i{zone}{group}",
            zone=zone,
            cpu=300 if kind == "full" else 65536,
            attributes={"rack": "2" if kind == "forbidden" else "1", AUTO_SCALING_GROUP: group},
        )
        for zone, kind in zip(names, kinds, strict=True)
        for group in ("odd", "even")
    ]
    own = [
        task(
            f"t{n}",
            on=draw(st.sampled_from(places)).id,
            healthy=150,
            protected=draw(st.integers(0, 2)) == 0,
            provider=draw(st.sampled_from([one.name for one in strategy] or [""])),
        )
        for n in range(draw(st.integers(0, 9)))
    ]
    old = revision(
        "old",
        required_attributes={"rack": "1"},
        providers=strategy,
        distinct_instance=draw(st.integers(0, 4)) == 0,
    )
    percent = draw(PERCENTS)
    more = {"instances": places, "percent": percent, "revisions": {"old": old}, "rebalance": True}
    return snapshot(len(own), own, seed=1, **more), names


@settings(max_examples=150, deadline=None)
@given(services())
def test_whatever_is_protected_full_or_forbidden_it_ends_and_moves_no_protected_task(
    drawn: tuple[Snapshot, str],
) -> None:
    facts, _ = drawn
    end = _play(facts)
    kept = {one.id for one in facts.tasks if one.protected}
    assert kept <= {one.id for one in end.tasks}
    assert len(end.tasks) == facts.desired_count
    allowed = {one.id for one in facts.instances if one.attributes["rack"] == "1"}
    assert all(one.instance in allowed for one in end.tasks if one.id.startswith("n"))


def test_providers_keep_their_shares_while_zones_are_made_even() -> None:
    shares = (Provider("FARGATE", weight=1), Provider("FARGATE_SPOT", weight=1))
    names = ["FARGATE", "FARGATE_SPOT"] * 3
    own = [replace(one, provider=name) for one, name in zip(running(a=6), names, strict=True)]
    revisions = {"old": revision("old", providers=shares)}
    facts = snapshot(6, own, instances=ZONES, revisions=revisions, rebalance=True)
    end = _play(facts)
    assert _spread(end, "ab") == [3, 3]
    assert Counter(one.provider for one in end.tasks) == {"FARGATE": 3, "FARGATE_SPOT": 3}


def test_a_provider_is_moved_only_where_it_has_instances() -> None:
    shares = (Provider("p", weight=1, group="odd"), Provider("q", weight=1, group="even"))
    places = [
        instance("ia", zone="a", attributes={AUTO_SCALING_GROUP: "odd"}),
        instance("ib", zone="b", attributes={AUTO_SCALING_GROUP: "even"}),
    ]
    own = [replace(one, provider="p") for one in running(a=4)]
    revisions = {"old": revision("old", providers=shares)}
    made = plan_now(4, own, instances=places, revisions=revisions, rebalance=True)
    assert not made.of(StartTask)
