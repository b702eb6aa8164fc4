"""A Docker Engine over SSH: each connection is a channel that runs `docker system dial-stdio` on the host.

Within this process, by paramiko: the private key is never on a disk nor in a command line, no agent and no
configuration of the machine has a say, nothing asks a question, and no child outlives us. The connection goes to
addresses that `base.outgoing` lets through, and only to a host that shows the key that was registered.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import logging
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import paramiko
import requests.adapters
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import NewConnectionError

from base import outgoing

from .errors import EngineUnavailable

log = logging.getLogger(__name__)
# What it has to say is raised, and said in our words.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

COMMAND = "docker system dial-stdio"
DEFAULT_PORT = 22
# What sshd lets one connection have unless told otherwise (MaxSessions); more go over another connection.
CHANNELS = 10
_KEY_CLASSES: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
# A host that shows an RSA key signs with SHA-2: SHA-1 is given up.
_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
_USER = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]{0,31}$")
_HOST = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$|^[0-9A-Fa-f:.]{2,45}$")
_SOCKET_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    # Milliseconds that what was sent may stay without an answer.
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000),
)


@dataclass(frozen=True, slots=True)
class SshKeys:
    """Texts: our private key, and the host's public keys ("ssh-ed25519 AAAA…", one a line)."""

    private_key: str = field(repr=False)
    host_keys: str


# ---- what people give us -----------------------------------------------------------------------


def split_address(url: str) -> tuple[str, str, int]:
    """(user, host, port) of ssh://user@host[:port]. Raises ValueError, saying what is wrong with it."""
    parts = urlsplit(url)
    if parts.password is not None:
        raise ValueError("no password: a key is used")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("ssh://user@host[:port] and nothing more")
    if not parts.username or not _USER.match(parts.username):
        raise ValueError("ssh://user@host[:port], with the user's name on that host")
    if not parts.hostname or not _HOST.match(parts.hostname):
        raise ValueError("ssh://user@host[:port], with a host's name or address")
    return parts.username, parts.hostname, parts.port or DEFAULT_PORT


def read_private_key(text: str) -> paramiko.PKey:
    """Raises ValueError, which never repeats anything of the text."""
    for kind in _KEY_CLASSES:
        try:
            return kind.from_private_key(io.StringIO(text.strip() + "\n"))
        except paramiko.PasswordRequiredException:
            raise ValueError("has a passphrase, and nobody is there to type it") from None
        except (
            Exception
        ) as error:  # of another kind, or of none: paramiko and what it stands on raise many things
            log.debug("not a %s: %s", kind.__name__, type(error).__name__)
    raise ValueError("is no private key in OpenSSH's or PEM form (Ed25519, ECDSA or RSA)")


def read_host_keys(text: str) -> tuple[paramiko.PKey, ...]:
    """Public keys, one a line: "ssh-ed25519 AAAA…", or as in known_hosts or printed by ssh-keyscan, with the host
    before. Raises ValueError."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith("@"):
            raise ValueError(f"{words[0][:40]} is not supported: give the host's own key")
        at = next((n for n, word in enumerate(words[:2]) if word.startswith(("ssh-", "ecdsa-"))), None)
        if at is None or len(words) < at + 2:
            raise ValueError("a public key is TYPE and BASE64, such as ssh-ed25519 AAAA…")
        try:
            key = paramiko.PKey.from_type_string(words[at], base64.b64decode(words[at + 1], validate=True))
        except (paramiko.SSHException, binascii.Error, ValueError, paramiko.pkey.UnknownKeyType):
            raise ValueError(f"{words[at][:40]}: no such type, or not its key") from None
        found.append(key)
    if not found:
        raise ValueError("the host's public key, as ssh-keyscan prints it")
    return tuple(found)


def written(keys: tuple[paramiko.PKey, ...]) -> str:
    """As they are kept: TYPE and BASE64, one a line."""
    return "\n".join(f"{key.get_name()} {key.get_base64()}" for key in keys)


# ---- the connection ----------------------------------------------------------------------------


class SshConnector:
    """Makes sockets that end at the engine. Shared by threads; connects at the first use, and anew when it must."""

    def __init__(self, url: str, keys: SshKeys) -> None:
        """Raises ValueError for an address or a key that cannot be used."""
        self._user, self._host, self._port = split_address(url)
        self._key = read_private_key(keys.private_key)
        self._host_keys = read_host_keys(keys.host_keys)
        self._lock = threading.Lock()
        self._open: list[_Line] = []
        self.trouble = ""  # why the last channel ended without a word, as the host said it

    def connect(self, timeout: float) -> socket.socket:
        """Raises OSError, saying what went wrong."""
        ours, theirs = socket.socketpair()
        try:
            channel = self._channel(timeout)
            channel.exec_command(COMMAND)
        except (paramiko.SSHException, EOFError) as error:
            ours.close()
            theirs.close()
            raise OSError(f"{self._where()}: {error or 'the connection broke off'}") from error
        except BaseException:
            ours.close()
            theirs.close()
            raise
        _Pump(channel, theirs, self._ended).start()
        return ours

    def close(self) -> None:
        with self._lock:
            lines, self._open = self._open, []
        for line in lines:
            line.transport.close()

    def _channel(self, timeout: float) -> paramiko.Channel:
        for _ in range(CHANNELS):
            line = self._line(timeout)
            try:
                return line.transport.open_session(timeout=timeout)
            except paramiko.SSHException as error:
                # paramiko keeps one error a connection: of threads refused at once, some get a nameless one.
                if "Timeout" in str(error) or not line.transport.is_active():
                    raise
                # This host lets a connection have fewer channels than is usual, or many threads came at once.
                line.full = True
        raise OSError(f"{self._where()}: the host allows no channels")

    def _line(self, timeout: float) -> _Line:
        """A connection with room for one more channel. Held by one thread at a time, so that many that begin at once
        do not each make their own."""
        with self._lock:
            self._open = [line for line in self._open if line.transport.is_active()]
            line = next((line for line in self._open if line.has_room()), None)
            if line is None:
                line = _Line(self._new_transport(timeout))
                self._open.append(line)
            return line

    def _new_transport(self, timeout: float) -> paramiko.Transport:
        connection = outgoing.connect(self._host, self._port, timeout, _SOCKET_OPTIONS)
        transport = paramiko.Transport(connection)
        transport.daemon = True
        transport.banner_timeout = transport.auth_timeout = transport.handshake_timeout = timeout
        try:
            names = [key.get_name() for key in self._host_keys]
            wanted = [algorithm for name in names for algorithm in _ALGORITHMS.get(name, (name,))]
            transport.get_security_options().key_types = tuple(dict.fromkeys(wanted))
            transport.start_client(timeout=timeout)
            shown = transport.get_remote_server_key()
            if shown not in self._host_keys:
                raise paramiko.SSHException(
                    f"the host shows another key than the one that was registered ({shown.fingerprint})"
                )
            transport.auth_publickey(self._user, self._key)
        except paramiko.AuthenticationException as error:
            transport.close()
            raise OSError(f"{self._where()}: the host does not take this key") from error
        except paramiko.ssh_exception.IncompatiblePeer as error:
            transport.close()
            raise OSError(f"{self._where()}: the host has no key of the registered kind ({error})") from error
        except (paramiko.SSHException, EOFError) as error:
            transport.close()
            raise OSError(f"{self._where()}: {error or 'the connection broke off'}") from error
        except BaseException:
            transport.close()
            raise
        return transport

    def _where(self) -> str:
        return f"{self._user}@{self._host}"

    def _ended(self, said: str) -> None:
        self.trouble = said


class _Line:
    """One connection to the host. `full`: it refused a channel."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self.transport = transport
        self.full = False

    def has_room(self) -> bool:
        channels = len(self.transport._channels)
        if self.full and channels == 0:
            self.full = False
        return not self.full and channels < CHANNELS


