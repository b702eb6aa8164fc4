"""Users and mishaps over the real control loop, and the calm after them. The journal is what a client remembers."""

from __future__ import annotations

import contextlib
import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from base.errors import OperationError
from clusters.connection import record_connected, record_disconnected
from clusters.engine.errors import EngineError, EngineTimeout
from clusters.engine.fake import FakeEngine
from clusters.engine.fake_world import Behaviour
from clusters.engine.port import ContainerSpec
from clusters.engines import forget
from clusters.operations import update_container_instance_state
from services import deployment_operations, operations, revisions, task_operations, updating
from services.models import Service, Task
from tests.db.control.world import CALLER
from tests.db.simulation.asking import NOBODY, ask
from tests.db.simulation.haunted import Haunted

CHECK = {"command": ["CMD", "/bin/health"], "interval": 5, "retries": 2, "timeout": 2}
IMAGES: dict[str, Behaviour] = {
    "good:1": Behaviour(),
    "good:2": Behaviour(stop_delay=1.5),
    "good:3": Behaviour(healthy_after=6),
    "sick": Behaviour(healthy_after=None),
    "crash": Behaviour(exits_after=9, exit_code=3),
    "dead": Behaviour(start_error='exec: "/bin/nonesuch": no such file or directory'),
    "stubborn": Behaviour(ignores_sigterm=True),
}
GOOD = ("good:1", "good:2", "good:3", "stubborn")
PERCENTS = [(100, 200), (50, 100), (0, 100), (50, 150), (0, 200), (75, 125)]
_MOST_SERVICES = 5


@dataclass
class Wish:
    """What the client was told is accepted, of one service."""

    count: int
    image: str
    deleted: bool = False
    deployments: int = 1  # that were accepted, at least


def _port(service: str) -> int:
    """Each service has its own, so that there is room for all in the end."""
    return 8000 + int(service.removeprefix("s"))


