"""The pause image: a process that does nothing, holding a task's network namespace and cgroup.

Nothing is compiled or downloaded: the program is a few instructions in a hand-made ELF file, packed into a tar and
imported. It is built for the engine's own architecture.
"""

from __future__ import annotations

import io
import struct
import tarfile

from .errors import InvalidRequest
from .port import Engine, EngineInfo

REFERENCE = "slipway/pause:1"

# mov eax, 34 (pause); syscall; jmp to the start
_X86_64 = bytes.fromhex("b8220000000f05ebf7")
# x8 = 73 (ppoll), x0 … x4 = 0; svc 0; branch to the start: waits for ever, as arm64 has no pause
_ARM64 = struct.pack(
    "<8I", 0xD2800928, 0xD2800000, 0xD2800001, 0xD2800002, 0xD2800003, 0xD2800004, 0xD4000001, 0x17FFFFF9
)
_MACHINES = {"x86_64": (62, _X86_64), "arm64": (183, _ARM64)}
_BASE = 0x400000
_HEADERS = 64 + 56


def program(architecture: str) -> bytes:
    """A static ELF executable for `architecture` (x86_64 or arm64). Raises InvalidRequest for any other."""
    if architecture not in _MACHINES:
        raise InvalidRequest(f"no pause program for the architecture {architecture}")
    machine, code = _MACHINES[architecture]
    size = _HEADERS + len(code)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x10000)
    return header + segment + code


def image_tar(architecture: str) -> bytes:
    """The image's root: /pause and nothing else."""
    content = program(architecture)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("pause")
        entry.size, entry.mode = len(content), 0o755
        tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def ensure_pause_image(engine: Engine) -> str:
    """The image's reference, imported where the engine lacks it. One call where it is there."""
    if engine.image(REFERENCE) is None:
        engine.import_image(image_tar(engine.info().architecture), REFERENCE, ['ENTRYPOINT ["/pause"]'])
    return REFERENCE


def joint_cgroup_parent(pause_id: str, info: EngineInfo) -> str | None:
    """The cgroup under which a task's containers share the pause container's limits; None where the engine's cgroup
    driver does not allow it (systemd, or cgroup v2, where a cgroup with processes has no limited children)."""
    return f"/docker/{pause_id}" if info.joint_limits else None
