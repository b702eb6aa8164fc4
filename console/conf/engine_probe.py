"""Does a Docker Engine answer, and what is it? Standard library only: asked before any package is installed.

Called by: `console.setup` (is an engine needed?), `console.run.doctor`. Everything that drives an engine goes
through `clusters.engine` instead.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DEFAULT_ENDPOINT = "unix:///var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class Probe:
    """What the engine at `endpoint` said. `problem` is "" when it answered."""

    endpoint: str
    problem: str = ""
    version: str = ""
    api_version: str = ""
    info: dict[str, Any] | None = None


def endpoint() -> str:
    """DOCKER_HOST, or the local socket."""
    return os.environ.get("DOCKER_HOST", "").strip() or DEFAULT_ENDPOINT


def probe(address: str | None = None, timeout: float = 3.0) -> Probe:
    """Ask the engine for its version and facts. Never raises; a refusal is told in `problem`."""
    address = address or endpoint()
    if address.startswith("ssh://"):
        return Probe(
            address, "an ssh:// address cannot be checked here; use `docker -H " + address + " info`"
        )
    try:
        version = _get(address, "/version", timeout)
        return Probe(
            address,
            version=str(version.get("Version", "")),
            api_version=str(version.get("ApiVersion", "")),
            info=_get(address, "/info", timeout),
        )
    except FileNotFoundError:
        return Probe(address, f"there is no socket {address.removeprefix('unix://')}: no engine runs")
    except ConnectionRefusedError:
        return Probe(address, "nothing listens there: the engine is not running")
    except PermissionError:
        return Probe(address, "this user may not open the socket; add it to the group docker, or run as root")
    except TimeoutError:
        return Probe(address, f"no answer within {timeout:g} s")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Probe(address, f"{type(error).__name__}: {error}")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _get(address: str, path: str, timeout: float) -> dict[str, Any]:
    connection = _connection(address, timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise ValueError(f"GET {path} answered {answer.status}")
        parsed = json.loads(body)
        if not isinstance(parsed, dict):
            raise ValueError(f"GET {path} did not answer with an object")
        return parsed
    finally:
        connection.close()


def _connection(address: str, timeout: float) -> http.client.HTTPConnection:
    parts = urlsplit(address)
    if parts.scheme == "unix":
        return _UnixConnection(parts.path, timeout)
    if parts.scheme not in {"tcp", "http", "https"} or not parts.hostname:
        raise ValueError(f"{address} is neither unix:// nor tcp://")
    if parts.scheme == "https" or os.environ.get("DOCKER_TLS_VERIFY"):
        certificates = Path(os.environ.get("DOCKER_CERT_PATH", "~/.docker")).expanduser()
        context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
        context.load_cert_chain(str(certificates / "cert.pem"), str(certificates / "key.pem"))
        return http.client.HTTPSConnection(
            parts.hostname, parts.port or 2376, timeout=timeout, context=context
        )
    return http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=timeout)
