"""HTTP to one Docker Engine, over the docker SDK's own client and adapters.

The only module that imports the SDK. One call here is one HTTP request; the API version is
negotiated once and kept; connections are pooled, so that many threads share one `Transport`.
Whatever breaks below HTTP becomes `EngineUnavailable` or `EngineTimeout`; whatever the engine
itself refuses goes through the caller's function from (status, message) to an error.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import urllib3.exceptions
from docker import APIClient
from docker.errors import DockerException
from docker.tls import TLSConfig
from docker.transport import UnixHTTPAdapter

from base.outgoing import PinnedAdapter

from .errors import EngineBusy, EngineError, EngineTimeout, EngineUnavailable, InvalidRequest
from .refusals import general_refusal
from .ssh import SshAdapter, SshConnector, SshKeys, explained

Refusal = Callable[[int, str], EngineError]

# What we speak at most and need at least: 1.40 is Docker 19.03. Engines from 29 on want 1.44.
NEWEST_API = (1, 47)
OLDEST_API = (1, 40)
POOL_SIZE = 32


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files: the authority that signed the engine's certificate, and our own pair."""

    ca: str
    cert: str
    key: str


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, and between two reads of an answer."""

    connect: float = 5.0
    read: float = 60.0


class _KeepAliveAdapter(PinnedAdapter):
    """To addresses that may be connected to; with TCP keep-alive, so that an event stream to a host that vanished ends
    within about a minute."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        kwargs["socket_options"] = [
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
        ]
        super().init_poolmanager(*args, **kwargs)


class _UnixAdapter(UnixHTTPAdapter):
    """With one pool of connections. The SDK's own has one for each URL, so that what is asked of a container always
    goes over a new connection, and the old ones stay open."""

    def get_connection(self, url: str | bytes, proxies: Any = None) -> Any:
        return super().get_connection("http+docker://localhost", proxies)


class Stream:
    """The body of one answer, read as it comes. Close it, or read it to its end."""

    def __init__(self, response: requests.Response, where: str) -> None:
        self._response = response
        self._where = where

    def chunks(self) -> Iterator[bytes]:
        raw = self._response.raw
        try:
            with _network_errors(self._where):
                if getattr(raw, "chunked", False):
                    yield from raw.stream(65536, decode_content=False)
                else:  # an upgraded exec answers with a bare stream
                    while data := raw.read1(65536):
                        yield data
        finally:
            self.close()

    def lines(self) -> Iterator[bytes]:
        """Non-empty lines, without their ends."""
        rest = b""
        for chunk in self.chunks():
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line for line in whole if line.strip())
        if rest.strip():
            yield rest

    def close(self) -> None:
        self._response.close()

    def abort(self) -> None:
        """Wake a thread that is blocked in `chunks`: it then sees the end of the stream."""
        with contextlib.suppress(Exception):
            self._response.raw.shutdown()


class Hijacked:
    """A connection taken over from HTTP: bytes both ways. `first`: what came together with the answer's head."""

    def __init__(self, response: requests.Response, where: str) -> None:
        self._response = response
        raw: Any = response.raw
        reader = raw._fp.fp  # buffered: may hold the first bytes already
        self.socket: socket.socket = reader.raw._sock
        self.socket.setblocking(False)
        try:
            self.first = bytes(reader.read1(len(reader.peek(1)) or 1) or b"")
        except (BlockingIOError, ssl.SSLWantReadError):
            self.first = b""
        except OSError as error:
            self.close()
            raise EngineUnavailable(f"The engine at {where} went away: {error}") from error

    def close(self) -> None:
        self._response.close()


