"""Two hundred Docker Engines in one process, as far as the engine port asks: HTTP on a unix socket each, with the
engine's own documents, so that worker and watcher drive them through the very SDK they drive real ones with.

    python -m bench.scaled.engines FOLDER COUNT       sockets FOLDER/0.sock …; FOLDER/control.sock is the benchmark's

Containers start and end at once: what is measured is Slipway alone. A command that is executed in one is taken for the
helper's program (clusters/engine/helper_program.py) and answers its tunnel's pings. The control socket loads
containers, lets one die, and tells when containers started, by this process's clock. Standard library only.
"""

from __future__ import annotations

import asyncio
import json
import re
import struct
import sys
import time
import urllib.parse
import uuid
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Document = dict[str, Any]
Start = tuple[float, str, str]  # when, container, task
_IMAGE = "sha256:" + "ab" * 32
_FRAME, _PING = struct.Struct(">IBI"), 4  # of a helper's tunnel, as in helper_program.py
_HEAD = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def moment(at: float) -> str:
    return (
        datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z") if at else "0001-01-01T00:00:00Z"
    )


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Engine:
    """One of them. A container is kept as the document that `inspect` answers. `starts`: of all, in their order."""

    def __init__(self, number: int, cpus: int, memory: int, starts: list[Start]) -> None:
        self.id = f"SCALE{number:04}"
        self.name = f"scale-{number}"
        self.cpus, self.memory = cpus, memory
        self.containers: dict[str, Document] = {}
        self.names: dict[str, str] = {}
        self.listeners: list[asyncio.Queue[Document]] = []
        self.calls: Counter[str] = Counter()
        self.starts = starts

    def info(self) -> Document:
        return {
            "ID": self.id,
            "Name": self.name,
            "ServerVersion": "20.10.24",
            "OSType": "linux",
            "Architecture": "x86_64",
            "KernelVersion": "6.1.0",
            "NCPU": self.cpus,
            "MemTotal": self.memory * 2**20,
            "Driver": "overlay2",
            "CgroupDriver": "cgroupfs",
            "CgroupVersion": "1",
            "DockerRootDir": "/nonexistent",
            "MemoryLimit": True,
        }

    def create(self, name: str, body: Document, key: str = "") -> Document:
        if name in self.names:
            message = (
                f'Conflict. The container name "/{name}" is already in use by container "{self.names[name]}".'
            )
            raise Refused(409, message)
        made = key or uuid.uuid4().hex * 2
        now = time.time()
        self.containers[made] = {
            "Id": made,
            "Name": f"/{name}",
            "Created": moment(now),
            "created": int(now),
            "Image": _IMAGE,
            "RestartCount": 0,
            "State": {
                "Status": "created",
                "ExitCode": 0,
                "StartedAt": moment(0),
                "FinishedAt": moment(0),
                "Pid": 0,
            },
            "Config": {"Image": body.get("Image", ""), "Labels": body.get("Labels") or {}},
            "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2"}}, "Ports": {}},
        }
        self.names[name] = made
        return {"Id": made, "Warnings": []}

    def find(self, key: str) -> Document:
        found = self.containers.get(key) or self.containers.get(self.names.get(key, ""))
        if found is None:
            raise Refused(404, f"No such container: {key}")
        return found

    def start(self, key: str) -> None:
        one, now = self.find(key), time.time()
        if one["State"]["Status"] == "running":
            return
        one["State"] |= {"Status": "running", "StartedAt": moment(now), "Pid": 4242}
        task = one["Config"]["Labels"].get("com.amazonaws.ecs.task-arn", "")
        if task:
            self.starts.append((now, one["Id"], task))
        self.tell(one, "start")

    def end(self, key: str, code: int) -> None:
        one = self.find(key)
        if one["State"]["Status"] != "running":
            raise Refused(409, f"Container {key} is not running")
        one["State"] |= {"Status": "exited", "ExitCode": code, "FinishedAt": moment(time.time()), "Pid": 0}
        self.tell(one, "die", exitCode=str(code))

    def remove(self, key: str) -> None:
        one = self.find(key)
        del self.containers[one["Id"]], self.names[one["Name"].lstrip("/")]
        self.tell(one, "destroy")

    def tell(self, one: Document, action: str, **more: str) -> None:
        now = time.time()
        attributes = {**one["Config"]["Labels"], "name": one["Name"].lstrip("/"), **more}
        event = {
            "Type": "container",
            "Action": action,
            "Actor": {"ID": one["Id"], "Attributes": attributes},
            "time": int(now),
            "timeNano": int(now * 1e9),
        }
        for queue in self.listeners:
            queue.put_nowait(event)

    def summaries(self, wanted: list[str]) -> list[Document]:
        labels = dict(text.partition("=")[::2] for text in wanted)
        return [
            {
                "Id": one["Id"],
                "Names": [one["Name"]],
                "Image": one["Config"]["Image"],
                "ImageID": one["Image"],
                "Created": one["created"],
                "State": one["State"]["Status"],
                "Status": "Up 2 hours" if one["State"]["Status"] == "running" else "Exited (0) 2 minutes ago",
                "Labels": one["Config"]["Labels"],
                "Ports": [],
                "NetworkSettings": {"Networks": one["NetworkSettings"]["Networks"]},
            }
            for one in self.containers.values()
            if labels.items() <= one["Config"]["Labels"].items()
        ]

    # ---- requests ------------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict[str, str], body: Document) -> Any:
        """The document, None for 204. `path` without its version."""
        parts = path.strip("/").split("/")
        self.calls[f"{method} {parts[0]} {parts[-1] if len(parts) > 2 else ''}".strip()] += 1
        match (method, *parts):
            case ("GET" | "HEAD", "_ping"):
                return "OK"
            case ("GET", "version"):
                return {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24"}
            case ("GET", "info"):
                return self.info()
            case ("GET", "containers", "json"):
                return self.summaries(json.loads(query.get("filters") or "{}").get("label") or [])
            case ("POST", "containers", "create"):
                return self.create(query.get("name", ""), body)
            case ("GET", "containers", key, "json"):
                return self.find(key)
            case ("POST", "containers", key, "start"):
                return self.start(key)
            case ("POST", "containers", key, "kill" | "stop"):
                return self.end(key, 143)
            case ("DELETE", "containers", key):
                return self.remove(key)
            case ("GET", "containers", key, "logs"):
                self.find(key)
                return b""
            case ("POST", "containers", key, "exec"):
                return {"Id": self.find(key)["Id"]}
            case ("POST", "exec", _, "start"):  # detached: the end of what a tunnel ran
                return b""
            case ("GET", "images", "json"):
                return [{"Id": _IMAGE, "RepoTags": ["scale:1"], "RepoDigests": [], "Size": 1, "Created": 1}]
            case ("GET", "networks"):
                return []
            case ("GET", "volumes"):
                return {"Volumes": [], "Warnings": None}
            case ("GET", "images", *_):
                return {"Id": _IMAGE, "RepoDigests": [], "Size": 1, "Created": moment(1.0)}
        raise Refused(501, f"this engine does not do {method} {path}")


class Connection:
    """Keeps a connection open, one request after the other."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        length = _HEAD.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
        url = urllib.parse.urlsplit(target)
        path = urllib.parse.unquote(re.sub(r"^/v\d+\.\d+", "", url.path))
        query = dict(urllib.parse.parse_qsl(url.query))
        if path == "/events":
            await self._events(writer, json.loads(query.get("filters") or "{}").get("event") or [])
            return False
        if path.startswith("/exec/") and not json.loads(body or b"{}").get("Detach", True):
            self.engine.calls["POST exec start"] += 1
            await self._tunnel(reader, writer)
            return False
        try:
            found = self.engine.answer(method, path, query, json.loads(body or b"{}"))
            status = 204 if found is None else 201 if method == "POST" else 200
        except Refused as error:
            found, status = {"message": str(error)}, error.status
        kind, data = _encoded(found)
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        await writer.drain()
        return True

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 X\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n")
        while True:
            await writer.drain()
            number, kind, length = _FRAME.unpack(await reader.readexactly(_FRAME.size))
            await reader.readexactly(length)
            if kind == _PING:
                # Output of a command without a terminal: 1 is its standard output, then the length.
                writer.write(struct.pack(">BxxxI", 1, _FRAME.size) + _FRAME.pack(number, _PING, 0))

    async def _events(self, writer: asyncio.StreamWriter, wanted: list[str]) -> None:
        queue: asyncio.Queue[Document] = asyncio.Queue()
        self.engine.listeners.append(queue)
        writer.write(
            b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        try:
            while True:
                await writer.drain()
                event = await queue.get()
                if not wanted or event["Action"] in wanted:
                    line = json.dumps(event).encode() + b"\n"
                    writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        finally:
            self.engine.listeners.remove(queue)


def _encoded(found: Any) -> tuple[str, bytes]:
    if found is None or isinstance(found, bytes):
        return "application/vnd.docker.raw-stream", found or b""
    if isinstance(found, str):
        return "text/plain", found.encode()
    return "application/json", json.dumps(found).encode()


async def control(
    engines: list[Engine], starts: list[Start], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """A JSON object a line: {"do": "load" | "die" | "starts" | "calls", ...}; a JSON answer a line."""
    deeds: dict[str, Callable[[Document], Any]] = {
        "load": lambda what: [
            (engines[n].create(name, body, key), engines[n].start(key))[0]["Id"]
            for n, key, name, body in what["all"]
        ],
        "die": lambda what: (engines[what["engine"]].end(what["id"], 1), time.time())[1],
        # Asked again and again while one is waited for: of ten thousand only the new ones are looked at.
        "starts": lambda what: starts[bisect_right(starts, (what["since"], "~")) :],
        "calls": lambda what: dict(sum((engine.calls for engine in engines), Counter())),
        "forget": lambda what: (
            [(engine.containers.clear(), engine.names.clear()) for engine in engines] and None
        ),
    }
    while line := await reader.readline():
        what = json.loads(line)
        writer.write(json.dumps(deeds[what["do"]](what)).encode() + b"\n")
        await writer.drain()
    writer.close()


async def main(folder: Path, count: int, cpus: int = 64, memory: int = 262_144) -> None:
    starts: list[Start] = []
    engines = [Engine(number, cpus, memory, starts) for number in range(count)]
    for number, engine in enumerate(engines):
        await asyncio.start_unix_server(Connection(engine).serve, folder / f"{number}.sock", limit=2**20)
    path = folder / "control.sock"
    server = await asyncio.start_unix_server(
        lambda reader, writer: control(engines, starts, reader, writer), path, limit=2**28
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