class _Pump:
    """Carries bytes between a channel and a socket, in both directions, until either ends. The other end of the
    socket then is what the rest of the driver knows: time-outs, shutdown and streaming work as everywhere."""

    def __init__(self, channel: paramiko.Channel, end: socket.socket, ended: Any) -> None:
        self._channel = channel
        self._end = end
        self._ended = ended
        self._answered = False

    def start(self) -> None:
        for work in (self._to_host, self._from_host):
            threading.Thread(target=work, name="ssh-pump", daemon=True).start()

    def _to_host(self) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            while data := self._end.recv(65536):
                self._channel.sendall(data)
            # The request is over, and its answer may still come: dial-stdio passes a half close on.
            self._channel.shutdown_write()
            return
        self._channel.close()

    def _from_host(self) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            while data := self._channel.recv(65536):
                self._answered = True
                self._end.sendall(data)
        if not self._answered:
            self._ended(self._last_words())
        self._channel.close()
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._end.close()

    def _last_words(self) -> str:
        """What the host says of a command that failed: no docker there, no right to its socket."""
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self._channel.settimeout(2)
            said = self._channel.recv_stderr(2000).decode("utf-8", "replace").strip()
            if self._channel.status_event.wait(2) and self._channel.exit_status > 0:
                return said.splitlines()[-1][:300] if said else f"`{COMMAND}` failed there"
        return ""


# ---- HTTP over it ------------------------------------------------------------------------------


class _Connection(HTTPConnection):
    connector: SshConnector

    def connect(self) -> None:
        try:
            self.sock = self.connector.connect(float(self.timeout or 10.0))
        except (OSError, outgoing.ForbiddenAddress) as error:
            raise NewConnectionError(self, str(error)) from error


class SshAdapter(requests.adapters.HTTPAdapter):
    """Mount it on a requests session: whatever is asked for goes to the connector's engine."""

    def __init__(self, connector: SshConnector, **more: Any) -> None:
        self._connector = connector
        super().__init__(**more)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        connection = type("_To", (_Connection,), {"connector": self._connector})
        pool = type("_Pool", (HTTPConnectionPool,), {"ConnectionCls": connection})
        self.poolmanager.pool_classes_by_scheme = {"http": pool}

    def close(self) -> None:
        super().close()
        self._connector.close()


@contextlib.contextmanager
def explained(connector: SshConnector | None) -> Iterator[None]:
    """An engine that hangs up without a word: say what the host said instead."""
    if connector is not None:
        connector.trouble = ""
    try:
        yield
    except EngineUnavailable as error:
        if connector is None or not connector.trouble:
            raise
        raise EngineUnavailable(f"{error} {connector.trouble}") from error


def fingerprints(host_keys: str) -> list[str]:
    """As people compare them: "ED25519 SHA256:…"."""
    return (
        [f"{key.algorithm_name} {key.fingerprint}" for key in read_host_keys(host_keys)] if host_keys else []
    )
