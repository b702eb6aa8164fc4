"""Each law of the second storey can be broken: a quiet installation, doctored in one way at a time, is found out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from access.models import AuditRecord
from base.errors import AccessDenied, ClientError
from clusters.engine.fake_host import FakeContainer, FakeHost
from clusters.engine.port import LABEL_TASK_ARN
from clusters.models import ContainerInstance
from services.models import Deployment, Service, ServiceRevision, Task
from tests.db.simulation.arrival import arrived
from tests.db.simulation.asking import ask
from tests.db.simulation.engines import ours
from tests.db.simulation.haunted import Haunted, Killed
from tests.db.simulation.laws import Laws
from tests.db.simulation.storm import Storm, Wish

Haunt = Callable[[int, Callable[..., None]], Haunted]
_COUNT = 5


class Quiet:
    """One service of five good tasks, its second deployment completed; nothing else happens."""

    def __init__(self, haunt: Haunt) -> None:
        self.world = haunt(1, lambda *words: None)
        self.storm = Storm(self.world)
        self.world.lost = self.world.doubled = self.world.dying = self.world.stalling = self.world.weaving = (
            0.0
        )
        self.laws = Laws(self.storm)
        self.world.after_step = self.laws.hold
        for name, wish in self.storm.wishes.items():
            wish.count = _COUNT if name == "s0" else 0
            least = {"minimumHealthyPercent": 100, "maximumPercent": 200}
            definition = self.storm._definition("good:1")
            self.world.update(
                name,
                desired_count=wish.count,
                task_definition=definition,
                deployment_configuration=least,
            )
        self.world.run(300)
        self.laws.hold()
        arrived(self.storm)

    @property
    def service(self) -> Service:
        return self.world.service("s0")

    @property
    def task(self) -> Task:
        return self.world.tasks("s0")[0]

    def set(self, **values: Any) -> None:
        """Of one task."""
        Task.objects.filter(pk=self.task.pk).update(**values)

    def on_engine(self) -> tuple[FakeHost, FakeContainer]:
        found = ((h, c) for h in self.world.hosts.values() for c in ours(h.containers.values()))
        return next((h, c) for h, c in found if c.labels.get(LABEL_TASK_ARN) == self.task.arn)

    def stranger(self) -> tuple[FakeHost, FakeContainer]:
        host = self.world.hosts["h0"]
        found = host.find("stranger")
        assert found is not None
        return host, found

    def one_more(self, **values: Any) -> None:
        """A task like another, with its room."""
        row = self.task
        row.pk = row.id = f"copy{Task.objects.count()}"
        row.arn = f"{row.arn}/{row.pk}"
        for name, value in values.items():
            setattr(row, name, value)
        row.save(force_insert=True)

    def revision(self) -> ServiceRevision:
        """Another one, that never was rolled out."""
        row = self.service.completed_revision
        assert row is not None
        row.pk, row.arn, row.number = "never", "never", 99
        row.save(force_insert=True)
        return row

    def deploying(self, **values: Any) -> None:
        deployment = self.world.deployment("s0")
        Deployment.objects.filter(pk=deployment.pk).update(**values)
        Service.objects.filter(pk=self.service.pk).update(deployment=deployment)

    def other(self) -> str:
        """An earlier revision, that completed once."""
        return str(self.service.revisions.order_by("number")[0].pk)

    @contextmanager
    def undone(self) -> Iterator[Laws]:
        """Rows, engines and what the laws know are as before afterwards."""
        engines = {name: copy.deepcopy(host.containers) for name, host in self.world.hosts.items()}
        wishes, completions = copy.deepcopy(self.storm.wishes), copy.deepcopy(self.storm.completions)
        frozen, ports, now = dict(self.storm.frozen), dict(self.storm.ports), self.world.clock.now()
        trial = Laws(self.storm)
        trial._before, trial._ended = self.laws._before, set(self.laws._ended)
        trial._looked = now
        with transaction.atomic():
            yield trial
            transaction.set_rollback(True)
        for name, host in self.world.hosts.items():
            host.containers = engines[name]
        self.storm.wishes, self.storm.completions = wishes, completions
        self.storm.frozen, self.storm.ports = frozen, ports


def _twice(quiet: Quiet, name: str) -> None:
    host, container = quiet.on_engine()
    again = copy.copy(container)
    again.id, again.spec = "again", replace(container.spec, name=name or container.spec.name)
    host.containers["again"] = again


def _spec(quiet: Quiet, **values: Any) -> None:
    _, container = quiet.on_engine()
    container.spec = replace(container.spec, **values)


def _unlabelled(quiet: Quiet) -> None:
    _, container = quiet.on_engine()
    container.labels = {**container.labels, LABEL_TASK_ARN: "arn:of:nobody"}


def _fewer(quiet: Quiet) -> None:
    own = Task.objects.filter(service=quiet.service)
    own.update(desired_status="STOPPED", stop_code="ServiceSchedulerInitiated")


def _ended(quiet: Quiet, **values: Any) -> None:
    fields = {"stop_code": "UserInitiated", "stopped_reason": "x", "stopped_at": quiet.world.clock.now()}
    quiet.set(status="STOPPED", desired_status="STOPPED", **(fields | values))


def _port(quiet: Quiet) -> None:
    quiet.storm.ports[quiet.task.task_definition_id] = ((8000, "tcp"),)


def _completed(quiet: Quiet) -> None:
    Service.objects.filter(pk=quiet.service.pk).update(completed_revision=quiet.other())


def _wish(quiet: Quiet) -> None:
    quiet.storm.wishes["s9"] = Wish(1, "good:1")


# What is done to it, and what is said.
DOCTORED: list[tuple[str, Callable[[Quiet], Any]]] = [
    (r"rule 1: 11 tasks of s0, at most 10", lambda q: [q.one_more() for _ in range(6)]),
    (r"rule 1: 0 healthy of s0 left, at least 5", _fewer),
    (r"rule 2: reserved CPU", lambda q: ContainerInstance.objects.update(cpu_reserved=F("cpu_reserved") + 1)),
    (r"rule 2: reserved memory", lambda q: ContainerInstance.objects.update(memory_reserved=0)),
    (r"rule 2: a port is given twice", _port),
    (r"rule 3: .* went back from RUNNING to PENDING", lambda q: q.set(status="PENDING")),
    (r"rule 3: .* vanished", lambda q: Task.objects.filter(pk=q.task.pk).delete()),
    (r"rule 3: .* ended without", lambda q: _ended(q, stop_code="")),
    (r"rule 3: .* ended without", lambda q: _ended(q, stopped_reason="")),
    (r"rule 4: the stranger on h0 was removed", lambda q: q.stranger()[0].containers.pop(q.stranger()[1].id)),
    (r"rule 4: the stranger on h0 was touched", lambda q: setattr(q.stranger()[1], "status", "exited")),
    (r"rule 4: two containers of one name", lambda q: _twice(q, "")),
    (r"rule 4: a task runs twice", lambda q: _twice(q, "another")),
    (r"rule 4: .* outlive their tasks", _unlabelled),
    (r"rule 5: .* is called completed", _completed),
    (r"rule 5: s0 goes back to", lambda q: q.deploying(status="ROLLBACK_IN_PROGRESS", rollback=q.other())),
    (r"rule 5: s0 starts never", lambda q: q.one_more(revision=q.revision())),
    (r"rule 5: .* is of sha256:other", lambda q: _spec(q, image="sha256:other")),
    (r"rule 5: .* has another configuration", lambda q: _spec(q, environment=())),
    (r"rule 7: s0 wants 3, not 5", lambda q: Service.objects.filter(name="s0").update(desired_count=3)),
    (r"rule 7: \['s9'\] are gone", _wish),
    (r"rule 8: .* of good:1 counted as failed", lambda q: _ended(q, failed=True)),
    (r"rule 8: s0's breaker tripped", lambda q: q.deploying(status_reason="circuit breaker: 3 tasks failed")),
]


@pytest.fixture
def quiet(haunt: Haunt) -> Quiet:
    return Quiet(haunt)


def test_every_law_can_be_broken(quiet: Quiet) -> None:
    for said, doctor in DOCTORED:
        with quiet.undone() as laws:
            doctor(quiet)
            with pytest.raises(AssertionError, match=said):
                laws.hold()
    quiet.laws.hold()


@pytest.mark.parametrize("room", ["cpu", "memory"])
def test_more_than_was_registered_the_database_itself_refuses(quiet: Quiet, room: str) -> None:
    with quiet.undone(), pytest.raises(IntegrityError), transaction.atomic():
        ContainerInstance.objects.update(**{room: 1})


def test_who_ended_does_not_live_again(quiet: Quiet) -> None:
    with quiet.undone() as laws:
        laws._ended.add(quiet.task.pk)
        with pytest.raises(AssertionError, match=r"rule 3: .* lives again"):
            laws.hold()


def test_a_live_task_does_not_lack_its_containers_for_long(quiet: Quiet) -> None:
    with quiet.undone() as laws:
        host, container = quiet.on_engine()
        del host.containers[container.id]
        laws.hold()
        for _ in range(6):
            quiet.world.clock.advance(50)
            laws.hold()
        quiet.world.clock.advance(50)
        with pytest.raises(AssertionError, match=r"rule 4: .* lack their containers"):
            laws.hold()


# ---- rule 6 ------------------------------------------------------------------------------------


def _unrecorded() -> None:
    Service.objects.filter(name="s0").update(desired_count=1)


def _refused(error: Exception) -> None:
    raise error


def _changed_and_refused() -> None:
    _unrecorded()
    raise ClientError("no")


def _cut_off() -> None:
    _unrecorded()
    raise Killed("in the middle")


def _recorded_and_refused() -> None:
    AuditRecord.objects.create(operation="x", action="x", face="system", result="success")
    raise ClientError("no")


BAD_CALLS: list[tuple[str, Callable[[], None]]] = [
    ("a write is not in the audit trail", _unrecorded),
    (r"refused, but \['Service'\] changed", _changed_and_refused),
    ("refused, but recorded as done", _recorded_and_refused),
    ("a denial is not in the audit trail", lambda: _refused(AccessDenied("no", action="x", resource="*"))),
    (r"cut off, \['Service'\] changed", _cut_off),
]


def test_what_a_call_may_not_do(quiet: Quiet) -> None:
    for said, call in BAD_CALLS:
        with quiet.undone(), pytest.raises(AssertionError, match=f"rule 6: {said}"):
            ask(quiet.world, call)


# ---- arrival -----------------------------------------------------------------------------------


def _orphan(quiet: Quiet) -> None:
    _twice(quiet, "orphan")
    quiet.on_engine()[0].containers["again"].labels = {}


def _wants(quiet: Quiet, **values: Any) -> None:
    for name, value in values.items():
        setattr(quiet.storm.wishes["s0"], name, value)


NOT_ARRIVED: list[tuple[str, Callable[[Quiet], Any]]] = [
    (r"s0 is ACTIVE", lambda q: _wants(q, deleted=True)),
    (r"s0 is not steady", lambda q: Service.objects.filter(name="s0").update(steady_since=None)),
    (r"rule 7: s0 forgot its count", lambda q: _wants(q, count=4)),
    (r"s0: 4 of 5", _ended),
    (r"rule 5: s0 runs", _completed),
    (r"rule 7: s0 lost one", lambda q: _wants(q, deployments=99)),
    (r"rule 4: an orphan", _orphan),
    (r"rule 4: .* missing", lambda q: q.on_engine()[0].containers.pop(q.on_engine()[1].id)),
    (r"rule 4: .* is exited", lambda q: setattr(q.on_engine()[1], "status", "exited")),
    (r"rule 7: .* never ended", lambda q: Deployment.objects.update(finished_at=None)),
    (r"rule 8: the breaker of", lambda q: Deployment.objects.update(status_reason="circuit breaker")),
]


def test_what_is_no_arrival(quiet: Quiet) -> None:
    for said, doctor in NOT_ARRIVED:
        with quiet.undone():
            doctor(quiet)
            with pytest.raises(AssertionError, match=said):
                arrived(quiet.storm)
    arrived(quiet.storm)
