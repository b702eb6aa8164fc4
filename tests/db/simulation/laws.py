"""The safety rules, held at every step against the rows and against the fake engines themselves.

Said apart from the code they judge: from what was there at the step before, what the client was told (`storm.wishes`)
and what the engines hold. `test_laws.py` breaks each of them on purpose. Rule 6 is held where users ask (`asking.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any

from clusters.models import ContainerInstance
from services.models import Deployment, Service, ServiceRevision, Task
from services.scheduler.model import Status
from services.taskdef.resources import resources
from tests.db.simulation.engines import Here, arn, container_of, on_engines
from tests.db.simulation.storm import GOOD, Storm

_LIVE = [str(status) for status in Status if status.order < Status.DEPROVISIONING.order]
_GRACE = timedelta(
    seconds=300
)  # for a lost event, a dead worker's lease and a missed comparison, one after the other
_TASK = (
    *("pk", "arn", "service_id", "status", "desired_status", "instance_id", "cpu", "memory", "revision_id"),
    *("healthy_at", "deployment_health", "started_at", "stop_code", "task_definition_id", "deployment_id"),
)
_ENDED = ("pk", "arn", "status", "stop_code", "stopped_reason", "stopped_at", "failed", "healthy_at")
Row = dict[str, Any]


@dataclass
class Before:
    """What the step before left behind."""

    tasks: dict[str, Row] = field(default_factory=dict)
    count: dict[int, int] = field(default_factory=dict)  # service -> live tasks
    least: dict[int, int] = field(default_factory=dict)  # service -> healthy ones, at least
    completed: dict[int, str | None] = field(default_factory=dict)  # service -> service revision


class Laws:
    def __init__(self, storm: Storm) -> None:
        self.storm = storm
        self.world = storm.world
        self.steps = 0
        self._before = Before()
        self._ended: set[str] = set()
        self._lacking: dict[str, datetime] = {}  # ARN -> since when it is without its containers
        self._looked = self.world.clock.now()
        self._strict = self.world.stalling == 0.0  # no worker ever outlives its lease

    def hold(self) -> None:
        self.steps += 1
        tasks = {row["pk"]: row for row in Task.objects.exclude(status="STOPPED").values(*_TASK)}
        gone = self._before.tasks.keys() - tasks.keys()
        ended = {row["pk"]: row for row in Task.objects.filter(pk__in=gone).values(*_ENDED)} if gone else {}
        services = list(Service.objects.select_related("deployment").exclude(status="INACTIVE"))
        after = Before(tasks=tasks)
        here = on_engines(self.world, tasks.values())
        self._rule_3(tasks, gone, ended)
        self._rule_8(services, ended)
        self._rule_1(services, after, ended)
        self._rule_7(services)
        self._rule_5(services, after, here)
        self._rule_2(tasks)
        self._rule_4(tasks, here)
        self._before = after

    # ---- 1: how many -------------------------------------------------------------------------------

    def _rule_1(self, services: list[Service], after: Before, ended: dict[str, Row]) -> None:
        """Above the maximum the number of tasks only falls; and no healthy one is stopped below the minimum."""
        live = Counter(row["service_id"] for row in after.tasks.values() if row["status"] in _LIVE)
        for row in services:
            configuration = (row.deployment and row.deployment.configuration) or row.deployment_configuration
            most = floor(row.desired_count * Fraction(configuration["maximumPercent"], 100))
            least = ceil(row.desired_count * Fraction(configuration["minimumHealthyPercent"], 100))
            count, before = live[row.pk], self._before.count.get(row.pk, 0)
            assert count <= max(most, before), f"rule 1: {count} tasks of {row.name}, at most {most}"
            after.count[row.pk], after.least[row.pk] = count, least
            if row.status == "ACTIVE":
                self._least(row, after, ended, min(least, self._before.least.get(row.pk, least)))

    def _least(self, service: Service, after: Before, ended: dict[str, Row], least: int) -> None:
        lost = [
            key
            for key, row in self._before.tasks.items()
            if row["service_id"] == service.pk
            and self._healthy(row)
            and (now := after.tasks.get(key) or ended.get(key) or row)["stop_code"]
            == "ServiceSchedulerInitiated"
            and now.get("desired_status") != "RUNNING"
        ]
        left = sum(self._healthy(row) for row in after.tasks.values() if row["service_id"] == service.pk)
        assert not lost or left >= least, f"rule 1: {left} healthy of {service.name} left, at least {least}"

    @staticmethod
    def _healthy(row: Row) -> bool:
        serves = row["status"] == row["desired_status"] == "RUNNING"
        return serves and row["healthy_at"] is not None and row["deployment_health"] != "UNHEALTHY"

    # ---- 2: room -----------------------------------------------------------------------------------

    def _rule_2(self, tasks: dict[str, Row]) -> None:
        """What is reserved is what the tasks take, and no port is given twice. (That it is within what was registered
        the database checks.)"""
        cpu: Counter[str] = Counter()
        memory: Counter[str] = Counter()
        ports: Counter[tuple[str, int, str]] = Counter()
        for row in tasks.values():
            cpu[row["instance_id"]] += row["cpu"]
            memory[row["instance_id"]] += row["memory"]
            for port, protocol in self._ports(row["task_definition_id"]):
                ports[row["instance_id"], port, protocol] += 1
        fields = ("pk", "cpu_reserved", "memory_reserved")
        for row in ContainerInstance.objects.values(*fields):
            key = row["pk"]
            assert row["cpu_reserved"] == cpu[key], f"rule 2: reserved CPU of {key}"
            assert row["memory_reserved"] == memory[key], f"rule 2: reserved memory of {key}"
        assert max(ports.values(), default=1) == 1, "rule 2: a port is given twice"

    def _ports(self, definition: int) -> tuple[tuple[int, str], ...]:
        if definition not in self.storm.ports:
            task = Task.objects.filter(task_definition=definition).select_related("task_definition")[0]
            self.storm.ports[definition] = resources(task.document).fixed_ports
        return self.storm.ports[definition]

    # ---- 3: statuses -------------------------------------------------------------------------------

    def _rule_3(self, tasks: dict[str, Row], gone: set[str], ended: dict[str, Row]) -> None:
        for key, row in tasks.items():
            assert key not in self._ended, f"rule 3: {key} lives again"
            before = self._before.tasks.get(key, {"status": "PROVISIONING"})["status"]
            now = row["status"]
            assert Status(now).order >= Status(before).order, (
                f"rule 3: {key} went back from {before} to {now}"
            )
        assert gone <= ended.keys(), f"rule 3: {gone - ended.keys()} vanished"
        for key, row in ended.items():
            why = row["stop_code"] and row["stopped_reason"] and row["stopped_at"]
            assert why, f"rule 3: {key} ended without a code, a reason or a time"
        self._ended |= gone

    # ---- 4: containers -----------------------------------------------------------------------------

    def _rule_4(self, tasks: dict[str, Row], here: list[Here]) -> None:
        for name, host in self.world.hosts.items():
            if name in self.storm.strangers:
                stranger = host.find("stranger")
                assert stranger is not None, f"rule 4: the stranger on {name} was removed"
                same = (stranger.id, stranger.run) == (self.storm.strangers[name], 1)
                same = same and (stranger.status == "running" or name in self.storm.restarted)
                assert same, f"rule 4: the stranger on {name} was touched: {stranger.state()}"
            names = Counter(c.spec.name for c in host.containers.values())
            assert max(names.values(), default=1) == 1, "rule 4: two containers of one name"
        running = Counter(one.arn for one in here if one.role == "container" and one.runs)
        assert max(running.values(), default=1) == 1, "rule 4: a task runs twice"
        live = {row["arn"] for row in tasks.values()}
        if self._strict:
            left = [one.container.spec.name for one in here if one.arn not in live]
            assert not left, f"rule 4: {left} outlive their tasks"
        self._lack(tasks, running)

    def _lack(self, tasks: dict[str, Row], running: Counter[str]) -> None:
        """No live task lacks its containers past the grace time, where its engine answers and a watcher watches."""
        now = self.world.clock.now()
        jumped = not timedelta(0) <= now - self._looked < timedelta(seconds=60)
        self._looked = now
        if jumped or not self.world.watching:
            self._lacking = {}
            return
        answering = {self.world.instances[name] for name, host in self.world.hosts.items() if host.reachable}
        lacking = {
            row["arn"]
            for row in tasks.values()
            if row["status"] == row["desired_status"] == "RUNNING"
            and row["instance_id"] in answering
            and not running[row["arn"]]
        }
        self._lacking = {key: self._lacking.get(key, now) for key in lacking}
        late = [key for key, since in self._lacking.items() if now - since > _GRACE]
        assert not late, f"rule 4: {late} lack their containers"

    # ---- 5: what is run, and gone back to -------------------------------------------------------------

    def _rule_5(self, services: list[Service], after: Before, here: list[Here]) -> None:
        for row in services:
            now, known = row.completed_revision_id, row.pk in self._before.completed
            before = self._before.completed.get(row.pk)
            after.completed[row.pk] = now
            if now != before:
                self._completion(row, now)
            deployment = row.deployment
            if deployment is not None and deployment.status.startswith("ROLLBACK") and known:
                to = deployment.rollback_id
                assert to in (None, before), f"rule 5: {row.name} goes back to {to}, not {before}"
        self._new_tasks(services, after)
        for one in here:
            if one.role == "container" and one.task is not None and one.task["revision_id"]:
                self._as_frozen(one)

    def _completion(self, service: Service, revision: str | None) -> None:
        """What is completed is what the newest deployment rolled out of those that ended well."""
        well = Deployment.objects.filter(service=service, status__in=("SUCCESSFUL", "ROLLBACK_SUCCESSFUL"))
        newest = well.order_by("-number").first()
        last = newest.effective.pk if newest is not None else None
        assert revision == last, f"rule 5: {revision} of {service.name} is called completed, not {last}"
        if revision is None:
            return
        done = self.storm.completions[service.name]
        self.storm.completions[service.name] = [one for one in done if one != revision] + [revision]

    def _new_tasks(self, services: list[Service], after: Before) -> None:
        """What is started is what is being rolled out, gone back to, or was completed."""
        by_key = {row.pk: row for row in services}
        for key in after.tasks.keys() - self._before.tasks.keys():
            task = after.tasks[key]
            row = by_key.get(task["service_id"])
            if row is None or task["revision_id"] is None:
                continue
            right = {row.completed_revision_id, self._before.completed.get(row.pk)}
            newest = Deployment.objects.filter(service=row).order_by("-number")[:1]
            right |= {one for d in newest for one in (d.target_id, d.rollback_id)}
            assert task["revision_id"] in right, f"rule 5: {row.name} starts {task['revision_id']}"

    def _as_frozen(self, one: Here) -> None:
        """With the image and the configuration of its own revision."""
        assert one.task is not None
        pin, mark = self._frozen(one.task["revision_id"])
        spec = one.container.spec
        assert spec.image == pin, f"rule 5: {spec.name} is of {spec.image}, not {pin}"
        environment = dict(spec.environment)
        assert environment.get("MARK") == mark, f"rule 5: {spec.name} has another configuration"

    def _frozen(self, revision: str) -> tuple[str, str]:
        if revision not in self.storm.frozen:
            row = ServiceRevision.objects.select_related("task_definition").get(pk=revision)
            [container] = row.task_definition.containers
            mark = next(pair["value"] for pair in container["environment"] if pair["name"] == "MARK")
            self.storm.frozen[revision] = row.images[container["name"]]["pin"], mark
        return self.storm.frozen[revision]

    # ---- 7 and 8 -------------------------------------------------------------------------------------

    def _rule_7(self, services: list[Service]) -> None:
        """What was accepted stands. Nor does a rollback ever touch the desired count (rule 5)."""
        for row in services:
            wish = self.storm.wishes.get(row.name)
            if wish is None:
                continue
            count = 0 if wish.deleted else wish.count
            assert row.desired_count == count, f"rule 7: {row.name} wants {row.desired_count}, not {count}"
        there = {row.name for row in services}
        lost = [name for name, wish in self.storm.wishes.items() if not wish.deleted and name not in there]
        assert not lost, f"rule 7: {lost} are gone"

    def _rule_8(self, services: list[Service], ended: dict[str, Row]) -> None:
        failed = [row for row in ended.values() if row["failed"]]
        for row in failed:
            image = container_of(row["pk"]).image
            assert image not in GOOD, f"rule 8: {row['pk']} of {image} counted as failed"
        for service in services:
            if service.deployment is not None and "circuit breaker" in service.deployment.status_reason:
                assert blamed(service.deployment) not in GOOD, f"rule 8: {service.name}'s breaker tripped"


def blamed(deployment: Deployment) -> str:
    """The image of what was being rolled out when its circuit breaker tripped."""
    back = deployment.status == "ROLLBACK_FAILED" and deployment.rollback is not None
    revision = deployment.rollback if back else deployment.target
    assert revision is not None
    return str(revision.task_definition.containers[0]["image"])


__all__ = ["Laws", "arn", "blamed"]
