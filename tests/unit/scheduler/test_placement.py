"""Where tasks start and which go first, and what is said when nothing fits."""

# ruff: noqa: E501 - the tables read better with one case a line

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.cql import compile_query
from services.scheduler.filters import FILTERS, Request, Slot, filters_for, fits
from services.scheduler.model import AUTO_SCALING_GROUP, Demand, Instance, Strategy
from services.scheduler.placement import choose_victims, make_room, place
from tests.unit.scheduler.build import QUERIES, ZONE, instance, task

SMALL = Request(Demand(256, 512))


def small(key: str, **more: Any) -> Instance:
    """Room for 4 small tasks."""
    return instance(key, **({"cpu": 1024, "memory": 2048} | more))


def member(*texts: str, group: str = "service:web") -> Request:
    return Request(Demand(256, 512), constraints=tuple(map(compile_query, texts)), group=group)


def chosen(
    instances: list[Instance], count: int, *strategies: Strategy, request: Request = SMALL, **more: Any
) -> list[str]:
    return list(place(instances, request, count, strategies=strategies, **more).chosen)


def why_not(instances: list[Instance], request: Request = SMALL, **more: Any) -> str:
    refused = place(instances, request, 1, **more).refusal
    assert refused is not None
    return refused.reason


# ---- why not -----------------------------------------------------------------------------------

WHY: list[tuple[str, list[Instance], Request, str]] = [
    ("no instance", [], SMALL, "No Container Instances were found in your cluster."),
    ("CPU", [small("i1", cpu_reserved=1000)], SMALL, "The closest matching (container-instance i1) has insufficient CPU units available."),
    ("memory", [small("i1", memory_reserved=2000)], SMALL, "The closest matching (container-instance i1) has insufficient memory available."),
    ("port", [small("i1", ports=[80])], Request(Demand(1, 1, frozenset({(80, "tcp")}))), "The closest matching (container-instance i1) is already using a port required by your task."),
    ("GPU", [small("i1", gpus=2, gpus_reserved=1)], Request(Demand(1, 1, gpus=2)), "The closest matching (container-instance i1) has insufficient GPU resource available."),
    ("attribute", [small("i1")], Request(Demand(1, 1), required_attributes={"ecs.cpu-architecture": "arm64"}), "The closest matching (container-instance i1) is missing an attribute required by your task."),
    ("membership", [small("i1")], member("attribute:stack == prod"), "The closest matching (container-instance i1) did not satisfy the placement constraints: memberOf attribute:stack == prod."),
    ("membership by tasks", [small("i1", running_tasks=2)], member("runningTasksCount < 2"), "The closest matching (container-instance i1) did not satisfy the placement constraints: memberOf runningTasksCount < 2."),
    ("one that is full is closer than one that is no member", [small("i1"), small("i2", cpu_reserved=1024, attributes={"stack": "prod"})], member("attribute:stack == prod"), "The closest matching (container-instance i2) has insufficient CPU units available."),
    ("one that waits for its daemon is closer than one that is no member", [small("i1"), small("i2", closed="agent", attributes={"stack": "prod"})], member("attribute:stack == prod"), "The closest matching (container-instance i2) waits for the critical daemon agent."),
    ("draining", [small("i1", status="DRAINING")], SMALL, "The closest matching (container-instance i1) is draining."),
    ("disconnected", [small("i1", connected=False)], SMALL, "The closest matching (container-instance i1) is disconnected."),
    ("the one that lacks least", [small("i1", cpu_reserved=1024), small("i2", cpu_reserved=800), small("i3", cpu_reserved=1024, memory_reserved=2048)], SMALL, "The closest matching (container-instance i2) has insufficient CPU units available."),
    ("one that could is closer than one that never can", [small("i1", attributes={"arch": "x"}), small("i2", cpu_reserved=1024, memory_reserved=2048, attributes={"arch": "y"})], Request(Demand(256, 512), required_attributes={"arch": "y"}), "The closest matching (container-instance i2) has insufficient CPU units available."),
    ("one that drains does not help one that is full", [small("i1", status="DRAINING"), small("i2", cpu_reserved=1024)], SMALL, "The closest matching (container-instance i2) has insufficient CPU units available."),
]  # fmt: skip


@pytest.mark.parametrize(("what", "instances", "request_", "reason"), WHY, ids=[w[0] for w in WHY])
def test_a_refusal_names_the_closest_match(
    what: str, instances: list[Instance], request_: Request, reason: str
) -> None:
    assert why_not(instances, request_) == reason


