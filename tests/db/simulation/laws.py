"""The safety rules, held at every step against the rows and against the fake engines themselves."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from math import floor

from clusters.engine.fake_host import FakeContainer
from clusters.engine.port import LABEL_ROLE, LABEL_TASK_ARN
from services.models import Service, Task
from services.scheduler.model import Status
from tests.db.control.world import accounts
from tests.db.simulation.storm import GOOD, Storm

_LIVE = [str(status) for status in Status if status.order < Status.DEPROVISIONING.order]


class Laws:
    def __init__(self, storm: Storm) -> None:
        self.storm = storm
        self.world = storm.world
        self._status: dict[str, Status] = {}
        self._count: dict[int, int] = {}
        self._steps = 0
        self._strict = self.world.stalling == 0.0  # no worker ever outlives its lease

    def hold(self) -> None:
        rows = list(Task.objects.exclude(status="STOPPED").values_list("pk", "arn", "service_id", "status"))
        self._rule_1(Counter(service for _, _, service, status in rows if service and status in _LIVE))
        self._rule_3({pk: Status(status) for pk, _, _, status in rows})
        self._rule_4({arn for _, arn, _, _ in rows})
        self._steps += 1
        if self._steps % 20 == 0:
            assert accounts() == []

    def _rule_1(self, live: Counter[int]) -> None:
        """Above the maximum the number of tasks only falls."""
        for row in Service.objects.select_related("deployment").exclude(status="INACTIVE"):
            configuration = (row.deployment and row.deployment.configuration) or row.deployment_configuration
            limit = floor(row.desired_count * Fraction(configuration["maximumPercent"], 100))
            count, before = live[row.pk], self._count.get(row.pk, 0)
            assert count <= max(limit, before), f"rule 1: {count} tasks of {row.name}, at most {limit}"
            self._count[row.pk] = count

    def _rule_3(self, now: dict[str, Status]) -> None:
        for key, status in now.items():
            before = self._status.get(key, Status.PROVISIONING)
            assert status.order >= before.order, f"rule 3: task {key} went back from {before} to {status}"
        self._status = now

    def _rule_4(self, live: set[str]) -> None:
        for name, host in self.world.hosts.items():
            if name in self.storm.strangers:
                assert host.find("stranger") is not None, f"rule 4: the stranger on {name} was removed"
            names = Counter(c.spec.name for c in host.containers.values())
            assert max(names.values(), default=1) == 1, "two containers of one name"
            if self._strict:
                left = [c.spec.name for c in ours(host.containers.values()) if arn(c) not in live]
                assert not left, f"rule 4: {left} on {name} outlive their tasks"
            used: dict[str, int] = defaultdict(int)
            for c in ours(host.containers.values()):
                if c.status == "running" and c.labels.get(LABEL_ROLE) == "container":
                    used[arn(c)] += 1
            assert max(used.values(), default=1) == 1, f"a task runs twice on {name}"


def ours(containers: object) -> list[FakeContainer]:
    return [c for c in containers if c.spec.name != "stranger"]  # type: ignore[attr-defined]


def arn(container: FakeContainer) -> str:
    return container.labels.get(LABEL_TASK_ARN, "")


def arrived(storm: Storm) -> None:
    """Rows and engines are what the client was told would be, container by container."""
    wanted: Counter[str] = Counter()
    for name, wish in storm.wishes.items():
        row = storm.world.service(name)
        if wish.deleted:
            assert row.status == "INACTIVE", f"{name} is {row.status}: {row.waiting}"
            continue
        assert row.deployment_id is None and row.steady_since, f"{name} is not steady: {row.waiting}"
        assert row.desired_count == wish.count, f"rule 7: {name} forgot its count"
        tasks = storm.world.tasks(name)
        assert len(tasks) == wish.count, f"{name}: {len(tasks)} of {wish.count}"
        for task in tasks:
            assert task.revision is not None
            wanted[task.arn] += 1
            pin = task.revision.images["web"]["pin"]
            assert storm.world.hosts, pin
    alone = Task.objects.filter(service=None, status="RUNNING").values_list("arn", flat=True)
    wanted.update(alone)
    there: Counter[str] = Counter()
    for name, host in storm.world.hosts.items():
        for c in ours(host.containers.values()):
            assert arn(c) in wanted, f"rule 4: an orphan, {c.spec.name}, on {name}"
            if c.labels.get(LABEL_ROLE) == "container":
                assert c.status == "running", f"{c.spec.name} on {name} {c.status}"
                there[arn(c)] += 1
    assert there == wanted, f"engines: {there - wanted} too many, {wanted - there} missing"
    assert accounts() == []
    for task in Task.objects.filter(status="STOPPED").prefetch_related("containers"):
        assert task.stop_code and task.stopped_reason, f"rule 3: {task.pk} ended without a reason"
        image = task.containers.all()[0].image
        assert not (task.failed and image in GOOD), f"rule 8: {task.pk} of {image} counted as failed"
