"""`manage.py demo`: deploy the sample application and show where it answers."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access.caller import system_caller
from base.errors import OperationError
from clusters.models import Cluster
from console.demo.deploy import NAME, NoEngine, deploy, existing
from console.demo.images import VERSIONS, BusyboxMissing
from services.models import Service, TaskContainer


class Command(BaseCommand):
    help = "Deploy the sample application: an image made here, three versions, one service."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cluster", default="default")
        parser.add_argument(
            "--timeout", type=float, default=90.0, help="seconds to wait for the tasks to run"
        )

    def handle(self, *args: Any, cluster: str, timeout: float, **options: Any) -> None:
        if not Cluster.objects.filter(name=cluster, status="ACTIVE").exists():
            raise CommandError(f"there is no cluster {cluster} yet: start Slipway first (make run)")
        before = existing(cluster)
        try:
            service = deploy(system_caller("demo"), cluster)
        except (BusyboxMissing, NoEngine, OperationError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"The service {NAME} is there already."
            if before
            else f"Service {NAME} created in cluster {cluster}."
        )
        if not self._wait(service, timeout):
            raise CommandError(
                f"{service.running_count} of {service.desired_count} tasks run after {timeout:g} s"
                + (f"; it waits for: {service.waiting}" if service.waiting else "")
                + ". Is Slipway running (make run)? The service's page shows its events."
            )
        self._show(service)

    def _wait(self, service: Service, timeout: float) -> bool:
        deadline, shown = time.monotonic() + timeout, -1
        while time.monotonic() < deadline:
            service.refresh_from_db()
            if service.running_count != shown:
                shown = service.running_count
                self.stdout.write(f"  {shown} of {service.desired_count} tasks run")
            if service.running_count >= service.desired_count:
                return True
            time.sleep(0.25)
        return False

    def _show(self, service: Service) -> None:
        running = TaskContainer.objects.filter(task__service=service, task__status="RUNNING")
        for container in running.select_related("task__instance"):
            for binding in container.network_bindings:
                self.stdout.write(f"  http://127.0.0.1:{binding['hostPort']}  (task {container.task_id[:8]})")
        names = ", ".join(version.image for version in VERSIONS)
        self.stdout.write(
            f"Its versions are {names}: deploy the next revision from its page, then roll it back."
        )
