"""A backup is made while tasks run, and restored after everything was lost: what it knows runs on, the rest goes.
On both databases, each by its own tools, as the handbook says."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from scripts import with_postgres
from tests.lab.engine import LabEngine
from tests.lab.installation import until
from tests.lab.site import Site, container, definition


class Tools(NamedTuple):
    url: str  # DATABASE_URL
    save: Callable[[Site, Path], None]
    load: Callable[[Site, Path], None]


@contextlib.contextmanager
def sqlite() -> Iterator[Tools]:
    def save(site: Site, copy: Path) -> None:
        assert "checked" in site.installation.manage("backup", str(copy))

    yield Tools("", save, lambda site, copy: shutil.copy(copy, site.installation.home / "slipway.sqlite3"))


@contextlib.contextmanager
def postgresql() -> Iterator[Tools]:
    def run(program: str, *arguments: str) -> None:
        subprocess.run([str(with_postgres.programs() / program), *arguments], check=True, timeout=120)

    with with_postgres.cluster() as url:
        yield Tools(
            url,
            lambda site, copy: run("pg_dump", "--format=custom", "--file", str(copy), url),
            lambda site, copy: run("pg_restore", "--clean", "--if-exists", "--dbname", url, str(copy)),
        )


@pytest.mark.parametrize("database", [sqlite, postgresql])
def test_backup_and_restore(
    tmp_path: Path, database: Callable[[], contextlib.AbstractContextManager[Tools]]
) -> None:
    copy, keys = tmp_path / "copy", tmp_path / "keys"
    with (
        database() as tools,
        LabEngine() as host,
        Site(host.url, {"SLIPWAY_STEADY_SECONDS": "1", "DATABASE_URL": tools.url}) as site,
    ):
        web = container("web", site.image("web"))
        site.remote.create_service(
            service_name="web",
            task_definition=site.remote.register(document=definition("web", web)),
            desired_count=2,
        )
        site.deployed("web")
        known = {one.id for one in site.containers()}
        tools.save(site, copy)
        shutil.copytree(site.installation.home / "keys", keys)

        # What came after the backup is not in it.
        site.remote.update_service(service="web", desired_count=4)
        site.deployed("web")
        site.remote.close()
        site.installation.stop()
        for left in site.installation.home.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()

        shutil.copytree(keys, site.installation.home / "keys")
        tools.load(site, copy)
        site.installation.start()
        site.remote = type(site.remote)(site.installation)
        until(
            lambda: {one.id for one in site.containers()} == known, "only what the backup knows runs on", 60
        )
        service = site.deployed("web")
        assert service["desired_count"] == 2
        assert {one.id for one in site.containers()} == known, "and it was not restarted"
        assert site.remote.accounts() == []
        assert "The audit trail is whole" in site.installation.manage("access_verify_audit")
