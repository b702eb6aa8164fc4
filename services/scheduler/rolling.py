"""From what runs to what should run: which tasks start now, which stop now. Standard library only.

Called by `plan` with the goal that `rollout` decided. The same arithmetic serves rolling deployments, scaling,
draining instances and healing: each of them is a crew of which some stay and some are replaced.

The order is: stop what failed and what is too much; start what is missing, within maximumPercent and the room there
is; stop what is replaced: what serves nobody at once, the rest as far as the desired number stays healthy; and only
where no room is left to start first, stop down to minimumHealthyPercent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.scheduler import rebalance, wording
from services.scheduler.census import Census, Limits
from services.scheduler.crew import Budget, Crew, muster
from services.scheduler.filters import Refusal, Request
from services.scheduler.model import (
    Revision,
    Snapshot,
    StartTask,
    StopCode,
    StopTask,
    Task,
)
from services.scheduler.placement import Room, choose_victims, make_room, reserved
from services.scheduler.providers import Pool, per_provider, place_by_strategy, surplus
from services.scheduler.rollout import Goal
from services.scheduler.throttle import Throttle, throttle


@dataclass(slots=True)
class Outcome:
    """What `reconcile` decided, and what keeps it from deciding more."""

    stops: list[StopTask] = field(default_factory=list)
    starts: list[StartTask] = field(default_factory=list)
    throttled: Throttle | None = None
    refusal: Refusal | None = None  # a task could not be placed, and no room is on its way
    unplaced: int = 0
    unbalanced: str = ""  # the tasks of each zone, in words, where some are being moved
    moves: rebalance.Moves = field(default_factory=rebalance.Moves)
    rebalanced: dict[str, list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )  # zone -> stopped to even them
    again: bool = False  # something that nobody tells of is waited for
    blocked: bool = False  # by minimumHealthyPercent and maximumPercent together


class Reconciler:
    """One plan's worth of arithmetic. Used once; the snapshot is never changed."""

    def __init__(self, snapshot: Snapshot, census: Census, goal: Goal, now: datetime) -> None:
        self.snapshot, self.census, self.goal, self.now = snapshot, census, goal, now
        self.limits = Limits.of(snapshot)
        self.crew: Crew = muster(snapshot, census, goal)
        self.budget = Budget(census, self.crew)
        self.outcome = Outcome()
        self.instances = {instance.id: instance for instance in snapshot.instances}
        self.demands = {key: revision.demand for key, revision in snapshot.revisions.items()}
        self._stopping: dict[str, Task] = {}
        self._pools: list[Pool] = []

    def run(self) -> Outcome:
        self._stop_failed()
        self._stop_surplus()
        missing = max(0, self.limits.desired - len(self.crew.stay))
        allowed = self._start(missing)
        self._stop_down_to(self.limits.desired)
        if allowed is not None:
            self._make_room_in_count(missing - allowed)
            self._make_room_on_instances()
            self.outcome.blocked = self._is_blocked(missing - allowed)
        self._rebalance()
        return self.outcome

    # ---- stopping ------------------------------------------------------------------------------

    def _stop(self, task: Task, reason: str, *, failed: bool = False) -> None:
        code = StopCode.SERVICE_SCHEDULER_INITIATED
        self.outcome.stops.append(StopTask(task.id, code, reason, failed=failed))
        self._stopping[task.id] = task
        self.budget.spend(task)

    def _replace(self, task: Task) -> None:
        self._stop(task, self._why_replaced(task))

    def _why_replaced(self, task: Task) -> str:
        if task.id in self.census.unhealthy:
            return wording.FAILED_HEALTH_CHECKS
        instance = self.instances.get(task.instance or "")
        if instance is not None and instance.status == "DRAINING":
            return f"Container instance {instance.id} is draining"
        return self._scaling()

    def _scaling(self) -> str:
        return f"Scaling activity initiated by ({self._initiator()})"

    def _initiator(self) -> str:
        own = self.goal.deployment
        return f"deployment {own}" if own else self.snapshot.who

    def _stop_failed(self) -> None:
        """UNHEALTHY before they ever were healthy: failed tasks, which the circuit breaker counts."""
        for task in self.crew.failed:
            self._stop(task, wording.FAILED_HEALTH_CHECKS, failed=True)

    def _stop_surplus(self) -> None:
        """More than desired stay: first those not healthy yet, then those of other revisions, never protected ones.

        No healthy task goes while fewer than the desired number are healthy: if 3 of 7 are not healthy and 5 are
        desired, 2 of the 3 go.
        """
        over = len(self.crew.stay) - self.limits.desired
        if over <= 0:
            return
        moving = rebalance.held(self.snapshot, self.census, self.goal, self.crew.stay)
        able = [task for task in self.crew.stay if not task.protected and task.id not in moving]
        for tier in self._tiers(able):
            # Where protected tasks are the ones not healthy yet, the healthy ones are not theirs to replace.
            spare = (
                len(tier)
                if not self.census.is_healthy(tier[0])
                else self.budget.healthy - self.limits.desired
            )
            victims = self._surplus(tier, min(over, spare))
            for task in victims:
                self._stop_one_too_many(task)
            over -= len(victims)

    def _stop_one_too_many(self, task: Task) -> None:
        evens = rebalance.applies(self.snapshot, self.goal) and rebalance.is_under_way(self.snapshot)
        if not evens:
            self._stop(task, self._scaling())
            return
        self._stop(task, f"Availability-zone rebalancing initiated by ({self._initiator()})")
        zone = rebalance.zone_by_instance(self.snapshot).get(task.instance or "", "")
        self.outcome.rebalanced[zone].append(task.id)

    def _surplus(self, tier: Sequence[Task], count: int) -> tuple[Task, ...]:
        """So many of the tier; with a capacity provider strategy one by one, from where its shares say."""
        standing = self._without_stopping(self.crew.stay)
        providers = self.goal.revision.providers if self.goal.revision is not None else ()
        if not providers:
            return self._victims(tier, count, standing)
        left, chosen = list(tier), []
        for _ in range(min(count, len(left))):
            name = surplus(providers, per_provider(standing), per_provider(left))
            [victim] = self._victims([task for task in left if task.provider == name], 1, standing)
            left.remove(victim)
            standing.remove(victim)
            chosen.append(victim)
        return tuple(chosen)

    def _without_stopping(self, tasks: Iterable[Task]) -> list[Task]:
        return [task for task in tasks if task.id not in self._stopping]

    def _tiers(self, tasks: Sequence[Task]) -> Iterable[list[Task]]:
        own = self.goal.revision.id if self.goal.revision is not None else None
        for healthy in (False, True):
            for other in (True, False):
                tier = [
                    t for t in tasks if self.census.is_healthy(t) is healthy and (t.revision != own) is other
                ]
                if tier:
                    yield tier

    def _victims(self, candidates: Sequence[Task], count: int, standing: Iterable[Task]) -> tuple[Task, ...]:
        if count <= 0 or not candidates:
            return ()
        by_id = {task.id: task for task in candidates}
        chosen = choose_victims(
            self.snapshot.instances,
            candidates,
            min(count, len(candidates)),
            demands=self.demands,
            tasks_by_instance=_per_instance(standing),
            request=self._request(self.goal.revision) if self.goal.revision is not None else None,
            strategies=self.goal.revision.strategies if self.goal.revision is not None else (),
            seed=self.snapshot.seed,
        )
        return tuple(by_id[key] for key in chosen)

    def _request(self, revision: Revision) -> Request:
        return Request.of(revision, self.snapshot.group)

    def _stop_down_to(self, floor: int, most: int | None = None) -> None:
        """Stop tasks to be replaced while `floor` still serve. First those that are not healthy (any that have not
        even started: they serve nobody), then healthy ones by placement. `most`: to make room for so many, so only
        where the engine answers and the room comes soon."""
        left = len(self.crew.replace) if most is None else most
        ailing, healthy = self._to_replace(reachable=most is not None)
        if most is None:
            spared = self._spared()
            healthy = [task for task in healthy if task.id not in spared]
        for task in ailing:
            if left > 0 and self.budget.allows([task], floor):
                self._replace(task)
                left -= 1
        spare = min(left, self.budget.healthy - floor)
        for task in self._victims(healthy, spare, self._without_stopping(self.census.active)):
            self._replace(task)

    def _spared(self) -> frozenset[str]:
        """Healthy tasks of other revisions that go only to make room; never more than are desired."""
        if not self.goal.sparing:
            return frozenset()
        draining = {one.id for one in self.snapshot.instances if one.status == "DRAINING"}
        well = [t for t in self.crew.replace if self.census.is_healthy(t) and t.instance not in draining]
        well.sort(key=lambda task: (task.created_at, task.id))
        return frozenset(task.id for task in well[: self.limits.desired])

    def _to_replace(self, *, reachable: bool) -> tuple[list[Task], list[Task]]:
        """Those to be replaced and not stopped yet: (not healthy, the never healthy first; healthy)."""
        left = self._without_stopping(self.crew.replace)
        if reachable:
            left = [task for task in left if self._answers(task)]
        ailing = [task for task in left if not self.census.is_healthy(task)]
        ailing.sort(key=lambda task: (self.census.was_healthy(task), task.created_at, task.id))
        return ailing, [task for task in left if self.census.is_healthy(task)]

    # ---- starting ------------------------------------------------------------------------------

    def _start(self, missing: int) -> int | None:
        """Start what is missing. Answers how many maximumPercent allows; None where nothing may be started now
        for another reason, so that stopping something would not help."""
        revision = self.goal.revision
        if revision is None or missing == 0:
            return None
        goal = self.goal
        wait = throttle(
            goal.failures, goal.last_started_at, self.limits.desired, self.snapshot.timing, self.now
        )
        if wait is not None and self.now < wait.until:
            self.outcome.throttled = wait
            return None
        # 10 desired, upper limit 15, 12 live (stopping ones too): room for 3.
        allowed = min(missing, max(0, self.limits.upper - len(self.census.live)))
        self._pools = place_by_strategy(
            revision.providers,
            self.snapshot.instances,
            self._request(revision),
            allowed,
            per_provider(task for task in self.crew.stay if task.id not in self._stopping),
            tasks_by_instance=_per_instance(self.crew.stay),
            taken_by_instance=self._taken(),
            strategies=revision.strategies,
            seed=self.snapshot.seed,
        )
        for pool in self._pools:
            self.outcome.starts += [
                StartTask(revision.id, self.goal.deployment, instance, provider)
                for instance, provider in pool.placed
            ]
            self.outcome.unplaced += pool.unplaced
            self.outcome.refusal = self.outcome.refusal or pool.refusal
        return allowed

    def _rebalance(self) -> None:
        """Where all is calm and the zones are not even: start tasks where there are fewest."""
        goal, stay = self.goal, self.crew.stay
        if len(stay) < self.limits.desired or self.crew.replace or not rebalance.applies(self.snapshot, goal):
            return
        if goal.revision is None or not self._is_idle() or not all(map(self._answers, stay)):
            return
        wait = throttle(
            goal.failures, goal.last_started_at, self.limits.desired, self.snapshot.timing, self.now
        )
        if wait is not None and self.now < wait.until:
            self.outcome.throttled = wait
            return
        room = self.limits.upper - len(self.census.live)
        made = self.outcome.moves = rebalance.moves(self.snapshot, goal, stay, room)
        self.outcome.starts += made.starts
        if made.starts:
            self.outcome.unbalanced = rebalance.told(rebalance.zones(self.snapshot, goal.revision, stay))

    # ---- no room to start first ----------------------------------------------------------------

    def _make_room_in_count(self, over: int) -> None:
        """`over` tasks are missing that maximumPercent does not allow: stop as many, down to the lower limit.
        What is on its way down already makes room too (where its engine answers)."""
        coming = sum(1 for task in self.census.leaving if self._answers(task))
        wanted = over - coming - len(self._stopping)
        if wanted <= 0:
            return
        self._stop_down_to(self.limits.lower, wanted)
        if self._is_idle():
            self._stop_one_unhealthy()

    def _stop_one_unhealthy(self) -> None:
        """Nothing moves, and those that serve are too few to stop any but the UNHEALTHY. ECS: one by one."""
        ailing, _ = self._to_replace(reachable=True)
        for task in ailing[:1]:
            self._replace(task)

    def _is_idle(self) -> bool:
        still = all(self.census.is_healthy(task) for task in self.crew.stay)
        return still and not (self._stopping or self.outcome.starts or self.census.leaving)

    def _make_room_on_instances(self) -> None:
        """Tasks that maximumPercent allows but no instance has room for: stop those that take the room, down to
        the lower limit, and only whole groups that let a task in."""
        refused = [pool for pool in self._pools if pool.unplaced]
        lacking = [pool for pool in refused if not self._make_room_in(pool)]
        if refused:
            self.outcome.refusal = lacking[0].refusal if lacking else None

    def _make_room_in(self, pool: Pool) -> bool:
        """Whether room for all that the pool could not place is on its way."""
        by_id = {task.id: task for task in self.crew.replace}
        room = self._room(pool)
        gained = room.coming
        for group in room.groups:
            tasks = [by_id[key] for key in group]
            lone_unhealthy = len(tasks) == 1 and not self.census.is_healthy(tasks[0]) and self._is_idle()
            if lone_unhealthy or self.budget.allows(tasks, self.limits.lower):
                for task in tasks:
                    self._replace(task)
                gained += 1
        return gained >= pool.unplaced

    def _room(self, pool: Pool) -> Room:
        chosen = Counter(start.instance for start in self.outcome.starts)
        active = {task.id for task in self.census.active} - self._stopping.keys()
        leaving = [task for task in self.snapshot.tasks if task.id not in active and self._answers(task)]
        ailing, healthy = self._to_replace(reachable=True)
        return make_room(
            [
                reserved(instance, pool.request.demand, chosen[instance.id], self.snapshot.group)
                for instance in self.snapshot.instances
            ],
            pool.request,
            pool.unplaced,
            demands=self.demands,
            leaving=leaving,
            candidates=[*ailing, *healthy],
            taken_by_instance=self._taken() + chosen,
        )

    def _taken(self) -> Counter[str]:
        """Tasks of the service on each instance."""
        return _per_instance(self.snapshot.tasks) + Counter(self.snapshot.neighbours)

    def _answers(self, task: Task) -> bool:
        """Whether its engine can end it soon."""
        instance = self.instances.get(task.instance or "")
        return instance is None or instance.connected

    def _is_blocked(self, over: int) -> bool:
        """Nothing can move: no room under maximumPercent, and minimumHealthyPercent forbids to make some."""
        return over > 0 and any(map(self._answers, self.crew.replace)) and self._is_idle()


def _per_instance(tasks: Iterable[Task]) -> Counter[str]:
    return Counter(task.instance for task in tasks if task.instance is not None)


def reconcile(snapshot: Snapshot, census: Census, goal: Goal, now: datetime) -> tuple[Outcome, Crew]:
    """Decide starts and stops. Pure: the same facts give the same answer."""
    reconciler = Reconciler(snapshot, census, goal, now)
    return reconciler.run(), reconciler.crew
