"""The helper container of an engine: its image, made on the spot, and its keeping.

It answers at 169.254.170.2 in the engine's own network, for tasks of any mode; what it does is in helper_program.py.
The image is the interpreter that runs Slipway with the few modules that program needs, so nothing is downloaded and
nothing need be on the engine; it is therefore for engines of the same architecture.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import subprocess
import sys
import tarfile
import threading
from functools import lru_cache
from pathlib import Path

from .errors import InvalidRequest, NameConflict
from .pause import image_tar
from .port import (
    LABEL_INSTALLATION,
    LABEL_ROLE,
    ContainerSpec,
    Engine,
    ExecStream,
)

ROLE = "helper"
PORT_RANGE = (51_000, 4_000)  # first, how many
_PROGRAM = Path(__file__).with_name("helper_program.py")
_HOME = f"usr/lib/python{sys.version_info.major}.{sys.version_info.minor}"
_MACHINES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_MEMORY = 128  # MiB
_making = threading.Lock()
# What the program imports, and the libraries that were mapped for it.
_ASK = """
import json, os, queue, socket, struct, sys, threading, time
import encodings.utf_8, encodings.latin_1, encodings.ascii, encodings.idna, importlib.util
modules = sorted({m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)})
maps = sorted({line.split(maxsplit=5)[5].strip() for line in open("/proc/self/maps") if ".so" in line})
print(json.dumps({"modules": modules, "libraries": maps, "library": os.path.dirname(os.__file__)}))
"""


def port_of(installation: str) -> int:
    """Where the console is found on 169.254.170.2, for containers of this installation: always the same."""
    first, count = PORT_RANGE
    return first + int(hashlib.sha256(installation.encode()).hexdigest()[:8], 16) % count


def container_name(installation: str) -> str:
    return f"slipway-helper-{installation}"


def ensure_helper(engine: Engine) -> str:
    """Have it run, made anew where it is of another release; its id."""
    image = _ensure_image(engine)
    name = container_name(engine.installation)
    spec = ContainerSpec(
        name=name,
        image=image,
        labels={LABEL_INSTALLATION: engine.installation, LABEL_ROLE: ROLE},
        network_mode="host",
        cap_drop=("ALL",),
        cap_add=("NET_ADMIN", "NET_BIND_SERVICE"),
        security_opt=("no-new-privileges",),
        read_only=True,
        memory_limit=_MEMORY,
        pids_limit=1024,
        log_driver="none",
        stop_timeout=0,
    )
    found = engine.inspect_container(name)
    if found is not None and found.image != image:
        engine.remove_container(found.id)
        found = None
    if found is None:
        try:
            container_id = engine.create_container(spec)
        except NameConflict as conflict:
            container_id = conflict.container_id or name
    else:
        container_id = found.id
    if found is None or found.status != "running":
        engine.start_container(container_id)
    return container_id


def remove_helper(engine: Engine) -> None:
    for state in engine.list_containers({LABEL_ROLE: ROLE}, detail=False):
        engine.remove_container(state.id)


def open_tunnel(engine: Engine, container_id: str) -> ExecStream:
    """The program's input and output."""
    command = ("/usr/bin/python3", "-I", "-S", "-B", "/helper.py", engine.installation)
    return engine.exec_open(container_id, (*command, str(port_of(engine.installation))), tty=False)


def _ensure_image(engine: Engine) -> str:
    architecture = engine.info().architecture
    own = _MACHINES.get(platform.machine(), platform.machine())
    if architecture != own:
        raise InvalidRequest(
            f"The helper is made of this machine's Python ({own}); the engine is {architecture}."
        )
    with _making:  # hundreds of engines may want it at once, and it is large
        tar, reference = _image(architecture)
    if engine.image(reference) is None:
        engine.import_image(tar, reference, ['ENTRYPOINT ["/pause"]'])
    return reference


@lru_cache(maxsize=1)
def _image(architecture: str) -> tuple[bytes, str]:
    """The image's tar, and its reference by content."""
    python = str(Path(sys._base_executable).resolve())  # type: ignore[attr-defined]
    asked = subprocess.run(
        [python, "-I", "-S", "-B", "-c", _ASK], capture_output=True, text=True, check=True, timeout=60
    )
    found = json.loads(asked.stdout)
    library = Path(found["library"])
    files: dict[str, Path] = {"usr/bin/python3": Path(python), "helper.py": _PROGRAM}
    for name in found["modules"]:
        path = Path(name)
        inside = path.relative_to(library) if path.is_relative_to(library) else Path(path.name)
        files[f"{_HOME}/{inside}"] = path
    for name in found["libraries"]:
        path = Path(name)
        if path.is_file() and not path.is_relative_to(library):
            files[name.lstrip("/")] = path
    files |= _loader(python)
    buffer = io.BytesIO()
    digest = hashlib.sha256()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        with tarfile.open(fileobj=io.BytesIO(image_tar(architecture))) as pause:
            entry = pause.getmember("pause")
            tar.addfile(entry, pause.extractfile(entry))
        for folder in (f"{_HOME}/lib-dynload", "tmp", "dev"):
            made = tarfile.TarInfo(folder)
            made.type, made.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(made)
        for name, path in sorted(files.items()):
            content = path.read_bytes()
            digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue(), f"slipway/helper:{digest.hexdigest()[:12]}"


def _loader(python: str) -> dict[str, Path]:
    """The dynamic loader under the name the interpreter asks for, and libraries under the names they are asked by."""
    told = subprocess.run(["ldd", python], capture_output=True, text=True, check=False, timeout=30).stdout
    found = {}
    for line in told.splitlines():
        words = line.split()
        for word in words:
            if word.startswith("/") and Path(word).is_file():
                found[word.lstrip("/")] = Path(word).resolve()
    return found
