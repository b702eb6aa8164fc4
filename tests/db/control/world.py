"""The control loop whole, in one thread and in made-up time: rows in the database, engines in memory, jobs run
in the order and at the time they are due. Nothing sleeps, so a day passes in the time its events take.

Stands in for what else runs: Celery (a queue of messages, which may be lost or doubled), beat (the sweep), and the
watcher (engine events wake tasks).
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from access.registry import system_caller
from base import outbox
from base.installation import installation_id
from base.prepared import Given, Prepared
from clusters import jobs as cluster_jobs
from clusters import operations as clusters
from clusters.connection import record_connected, record_disconnected
from clusters.engine.errors import EngineError
from clusters.engine.fake import FakeEngine
from clusters.engine.fake_host import FakeHost
from clusters.engine.fake_world import Behaviour, FakeClock
from clusters.engines import engine_of, forget
from clusters.models import ContainerInstance
from services import definitions, operations, task_operations, updating
from services import jobs as service_jobs
from services.control import standing, sweep
from services.models import Deployment, Service, Task

CALLER = system_caller("test")
BREAKER = {"enable": True, "rollback": True}
SWEEP = 5.0  # seconds between sweeps, as beat has it …
RARELY = 40.0  # … and after QUIET sweeps in which nothing happened
QUIET = 8
JOBS: dict[str, Callable[..., Any]] = {
    "services.reconcile_service": service_jobs.reconcile_service,
    "services.drive_task": service_jobs.drive_task,
    "services.resolve_images": service_jobs.resolve_images,
    "services.resolve_images_of_task_set": service_jobs.resolve_images_of_task_set,
    "services.clean_instance": service_jobs.clean_instance,
    "services.run_rule": service_jobs.run_rule,
    "services.collect_logs": service_jobs.collect_logs,
    "services.remove_helper": service_jobs.remove_helper,
    "clusters.probe_instance": cluster_jobs.probe_instance,
    "clusters.check_network": cluster_jobs.check_network,
    "base.deliver_facts": outbox.deliver,
}


class World:
    """See the fixture `world`."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.hosts: dict[str, FakeHost] = {}
        self.instances: dict[str, str] = {}  # host name -> instance id
        self.job_log: list[tuple[str, tuple[object, ...]]] = []
        self.losing: Callable[[str], bool] = lambda name: False  # messages of which jobs get lost
        self.copies = 1  # how often each message arrives
        self.watching = True
        self.sweeping = True
        self.sweep_every = SWEEP
        self._quiet = 0  # sweeps since anything happened
        self._queue: list[tuple[datetime, int, str, tuple[object, ...]]] = []
        self._order = itertools.count()
        self._seen: dict[str, int] = {}
        self._next_sweep = clock.now() + timedelta(seconds=SWEEP)

    # ---- engines -----------------------------------------------------------------------------------

    def open(self, url: str, installation: str) -> FakeEngine:
        return FakeEngine(self.hosts[url.removeprefix("fake://")], installation)

    def host(
        self, name: str = "one", *images: str, cpu: int = 4096, memory: int = 8192, gpus: Iterable[str] = ()
    ) -> FakeHost:
        """An engine with these images (built there, in no registry), registered in the cluster `default` and
        probed."""
        made = self.hosts[name] = FakeHost(clock=self.clock, name=name, cpu=cpu, memory=memory, gpus=gpus)
        for image in images:
            made.add_image(image)
        self._seen[name] = 0
        row = clusters.register_container_instance(CALLER, url=f"fake://{name}", name=name)
        self.instances[name] = row.id
        self.run(0)
        return made

    def instance(self, name: str = "one") -> ContainerInstance:
        return ContainerInstance.objects.select_related("cluster").get(pk=self.instances[name])

    def engine(self, name: str = "one") -> FakeEngine:
        """A connection of this installation's own."""
        return FakeEngine(self.hosts[name], installation_id())

    def lose(self, name: str = "one") -> None:
        """The engine stops answering, and the watcher notices."""
        self.hosts[name].go_down()
        record_disconnected(self.instance(name), f"The engine {name} did not answer.")
        forget(self.instance(name))

    def find(self, name: str = "one", *, restarted: bool = False) -> None:
        """It answers again (`restarted`: its containers ended meanwhile), and the watcher notices."""
        if restarted:
            self.hosts[name].restart()
        self.hosts[name].come_back()
        record_connected(self.instance(name), self.engine(name).info())
        self.align(name)

    def align(self, name: str = "one") -> tuple[int, int]:
        instance = self.instance(name)
        return standing.align(instance, engine_of(instance))

    # ---- operations --------------------------------------------------------------------------------

    def register(self, family: str = "web", image: str = "web:1", **container: Any) -> str:
        task = container.pop("task", {})
        one = {"name": family, "image": image, "cpu": 128, "memory": 64, **container}
        return str(
            definitions.register_task_definition(
                CALLER, document={"family": family, "containerDefinitions": [one], **task}
            )
        )

    def create(self, name: str = "web", definition: str = "web", count: int = 3, **given: Any) -> Service:
        configuration = given.pop("deployment_configuration", {})
        return operations.create_service(
            CALLER,
            service_name=name,
            task_definition=definition,
            desired_count=count,
            deployment_configuration={"deploymentCircuitBreaker": BREAKER, **configuration},
            **given,
        )

    def update(self, name: str = "web", **given: Any) -> Service:
        return updating.update_service(CALLER, service=name, **given)

    def run_task(self, definition: str = "web", **given: Any) -> task_operations.RunResult:
        return task_operations.run_task(CALLER, task_definition=definition, **given)

    # ---- rows --------------------------------------------------------------------------------------

    def service(self, name: str = "web") -> Service:
        """The last one of this name."""
        return _SERVICE.all(name=name)[0]

    def deployment(self, name: str = "web") -> Deployment:
        """The newest."""
        return _DEPLOYMENT.all(service=self.service(name).pk)[0]

    def tasks(self, name: str = "web", status: str = "RUNNING") -> list[Task]:
        rows = Task.objects.filter(service__name=name, status=status).prefetch_related("containers")
        return list(rows.select_related("task_definition__family", "revision").order_by("created_at", "id"))

    def events(self, name: str = "web") -> list[str]:
        return [event.message for event in reversed(self.service(name).events.all())]

    def running(self, host: str = "one") -> list[str]:
        """Images of the running containers of this installation, pause containers left out."""
        states = self.engine(host).list_containers({"slipway.role": "container"})
        return sorted(state.image for state in states if state.status == "running")

    # ---- time and messages -------------------------------------------------------------------------

    def send(self, name: str, *args: object, delay: float = 0.0) -> None:
        """In the place of base.jobs_by_name.send."""
        self._something_happened()
        if self.losing(name):
            return
        for _ in range(self.copies):
            due = self.clock.now() + timedelta(seconds=delay)
            heapq.heappush(self._queue, (due, next(self._order), name, args))

    def send_many(self, name: str, arguments: Iterable[object]) -> None:
        for argument in arguments:
            self.send(name, argument)

    def run(self, seconds: float = 60.0) -> None:
        """Let so much time pass, doing whatever comes due at its time. 0: only what is due now."""
        self._run(self.clock.now() + timedelta(seconds=seconds), lambda: False)

    def until(self, done: Callable[[], bool], seconds: float = 600.0) -> None:
        """Let time pass until `done()`; AssertionError if that takes longer."""
        self._run(self.clock.now() + timedelta(seconds=seconds), done)
        assert done(), (
            f"not within {seconds:g} s: {self.service().waiting if self.instances else ''} {self.events()}"
        )

    def until_steady(self, name: str = "web", seconds: float = 600.0) -> Service:
        def steady() -> bool:
            row = self.service(name)
            return row.deployment_id is None and row.steady_since is not None

        self.until(steady, seconds)
        return self.service(name)

    def _run(self, end: datetime, done: Callable[[], bool]) -> None:
        self._something_happened()
        for _ in range(100_000):
            if self._work() and done():
                return
            if self._queue and self._queue[0][0] <= self.clock.now():
                continue
            following = self._next_moment()
            if following is None or following > end:
                break
            self.clock.advance(max(0.0, (following - self.clock.now()).total_seconds()))
        else:
            raise AssertionError(f"the loop spins: {self.job_log[-10:]}")
        if end > self.clock.now():
            self.clock.advance((end - self.clock.now()).total_seconds())
            self._work()

    def _next_moment(self) -> datetime | None:
        moments = [host.next_due() for host in self.hosts.values()]
        moments += [self._queue[0][0] if self._queue else None, self._next_sweep if self.sweeping else None]
        return min((moment for moment in moments if moment is not None), default=None)

    def _work(self) -> bool:
        """One job, and what is due beside the queue. True where anything was done."""
        worked = self._pump_events()
        if self.sweeping and self.clock.now() >= self._next_sweep:
            self._sweep()
            worked = True
        if self._queue and self._queue[0][0] <= self.clock.now():
            _, _, name, args = heapq.heappop(self._queue)
            self.job(name, *args)
            worked = True
        return worked

    def job(self, name: str, *args: object) -> None:
        self.job_log.append((name, args))
        JOBS[name](*args)
        self._something_happened()

    def _something_happened(self) -> None:
        self._quiet = 0
        self._next_sweep = min(self._next_sweep, self.clock.now() + timedelta(seconds=self.sweep_every))

    def _sweep(self) -> None:
        """Hours in which nothing happens are not worth a sweep every 5 s of them."""
        wait = self.sweep_every if self._quiet < QUIET else max(RARELY, self.sweep_every)
        self._next_sweep = self.clock.now() + timedelta(seconds=wait)
        self._quiet += 1
        sweep.sweep()
        service_jobs.fire_rules()

    def _pump_events(self) -> bool:
        worked = False
        for name, host in self.hosts.items():
            host.settle()
            for number, event in list(host.history):
                if number <= self._seen[name]:
                    continue
                self._seen[name] = number
                if self.watching and host.reachable and standing.take_event(event):
                    self._something_happened()
                    worked = True
        return worked

    def forget_messages(self) -> None:
        """The broker lost everything."""
        self._queue.clear()

    @contextmanager
    def no_jobs(self) -> Iterator[None]:
        """Inside, messages are lost."""
        before, self.losing = self.losing, lambda name: True
        try:
            yield
        finally:
            self.losing = before

    def count(self, job: str) -> int:
        return sum(1 for name, _ in self.job_log if name == job)


