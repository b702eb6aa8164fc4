"""From an instance's row to the engine it stands for. One client a process and address, kept open."""

from __future__ import annotations

import contextlib
import os
import threading

from django.conf import settings

from base.cipher import decrypt
from base.installation import installation_id
from clusters.engine.connect import SshKeys, TlsFiles, open_engine
from clusters.engine.errors import EngineError
from clusters.engine.port import Engine
from clusters.models import ContainerInstance

_open: dict[tuple[str, ...], Engine] = {}
_lock = threading.Lock()


def engine_of(instance: ContainerInstance) -> Engine:
    """The engine of this instance. Raises EngineUnavailable where it does not answer at first contact."""
    if settings.SLIPWAY_ROLE == "web":
        raise RuntimeError("the web process never opens an engine: it writes rows, worker and watcher act")
    key = (
        *(instance.url, instance.tls_ca, instance.tls_certificate, instance.tls_key),
        *(instance.ssh_host_key, instance.ssh_key),
    )
    with _lock:
        engine = _open.get(key)
    if engine is not None:
        return engine
    tls = None
    if instance.tls_certificate:
        tls = TlsFiles(
            ca=_in_memory(instance.tls_ca),
            cert=_in_memory(instance.tls_certificate),
            key=_in_memory(decrypt(instance.tls_key)),
        )
    ssh = SshKeys(decrypt(instance.ssh_key), instance.ssh_host_key) if instance.ssh_key else None
    engine = open_engine(instance.url, installation_id(), tls=tls, ssh=ssh)
    with _lock:
        return _open.setdefault(key, engine)


def _in_memory(text: str) -> str:
    """A path that holds the text without ever touching a disk: the client library wants file names, and keys are
    encrypted at rest. It lives as long as the process."""
    descriptor = os.memfd_create("slipway-tls", os.MFD_CLOEXEC)
    os.write(descriptor, text.encode())
    return f"/proc/self/fd/{descriptor}"


def forget(instance: ContainerInstance) -> None:
    """Close this instance's client, so that the next use connects anew."""
    with _lock:
        gone = [key for key in _open if key[0] == instance.url]
        engines = [_open.pop(key) for key in gone]
    for engine in engines:
        with contextlib.suppress(EngineError, OSError):
            engine.close()
