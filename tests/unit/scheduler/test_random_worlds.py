"""Safety rules over random worlds: any state that rows could ever be in, also those no history leads to."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters.cql import compile_query
from services.scheduler.model import (
    AUTO_SCALING_GROUP,
    Breaker,
    Demand,
    Deployment,
    DeploymentStatus,
    Failure,
    Health,
    Hook,
    HookStatus,
    Instance,
    Pause,
    Provider,
    Revision,
    Snapshot,
    Stage,
    Status,
    Strategy,
    Task,
)
from services.scheduler.plan import plan
from services.scheduler.stages import HOOKED
from tests.unit.scheduler.build import NOW, QUERIES, ZONE, at
from tests.unit.scheduler.rules import check

REVISIONS = ("old", "new", "older")
INSTANCES = ("i1", "i2", "i3")
PERCENTS = [(100, 200), (50, 100), (0, 100), (100, 100), (50, 150), (0, 200), (75, 125), (33, 133)]
STRATEGIES = [
    (),
    (Strategy("spread", "instanceId"),),
    (Strategy("binpack", "cpu"),),
    (Strategy("random"),),
    (Strategy("spread", f"attribute:{ZONE}"), Strategy("binpack", "memory")),
]
STRATEGIES_OF_PROVIDERS: list[tuple[Provider, ...]] = [
    (),
    (),
    (Provider("p1", 0, 1, "g1"),),
    (Provider("p1", 2, 1, "g1"), Provider("p2", 0, 3, "g2")),
    (Provider("p1", 1, 0, "g1"), Provider("p2", 0, 1, "nobody")),
    (Provider("FARGATE", 1, 1), Provider("FARGATE_SPOT", 0, 2)),
]
UNDER_WAY = [
    DeploymentStatus.PENDING,
    DeploymentStatus.IN_PROGRESS,
    DeploymentStatus.STOP_REQUESTED,
    DeploymentStatus.ROLLBACK_REQUESTED,
    DeploymentStatus.ROLLBACK_IN_PROGRESS,
]

ports = st.frozensets(st.sampled_from([(80, "tcp"), (81, "tcp"), (53, "udp")]), max_size=1)
constraints = st.one_of(st.just([]), st.lists(st.sampled_from(list(QUERIES)), max_size=2, unique=True))
demands = st.builds(
    Demand, st.sampled_from([0, 128, 256, 1024]), st.sampled_from([64, 512, 2048]), ports, st.integers(0, 2)
)


@st.composite
def revisions(draw: st.DrawFn, key: str) -> Revision:
    return Revision(
        id=key,
        label=f"web:{key}",
        demand=draw(demands),
        checks_health=draw(st.booleans()),
        strategies=draw(st.sampled_from(STRATEGIES)),
        distinct_instance=draw(st.sampled_from([False, False, True])),
        required_attributes=draw(st.sampled_from([{}, {}, {ZONE: "a"}])),
        constraints=tuple(map(compile_query, draw(constraints))),
        providers=draw(st.sampled_from(STRATEGIES_OF_PROVIDERS)),
    )


@st.composite
def instances(draw: st.DrawFn, key: str) -> Instance:
    cpu, memory = draw(st.sampled_from([(1024, 4096), (4096, 16384)]))
    gpus = draw(st.sampled_from([0, 1, 4]))
    return Instance(
        id=key,
        status=draw(st.sampled_from(["ACTIVE", "ACTIVE", "ACTIVE", "DRAINING"])),
        connected=draw(st.sampled_from([True, True, True, False])),
        cpu=cpu,
        memory=memory,
        cpu_reserved=draw(st.integers(0, cpu)),
        memory_reserved=draw(st.integers(0, memory)),
        ports=draw(ports),
        gpus=gpus,
        gpus_reserved=draw(st.integers(0, gpus)),
        attributes=draw(st.sampled_from([{ZONE: "a"}, {ZONE: "b"}, {}]))
        | draw(st.sampled_from([{}, {AUTO_SCALING_GROUP: "g1"}, {AUTO_SCALING_GROUP: "g2"}])),
        running_tasks=draw(st.integers(0, 4)),
        groups=draw(st.dictionaries(st.sampled_from(["database", "service:web"]), st.integers(1, 2))),
    )


@st.composite
def tasks(draw: st.DrawFn, key: str) -> Task:
    status = draw(st.sampled_from([s for s in Status if s is not Status.STOPPED] + [Status.RUNNING] * 6))
    ran = status.order >= Status.RUNNING.order
    started = draw(st.integers(0, 1000)) if ran else None
    healthy = draw(st.one_of(st.none(), st.integers(started, 1000))) if started is not None else None
    going = status.order > Status.RUNNING.order or draw(st.integers(0, 5)) == 0
    return Task(
        id=key,
        revision=draw(st.sampled_from(REVISIONS)),
        deployment=draw(st.sampled_from([None, "d1"])),
        instance=draw(st.sampled_from([*INSTANCES, "gone"])),
        status=status,
        desired="STOPPED" if going else "RUNNING",
        health=draw(st.sampled_from(list(Health))),
        created_at=at(draw(st.integers(0, started if started is not None else 1000))),
        started_at=at(started) if started is not None else None,
        healthy_at=at(healthy) if healthy is not None else None,
        protected=draw(st.integers(0, 7)) == 0,
        provider=draw(st.sampled_from(["", "p1", "p2", "FARGATE"])),
    )


ACTIONS: list[Any] = ["CONTINUE", "ROLLBACK"]
hooks = st.builds(Hook, st.sampled_from(HOOKED), action=st.sampled_from(ACTIONS))


@st.composite
def pauses(draw: st.DrawFn, key: str, stage: Stage) -> Pause:
    status = draw(st.sampled_from([HookStatus.AWAITING_ACTION, *HookStatus]))
    return Pause(key, stage, status, at(draw(st.integers(900, 1100))), draw(st.sampled_from(ACTIONS)))


moments = st.one_of(st.none(), st.integers(0, 1000).map(at))


@st.composite
def deployments(draw: st.DrawFn) -> Deployment:
    status = draw(st.sampled_from(UNDER_WAY))
    going_back = status is DeploymentStatus.ROLLBACK_IN_PROGRESS
    ready = draw(st.sampled_from([True, True, False])) if status is DeploymentStatus.PENDING else True
    configured = tuple(draw(st.lists(hooks, max_size=2)))
    begun = configured and status is not DeploymentStatus.PENDING
    stage = draw(st.sampled_from([None, *Stage])) if begun else None
    held = range(draw(st.integers(0, 2))) if stage in HOOKED else ()
    return Deployment(
        id="d1",
        status=status,
        target="new",
        rollback="old"
        if going_back
        else draw(st.sampled_from([None, "older"]))
        if "ROLLBACK" in status
        else None,
        created_at=draw(moments),
        rollback_started_at=draw(moments) if going_back else None,
        ready=ready,
        image_error=None if ready else draw(st.sampled_from([None, "no such image"])),
        image_failures=0 if ready else draw(st.integers(0, 5)),
        hooks=configured,
        stage=stage,
        pauses=tuple(draw(pauses(f"p{n}", stage)) for n in held if stage is not None),
    )


@st.composite
def failures(draw: st.DrawFn) -> tuple[Failure, ...]:
    times = sorted(draw(st.lists(st.integers(0, 1000), max_size=8)))
    return tuple(
        Failure(f"f{n}", at(t), draw(st.booleans()), "exit code 1", None) for n, t in enumerate(times)
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    percent = draw(st.sampled_from(PERCENTS))
    breakers = st.builds(
        Breaker,
        st.booleans(),
        st.booleans(),
        st.sampled_from(["COUNT", "BOUNDED_PERCENT", "UNBOUNDED_PERCENT"]),
        st.integers(1, 100),
        st.booleans(),
    )
    return Snapshot(
        service="web",
        status=draw(st.sampled_from(["ACTIVE"] * 9 + ["DRAINING"])),
        desired_count=draw(st.integers(0, 8)),
        minimum_healthy_percent=percent[0],
        maximum_percent=percent[1],
        health_grace=draw(st.sampled_from([0.0, 60.0])),
        breaker=draw(breakers),
        revisions={key: draw(revisions(key)) for key in REVISIONS},
        completed=draw(st.sampled_from(["old", "old", None])),
        deployment=draw(st.one_of(st.none(), deployments())),
        tasks=tuple(draw(tasks(f"t{n}")) for n in range(draw(st.integers(0, 14)))),
        failures=draw(failures()),
        last_healthy_at=draw(moments),
        last_started_at=draw(moments),
        instances=tuple(draw(instances(key)) for key in INSTANCES[: draw(st.integers(0, 3))]),
        steady=draw(st.booleans()),
        seed=draw(st.integers(0, 3)),
        rebalance=draw(st.booleans()),
    )


usual = settings(
    deadline=None,
    max_examples=int(os.environ.get("SCHEDULER_EXAMPLES", "80")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@usual
@given(snapshots())
def test_every_plan_keeps_the_safety_rules(facts: Snapshot) -> None:
    made = plan(facts, NOW)
    check(facts, made, NOW)
    assert plan(facts, NOW) == made, "a plan is a pure function of the facts and the time"


@usual
@given(snapshots(), st.floats(0, 1))
def test_until_wake_at_time_alone_changes_nothing(facts: Snapshot, share: float) -> None:
    """What `wake_at` promises: whoever sleeps until then misses nothing."""
    made = plan(facts, NOW)
    horizon = made.wake_at - NOW if made.wake_at is not None else timedelta(days=1)
    later = NOW + horizon * share
    if made.wake_at is None or later < made.wake_at:
        assert plan(facts, later).actions == made.actions


@usual
@given(snapshots(), st.permutations(range(14)))
def test_the_order_of_rows_does_not_matter_to_the_numbers(facts: Snapshot, order: list[int]) -> None:
    shuffled: Any = replace(facts, tasks=tuple(facts.tasks[n] for n in order if n < len(facts.tasks)))

    def counts(facts: Snapshot) -> list[str]:
        return sorted(type(action).__name__ for action in plan(facts, NOW).actions)

    assert counts(shuffled) == counts(facts)
