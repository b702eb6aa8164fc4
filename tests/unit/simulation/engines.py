"""Engines and the watcher: containers live on by themselves, events are told, engine and rows are compared."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from services.scheduler.exits import Outage
from services.scheduler.model import Health, Status
from tests.unit.simulation.fleet import Fleet
from tests.unit.simulation.records import NEVER, Container, Host, TaskRow

ALIGN = 60.0  # seconds between comparisons of engine and rows


class Engines(Fleet):
    def containers(self) -> Iterator[tuple[Host, Container]]:
        for host in self.hosts.values():
            for container in host.containers.values():
                yield host, container

    def engines_live_on(self) -> None:
        for host, container in list(self.containers()):
            if container.status == "running" and container.next_at <= self.now:
                self._container_moves(host, container)

    def _container_moves(self, host: Host, container: Container) -> None:
        task = self.tasks[container.task]
        container.next_at = self.now + NEVER
        if container.exit_code is not None:  # it was told to stop
            self.end(host, container, container.exit_code)
        elif task.fate == "crashes":
            self.end(host, container, 1)
        elif self.checked(task):
            ill = task.fate == "never healthy" or (
                task.fate == "turns unhealthy" and container.health is Health.HEALTHY
            )
            container.health = Health.UNHEALTHY if ill else Health.HEALTHY
            if task.fate == "turns unhealthy" and not ill:
                container.next_at = self.now + timedelta(seconds=30)
            self.tell(host, task.id)

    def end(self, host: Host, container: Container, code: int) -> None:
        container.status, container.exit_code, container.finished_at = "exited", code, self.now
        self.tell(host, container.task)

    def tell(self, host: Host, task: str) -> None:
        """The engine's event, if the watcher hears it."""
        if host.reachable and host.connected and self.random.random() >= self.lost:
            self.after(self.random.choice([0.05, 0.2]), lambda: self.wake_task(task))

    def align(self, host: Host) -> None:
        """Compare engine and rows, as the watcher does when it connects and now and then."""
        if not host.reachable:
            return
        for key in [key for key in host.containers if key[0] and key[0] not in self.live]:
            self.say("    orphan", key)
            del host.containers[key]
            self.orphans_removed += 1
        for task in [task for task in self.live.values() if task.host == host.id]:
            if self.differs(host, task):
                self.wake_task(task.id)

    @staticmethod
    def differs(host: Host, task: TaskRow) -> bool:
        own = {c.name: c for c in host.containers.values() if c.task == task.id and c.status == "running"}
        if set(own) != {name for name, status in task.noted.items() if status == "running"}:
            return True
        ill = "app" in own and own["app"].health != task.health
        return (
            ill or task.healthy_at is None or task.status is not Status.RUNNING or task.desired != "RUNNING"
        )

    def watch(self, host: Host) -> None:
        """The heartbeat and the comparison, for ever."""
        self.after(ALIGN, lambda: self.watch(host))
        self.align(host)

    def notice(self, host: Host) -> None:
        """The watcher notices that the engine answers again, or does not."""
        if host.reachable == host.connected:
            return
        host.connected = host.reachable
        if host.connected and host.outage is not None:
            host.outage = Outage(host.outage.disconnected_at, self.now)
            self.align(host)
            for task in [task for task in self.live.values() if task.host == host.id]:
                self.wake_task(task.id)
            self.wake_all()
        elif not host.connected:
            host.outage = Outage(self.now)

    def wake_all(self) -> None:
        for service in self.services.values():
            if service.status != "INACTIVE":
                self.wake_service(service.name)

    def checked(self, task: TaskRow) -> bool:
        return self.services[task.service].revisions[task.revision].checks_health