class Storm:
    """Two or three engines and at first two services; `disturb()` does one random thing."""

    def __init__(self, world: Haunted) -> None:
        self.world = world
        self.random = world.random
        self.wishes: dict[str, Wish] = {}
        self.seen: set[str] = set()
        self._lost: set[str] = set()  # engines that did not answer the watcher last time
        self.strangers: dict[str, str] = {}  # host -> its container of another installation
        self.restarted: set[str] = set()  # hosts whose engine was, and the stranger with it
        # What the laws know; a user who rolls back expects what they saw.
        self.completions: dict[str, list[str]] = defaultdict(list)  # service -> revisions, the newest last
        self.frozen: dict[str, tuple[str, str]] = {}  # service revision -> image, MARK
        self.ports: dict[int, tuple[tuple[int, str], ...]] = {}  # of a task definition
        self._marks = itertools.count(1)
        for number in range(self.random.randint(2, 3)):
            self._add_host(f"h{number}", self.random.choice([4096, 8192]))
        choose = self.random.choice
        world.lost, world.doubled = choose([0.0, 0.1, 0.4]), choose([0.0, 0.2])
        world.dying, world.stalling, world.weaving = (
            choose([0.0, 0.002, 0.01]),
            choose([0.0, 0.02]),
            choose([0.0, 0.3]),
        )
        for _ in range(2):
            self._create()

    def _add_host(self, name: str, cpu: int) -> None:
        host = self.world.host(name, cpu=cpu, memory=16384)
        for image, behaviour in IMAGES.items():
            host.add_image(image, behaviour)
        stranger = FakeEngine(host, "another-installation")
        made = stranger.create_container(ContainerSpec("stranger", "good:1", {}))
        stranger.start_container(made)
        self.strangers[name] = made

    # ---- users -------------------------------------------------------------------------------------

    def _definition(self, image: str, port: int | None = None) -> str:
        more: dict[str, Any] = {"healthCheck": CHECK} if self.random.random() < 0.5 or image == "sick" else {}
        more["environment"] = [{"name": "MARK", "value": str(next(self._marks))}]
        task = {"networkMode": "awsvpc"} if self.random.random() < 0.2 else {}
        cpu = self.random.choice([64, 128, 256])
        if port is not None and not task and self.random.random() < 0.15:
            more["portMappings"] = [{"containerPort": 80, "hostPort": port}]
        return self.world.register(
            "web", image, cpu=cpu, stopTimeout=self.random.choice([2, 5]), task=task, **more
        )

    def _configuration(self) -> dict[str, Any]:
        least, most = self.random.choice(PERCENTS)
        breaker = {"enable": self.random.random() < 0.8, "rollback": self.random.random() < 0.8}
        return {
            "minimumHealthyPercent": least,
            "maximumPercent": most,
            "deploymentCircuitBreaker": breaker,
        }

    def _create(self) -> None:
        name, count = f"s{len(self.wishes)}", self.random.randint(0, 4)
        network = self.random.choice(GOOD[:3])
        definition, configuration = self._definition(network, _port(name)), self._configuration()
        self.ask(lambda: self.world.create(name, definition, count, deployment_configuration=configuration))
        self.wishes[name] = Wish(count, network)

    def ask(self, call: Callable[[], Any]) -> Any | None:
        return ask(self.world, call)

    def active(self) -> list[str]:
        return [name for name, wish in self.wishes.items() if not wish.deleted]

    def disturb(self) -> str:
        deed = self.random.choice(_DEEDS)
        name = self.random.choice(self.active())
        host = self.random.choice(list(self.world.hosts))
        try:
            self._user(deed, name) or self._mishap(deed, host)
        except OperationError as error:
            deed = f"{deed}: refused, {error}"
        else:
            self.seen.add(deed)
        return f"{deed} {name} {host}"

    def _user(self, deed: str, name: str) -> bool:
        world, wish = self.world, self.wishes[name]
        match deed:
            case "scale":
                count = self.random.randint(0, 5)
                self.ask(lambda: world.update(name, desired_count=count))
                wish.count = count
            case "deploy":
                image = self.random.choice(list(IMAGES))
                definition = self._definition(image, _port(name))
                self.ask(lambda: world.update(name, task_definition=definition))
                wish.image, wish.deployments = image, wish.deployments + 1
            case "configure":
                configuration = self._configuration()
                self.ask(lambda: world.update(name, deployment_configuration=configuration))
            case "roll back":
                self._roll_back(name)
            case "stop deployment":
                self._stop_deployment(name)
            case "ask for what is denied":
                self._nobody(name)
            case "create or delete":
                if len(self.wishes) < _MOST_SERVICES and self.random.random() < 0.6:
                    self._create()
                elif len(self.active()) > 1:
                    self.ask(lambda: operations.delete_service(CALLER, service=name, force=True))
                    wish.deleted = True
            case "stop a task":
                rows = (
                    Task.objects.filter(service__name=name).exclude(status="STOPPED").order_by("created_at")
                )
                if rows:
                    task = self.random.choice(list(rows)).pk
                    self.ask(lambda: task_operations.stop_task(CALLER, task=task))
            case "run a task":
                definition = self._definition("good:1")
                self.ask(lambda: world.run_task(definition, count=1))
            case _:
                return False
        return True

    def _roll_back(self, name: str) -> None:
        """To what completed last, and where that runs already, to what completed before it, as the laws saw it."""
        row, done = self.world.service(name), self.completions[name]
        under_way = row.deployment is not None and row.deployment.target_id != row.completed_revision_id
        expected = done[-1:] if under_way else done[-2:-1]
        made = self.ask(lambda: deployment_operations.roll_back(CALLER, service=name))
        if made is not None:
            gone_to = made.rollback_id if made.status == "ROLLBACK_REQUESTED" else made.target_id
            assert [gone_to] == expected, f"rule 5: {name} rolls back to {gone_to}, not {expected}"

    def _stop_deployment(self, name: str) -> None:
        row, stop = self.world.service(name), self.random.choice(["ROLLBACK", "ABORT"])
        if row.deployment is not None:
            key = row.deployment.arn
            self.ask(
                lambda: deployment_operations.stop_service_deployment(
                    CALLER, service_deployment=key, stop_type=stop
                )
            )

    def _nobody(self, name: str) -> None:
        what = self.random.randrange(3)
        calls: list[Callable[[], Any]] = [
            lambda: updating.update_service(NOBODY, service=name, desired_count=9),
            lambda: operations.delete_service(NOBODY, service=name, force=True),
            lambda: deployment_operations.roll_back(NOBODY, service=name),
        ]
        self.ask(calls[what])

    # ---- mishaps -------------------------------------------------------------------------------------

    def _mishap(self, deed: str, name: str) -> None:
        world, host = self.world, self.world.hosts[name]
        match deed:
            case "drain or activate":
                row = world.instance(name)
                other = "DRAINING" if row.status == "ACTIVE" else "ACTIVE"
                update_container_instance_state(CALLER, container_instance=row.pk, status=other)
            case "cut off or back":
                self._cut_off(name) if host.reachable else self._come_back(name)
            case "engine restart":
                self._cut_off(name)
                world.run(self.random.choice([0, 3]))
                host.restart()
                self.restarted.add(name)
                if self.random.random() < 0.3:
                    self._forget_starts(name)
                self._come_back(name)
            case "kill a container":
                self._hurt(name)
            case "slow or lost answers":
                operation = self.random.choice(
                    ["create_container", "start_container", "inspect_container", "*"]
                )
                after = self.random.random() < 0.5
                host.fail(operation, EngineTimeout("no answer"), times=3, after_effect=after, delay=2.0)
            case "watcher down or up":
                self._watch(not world.watching)
            case "broker forgets":
                world.forget_messages()
            case "clock jump":
                world.clock.advance(self.random.choice([-90, -3, 40, 900]))

    def _forget_starts(self, name: str) -> None:
        """Its disk was full when it was killed: it had not written down that the containers ran."""
        for container in self.world.hosts[name].containers.values():
            if container.spec.name != "stranger" and container.status == "exited":
                container.status, container.started_at, container.exit_code = "created", None, None

    def _cut_off(self, name: str) -> None:
        self.world.hosts[name].go_down()
        if self.world.watching:
            self._notice(name)

    def _come_back(self, name: str) -> None:
        self.world.hosts[name].come_back()
        if self.world.watching:
            self._notice(name)

    def _notice(self, name: str) -> None:
        """What the watcher writes down when it loses an engine or finds it again."""
        world, host, row = self.world, self.world.hosts[name], self.world.instance(name)
        try:
            record_connected(row, world.engine(name).info())
            world.align(name)
        except EngineError as error:
            self._lost.add(name)
            if row.connected:
                record_disconnected(row, str(error))
            forget(row)
            assert not host.reachable or isinstance(error, EngineTimeout)
        else:
            self._lost.discard(name)

    def _watch(self, on: bool) -> None:
        """A watcher that starts connects to every engine and compares."""
        self.world.watching = on
        if on:
            for name in self.world.hosts:
                self._notice(name)

    def _hurt(self, name: str) -> None:
        host, engine = self.world.hosts[name], self.world.engine(name)
        own = [
            c.id
            for c in host.containers.values()
            if c.status == "running" and c.spec.name != "stranger" and host.reachable
        ]
        if own:
            victim, kill = self.random.choice(own), self.random.random() < 0.5
            # An answer that gets lost is lost to whoever hurts as well; the container is hurt or not.
            with contextlib.suppress(EngineError):
                (engine.kill_container if kill else engine.remove_container)(victim)

    # ---- calm ----------------------------------------------------------------------------------------

    def calm(self) -> None:
        """No more mishaps; engines back; room for all; a configuration that can move."""
        world = self.world
        world.lost = world.doubled = world.dying = world.stalling = world.weaving = 0.0
        for name, host in world.hosts.items():
            host._faults.clear()
            host.come_back()
            row = world.instance(name)
            if row.status == "DRAINING":
                update_container_instance_state(CALLER, container_instance=row.pk, status="ACTIVE")
        for number in range(3):
            self._add_host(f"big{number}", 16384)
        self._watch(True)
        for name in self.active():
            world.update(name, deployment_configuration={"minimumHealthyPercent": 50, "maximumPercent": 200})

    def align_all(self) -> None:
        """The watcher's comparison, as it has it once a minute, and its attempts to find again what it lost."""
        if self.world.watching:
            for name, host in self.world.hosts.items():
                if host.reachable or name in self._lost:
                    with self.world.process():
                        self._notice(name)

    def relieve(self) -> None:
        """A bad revision that no breaker ends, or a service without any good one, waits for its user."""
        for name in self.active():
            row = self.world.service(name)
            idle = row.deployment is None and row.completed_revision is None
            if self._image(row) not in GOOD or idle:
                self.world.update(name, task_definition=self._definition("good:1"))
                self.wishes[name].image = "good:1"
                self.wishes[name].deployments += 1

    def _image(self, row: Service) -> str:
        return str(revisions.current_revision(row).task_definition.containers[0]["image"])

    def settled(self) -> bool:
        """One whose image crashes is steady now and then, not for long."""
        rows = Service.objects.exclude(status="INACTIVE")
        return (
            all(
                row.status == "ACTIVE"
                and row.deployment_id is None
                and row.steady_since is not None
                and self._image(row) in GOOD
                for row in rows
            )
            and not Task.objects.exclude(status__in=("RUNNING", "STOPPED")).exists()
        )

    def pause(self) -> timedelta:
        return timedelta(seconds=self.random.choice([0, 0.1, 1, 4, 15, 50]))


_DEEDS = (
    ["scale", "deploy", "drain or activate", "cut off or back", "kill a container"] * 2
    + ["configure", "roll back", "stop deployment", "create or delete", "stop a task", "run a task"]
    + ["roll back", "ask for what is denied"]
    + ["engine restart", "slow or lost answers", "watcher down or up", "broker forgets", "clock jump"]
)
