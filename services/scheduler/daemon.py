"""Daemon services: one task on each instance that may have one. Standard library only.

How many tasks there should be follows from the instances, so `counted` sets the desired count before anything else of
a plan is worked out; limits, circuit breaker, completion and steadiness are then those of every service. Strategies
play no part. `reconcile` is in the place of `rolling.reconcile`:

    instance ─▶ may it have one (ACTIVE, constraints)? ─▶ its tasks: the best stays, the others go
             ─▶ the one that stays: replaced where it is ill or of another revision, within minimumHealthyPercent
             ─▶ none: start one, once nothing of ours is left there

A task is never started beside another one, so a rolling update stops before it starts: with maximumPercent 100 there
is no other way, and most daemons hold a port or a folder of their host.

A DRAINING instance keeps its daemon until its other tasks are gone: a log collector is to see them to their end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from services.scheduler import wording
from services.scheduler.census import Census, Limits
from services.scheduler.crew import Budget, Crew
from services.scheduler.filters import SUITABLE, Request, Slot, fits, refusal
from services.scheduler.model import (
    AUTO_SCALING_GROUP,
    Instance,
    Provider,
    Revision,
    Snapshot,
    StartTask,
    Status,
    StopCode,
    StopTask,
    Task,
)
from services.scheduler.rolling import Outcome
from services.scheduler.rollout import Goal, wanted_revision
from services.scheduler.throttle import throttle


def counted(snapshot: Snapshot) -> Snapshot:
    """The same facts with the desired count that the instances make."""
    return replace(snapshot, desired_count=len(served(snapshot)))


def served(snapshot: Snapshot) -> frozenset[str]:
    """The instances that are to have a task. One that does not answer counts only while something of ours is left
    there: it fills its place under maximumPercent, and takes nobody else's."""
    revision = wanted_revision(snapshot)
    own: dict[str, list[Task]] = defaultdict(list)
    for task in snapshot.tasks:
        if task.instance is not None:
            own[task.instance].append(task)
    if revision is None:
        # The first deployment was stopped: what it started stays, and nothing is there to start more from.
        return frozenset(one.id for one in snapshot.instances if one.status == "ACTIVE" and own[one.id])
    return frozenset(one.id for one in snapshot.instances if _serves(snapshot, one, revision, own[one.id]))


def _serves(snapshot: Snapshot, instance: Instance, revision: Revision, own: list[Task]) -> bool:
    if revision.providers and provider_of(revision, instance) is None:
        return False
    slot = Slot.of(instance, 0, 0, snapshot.group)
    if not fits(slot, _request(revision, snapshot), SUITABLE):
        return False
    if instance.status == "ACTIVE":
        return instance.connected or bool(own)
    # Draining: nothing is started there, so what a deployment would replace goes at once.
    standing = [task for task in own if _stands(task)]
    current = snapshot.deployment is None or any(task.revision == revision.id for task in standing)
    return instance.others > 0 and bool(standing) and current


def provider_of(revision: Revision, instance: Instance) -> Provider | None:
    """The capacity provider that the instance is of, among those of the revision."""
    group = instance.attributes.get(AUTO_SCALING_GROUP)
    return next((one for one in revision.providers if one.group == group), None)


def _stands(task: Task) -> bool:
    return task.desired == "RUNNING" and task.status.order <= Status.RUNNING.order


def _request(revision: Revision, snapshot: Snapshot) -> Request:
    """What one needs of an instance; distinctInstance goes without saying."""
    return replace(Request.of(revision, snapshot.group), distinct_instance=False)


def _limits(snapshot: Snapshot) -> Limits:
    """Of a daemon, drainPercent of its instances may be without it, and always one: 25 of 10 are two, 25 of 3 one."""
    limits = Limits.of(snapshot)
    if snapshot.drain_percent is None:
        return limits
    at_once = max(1, int(limits.desired * snapshot.drain_percent / 100))
    return replace(limits, lower=max(0, limits.desired - at_once))


