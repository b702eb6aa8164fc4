"""Where an engine may be looked for, and with what it is spoken to: what registration takes and refuses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from base import outgoing
from base.errors import invalid, invalid_fields
from clusters.engine.ssh import fingerprints, read_host_keys, read_private_key, split_address, written

_LONGEST_URL = 500
_TLS = {"tls_ca": "tlsCa", "tls_certificate": "tlsCertificate", "tls_key": "tlsKey"}
_SSH = {"ssh_key": "sshKey", "ssh_host_key": "sshHostKey"}
_NAMES = {**_TLS, **_SSH}
FORMS = "an engine is unix:///path/to/docker.sock, tcp://host:port or ssh://user@host[:port]"


@dataclass(frozen=True, slots=True)
class Credentials:
    """As given; empty where not. `tls_*`: PEM texts. `ssh_key`: our private key; `ssh_host_key`: the host's public."""

    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = field(default="", repr=False)
    ssh_key: str = field(default="", repr=False)
    ssh_host_key: str = ""


def checked_address(url: str, given: Credentials) -> Credentials:
    """The credentials as they are kept. Raises InvalidParameter, naming the fields."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise invalid("url", f"is no address: {error}") from None
    if len(url) > _LONGEST_URL or not url.isprintable():
        raise invalid("url", f"at most {_LONGEST_URL} printable characters")
    if parts.scheme in settings.SLIPWAY_EXTRA_ENGINE_SCHEMES:  # fake engines of tests and benchmarks
        return given
    if parts.scheme == "unix":
        _check_socket(parts.path)
        _only(given, {}, "a local engine has no certificates or keys")
        return given
    if parts.scheme == "tcp":
        if not parts.hostname or not parts.port:
            raise invalid("url", "a remote engine is tcp://host:port")
        if parts.username or parts.path.strip("/") or parts.query or parts.fragment:
            raise invalid("url", "a remote engine is tcp://host:port and nothing more")
        _check_host(parts.hostname)
        _only(given, _TLS, "is for ssh:// engines")
        _all_of(given, _TLS, "required for a tcp:// engine: whoever reaches it without is root there")
        return given
    if parts.scheme == "ssh":
        return _checked_ssh(url, given)
    raise invalid("url", FORMS)


def _checked_ssh(url: str, given: Credentials) -> Credentials:
    try:
        _, host, _ = split_address(url)
    except ValueError as error:
        raise invalid("url", str(error)) from None
    _check_host(host)
    _only(given, _SSH, "is for tcp:// engines")
    _all_of(given, _SSH, "required for an ssh:// engine")
    wrong = {}
    try:
        read_private_key(given.ssh_key)
    except ValueError as error:
        wrong["sshKey"] = str(error)
    try:
        kept = written(read_host_keys(given.ssh_host_key))
    except ValueError as error:
        wrong["sshHostKey"] = str(error)
    if wrong:
        raise invalid_fields(wrong)
    return Credentials(ssh_key=given.ssh_key.strip() + "\n", ssh_host_key=kept)


def _check_socket(path: str) -> None:
    if not path.startswith("/"):
        raise invalid("url", "a local engine is unix:///path/to/docker.sock")
    if Path(os.path.abspath(path)).is_relative_to(settings.SLIPWAY_HOME):
        raise invalid("url", "lies within Slipway's own home, where no engine listens")


def _check_host(host: str) -> None:
    try:
        outgoing.check_host(host)
    except outgoing.ForbiddenAddress as error:
        raise invalid("url", f"{error}: no engine is looked for there") from None


def _only(given: Credentials, names: Mapping[str, str], reason: str) -> None:
    strange = {_NAMES[name]: reason for name in _NAMES if name not in names and getattr(given, name)}
    if strange:
        raise invalid_fields(strange)


def _all_of(given: Credentials, names: Mapping[str, str], reason: str) -> None:
    missing = {_NAMES[name]: reason for name in names if not getattr(given, name).strip()}
    if missing:
        raise invalid_fields(missing)


__all__ = ["FORMS", "Credentials", "checked_address", "fingerprints"]
