"""Users and mishaps over the fleet, and the calm after them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from services.scheduler.model import (
    Breaker,
    Demand,
    Deployment,
    DeploymentStatus,
    Health,
    Revision,
    StopCode,
    Strategy,
)
from tests.unit.scheduler.world import PERCENTS
from tests.unit.simulation.engines import ALIGN
from tests.unit.simulation.planning import Planning
from tests.unit.simulation.records import Container, Host, ServiceRow

CHARACTERS = ("good", "good", "good", "fails to start", "crashes", "never healthy", "flaky")
GOOD = ("good", "mended")
_MOST_SERVICES = 7


class Storm(Planning):
    """Three or four hosts, and at first three services; `disturb()` does one random thing."""

    def __init__(self, seed: int, say: Callable[..., None] = lambda *words: None) -> None:
        super().__init__(seed, say)
        self.lost, self.doubled = self.random.choice([0.0, 0.1, 0.4]), self.random.choice([0.0, 0.2])
        self.dying, self.stalling = self.random.choice([0.0, 0.02, 0.08]), self.random.choice([0.0, 0.02])
        self.seen: set[str] = set()
        for _ in range(self.random.randint(3, 4)):
            self.add_host(roomy=self.random.random() < 0.5)
        for _ in range(3):
            self.create_service()

    def add_host(self, *, roomy: bool) -> Host:
        cpu, memory = (8192, 32768) if roomy else (1024, 4096)
        host = Host(self.serial("h"), cpu, memory, self.random.choice("ab"))
        host.containers["", "stranger"] = Container("", "stranger", "running")
        self.hosts[host.id] = host
        self.after(ALIGN * self.random.random(), lambda: self.watch(host))
        return host

    # ---- users ---------------------------------------------------------------------------------

    def create_service(self) -> None:
        name = self.serial("s")
        breaker = Breaker(self.random.random() < 0.7, self.random.random() < 0.7)
        service = ServiceRow(
            name,
            self.random.randint(0, 5),
            self.random.choice(PERCENTS),
            breaker,
            self.random.choice([0.0, 0.0, 30.0]),
        )
        self.services[name] = service
        self.deploy(service, "good")

    def deploy(self, service: ServiceRow, character: str | None = None) -> None:
        key = self.serial("r")
        service.characters[key] = character or self.random.choice(CHARACTERS)
        ports = frozenset({(8080, "tcp")}) if self.random.random() < 0.1 else frozenset()
        gpus = 1 if self.random.random() < 0.1 else 0
        service.revisions[key] = Revision(
            key,
            f"{service.name}:{key}",
            Demand(self.random.choice([128, 256]), self.random.choice([256, 512]), ports, gpus),
            self.random.random() < 0.5,
            strategies=self.random.choice([(), (Strategy("binpack", "cpu"),), (Strategy("random"),)]),
            distinct_instance=self.random.random() < 0.1,
        )
        if service.deployment is not None:
            service.ended.append((service.deployment.target, DeploymentStatus.STOPPED))
        service.deployment = Deployment(
            self.serial("d"),
            DeploymentStatus.PENDING,
            key,
            created_at=self.now,
            ready=self.random.random() < 0.8,
        )
        service.steady = False
        self.wake_service(service.name)

    def resolve_images(self, service: ServiceRow) -> None:
        d = service.deployment
        if d is not None and not d.ready:
            service.deployment = Deployment(
                d.id, d.status, d.target, d.rollback, d.created_at, d.rollback_started_at
            )
            self.wake_service(service.name)

    def request(self, service: ServiceRow, status: DeploymentStatus) -> None:
        """As StopServiceDeployment: a rollback needs a completed revision, and goes to it."""
        d = service.deployment
        if d is None or d.status not in ("PENDING", "IN_PROGRESS"):
            return
        back = service.completed if status is DeploymentStatus.ROLLBACK_REQUESTED else None
        if status is DeploymentStatus.ROLLBACK_REQUESTED and back in (None, d.target):
            return
        service.deployment = Deployment(d.id, status, d.target, back, d.created_at, None, d.ready)
        self.wake_service(service.name)

    def delete(self, service: ServiceRow) -> None:
        if service.deployment is not None:
            service.ended.append((service.deployment.target, DeploymentStatus.STOPPED))
        service.status, service.desired, service.deployment, service.steady = "DRAINING", 0, None, False
        self.wake_service(service.name)

    # ---- one random thing ----------------------------------------------------------------------

    def active(self) -> list[ServiceRow]:
        return [service for service in self.services.values() if service.status == "ACTIVE"]

    def disturb(self) -> str:
        deed = self.random.choice(_DEEDS)
        services = self.active()
        if services and not self._user(deed, self.random.choice(services)):
            self._mishap(deed, self.random.choice(list(self.hosts.values())))
        self.seen.add(deed)
        return deed

    def _user(self, deed: str, service: ServiceRow) -> bool:
        match deed:
            case "scale":
                service.desired, service.steady = self.random.randint(0, 5), False
            case "deploy":
                self.deploy(service)
            case "resolve":
                self.resolve_images(service)
            case "stop deployment":
                self.request(service, DeploymentStatus.STOP_REQUESTED)
            case "roll back":
                self.request(service, DeploymentStatus.ROLLBACK_REQUESTED)
            case "configure":
                service.percent = self.random.choice(PERCENTS)
            case "create or delete":
                if len(self.active()) < 3 and len(self.services) < _MOST_SERVICES:
                    self.create_service()
                elif len(self.active()) > 1:
                    self.delete(service)
            case "stop a task":
                of = self.of(service.name)
                if of:
                    self.ask_to_stop(self.random.choice(of), StopCode.USER_INITIATED, "Task stopped by user")
            case _:
                return False
        self.wake_service(service.name)
        return True

    def _mishap(self, deed: str, host: Host) -> None:
        match deed:
            case "drain or activate":
                host.status = "DRAINING" if host.status == "ACTIVE" else "ACTIVE"
                self.wake_all()
            case "cut off or back":
                self.cut_off(host) if host.reachable else self.come_back(host, restarted=False)
            case "engine restart":
                if host.reachable:
                    self.cut_off(host)
                self.after(self.random.choice([0.5, 10]), lambda: self.come_back(host, restarted=True))
            case "kill":
                self._hurt(host)
            case "orphan":
                host.containers["gone", "app"] = Container("gone", "app", "exited")
            case "clock jump":
                self.now += timedelta(seconds=self.random.choice([-120, -5, 30, 600]))

    def cut_off(self, host: Host) -> None:
        host.reachable = False
        self.after(self.random.choice([0.2, 15]), lambda: self.notice(host))

    def come_back(self, host: Host, *, restarted: bool) -> None:
        """Restarted: its containers ended meanwhile, and none of them is to blame. The watcher's stream broke, so it
        notices however short it was."""
        if host.reachable:
            return
        if restarted:
            self.notice(host)
            # With a full disk it had not even written down that it started them.
            status = "created" if self.random.random() < 0.3 else "exited"
            for container in host.containers.values():
                if container.task and container.status == "running":
                    container.status, container.exit_code, container.finished_at = status, 137, self.now
        host.reachable = True
        self.after(self.random.choice([0.2, 4]), lambda: self.notice(host))

    def _hurt(self, host: Host) -> None:
        """`docker kill` or `docker rm -f` by hand."""
        running = [c for c in host.containers.values() if c.task and c.status == "running"]
        if not running:
            return
        victim = self.random.choice(running)
        if self.random.random() < 0.5:
            self.end(host, victim, 137)
        else:
            del host.containers[victim.task, victim.name]
            self.tell(host, victim.task)

    # ---- calm ----------------------------------------------------------------------------------

    def calm(self) -> None:
        """No more mishaps; engines back; room for all; a configuration that can move; nobody deploys what is bad."""
        self.lost = self.doubled = self.dying = self.stalling = 0.0
        for host in self.hosts.values():
            host.status, host.reachable = "ACTIVE", True
            self.notice(host)
        for _ in range(12):
            self.add_host(roomy=True)
        for service in self.active():
            if service.percent[0] > 0 and service.percent[1] < 200:
                service.percent = (100, 200)
            self.resolve_images(service)
            service.characters = {k: "mended" if c == "flaky" else c for k, c in service.characters.items()}
        ill = {c.task for _, c in self.containers() if c.health is Health.UNHEALTHY}
        # Also those whose container has gone meanwhile: what they were found to be counts against them.
        ill |= {task.id for task in self.live.values() if task.health is Health.UNHEALTHY}
        for task in self.live.values():
            if task.fate == "turns unhealthy" and task.id not in ill:
                task.fate = "good"
        self.wake_all()

    def relieve(self) -> None:
        """A bad revision that no breaker ends is tried for ever, as ECS does, also by a rollback to one that completed
        while nothing of it was desired: its user deploys a good one."""
        for service in self.active():
            effective, d = service.effective(), service.deployment
            bad = effective is None or service.characters[effective] not in GOOD
            if d is not None and not d.ready:
                self.resolve_images(service)
            if bad and (d is None or d.status in ("IN_PROGRESS", "ROLLBACK_IN_PROGRESS")):
                self.deploy(service, "good")


_DEEDS = (
    ["scale", "deploy", "drain or activate", "cut off or back", "kill", "stop a task"] * 2
    + ["resolve", "stop deployment", "roll back", "configure", "engine restart", "clock jump", "orphan"]
    + ["create or delete"]
)