class Transport:
    """Shared by threads. `url`: unix:///path, tcp://host:port (with `tls`) or ssh://user@host (with `ssh`)."""

    def __init__(
        self, url: str, tls: TlsFiles | None, timeouts: Timeouts, ssh: SshKeys | None = None
    ) -> None:
        self.url = url
        self._tls = tls
        self._ssh = ssh
        self._connector: SshConnector | None = None
        self._timeouts = timeouts
        self._lock = threading.Lock()
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self._closed = False
        self._version: str | None = None
        self._client = self._new_client()
        self._pid = os.getpid()

    @property
    def local(self) -> bool:
        return self.url.startswith("unix://")

    @property
    def read_timeout(self) -> float:
        return self._timeouts.read

    @property
    def connect_timeout(self) -> float:
        return self._timeouts.connect

    def api_version(self) -> str:
        """The version both sides speak, asked once: "1.41"."""
        if (known := self._version) is not None:
            return known
        reply = self._send(
            "GET", "/version", general_refusal, versioned=False, read_timeout=self._timeouts.read
        )
        with _malformed(self.url):
            theirs = _numbers(reply.json()["ApiVersion"])
        if theirs < OLDEST_API:
            raise InvalidRequest(
                f"The engine at {self.url} speaks API {'.'.join(map(str, theirs))}; "
                f"{'.'.join(map(str, OLDEST_API))} or newer is needed."
            )
        self._version = ".".join(map(str, min(theirs, NEWEST_API)))
        return self._version

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        data: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        read_timeout: float | None = None,
        refusal: Refusal = general_refusal,
        versioned: bool = True,
    ) -> Any:
        """One request; answers the decoded JSON, or None where there was no JSON."""
        reply = self._send(
            method,
            path,
            refusal,
            params=params,
            body=body,
            data=data,
            headers=headers,
            read_timeout=read_timeout or self._timeouts.read,
            versioned=versioned,
        )
        if not reply.content or "json" not in reply.headers.get("Content-Type", ""):
            return None
        with _malformed(self.url):
            return reply.json()

    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        data: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        read_timeout: float | None = None,
        refusal: Refusal = general_refusal,
    ) -> Stream:
        """One request, with its answer's body still to read. No `read_timeout`: wait for ever. `data` that is an
        iterable is sent piece by piece as it comes."""
        reply = self._send(
            method,
            path,
            refusal,
            params=params,
            body=body,
            data=data,
            headers=headers,
            read_timeout=read_timeout,
            stream=True,
        )
        stream = Stream(reply, self.url)
        with self._lock:
            self._streams.add(stream)
            closed = self._closed
        if closed:
            stream.close()
            raise EngineUnavailable(f"The connection to {self.url} was closed.")
        return stream

    def hijack(self, path: str, body: Any, refusal: Refusal) -> Hijacked:
        """POST, then the bare connection. It is the caller's alone, and to be closed."""
        reply = self._send("POST", path, refusal, body=body, read_timeout=self._timeouts.read, stream=True)
        return Hijacked(reply, self.url)

    def close(self) -> None:
        """End all streams, also those other threads are blocked in, and drop the connections."""
        with self._lock:
            self._closed = True
            streams = list(self._streams)
        for stream in streams:
            stream.abort()
        self._client.close()

    # below: the wire ---------------------------------------------------------------------------

    def _send(
        self,
        method: str,
        path: str,
        refusal: Refusal,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        data: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        read_timeout: float | None,
        stream: bool = False,
        versioned: bool = True,
    ) -> requests.Response:
        client = self._own_client()
        prefix = f"/v{self.api_version()}" if versioned else ""
        all_headers = dict(headers or {})
        if body is not None:
            data = json.dumps(body).encode()
            all_headers["Content-Type"] = "application/json"
        if data is not None and not isinstance(data, bytes):
            data = iter(data)  # a list would be taken for the fields of a form
        with explained(self._connector), _network_errors(self.url):
            reply = client.request(
                method,
                f"{client.base_url}{prefix}{path}",
                params=dict(params or {}),
                data=data,
                headers=all_headers,
                timeout=(self._timeouts.connect, read_timeout),
                stream=stream,
                allow_redirects=False,
            )
            if reply.status_code < 400:
                return reply
            message = _message(reply)
            reply.close()
        if reply.status_code == 400 and "client version" in message:
            # Another engine version answers at this address now: negotiate again next time.
            self._version = None
            raise EngineBusy(message)
        raise refusal(reply.status_code, message)

    def _own_client(self) -> APIClient:
        """The client, made anew after a fork: sockets must not be shared between processes."""
        if self._closed:
            raise EngineUnavailable(f"The connection to {self.url} was closed.")
        if self._pid != os.getpid():
            self._client = self._new_client()
            self._pid = os.getpid()
        return self._client

    def _new_client(self) -> APIClient:
        scheme = urlsplit(self.url).scheme
        try:
            if scheme == "unix":
                client = self._sdk_client(None)
                path = self.url.removeprefix("unix://")
                client.mount("http+docker://", _UnixAdapter(path, max_pool_size=POOL_SIZE))
            elif scheme == "tcp" and self._tls is not None:
                files = self._tls
                client = self._sdk_client(
                    TLSConfig(client_cert=(files.cert, files.key), ca_cert=files.ca, verify=True)
                )
                client.mount("https://", _KeepAliveAdapter(pool_maxsize=POOL_SIZE))
            elif scheme == "tcp":
                raise InvalidRequest(
                    f"{self.url}: an engine on TCP needs client certificates; an open port gives root to everyone."
                )
            elif scheme == "ssh" and self._ssh is not None:
                client = self._sdk_client(None, "http://engine:80")
                self._connector = SshConnector(self.url, self._ssh)
                client.mount("http://", SshAdapter(self._connector, pool_maxsize=POOL_SIZE))
            elif scheme == "ssh":
                raise InvalidRequest(
                    f"{self.url}: an engine over SSH needs a private key and the host's key."
                )
            else:
                raise InvalidRequest(f"{self.url}: only unix://, tcp:// and ssh:// engines are supported.")
        except ValueError as error:
            raise InvalidRequest(f"{self.url}: {error}") from error
        except DockerException as error:
            raise InvalidRequest(f"{self.url}: {error}") from error
        # Neither a proxy nor a .netrc of the environment has a say in how engines are reached.
        client.trust_env = False
        return client

    def _sdk_client(self, tls: TLSConfig | None, base_url: str = "") -> APIClient:
        # A version is given so that the constructor makes no request: an engine may be down now.
        return APIClient(
            base_url=base_url or self.url,
            version=".".join(map(str, OLDEST_API)),
            timeout=max(1, int(self._timeouts.read)),
            tls=tls or False,
            max_pool_size=POOL_SIZE,
        )


