"""Opening an engine from its address."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from .port import Engine
from .sdk import SdkEngine
from .ssh import SshKeys
from .transport import Timeouts, TlsFiles, Transport

Opener = Callable[[str, str], Engine]

_openers: dict[str, Opener] = {}


def open_engine(
    url: str,
    installation: str,
    *,
    tls: TlsFiles | None = None,
    ssh: SshKeys | None = None,
    timeout: float = 60.0,
    connect_timeout: float = 5.0,
) -> Engine:
    """The engine at `url`: unix:///path, tcp://host:port with `tls`, or ssh://user@host[:port] with `ssh`. Makes no
    request yet, so it works while the engine is down. One engine serves any number of threads.

    `timeout`: seconds without a byte before EngineTimeout. Raises InvalidRequest for an address or
    certificate files or keys that cannot be used.
    """
    opener = _openers.get(urlsplit(url).scheme)
    if opener is not None:
        return opener(url, installation)
    return SdkEngine(Transport(url, tls, Timeouts(connect=connect_timeout, read=timeout), ssh), installation)


def register_scheme(scheme: str, opener: Opener) -> None:
    """Let `opener(url, installation)` open addresses of `scheme`: how tests and simulations bring
    their own engines ("fake://one")."""
    _openers[scheme] = opener


def unregister_scheme(scheme: str) -> None:
    _openers.pop(scheme, None)


__all__ = ["Opener", "SshKeys", "TlsFiles", "open_engine", "register_scheme", "unregister_scheme"]
