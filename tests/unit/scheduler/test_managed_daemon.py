"""ECS's daemons: held to capacity providers, so many instances at a time, each step watched; and what they close."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.scheduler.model import (
    AUTO_SCALING_GROUP,
    Announce,
    Plan,
    Provider,
    SetDeployment,
    Snapshot,
    StartTask,
)
from services.scheduler.plan import plan
from tests.unit.scheduler.build import at, deployment, instance, revision, snapshot, started, stopped, task

NOW = at(1000)
WORKERS = (Provider("workers", group="w"),)
REVISIONS = {key: revision(key, providers=WORKERS) for key in ("old", "new")}


def member(key: str, group: str = "w", **more: Any) -> Any:
    return instance(key, attributes={AUTO_SCALING_GROUP: group} if group else {}, **more)


def daemon(*tasks: Any, instances: Any, drain: float = 25.0, bake: float = 0, **more: Any) -> Snapshot:
    facts = snapshot(0, tasks, instances=instances, revisions=more.pop("revisions", REVISIONS), **more)
    return replace(
        facts,
        strategy="DAEMON",
        kind="daemon",
        minimum_healthy_percent=0,
        maximum_percent=100,
        drain_percent=drain,
        bake=bake,
    )


def fleet(count: int) -> tuple[Any, ...]:
    return tuple(member(f"i{n}") for n in range(count))


def olds(count: int) -> tuple[Any, ...]:
    return tuple(task(f"t{n}", "old", on=f"i{n}", healthy=150, provider="workers") for n in range(count))


def starts(made: Plan) -> list[tuple[str, str]]:
    return sorted((one.instance, one.provider) for one in made.actions if isinstance(one, StartTask))


def test_only_instances_of_its_providers_have_one() -> None:
    made = plan(daemon(instances=(member("i1"), member("i2", "other"), member("i3", ""), member("i4"))), NOW)
    assert starts(made) == [("i1", "workers"), ("i4", "workers")]
    assert made.desired_count == 2


def test_two_providers_share_no_counts() -> None:
    both = {"old": revision("old", providers=(*WORKERS, Provider("spare", weight=0, group="s")))}
    made = plan(daemon(instances=(member("i1"), member("i2", "s")), revisions=both), NOW)
    assert starts(made) == [("i1", "workers"), ("i2", "spare")]


def test_a_provider_that_was_deleted_has_no_instances() -> None:
    gone = {"old": revision("old", providers=(Provider("workers", group="(deleted) workers"),))}
    made = plan(daemon(instances=fleet(2), revisions=gone), NOW)
    assert (starts(made), made.desired_count) == ([], 0)


def test_so_many_instances_at_a_time_and_always_one() -> None:
    for count, drain, at_once in ((10, 25, 2), (3, 25, 1), (3, 0, 1), (8, 50, 4), (4, 100, 4)):
        facts = daemon(*olds(count), instances=fleet(count), drain=drain, deployment=deployment())
        assert len(stopped(plan(facts, NOW))) == at_once, (count, drain)


def test_no_more_are_replaced_while_the_step_is_not_well() -> None:
    young = task("n0", "new", on="i0", started=990, deployment="d1", provider="workers")
    facts = daemon(young, *olds(3)[1:], instances=fleet(3), deployment=deployment())
    assert stopped(plan(facts, NOW)) == []


def baking(*, since: float, now: float, count: int = 3, bake: float = 600) -> Plan:
    well = task("n0", "new", on="i0", healthy=since, deployment="d1", provider="workers")
    facts = daemon(
        well,
        *olds(count)[1:],
        instances=fleet(count),
        bake=bake,
        deployment=deployment(),
        last_healthy_at=at(since),
    )
    return plan(facts, at(now))


def test_the_next_step_waits_until_the_last_was_watched() -> None:
    held = baking(since=900, now=1000)
    assert (stopped(held), held.wake_at) == ([], at(1500))
    assert held.waiting == "Watching the new tasks for 8 min before going on."
    assert len(stopped(baking(since=900, now=1500))) == 1
    assert len(stopped(baking(since=900, now=1000, bake=0))) == 1


def test_the_last_step_is_watched_as_well() -> None:
    assert not baking(since=900, now=1000, count=1).of(SetDeployment)
    done = baking(since=900, now=1500, count=1).of(SetDeployment)
    assert [one.status for one in done if isinstance(one, SetDeployment)] == ["SUCCESSFUL"]


def test_a_rollback_does_not_wait() -> None:
    back = deployment("ROLLBACK_IN_PROGRESS", rollback="old", rollback_started_at=at(800))
    wrong = task("n1", "new", on="i1", healthy=950, deployment="d1", provider="workers")
    facts = daemon(*olds(1), wrong, instances=fleet(2), bake=600, deployment=back, last_healthy_at=at(950))
    assert stopped(plan(facts, NOW)) == ["n1"]


def test_it_speaks_as_a_daemon() -> None:
    facts = daemon(*olds(2), instances=fleet(2))
    said = [one.message for one in plan(facts, NOW).actions if isinstance(one, Announce)]
    assert said == ["(daemon web) has reached a steady state."]
    assert facts.group == "daemon:web"


# ---- what they close ---------------------------------------------------------------------------


def test_nothing_is_placed_where_a_critical_daemon_is_missing() -> None:
    places = (instance("i1", closed="agent"), instance("i2"))
    made = plan(snapshot(2, instances=places), NOW)
    assert starts(made) == [("i2", ""), ("i2", "")]
    alone = plan(snapshot(1, instances=places[:1]), NOW)
    assert started(alone) == []
    assert "(container-instance i1) waits for the critical daemon agent." in alone.waiting
    assert alone.wake_at == at(1015)


def test_what_runs_there_stays_also_of_daemon_services() -> None:
    places = (instance("i1", closed="agent"), instance("i2"))
    mine = (task("a", on="i1", healthy=150), task("b", on="i2", healthy=150))
    assert stopped(plan(snapshot(2, mine, instances=places), NOW)) == []
    daemons = replace(
        snapshot(2, mine, instances=places),
        strategy="DAEMON",
        minimum_healthy_percent=0,
        maximum_percent=100,
    )
    made = plan(daemons, NOW)
    assert (stopped(made), started(made)) == ([], [])
