"""The engine port over the docker SDK: one `SdkEngine` per Docker Engine, shared by threads.

Put together from `sdk_containers`, `sdk_images` and `sdk_networks`; what goes over the wire is in
`transport`, what it means in `translate_spec`, `translate_state` and `refusals`. Opened by
`connect.open_engine`; called by the clusters room and by the control loop's jobs.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from .errors import ContainerNotFound, EngineUnavailable
from .frames import log_lines
from .port import LABEL_INSTALLATION, ContainerStats, EngineEvent, EngineInfo, LogLine
from .refusals import container_refusal
from .sdk_containers import ContainerCalls, OwnedIds, label_filter
from .sdk_images import ImageCalls
from .sdk_networks import NetworkCalls
from .sdk_swarm import SwarmCalls
from .translate_spec import MIB
from .translate_state import EVENT_ACTIONS, container_stats, engine_event, engine_info, to_engine_time
from .transport import Stream, Transport, segment


class SdkEngine(ContainerCalls, ImageCalls, NetworkCalls, SwarmCalls):
    """One Docker Engine on behalf of one installation. See `port.Engine` for the contract."""

    def __init__(self, transport: Transport, installation: str) -> None:
        self.installation = installation
        self._transport = transport
        self._ours = OwnedIds()
        self._network_lock = threading.Lock()

    def ping(self) -> None:
        self._transport.call("GET", "/_ping", versioned=False, read_timeout=self._transport.connect_timeout)

    def info(self) -> EngineInfo:
        raw = self._transport.call("GET", "/info")
        root = str(raw.get("DockerRootDir") or "")
        return engine_info(raw, self._transport.api_version(), self._disk(root))

    def close(self) -> None:
        """Also ends event streams that other threads are waiting in."""
        self._transport.close()

    def events(self, since: datetime | None = None) -> Iterator[EngineEvent]:
        params = {
            "filters": label_filter(
                {LABEL_INSTALLATION: self.installation}, type=["container"], event=EVENT_ACTIONS
            )
        }
        if since is not None:
            params["since"] = to_engine_time(since)
        # Subscribed here, not at the first `next`: whoever looks at the containers after this call
        # misses nothing.
        return self._events(self._transport.stream("GET", "/events", params=params))

    def logs(
        self, container_id: str, since: datetime | None = None, limit: int | None = None
    ) -> Iterator[LogLine]:
        own = self._owned(container_id)
        if own is None:
            raise ContainerNotFound(f"No such container: {container_id}")
        params = {"stdout": "1", "stderr": "1", "timestamps": "1", "tail": str(limit or "all")}
        if since is not None:
            params["since"] = to_engine_time(since)
        stream = self._transport.stream(
            "GET",
            f"/containers/{segment(own)}/logs",
            params=params,
            read_timeout=self._transport.read_timeout,
            refusal=container_refusal,
        )
        return log_lines(stream.chunks())

    def stats(self, container_id: str) -> ContainerStats | None:
        own = self._owned(container_id)
        if own is None:
            return None
        try:
            raw = self._transport.call(
                "GET",
                f"/containers/{segment(own)}/stats",
                # one-shot: without it the engine waits a second to compare two readings.
                params={"stream": "0", "one-shot": "1"},
                refusal=container_refusal,
            )
        except ContainerNotFound:
            return None
        return container_stats(raw)

    def _events(self, stream: Stream) -> Iterator[EngineEvent]:
        try:
            for line in stream.lines():
                event = engine_event(json.loads(line))
                if event is not None:
                    yield event
        except ValueError as error:
            raise EngineUnavailable(f"The event stream of {self._transport.url} broke off.") from error
        finally:
            stream.close()
        raise EngineUnavailable(f"The event stream of {self._transport.url} ended.")

    def _disk(self, root: str) -> tuple[int, int] | None:
        """(total, free) MiB of the engine's data root, where that is a folder of this machine."""
        if not self._transport.local or not root or not Path(root).is_dir():
            return None
        usage = shutil.disk_usage(root)
        return usage.total // MIB, usage.free // MIB
