"""The sample application's images: BusyBox and one page, made here, so that no registry is needed.

Called by: `console.demo.deploy`.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from clusters.engine.port import Engine

REPOSITORY = "slipway-demo/hello"
_ROOT = Path(__file__).parent / "root"
_BUSYBOX = Path("/bin/busybox")
_APPLETS = ("cat", "date", "hostname", "httpd", "ls", "mkdir", "ps", "sed", "sh", "sleep", "wget")


class BusyboxMissing(Exception):
    """The static BusyBox the image is made of is not on this machine."""


@dataclass(frozen=True, slots=True)
class Version:
    name: str
    colour: str

    @property
    def image(self) -> str:
        return f"{REPOSITORY}:{self.name}"


# "sick" starts and serves its page but never passes its health check: what a rollback is for.
VERSIONS = (Version("v1", "#0b7285"), Version("v2", "#2b8a3e"), Version("sick", "#c02626"))


def root_file_system() -> bytes:
    """A tar of the application's root: BusyBox under its applets' names, the page, the start script.

    Raises BusyboxMissing.
    """
    if not _BUSYBOX.is_file():
        raise BusyboxMissing(
            "/bin/busybox is missing; as root: apt-get install busybox-static (or `make setup`)"
        )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, mode in (("bin", 0o755), ("app", 0o755), ("tmp", 0o1777), ("etc", 0o755)):
            _add(tar, tarfile.TarInfo(name), mode, kind=tarfile.DIRTYPE)
        _add(tar, tarfile.TarInfo("bin/busybox"), 0o755, content=_BUSYBOX.read_bytes())
        for applet in _APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.linkname = "busybox"
            _add(tar, link, 0o777, kind=tarfile.SYMTYPE)
        for file in sorted(_ROOT.iterdir()):
            mode = 0o755 if file.suffix == ".sh" else 0o644
            _add(tar, tarfile.TarInfo(f"app/{file.name}"), mode, content=file.read_bytes())
        passwd = b"root:x:0:0:root:/:/bin/sh\nhello:x:1000:1000:hello:/:/bin/sh\n"
        _add(tar, tarfile.TarInfo("etc/passwd"), 0o644, content=passwd)
    return buffer.getvalue()


def ensure(engine: Engine) -> list[str]:
    """Import the versions that the engine lacks; returns their references. Raises BusyboxMissing, EngineError."""
    lacking = [version for version in VERSIONS if engine.image(version.image) is None]
    if not lacking:
        return []
    tar = root_file_system()
    for version in lacking:
        changes = [
            'CMD ["/app/start.sh"]',
            "USER 1000",
            "EXPOSE 8080",
            f"ENV VERSION={version.name}",
            f"ENV COLOUR={version.colour}",
            "ENV PATH=/bin",
        ]
        engine.import_image(tar, version.image, changes)
    return [version.image for version in lacking]


def _add(
    tar: tarfile.TarFile,
    entry: tarfile.TarInfo,
    mode: int,
    *,
    kind: bytes = tarfile.REGTYPE,
    content: bytes = b"",
) -> None:
    entry.mode, entry.type, entry.size = mode, kind, len(content)
    tar.addfile(entry, io.BytesIO(content) if content else None)
