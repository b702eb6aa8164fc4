"""`manage.py register_instance URL`: register a Docker Engine from the command line."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access.caller import system_caller
from base.errors import OperationError
from clusters.models import ContainerInstance
from clusters.operations import register_container_instance

_FILES = {"tls_ca": "ca-cert.pem", "tls_certificate": "client-cert.pem", "tls_key": "client-key.pem"}


class Command(BaseCommand):
    help = "Register a Docker Engine, and wait until it answers. One that is registered is left as it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", help="unix:///path, tcp://host:port or ssh://user@host[:port]")
        parser.add_argument("--cluster", default="default")
        parser.add_argument("--name", default="", help="left out: the engine's host name")
        parser.add_argument("--tls-folder", type=Path, help=f"holds {', '.join(_FILES.values())}")
        parser.add_argument("--ssh-key", type=Path, help="file with a private key without passphrase")
        parser.add_argument("--ssh-host-key", type=Path, help="file with what ssh-keyscan printed")
        parser.add_argument("--attribute", action="append", default=[], metavar="NAME=VALUE")
        parser.add_argument("--timeout", type=float, default=30.0, help="seconds to wait for its answer")

    def handle(self, *args: Any, url: str, cluster: str, name: str, timeout: float, **options: Any) -> None:
        found = ContainerInstance.objects.filter(url=url).exclude(status="INACTIVE").first()
        if found is None:
            attributes, texts = _pairs(options["attribute"]), _texts(options)
            try:
                found = register_container_instance(
                    system_caller("command line"),
                    cluster=cluster,
                    url=url,
                    name=name,
                    attributes=attributes,
                    tls_ca=texts.get("tls_ca", ""),
                    tls_certificate=texts.get("tls_certificate", ""),
                    tls_key=texts.get("tls_key", ""),
                    ssh_key=texts.get("ssh_key", ""),
                    ssh_host_key=texts.get("ssh_host_key", ""),
                )
            except OperationError as error:
                raise CommandError(_all_of(error)) from error
        deadline = time.monotonic() + timeout
        while not found.connected and time.monotonic() < deadline:
            time.sleep(0.2)
            found.refresh_from_db()
        if not found.connected:
            raise CommandError(
                f"registered {url}, which does not answer yet: {found.connection_error or 'is Slipway running?'}"
            )
        self.stdout.write(f"{url} is instance {found} ({found.pk[:8]}) of cluster {found.cluster.name}")


def _pairs(given: list[str]) -> dict[str, str]:
    for text in given:
        if "=" not in text:
            raise CommandError(f"--attribute {text}: NAME=VALUE")
    return dict(text.split("=", 1) for text in given)


def _texts(options: dict[str, Any]) -> dict[str, str]:
    """What the files hold that were named."""
    folder: Path | None = options["tls_folder"]
    files = {field: folder / name for field, name in _FILES.items()} if folder else {}
    files |= {field: options[field] for field in ("ssh_key", "ssh_host_key") if options[field]}
    try:
        return {field: path.read_text() for field, path in files.items()}
    except OSError as error:
        raise CommandError(str(error)) from error


def _all_of(error: OperationError) -> str:
    """Its message, and what it says of each field."""
    return "; ".join(
        [str(error), *(f"{name}: {text}" for name, text in getattr(error, "fields", {}).items())]
    )
