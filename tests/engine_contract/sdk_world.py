"""The contract's world on a real Docker Engine, with a real registry."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clusters.engine.connect import open_engine
from clusters.engine.port import Engine
from tests.lab import images
from tests.lab.registry import LabRegistry
from tests.lab.sockets import mute_server, swallowing_proxy

from .world import World


class SdkWorld(World):
    """`open_registry` answers anyone, `closed_registry` wants CREDENTIALS."""

    def __init__(
        self,
        prefix: str,
        url: str,
        installation: str,
        open_registry: LabRegistry,
        closed_registry: LabRegistry,
    ) -> None:
        super().__init__(prefix)
        self.url = url
        self.engine = open_engine(url, installation)
        self.stranger = open_engine(url, f"{installation}-stranger")
        self._registries = {False: open_registry, True: closed_registry}
        self._more: list[Engine] = []

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def now_monotonic(self) -> float:
        return time.monotonic()

    def published(self, image: str, *, closed: bool = False) -> str:
        return self._registries[closed].publish(images.IMAGES[image], self.name(), "v1")

    def tagged(self, image_id: str) -> str:
        reference = f"slipway-lab/also:{self.name().lower()}"
        subprocess.run(["docker", "--host", self.url, "tag", image_id, reference], check=True)
        return reference

    def unknown_reference(self) -> str:
        return f"{self._registries[False].host}/unknown:v1"

    def unreachable_registry(self) -> str:
        return "127.0.0.1:1/x:v1"

    def nowhere(self) -> Engine:
        return self._opened(open_engine("unix:///run/slipway-nowhere.sock", self.engine.installation))

    @contextmanager
    def silent(self) -> Iterator[Engine]:
        with tempfile.TemporaryDirectory() as folder, mute_server(Path(folder) / "mute.sock") as url:
            yield self._opened(open_engine(url, self.engine.installation, timeout=0.3))

    @contextmanager
    def hasty(self, operation: str) -> Iterator[Engine]:
        marker = {"start_container": b"/start ", "stop_container": b"/stop?"}[operation]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "proxy.sock"
            with swallowing_proxy(path, self.url.removeprefix("unix://"), marker):
                yield self._opened(open_engine(f"unix://{path}", self.engine.installation, timeout=2))

    def another_connection(self) -> Engine:
        return self._opened(open_engine(self.url, self.engine.installation))

    def close(self) -> None:
        for engine in (self.engine, self.stranger, *self._more):
            engine.close()

    def _opened(self, engine: Engine) -> Engine:
        self._more.append(engine)
        return engine
