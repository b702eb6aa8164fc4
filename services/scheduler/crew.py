"""Who stays and who is replaced, and how many may be stopped now. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.scheduler.census import Census
from services.scheduler.model import Snapshot, Status, Task
from services.scheduler.rollout import Goal


@dataclass(frozen=True, slots=True)
class Crew:
    """The active tasks, sorted by what is to become of them."""

    stay: tuple[
        Task, ...
    ]  # of the right revision, not UNHEALTHY, on an instance that stays: they fill the count
    replace: tuple[Task, ...]  # of another revision, UNHEALTHY, or on a DRAINING instance
    failed: tuple[Task, ...]  # UNHEALTHY and never were healthy: nothing is lost with them
    protected: tuple[Task, ...]  # to be replaced, but protected from it by the user


def muster(snapshot: Snapshot, census: Census, goal: Goal) -> Crew:
    draining = {i.id for i in snapshot.instances if i.status == "DRAINING"}
    stay: list[Task] = []
    replace: list[Task] = []
    failed: list[Task] = []
    protected: list[Task] = []
    for task in census.active:
        ours = not goal.rolling or (goal.revision is not None and task.revision == goal.revision.id)
        if task.id in census.unhealthy:
            # Protection is from scaling and deployments; ECS replaces unhealthy tasks all the same.
            (failed if ours and not census.was_healthy(task) else replace).append(task)
        elif ours and task.instance not in draining:
            stay.append(task)
        else:
            (protected if task.protected else replace).append(task)
    return Crew(tuple(stay), tuple(replace), tuple(failed), tuple(protected))


class Budget:
    """How many more tasks may be stopped without serving too little. Changes as stops are decided.

    Serving are the healthy tasks, and, of those to be replaced, the RUNNING ones that are not healthy: they may
    still answer (their health check may be what is wrong), so they are kept until others took over.

    Worked example: 10 desired, minimumHealthyPercent 80, 4 new healthy, 7 old healthy, 2 old UNHEALTHY.
    Serving 13. Down to the desired count: both UNHEALTHY ones, then healthy - 10 = 1 healthy one. Where there is
    no room to start the missing 6 first, down to the lower limit 8: two more.
    """

    def __init__(self, census: Census, crew: Crew) -> None:
        self._healthy = set(census.healthy)
        self._ailing = {t.id for t in crew.replace if t.status is Status.RUNNING} - self._healthy

    @property
    def healthy(self) -> int:
        return len(self._healthy)

    @property
    def serving(self) -> int:
        return len(self._healthy) + len(self._ailing)

    def allows(self, tasks: Iterable[Task], floor: int) -> bool:
        """Whether all of these, each to be replaced, may go while `floor` still serve. What serves nobody may."""
        ids = {task.id for task in tasks}
        healthy, ailing = len(ids & self._healthy), len(ids & self._ailing)
        if healthy and self.healthy - healthy < floor:
            return False
        return not ailing or self.serving - healthy - ailing >= floor

    def spend(self, task: Task) -> None:
        self._healthy.discard(task.id)
        self._ailing.discard(task.id)
