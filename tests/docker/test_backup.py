"""A backup is made while tasks run, and restored after everything was lost: what it knows runs on, the rest goes."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.lab.engine import LabEngine
from tests.lab.installation import until
from tests.lab.site import Site, container, definition


def test_backup_and_restore(tmp_path: Path) -> None:
    settings = {"SLIPWAY_STEADY_SECONDS": "1", "DATABASE_URL": ""}  # SQLite; PostgreSQL has tools of its own
    with LabEngine() as host, Site(host.url, settings) as site:
        web = container("web", site.image("web"))
        site.remote.create_service(
            service_name="web",
            task_definition=site.remote.register(document=definition("web", web)),
            desired_count=2,
        )
        site.deployed("web")
        known = {one.id for one in site.containers()}
        said = site.installation.manage("backup", str(tmp_path / "copy.sqlite3"))
        assert "checked" in said
        keys = tmp_path / "keys"
        shutil.copytree(site.installation.home / "keys", keys)

        # What came after the backup is not in it.
        site.remote.update_service(service="web", desired_count=4)
        site.deployed("web")
        site.remote.close()
        site.installation.stop()
        for left in site.installation.home.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()

        shutil.copy(tmp_path / "copy.sqlite3", site.installation.home / "slipway.sqlite3")
        shutil.copytree(keys, site.installation.home / "keys")
        site.installation.start()
        site.remote = type(site.remote)(site.installation)
        until(
            lambda: {one.id for one in site.containers()} == known, "only what the backup knows runs on", 60
        )
        service = site.deployed("web")
        assert service["desired_count"] == 2
        assert {one.id for one in site.containers()} == known, "and it was not restarted"
        assert site.remote.accounts() == []