class Reconciler:
    """One plan's worth of decisions. Used once; the snapshot is never changed."""

    def __init__(self, snapshot: Snapshot, census: Census, goal: Goal, now: datetime) -> None:
        self.snapshot, self.census, self.goal, self.now = snapshot, census, goal, now
        self.limits = _limits(snapshot)
        self.served = served(snapshot)
        self.instances = {instance.id: instance for instance in snapshot.instances}
        self.outcome = Outcome()
        self.crew, self.failed, self.surplus, self.wrong = self._muster()
        self.budget = Budget(census, self.crew)
        self._refused = False

    def run(self) -> tuple[Outcome, Crew]:
        for task in self.failed:
            self._stop(task, wording.FAILED_HEALTH_CHECKS, failed=True)
        for task in (*self.surplus, *(task for task in self.wrong if not self._bakes(task))):
            if self.budget.allows([task], self.limits.lower):
                self._stop(task, self._why(task))
            else:
                self._refused = True
        self._start()
        still = not (self.outcome.stops or self.outcome.starts or self.census.leaving)
        well = all(self.census.is_healthy(task) for task in self.crew.stay)
        self.outcome.blocked = self._refused and still and well and self.outcome.throttled is None
        self.outcome.again = any(self._lingers(instance) for instance in self.snapshot.instances)
        return self.outcome, self.crew

    def _muster(self) -> tuple[Crew, list[Task], list[Task], list[Task]]:
        """(crew; ill and never well; not wanted where they are; to be replaced where they are)."""
        stay: list[Task] = []
        failed: list[Task] = []
        surplus: list[Task] = []
        wrong: list[Task] = []
        protected: list[Task] = []
        for place, tasks in self._by_instance().items():
            best = min(tasks, key=self._rank) if place in self.served else None
            for task in tasks:
                ill = task.id in self.census.unhealthy
                if ill and self._is_right(task) and not self.census.was_healthy(task):
                    failed.append(task)
                elif task is best and self._is_right(task) and not ill:
                    stay.append(task)
                elif task.protected and not ill:
                    protected.append(task)
                else:
                    (wrong if task is best else surplus).append(task)
        crew = Crew(tuple(stay), (*surplus, *wrong), tuple(failed), tuple(protected))
        return crew, failed, self._ill_first(surplus), self._ill_first(wrong)

    def _by_instance(self) -> dict[str, list[Task]]:
        found: dict[str, list[Task]] = defaultdict(list)
        for task in self.census.active:
            found[task.instance or ""].append(task)
        return found

    def _is_right(self, task: Task) -> bool:
        goal = self.goal
        return not goal.rolling or (goal.revision is not None and task.revision == goal.revision.id)

    def _rank(self, task: Task) -> tuple[object, ...]:
        """Whom to keep of several: protected, of the right revision, well, then the eldest."""
        own = self.goal.revision is not None and task.revision == self.goal.revision.id
        well = self.census.is_healthy(task)
        return not task.protected, not self._is_right(task), not own, not well, task.created_at, task.id

    def _ill_first(self, tasks: Iterable[Task]) -> list[Task]:
        """Those that serve nobody cost nothing."""
        return sorted(tasks, key=lambda task: (self.census.is_healthy(task), task.created_at, task.id))

    def _stop(self, task: Task, reason: str, *, failed: bool = False) -> None:
        stop = StopTask(task.id, StopCode.SERVICE_SCHEDULER_INITIATED, reason, failed=failed)
        self.outcome.stops.append(stop)
        self.budget.spend(task)

    def _bakes(self, task: Task) -> bool:
        """Whether a task that is well waits for the last step of the deployment to be watched long enough."""
        return self.goal.bakes_until is not None and task.id not in self.census.unhealthy

    def _why(self, task: Task) -> str:
        if task.id in self.census.unhealthy:
            return wording.FAILED_HEALTH_CHECKS
        instance = self.instances.get(task.instance or "")
        if instance is not None and instance.status == "DRAINING":
            return f"Container instance {instance.id} is draining"
        goal = self.goal
        who = f"deployment {goal.deployment}" if goal.deployment else self.snapshot.who
        return f"Scaling activity initiated by ({who})"

    # ---- starting ------------------------------------------------------------------------------

    def _start(self) -> None:
        revision = self.goal.revision
        manned = {task.instance for task in self.snapshot.tasks}
        empty = [
            instance for key in sorted(self.served - manned) if (instance := self.instances[key]).placeable
        ]
        if revision is None or not empty:
            return
        goal = self.goal
        wait = throttle(
            goal.failures, goal.last_started_at, self.limits.desired, self.snapshot.timing, self.now
        )
        if wait is not None and self.now < wait.until:
            self.outcome.throttled = wait
            return
        request = _request(revision, self.snapshot)
        room = max(0, self.limits.upper - len(self.census.live))
        full: list[Slot] = []
        for instance in empty:
            slot = Slot.of(instance, 0, 0, self.snapshot.group)
            if not fits(slot, request):
                full.append(slot)
            elif len(self.outcome.starts) < room:
                provider = provider_of(revision, instance)
                name = provider.name if provider is not None else ""
                self.outcome.starts.append(StartTask(revision.id, goal.deployment, instance.id, name))
        if full:
            self.outcome.unplaced = len(full)
            self.outcome.refusal = refusal([slot.instance for slot in full], full, request)

    def _lingers(self, instance: Instance) -> bool:
        """It drains, and its daemon waits for the others: nobody tells when they are gone."""
        return instance.status == "DRAINING" and instance.id in self.served


def reconcile(snapshot: Snapshot, census: Census, goal: Goal, now: datetime) -> tuple[Outcome, Crew]:
    """Decide starts and stops. `snapshot` is `counted`. Pure: the same facts give the same answer."""
    return Reconciler(snapshot, census, goal, now).run()
