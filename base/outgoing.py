"""Connections to addresses that people gave us: engines on TCP, identity providers, hooks.

A name is resolved once, every address it stands for is judged, and the connection goes to exactly those: nothing can
point elsewhere between the check and the use. Never reached: link-local addresses (a cloud's metadata service hands out
its credentials there), unspecified, multicast and reserved ones, whatever they are wrapped in. Private networks and
loopback are where engines and companies' own servers live: they are open, unless SLIPWAY_OUTGOING_REFUSED names them.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from typing import Any

import requests
import requests.adapters
from django.conf import settings
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Metadata services of clouds outside the link-local range.
_NEVER: tuple[Network, ...] = (
    ipaddress.ip_network("fd00:ec2::/32"),
    ipaddress.ip_network("100.100.100.200/32"),
    ipaddress.ip_network("168.63.129.16/32"),
    ipaddress.ip_network("0.0.0.0/8"),
)
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


class ForbiddenAddress(ValueError):
    """The address is one that is never connected to. The message names what was asked for and why not."""


def judge(address: Address) -> str:
    """Why `address` must not be connected to; "" where it may."""
    inner = _unwrapped(address)
    if inner.is_link_local:
        return "a link-local address, where clouds keep their metadata"
    if inner.is_unspecified:
        return "the unspecified address"
    if inner.is_multicast:
        return "a multicast address"
    # Loopback, in version 6, counts as reserved too.
    if inner.is_reserved and not inner.is_loopback:
        return "a reserved address"
    if any(inner in network for network in _NEVER if network.version == inner.version):
        return "an address of a cloud's metadata service or of no host"
    if any(inner in network for network in _refused() if network.version == inner.version):
        return "an address that SLIPWAY_OUTGOING_REFUSED names"
    return ""


def check_host(host: str) -> None:
    """Raises ForbiddenAddress for a literal address that is never connected to. Names are judged when they are
    resolved, at each connection: this asks nobody."""
    for address in _literal(host):
        if reason := judge(address):
            raise ForbiddenAddress(f"{host} is {reason}")


def resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    """Where `host` is, every address judged. Raises ForbiddenAddress if any of them is forbidden (a name that mixes
    them is up to something), OSError where it does not resolve."""
    found: list[tuple[socket.AddressFamily, tuple[Any, ...]]] = []
    for family, _, _, _, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = ipaddress.ip_address(str(where[0]).partition("%")[0])
        if reason := judge(address):
            raise ForbiddenAddress(f"{host} is {reason}")
        found.append((family, where))
    return found


def connect(
    host: str,
    port: int,
    timeout: float | None = None,
    options: Iterable[tuple[int, int, int | bytes]] = (),
) -> socket.socket:
    """A TCP connection to the first address of `host` that answers. Raises ForbiddenAddress or OSError."""
    trouble: OSError | None = None
    for family, where in resolve(host, port):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            for option in options:
                connection.setsockopt(*option)
            connection.settimeout(timeout)
            connection.connect(where)
            return connection
        except OSError as error:
            connection.close()
            trouble = error
    raise trouble or OSError(f"{host} has no address")


class _Pinned:
    """urllib3's connection, but the socket is ours."""

    def _new_conn(self) -> socket.socket:
        host, port = str(self._dns_host), int(self.port)  # type: ignore[attr-defined]
        timeout = self.timeout if isinstance(self.timeout, int | float) else None  # type: ignore[attr-defined]
        try:
            return connect(host, port, timeout, self.socket_options or ())  # type: ignore[attr-defined]
        except ForbiddenAddress as error:
            raise NewConnectionError(self, str(error)) from error  # type: ignore[arg-type]
        except socket.gaierror as error:
            raise NameResolutionError(host, self, error) from error  # type: ignore[arg-type]
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"{host} did not answer within {timeout} seconds") from error
        except OSError as error:
            raise NewConnectionError(self, f"{host} did not answer: {error}") from error  # type: ignore[arg-type]


class _PinnedHTTP(_Pinned, HTTPConnection):
    pass


class _PinnedHTTPS(_Pinned, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _PinnedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PinnedHTTPS


class PinnedAdapter(requests.adapters.HTTPAdapter):
    """Mount it on a requests session: its connections go where `connect` lets them."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        raise ForbiddenAddress("no proxy is used")  # it would resolve the name anew, where we cannot look


class Session(requests.Session):
    """requests, for addresses that people gave: pinned, without redirects, proxies, .netrc or cookies of elsewhere,
    a time-out on every request. `fetch` also bounds the answer."""

    def __init__(self, timeout: float = 10.0) -> None:
        super().__init__()
        self.trust_env = False
        self.timeout = timeout
        for scheme in ("http://", "https://"):
            self.mount(scheme, PinnedAdapter())

    def request(self, *args: Any, **more: Any) -> requests.Response:
        """As requests'; redirects are answered, never followed."""
        more["allow_redirects"] = False
        more.setdefault("timeout", self.timeout)
        return super().request(*args, **more)

    def fetch(self, method: str, url: str, most: int = 1_000_000, **more: Any) -> tuple[int, bytes]:
        """Status and body. Raises requests.RequestException, also for a body over `most` bytes."""
        with self.request(method, url, stream=True, **more) as answer:
            body = b""
            for part in answer.iter_content(65536):
                body += part
                if len(body) > most:
                    raise requests.exceptions.ContentDecodingError(f"the answer is larger than {most} bytes")
            return answer.status_code, body


def _unwrapped(address: Address) -> Address:
    """The version 4 address within a version 6 one that only carries it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address.teredo is not None:
            return address.teredo[1]
        if address in _TRANSLATED or (int(address) >> 32 == 0 and int(address) > 1):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _literal(host: str) -> Sequence[Address]:
    """The address that `host` is, in any spelling the system's resolver takes for one ("2852039166", "0x7f.1")."""
    bare = host.strip("[]").partition("%")[0]
    try:
        return [ipaddress.ip_address(bare)]
    except ValueError:
        pass
    try:
        return [ipaddress.IPv4Address(socket.inet_aton(bare))]
    except (OSError, UnicodeEncodeError):
        return []


def _refused() -> list[Network]:
    return [ipaddress.ip_network(one, strict=False) for one in settings.SLIPWAY_OUTGOING_REFUSED]