PORTS = st.frozensets(st.sampled_from([(80, "tcp"), (80, "udp"), (443, "tcp")]), max_size=2)
WORDS = st.dictionaries(st.sampled_from([ZONE, AUTO_SCALING_GROUP]), st.sampled_from("ab"))
REQUESTS = st.builds(
    Request,
    st.builds(Demand, st.sampled_from([0, 256]), st.sampled_from([0, 512]), PORTS, st.integers(0, 2)),
    st.booleans(),
    WORDS,
    st.lists(st.sampled_from(sorted(QUERIES)), max_size=2).map(
        lambda texts: tuple(map(compile_query, texts))
    ),
    st.just("service:web"),
    st.sampled_from(["", "a", "b"]),
)
SLOTS = st.builds(
    Slot.of,
    st.builds(
        Instance, st.just("i1"), st.just("ACTIVE"), st.just(True), st.just(1024), st.just(2048),
        st.sampled_from([0, 900, 2000]), st.sampled_from([0, 2000, 4000]), PORTS, st.integers(1, 2), st.integers(0, 1),
        WORDS, running_tasks=st.integers(0, 4), closed=st.sampled_from(["", "agent"]),
    ),
    st.integers(0, 1),
    st.just(0),
)  # fmt: skip


@given(SLOTS, REQUESTS)
def test_the_filters_left_out_for_a_request_would_not_have_refused_it(slot: Slot, request: Request) -> None:
    assert fits(slot, request, filters_for(request)) == (not any(check(slot, request) for check in FILTERS))


def test_most_filters_are_left_out_for_an_undemanding_task() -> None:
    assert [one.__name__ for one in filters_for(SMALL)] == ["has_its_daemons", "enough_cpu", "enough_memory"]


def test_distinct_instance_sees_tasks_that_are_being_replaced() -> None:
    one = Request(Demand(1, 1), distinct_instance=True)
    assert "distinctInstance" in why_not([small("i1")], one, taken_by_instance={"i1": 1})
    assert chosen([small("i1"), small("i2")], 2, request=one, taken_by_instance={"i1": 1}) == ["i2"]


def test_a_member_by_tasks_counts_those_placed_in_the_same_go() -> None:
    two = [small("i1", running_tasks=1, groups={"database": 1}), small("i2")]
    assert Counter(chosen(two, 9, request=member("runningTasksCount < 3"))) == {"i1": 2, "i2": 3}
    assert chosen(two, 2, request=member("not (task:group == database)")) == ["i2", "i2"]
    assert sorted(chosen(two, 5, request=member("task:group != service:web"))) == ["i1", "i2"]
    assert chosen(two, 2, request=member("task:group in [database]", group="x")) == ["i1", "i1"]


def test_every_constraint_must_hold() -> None:
    racks = [small("i1", attributes={"rack": "1"}), small("i2", zone="b", attributes={"rack": "1"})]
    both = member("attribute:rack == 1", "attribute:ecs.availability-zone =~ [b-z]")
    assert chosen(racks, 2, request=both) == ["i2", "i2"]


def test_scale_in_begins_where_the_task_would_not_be_placed_again() -> None:
    running = [task(f"{key}-{n}", on=key) for key, many in (("i1", 3), ("i2", 1)) for n in range(many)]
    gone = choose_victims(
        [small("i1"), small("i2", zone="b")],
        running,
        2,
        demands={"old": SMALL.demand},
        tasks_by_instance={"i1": 3, "i2": 1},
        request=member("attribute:ecs.availability-zone == a"),
    )
    assert list(gone) == ["i2-0", "i1-2"]


def test_stopping_makes_room_for_a_membership_by_tasks() -> None:
    room = make_room(
        [small("i1", running_tasks=2, groups={"service:web": 2})],
        member("runningTasksCount < 2"),
        1,
        demands={"old": SMALL.demand},
        leaving=(),
        candidates=[task("a"), task("b")],
        taken_by_instance={"i1": 2},
    )
    assert (room.coming, room.groups) == (0, (("a",),))


def test_a_udp_port_does_not_clash_with_its_tcp_twin() -> None:
    assert chosen([small("i1", ports=[53])], 1, request=Request(Demand(1, 1, frozenset({(53, "udp")})))) == [
        "i1"
    ]


def test_what_was_placed_counts_at_once() -> None:
    result = place([small("i1")], SMALL, 6)
    assert len(result.chosen) == 4
    assert result.refusal is not None and "insufficient CPU" in result.refusal.reason
    port = Request(Demand(1, 1, frozenset({(80, "tcp")})))
    assert sorted(chosen([small("i1"), small("i2")], 3, request=port)) == ["i1", "i2"]


# ---- strategies --------------------------------------------------------------------------------

THREE = [small("i1", zone="a"), small("i2", zone="a"), small("i3", zone="b")]


def test_default_spreads_over_zones_then_instances() -> None:
    assert Counter(chosen(THREE, 4)) == {"i1": 1, "i2": 1, "i3": 2}


def test_default_continues_from_what_runs() -> None:
    assert chosen(THREE, 2, tasks_by_instance={"i3": 2}) == ["i1", "i2"]


def test_spread_over_instances() -> None:
    assert Counter(chosen(THREE, 6, Strategy("spread", "instanceId"))) == {"i1": 2, "i2": 2, "i3": 2}


