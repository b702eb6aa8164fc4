"""Planning a service: claim, snapshot, plan, and apply it a moment later, unless an operation came between."""

from __future__ import annotations

from datetime import timedelta

from services.scheduler.model import (
    Announce,
    Deployment,
    DeploymentStatus,
    FinishService,
    MarkHealthy,
    Plan,
    SetDeployment,
    SetSteady,
    StartTask,
    StopTask,
)
from services.scheduler.plan import plan
from tests.unit.scheduler.rules import check
from tests.unit.simulation.driving import Driving
from tests.unit.simulation.records import Host, ServiceRow, TaskRow

_FINISHED = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")


class Planning(Driving):
    def reconcile(self, name: str) -> None:
        service, owner = self.services[name], self.serial("w")
        if service.status != "INACTIVE" and service.due.claim(self.now, owner):
            self._decide(service, owner)

    def _decide(self, service: ServiceRow, owner: str) -> None:
        if self.dies() or service.status == "INACTIVE":
            return
        facts = self.snapshot(service)
        made = plan(facts, self.now)
        check(facts, made, self.now)
        self._breaker_is_just(service, made)
        print_of = service.fingerprint()
        self.after(self.work_seconds(), lambda: self._apply(service, owner, made, print_of))

    def _breaker_is_just(self, service: ServiceRow, made: Plan) -> None:
        tripped = [a for a in made.actions if isinstance(a, SetDeployment) and "circuit breaker" in a.reason]
        character = service.characters.get(service.effective() or "")
        # A mended one may trip over what it did before.
        assert not tripped or character != "good", "rule 8: a breaker tripped over others' doing"

    def _apply(self, service: ServiceRow, owner: str, made: Plan, print_of: tuple[object, ...]) -> None:
        """One transaction: all of it or nothing."""
        if self.dies():
            return
        if service.due.owner != owner:
            return
        wake_at = made.wake_at
        if service.fingerprint() != print_of:
            wake_at = self.now
        elif self._apply_all(service, made):
            wake_at = self.now + timedelta(seconds=1)
        elif made.of(SetDeployment):
            wake_at = self.now
        if self.dies():
            return
        if service.due.release(self.now, owner, wake_at):
            self.later(service.due, self.reconcile, service.name)
        elif service.due.renew(self.now, owner):
            service.due.wake_at = None
            self._decide(service, owner)

    def _apply_all(self, service: ServiceRow, made: Plan) -> bool:
        """True where an instance had no room any more."""
        refused = False
        service.waiting = made.waiting
        for action in made.actions:
            self.say("    ", service.name, action)
            match action:
                case MarkHealthy(task):
                    row = self.tasks[task]
                    row.healthy_at = row.healthy_at or self.now
                case StopTask(task, code, reason, failed):
                    self.ask_to_stop(self.tasks[task], code, reason, failed=failed)
                case StartTask(revision, deployment, host):
                    refused = not self._create(service, revision, deployment, self.hosts[host]) or refused
                case SetDeployment():
                    self._set_deployment(service, action)
                case SetSteady(steady):
                    service.steady = steady
                case Announce(message):
                    service.events.append(message)
                case FinishService():
                    service.status = "INACTIVE"
        return refused

    def _create(self, service: ServiceRow, revision: str, deployment: str | None, host: Host) -> bool:
        """Take the room on the host, if it is still there, and create the task."""
        demand, here = service.revisions[revision].demand, self.instance(host)
        if (
            here.status != "ACTIVE"
            or here.cpu_reserved + demand.cpu > host.cpu
            or here.memory_reserved + demand.memory > host.memory
            or demand.ports & here.ports
            or here.gpus_reserved + demand.gpus > host.gpus
        ):
            return False
        fate = service.characters[revision]
        if fate == "flaky":
            fate = self.random.choice(["good", "good", "fails to start", "crashes", "turns unhealthy"])
        key = self.serial("t")
        row = TaskRow(key, service.name, revision, deployment, host.id, self.now, fate)
        self.tasks[key] = self.live[key] = row
        self.wake_task(key)
        return True

    def _set_deployment(self, service: ServiceRow, move: SetDeployment) -> None:
        now = service.deployment
        assert now is not None
        back = move.status is DeploymentStatus.ROLLBACK_IN_PROGRESS
        service.deployment = Deployment(
            now.id,
            move.status,
            now.target,
            move.rollback or now.rollback,
            now.created_at,
            self.now if back else now.rollback_started_at,
        )
        if move.revision is not None:
            service.completed = move.revision
        if move.status in _FINISHED:
            service.ended.append((now.target, move.status))
            service.deployment = None
