"""From an instance's row to the engine it stands for. One client a process and address, kept open."""

from __future__ import annotations

import threading
from collections.abc import Callable

from base.cipher import decrypt
from base.installation import installation_id
from clusters.engine.connect import TlsFiles, open_engine
from clusters.engine.errors import EngineError
from clusters.engine.port import Engine
from clusters.models import ContainerInstance

_open: dict[tuple[str, ...], Engine] = {}
_lock = threading.Lock()
# Tests and the simulation put their fakes here: url scheme -> factory(url).
_schemes: dict[str, Callable[[str], Engine]] = {}


def register_scheme(scheme: str, factory: Callable[[str], Engine] | None) -> None:
    """Let `scheme://…` addresses be answered by `factory` (fake engines); None takes it away."""
    with _lock:
        _open.clear()
        if factory is None:
            _schemes.pop(scheme, None)
        else:
            _schemes[scheme] = factory


def engine_of(instance: ContainerInstance) -> Engine:
    """The engine of this instance. Raises EngineUnavailable where it does not answer at first contact."""
    key = (instance.url, instance.tls_ca, instance.tls_certificate, instance.tls_key)
    with _lock:
        engine = _open.get(key)
    if engine is not None:
        return engine
    factory = _schemes.get(instance.url.split("://", 1)[0])
    if factory is not None:
        engine = factory(instance.url)
    else:
        tls = None
        if instance.tls_certificate:
            tls = TlsFiles(ca=instance.tls_ca, certificate=instance.tls_certificate, key=decrypt(instance.tls_key))
        engine = open_engine(instance.url, installation_id(), tls=tls)
    with _lock:
        return _open.setdefault(key, engine)


def forget(instance: ContainerInstance) -> None:
    """Close this instance's client, so that the next use connects anew."""
    with _lock:
        gone = [key for key in _open if key[0] == instance.url]
        engines = [_open.pop(key) for key in gone]
    for engine in engines:
        try:
            engine.close()
        except (EngineError, OSError):
            pass