def test_spread_over_an_own_attribute() -> None:
    racks = [
        small("i1", attributes={"rack": "r1"}),
        small("i2", attributes={"rack": "r1"}),
        small("i3", attributes={"rack": "r2"}),
    ]
    assert Counter(chosen(racks, 4, Strategy("spread", "attribute:rack"))) == {"i1": 1, "i2": 1, "i3": 2}


@pytest.mark.parametrize("field", ["cpu", "memory"])
def test_binpack_fills_the_fullest_that_still_has_room(field: str) -> None:
    fuller = [small("i1"), small("i2", cpu_reserved=512, memory_reserved=1024)]
    assert chosen(fuller, 4, Strategy("binpack", field)) == ["i2", "i2", "i1", "i1"]


def test_strategies_in_sequence() -> None:
    pairs = [small("i1", zone="a"), small("i2", zone="a"), small("i3", zone="b"), small("i4", zone="b")]
    spread_then_pack = (Strategy("spread", f"attribute:{ZONE}"), Strategy("binpack", "memory"))
    counts = Counter(chosen(pairs, 4, *spread_then_pack))
    assert sorted(counts.values()) == [2, 2]
    assert len({"a" if key in ("i1", "i2") else "b" for key in counts}) == 2


def test_random_is_the_same_for_the_same_seed() -> None:
    many = [small(f"i{n}") for n in range(20)]
    once, twice, other = (chosen(many, 10, Strategy("random"), seed=seed) for seed in (1, 1, 2))
    assert once == twice != other


def test_a_thousand_tasks_on_two_hundred_instances() -> None:
    many = [instance(f"i{n:03}", cpu=4096, memory=8192, zone=f"z{n % 3}") for n in range(200)]
    begun = time.process_time()
    counts = Counter(chosen(many, 1000))
    assert time.process_time() - begun < 2  # about 0.3 s on one idle core
    assert set(counts.values()) <= {4, 5, 6}


# ---- the same brain for scaling in -------------------------------------------------------------


def victims(where: dict[str, int], count: int, instances: list[Instance], *strategies: Strategy) -> list[str]:
    """Which instances lose tasks; `where`: how many run on each."""
    running = [task(f"{key}-{n}", on=key) for key, many in where.items() for n in range(many)]
    gone = choose_victims(
        instances,
        running,
        count,
        demands={"old": SMALL.demand},
        tasks_by_instance=where,
        strategies=strategies,
    )
    return [key.split("-")[0] for key in gone]


def test_scale_in_takes_from_the_fullest_zone() -> None:
    assert victims({"i1": 1, "i2": 1, "i3": 1}, 1, THREE) in (["i1"], ["i2"])
    assert victims({"i1": 2, "i2": 0, "i3": 1}, 1, THREE) == ["i1"]


def test_scale_in_empties_the_emptiest_when_packing() -> None:
    halves = [small("i1", cpu_reserved=768), small("i2", cpu_reserved=256)]
    assert victims({"i1": 3, "i2": 1}, 1, halves, Strategy("binpack", "cpu")) == ["i2"]


def test_tasks_on_instances_that_are_gone_go_first() -> None:
    assert victims({"i9": 1, "i1": 3}, 1, THREE) == ["i9"]


@pytest.mark.parametrize(
    "strategies",
    [
        (),
        (Strategy("spread", "instanceId"),),
        (Strategy("spread", f"attribute:{ZONE}"), Strategy("binpack", "cpu")),
    ],
)
def test_scaling_out_and_in_again_ends_where_it_began(strategies: tuple[Strategy, ...]) -> None:
    base = Counter(chosen(THREE, 3, *strategies))
    more = Counter(chosen(THREE, 7, *strategies))
    grown = [
        instance(i.id, cpu=i.cpu, memory=i.memory, zone=i.attributes[ZONE], cpu_reserved=256 * more[i.id], memory_reserved=512 * more[i.id])
        for i in THREE
    ]  # fmt: skip
    left = more - Counter(victims(dict(more), 4, grown, *strategies))
    zones = {i.id: i.attributes[ZONE] for i in THREE}
    assert Counter(zones[k] for k in left.elements()) == Counter(zones[k] for k in base.elements())


# ---- making room -------------------------------------------------------------------------------


def test_room_is_found_where_fewest_must_go() -> None:
    places = [small("i1", cpu_reserved=1024), small("i2", cpu_reserved=1024)]
    demands = {"thin": Demand(128, 128), "fat": Demand(256, 128)}
    running = [task("a", "thin", on="i1"), task("b", "thin", on="i1"), task("c", "fat", on="i2")]
    room = make_room(places, SMALL, 2, demands=demands, leaving=(), candidates=running, taken_by_instance={})
    assert (room.coming, room.groups) == (0, (("c",), ("a", "b")))


def test_leaving_tasks_make_room_by_themselves() -> None:
    room = make_room(
        [small("i1", cpu_reserved=1024)],
        SMALL,
        2,
        demands={"old": SMALL.demand},
        leaving=[task("x", desired="STOPPED")],
        candidates=[task("a")],
        taken_by_instance={"i1": 2},
    )
    assert (room.coming, room.groups) == (1, (("a",),))