def segment(text: str) -> str:
    """`text` quoted as one segment of a path."""
    return quote(text, safe=":")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _message(reply: requests.Response) -> str:
    try:
        found = reply.json()["message"]
    except (ValueError, KeyError, TypeError):
        # Whatever else answers at an address that somebody typed is not repeated to them.
        found = ""
    return str(found).strip() or f"HTTP {reply.status_code}"


@contextlib.contextmanager
def _malformed(where: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise EngineUnavailable(f"What answers at {where} is not a Docker Engine.") from error


@contextlib.contextmanager
def _network_errors(where: str) -> Iterator[None]:
    try:
        yield
    except requests.exceptions.ConnectTimeout as error:
        raise EngineUnavailable(f"The engine at {where} did not answer: {error}") from error
    except (requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
        raise EngineTimeout(f"The engine at {where} gave no answer in time.") from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        if _is_timeout(error):
            raise EngineTimeout(f"The engine at {where} gave no answer in time.") from error
        raise EngineUnavailable(f"The engine at {where} did not answer: {_root(error)}") from error


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those wrapped in its arguments, outermost first."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        inner = [
            part for part in (*seen.args, getattr(seen, "reason", None)) if isinstance(part, BaseException)
        ]
        seen = inner[0] if inner else None


def _is_timeout(error: BaseException) -> bool:
    return any(isinstance(part, TimeoutError | urllib3.exceptions.ReadTimeoutError) for part in _chain(error))


def _root(error: BaseException) -> BaseException:
    return list(_chain(error))[-1]
