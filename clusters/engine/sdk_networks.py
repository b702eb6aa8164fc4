"""Networks and volumes of one Docker Engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import EngineError, InvalidRequest, NotOurs
from .port import LABEL_INSTALLATION, NetworkSpec, NetworkState
from .refusals import general_refusal
from .sdk_containers import label_filter
from .translate_spec import network_body, owned
from .translate_state import network_state
from .transport import Transport, segment


class _Absent(EngineError):
    """404 from the engine."""


class _Exists(EngineError):
    """409 from the engine."""


class NetworkCalls:
    """The network and volume half of the port, over one transport."""

    installation: str
    _transport: Transport
    _network_lock: threading.Lock

    def ensure_network(self, spec: NetworkSpec) -> NetworkState:
        with self._network_lock:
            found = self._networks_named(spec.name) or self._create_network(spec)
        # Drivers other than bridge and overlay allow a name twice: all then keep the oldest.
        kept, *doubles = sorted(found, key=lambda raw: (raw.get("Created", ""), raw["Id"]))
        state = network_state(kept)
        if state.labels.get(LABEL_INSTALLATION) != self.installation:
            raise NotOurs(f"Network {spec.name} does not belong to installation {self.installation}.")
        for double in doubles:
            if (double.get("Labels") or {}).get(LABEL_INSTALLATION) == self.installation:
                self._delete(f"/networks/{segment(double['Id'])}")
        return state

    def _create_network(self, spec: NetworkSpec) -> list[dict[str, Any]]:
        """Create it, or find that another process was quicker."""
        try:
            self._transport.call(
                "POST",
                "/networks/create",
                body=network_body(spec, self.installation),
                refusal=_object_refusal,
            )
        except _Absent as error:  # no such network driver
            raise InvalidRequest(str(error)) from error
        except (_Exists, InvalidRequest) as error:
            # The other one's network may take a moment to show.
            for _ in range(10):
                if found := self._networks_named(spec.name):
                    return found
                time.sleep(0.1)
            raise InvalidRequest(str(error)) from error
        return self._networks_named(spec.name)

    def list_networks(self) -> Sequence[NetworkState]:
        raw = self._transport.call(
            "GET", "/networks", params={"filters": label_filter({LABEL_INSTALLATION: self.installation})}
        )
        return [network_state(item) for item in raw]

    def remove_network(self, name: str) -> None:
        """Not there is success; one with containers on it is refused (InvalidRequest)."""
        for raw in self._networks_named(name):
            if (raw.get("Labels") or {}).get(LABEL_INSTALLATION) != self.installation:
                raise NotOurs(f"Network {name} does not belong to installation {self.installation}.")
            self._delete(f"/networks/{segment(raw['Id'])}")

    def ensure_volume(
        self,
        name: str,
        labels: Mapping[str, str],
        driver: str = "local",
        options: Mapping[str, str] | None = None,
    ) -> None:
        """A volume of that name that exists already is used as it is, whoever made it, as ECS does
        with shared volumes; only our own are ever removed."""
        self._transport.call(
            "POST",
            "/volumes/create",
            body={
                "Name": name,
                "Driver": driver,
                "DriverOpts": dict(options or {}),
                "Labels": owned(labels, self.installation),
            },
            refusal=_volume_refusal,
        )

    def list_volumes(self) -> Sequence[str]:
        raw = self._transport.call(
            "GET", "/volumes", params={"filters": label_filter({LABEL_INSTALLATION: self.installation})}
        )
        return sorted(item["Name"] for item in raw.get("Volumes") or ())

    def remove_volume(self, name: str) -> None:
        """Not there is success; one in use is refused (InvalidRequest)."""
        path = f"/volumes/{segment(name)}"
        try:
            raw = self._transport.call("GET", path, refusal=_object_refusal)
        except _Absent:
            return
        if (raw.get("Labels") or {}).get(LABEL_INSTALLATION) != self.installation:
            raise NotOurs(f"Volume {name} does not belong to installation {self.installation}.")
        self._delete(path)

    def _networks_named(self, name: str) -> list[dict[str, Any]]:
        raw = self._transport.call("GET", "/networks", params={"filters": label_filter({}, name=[name])})
        # The engine's filter also finds names that merely contain it.
        return [item for item in raw if item["Name"] == name]

    def _delete(self, path: str) -> None:
        try:
            self._transport.call("DELETE", path, refusal=_object_refusal)
        except _Absent:
            pass
        except _Exists as error:
            raise InvalidRequest(str(error)) from error


def _object_refusal(status: int, message: str) -> EngineError:
    if status == 404:
        return _Absent(message)
    if status == 409 or (status == 403 and "active endpoints" in message):
        return _Exists(message)
    return general_refusal(status, message)


def _volume_refusal(status: int, message: str) -> EngineError:
    # 20.10 answers 404 or 500 for a driver it does not have, which no retry will bring.
    if "plugin" in message and "not found" in message:
        return InvalidRequest(message)
    return general_refusal(status, message)