# Asked after every job by whoever waits for something.
_SERVICE = Prepared(
    lambda: (
        Service.every.select_related("deployment", "completed_revision__task_definition__family", "cluster")
        .filter(name=Given("name"))
        .order_by("-id")[:1]
    )
)
_DEPLOYMENT = Prepared(
    lambda: (
        Deployment.objects.select_related("target__task_definition__family", "rollback")
        .filter(service=Given("service"))
        .order_by("-number")[:1]
    )
)


def accounts() -> list[str]:
    """Everything that does not add up: reservations and counters against the live tasks."""
    wrong: list[str] = []
    live = list(Task.objects.exclude(status="STOPPED"))

    def compare(what: str, row: Any, expected: Mapping[str, int]) -> None:
        for name, value in expected.items():
            if getattr(row, name) != value:
                wrong.append(f"{what}: {name} {getattr(row, name)}, not {value}")

    def counts(own: list[Task], ending: str) -> dict[str, int]:
        pending = [t for t in own if t.status in ("PROVISIONING", "PENDING", "ACTIVATING")]
        running = [t for t in own if t.status == "RUNNING"]
        return {f"running{ending}": len(running), f"pending{ending}": len(pending)}

    for row in ContainerInstance.objects.all():
        own = [task for task in live if task.instance_id == row.pk]
        sums = {"cpu_reserved": sum(t.cpu for t in own), "memory_reserved": sum(t.memory for t in own)}
        compare(f"instance {row}", row, sums | counts(own, "_tasks"))
        if {gpu.holder for gpu in row.held_gpus.all()} - {task.arn for task in own}:
            wrong.append(f"instance {row} keeps GPUs of tasks that ended")
        if sorted(gpu.gpu for gpu in row.held_gpus.all()) != sorted(
            gpu for task in own for gpus in task.gpus.values() for gpu in gpus
        ):
            wrong.append(f"instance {row}: its GPUs are not those its tasks have")
        if not own and row.host_ports.exists():
            wrong.append(f"instance {row} keeps host ports")
    for service in Service.every.all():
        compare(
            f"service {service}", service, counts([t for t in live if t.service_id == service.pk], "_count")
        )
    return wrong


__all__ = ["BREAKER", "CALLER", "Behaviour", "EngineError", "World", "accounts"]
