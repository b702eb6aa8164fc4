"""The safety rules, held against the fleet itself at every step: rows and engines, not plans.

What only a plan can break (the lower bound of rule 1, rule 5, rule 8) `tests/unit/scheduler/rules.py` holds for every
plan that is made here. `test_laws.py` breaks each law on purpose.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import floor

from services.scheduler.model import Status
from tests.unit.simulation.driving import Driving


class Laws:
    """`hold()` after every step. Remembers what was, to see what moved."""

    def __init__(self, fleet: Driving) -> None:
        self.fleet = fleet
        self._status: dict[str, Status] = {}
        self._count: dict[str, int] = {}
        self._strict = fleet.stalling == 0.0  # no worker ever outlives its lease

    def hold(self) -> None:
        self._rule_1()
        self._rule_2()
        self._rule_3()
        self._rule_4()
        self._health()

    def _rule_1(self) -> None:
        """Above the maximum the number of tasks only falls."""
        for service in self.fleet.services.values():
            count = sum(
                1 for t in self.fleet.of(service.name) if t.status.order < Status.DEPROVISIONING.order
            )
            limit = floor(service.desired * Fraction(service.percent[1], 100))
            before = self._count.get(service.name, 0)
            assert count <= max(limit, before), f"rule 1: {count} tasks of {service.name}, at most {limit}"
            self._count[service.name] = count

    def _rule_2(self) -> None:
        for host in self.fleet.hosts.values():
            here = [self.fleet.demand(t) for t in self.fleet.live.values() if t.host == host.id]
            assert sum(d.cpu for d in here) <= host.cpu, f"rule 2: CPU of {host.id}"
            assert sum(d.memory for d in here) <= host.memory, f"rule 2: memory of {host.id}"
            assert sum(d.gpus for d in here) <= host.gpus, f"rule 2: GPUs of {host.id}"
            ports = Counter(port for d in here for port in d.ports)
            assert max(ports.values(), default=1) == 1, f"rule 2: ports of {host.id}"

    def _rule_3(self) -> None:
        for task in self.fleet.live.values():
            before = self._status.get(task.id, Status.PROVISIONING)
            assert task.status.order >= before.order, f"rule 3: {task.id} went back to {task.status}"
            self._status[task.id] = task.status

    def _rule_4(self) -> None:
        """No container outlives its task, none runs twice, and a stranger's is never touched."""
        running = Counter(
            c.task for _, c in self.fleet.containers() if c.name == "app" and c.status == "running"
        )
        assert max((n for task, n in running.items() if task), default=1) == 1, "a task runs twice"
        for host in self.fleet.hosts.values():
            assert host.containers["", "stranger"].status == "running", f"rule 4: the stranger on {host.id}"
            for key, _ in host.containers:
                known = not key or key in self.fleet.live or key == "gone"
                assert known or not self._strict, f"rule 4: {key} on {host.id} outlives its task"

    def _health(self) -> None:
        """What never runs for 40 s is never healthy, whatever the clock says and whoever did not hear of its end: no
        deployment completes over it (rule 5), and its failures count (rule 8)."""
        for task in self.fleet.live.values():
            passed = task.healthy_at is not None and task.fate in ("crashes", "fails to start")
            assert not passed, f"health: {task.id}, that {task.fate}, counts as healthy"


def arrived(fleet: Driving) -> None:
    """Rows and engines are what the users asked for, container by container."""
    wanted: Counter[tuple[str, str]] = Counter()
    for service in fleet.services.values():
        if service.status != "ACTIVE":
            assert service.status == "INACTIVE" and not fleet.of(service.name), f"{service.name} is not gone"
            continue
        assert service.deployment is None, (
            f"{service.name} still deploys: {service.deployment} {service.waiting}"
        )
        live = fleet.of(service.name)
        assert len(live) == service.desired, f"{service.name}: {len(live)} of {service.desired} tasks"
        assert service.steady or service.completed is None, f"{service.name} is not steady: {service.waiting}"
        for task in live:
            assert task.status is Status.RUNNING and task.desired == "RUNNING", task
            # An ABORT leaves what runs as it is, and so does a rollback that fails.
            left = service.ended and service.ended[-1][1] in ("STOPPED", "ROLLBACK_FAILED")
            assert task.revision == service.completed or left, task
            wanted[task.host, task.id] += 2 if fleet.needs_pause(task) else 1
    there = Counter((host.id, c.task) for host, c in fleet.containers() if c.task and c.status == "running")
    assert there == wanted, f"engines: {there - wanted} too many, {wanted - there} missing"
    left = [c for _, c in fleet.containers() if c.task and c.task not in fleet.live]
    assert not left, f"rule 4: orphans {left}"
    ended = [task for task in fleet.tasks.values() if task.status is Status.STOPPED]
    assert all(task.code is not None and task.reason for task in ended), "rule 3: an end without a reason"
    blamed = [t for t in ended if t.failed and t.fate == "good"]
    assert not blamed, f"rule 8: {blamed[0]} counted as failed"
