"""`manage.py deregister_instance URL…`: deregister Docker Engines from the command line."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access.caller import system_caller
from base.errors import OperationError
from clusters.models import ContainerInstance
from clusters.operations import deregister_container_instance


class Command(BaseCommand):
    help = "Deregister Docker Engines by address. The engines themselves are left alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("urls", nargs="*", metavar="URL")
        parser.add_argument("--force", action="store_true", help="also with tasks on it, which are stopped")

    def handle(self, *args: Any, urls: list[str], force: bool, **options: Any) -> None:
        rows = ContainerInstance.objects.filter(url__in=urls).exclude(status="INACTIVE")
        for row in rows.select_related("cluster"):
            try:
                deregister_container_instance(
                    system_caller("command line"),
                    cluster=row.cluster.name,
                    container_instance=row.pk,
                    force=force,
                )
            except OperationError as error:
                raise CommandError(f"{row.url}: {error}") from error
            self.stdout.write(f"deregistered {row.url}")
