"""Capacity provider strategies: shares, bases, what is said when a provider is out of room, and who goes first."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler.filters import Request
from services.scheduler.model import AUTO_SCALING_GROUP, Demand, Instance, Provider
from services.scheduler.providers import distribute, place_by_strategy, surplus
from tests.unit.scheduler.build import instance, plan_now, revision, said, task

A, B = Provider("a", 1, 1, "ga"), Provider("b", 0, 3, "gb")
SMALL = Request(Demand(256, 512))


def of(group: str, key: str, *, room: int = 4) -> Instance:
    return instance(key, cpu=256 * room, memory=512 * room, attributes={AUTO_SCALING_GROUP: group})


def test_the_worked_example() -> None:
    assert "".join(distribute((A, B), {}, 9)) == "abbabbbab"
    assert distribute((A, B), {"a": 1}, 1) == ("b",)
    assert distribute((A, Provider("b", 0, 0)), {}, 3) == ("a",) * 3
    assert distribute((Provider("a", 2, 0), Provider("b", 0, 1)), {}, 4) == ("a", "a", "b", "b")
    assert distribute((Provider("a", 2, 0),), {}, 4) == ("a", "a"), "a weight of 0 takes its base alone"


shares = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=4)


@given(shares, st.integers(0, 40), st.integers(0, 40))
def test_bases_first_then_weights_and_one_by_one_as_in_one_go(
    given_shares: list[tuple[int, int]], count: int, first: int
) -> None:
    providers = tuple(Provider(f"p{n}", base, weight) for n, (base, weight) in enumerate(given_shares))
    names = distribute(providers, {}, count)
    counts = Counter(names)
    bases = sum(one.base for one in providers)
    if count <= bases:
        assert all(counts[one.name] <= one.base for one in providers) and len(names) == count
        return
    weights = sum(one.weight for one in providers)
    assert all(counts[one.name] >= one.base for one in providers)
    assert len(names) == (count if weights else bases)
    for one in providers:
        exact = Fraction((count - bases) * one.weight, weights) if weights else Fraction(0)
        assert abs(counts[one.name] - one.base - exact) < len(providers)
        assert one.weight or counts[one.name] == one.base
    earlier = names[:first]
    assert names == earlier + distribute(providers, Counter(earlier), count - len(earlier))


@given(shares, st.integers(1, 30))
def test_scaling_in_undoes_scaling_out(given_shares: list[tuple[int, int]], count: int) -> None:
    providers = tuple(Provider(f"p{n}", base, weight) for n, (base, weight) in enumerate(given_shares))
    names = list(distribute(providers, {}, count))
    present = Counter(names)
    while names:
        gone = surplus(providers, present, present)
        assert gone is not None
        present[gone] -= 1
        names.pop()
        assert +present == Counter(distribute(providers, {}, len(names)))


def test_tasks_outside_the_strategy_go_first() -> None:
    assert surplus((A, B), {"a": 1, "": 1}, {"a": 1, "": 1}) == ""
    assert surplus((A, B), {"a": 1, "b": 1}, {"a": 1}) == "a"
    assert surplus((A, B), {}, {}) is None


def test_shares_are_placed_on_their_own_instances() -> None:
    pools = place_by_strategy((A, B), [of("ga", "i1"), of("gb", "i2"), of("gb", "i3")], SMALL, 5, {})
    placed = Counter(choice for pool in pools for choice in pool.placed)
    assert placed == {("i1", "a"): 2, ("i2", "b"): 2, ("i3", "b"): 1} or placed == {
        ("i1", "a"): 2, ("i2", "b"): 1, ("i3", "b"): 2,
    }  # fmt: skip


def test_fargate_and_its_spot_share_any_instance() -> None:
    both = (Provider("FARGATE", 1, 1), Provider("FARGATE_SPOT", 0, 1))
    [pool] = place_by_strategy(both, [of("ga", "i1", room=3)], SMALL, 4, {})
    assert [name for _, name in pool.placed] == ["FARGATE", "FARGATE", "FARGATE_SPOT"] or len(
        pool.placed
    ) == 3
    assert pool.unplaced == 1


@pytest.mark.parametrize(
    ("instances", "words"),
    [
        (
            [of("ga", "i1", room=1), of("gb", "i2")],
            "The closest matching (container-instance i1) has insufficient CPU",
        ),
        ([of("gb", "i2")], "The closest matching (container-instance i2) is not of the capacity provider a."),
    ],
)
def test_a_provider_out_of_room_is_named_and_the_others_go_on(instances: list[Instance], words: str) -> None:
    pools = place_by_strategy((A, B), instances, SMALL, 5, {})
    assert Counter(name for pool in pools for _, name in pool.placed)["b"] == 3
    [refusal] = [pool.refusal for pool in pools if pool.refusal is not None]
    assert refusal.reason.startswith(f"The capacity provider a is out of room. {words}")


def test_a_service_says_which_provider_is_out_of_room() -> None:
    own = {"old": revision("old", providers=(A, B))}
    made = plan_now(4, revisions=own, instances=[of("gb", "i2")])
    assert [(a.instance, a.provider) for a in made.actions if hasattr(a, "provider")] == [("i2", "b")] * 2
    assert "The capacity provider a is out of room." in said(made)[0]
    assert "The capacity provider a is out of room." in made.waiting


def test_scaling_in_keeps_the_shares() -> None:
    own = {"old": revision("old", providers=(A, B))}
    running = [
        task(f"{name}{n}", on=f"i{name}", healthy=150, provider=name)
        for name, many in (("a", 2), ("b", 3), ("", 1))
        for n in range(many)
    ]
    made = plan_now(3, running, revisions=own, instances=[of("ga", "ia"), of("gb", "ib"), of("", "i")])
    gone = Counter(action.task[0] for action in made.actions if hasattr(action, "failed"))
    assert gone == {"0": 1, "b": 1, "a": 1}
