"""One Docker Engine as a node of a Swarm, which is used for its overlay networks only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import EngineError, InvalidRequest
from .port import SwarmNode, SwarmState, SwarmTokens
from .refusals import general_refusal
from .transport import Transport, segment

PORT = 2377
# Overlay networks get their subnets from here. Docker's own choice is 10.0.0.0/8, where many a host lives.
POOL, SUBNET_SIZE = "10.208.0.0/12", 20


class SwarmCalls:
    """That part of the port, over one transport."""

    _transport: Transport

    def swarm(self) -> SwarmState:
        raw = self._transport.call("GET", "/info").get("Swarm") or {}
        return SwarmState(
            state=str(raw.get("LocalNodeState") or "inactive"),
            node_id=str(raw.get("NodeID") or ""),
            address=str(raw.get("NodeAddr") or ""),
            manager=bool(raw.get("ControlAvailable")),
            managers=tuple(one["Addr"] for one in raw.get("RemoteManagers") or () if one.get("Addr")),
            error=str(raw.get("Error") or ""),
        )

    def swarm_init(self, address: str) -> None:
        body = {
            "ListenAddr": f"0.0.0.0:{PORT}",
            "AdvertiseAddr": address,
            "DefaultAddrPool": [POOL],
            "SubnetSize": SUBNET_SIZE,
        }
        self._transport.call("POST", "/swarm/init", body=body, refusal=_refusal)

    def swarm_tokens(self) -> SwarmTokens:
        raw = self._transport.call("GET", "/swarm", refusal=_refusal)["JoinTokens"]
        return SwarmTokens(raw["Worker"], raw["Manager"])

    def swarm_join(self, managers: Sequence[str], token: str, address: str) -> None:
        body = {
            "ListenAddr": f"0.0.0.0:{PORT}",
            "AdvertiseAddr": address,
            "RemoteAddrs": list(managers),
            "JoinToken": token,
        }
        self._transport.call("POST", "/swarm/join", body=body, refusal=_refusal)

    def swarm_nodes(self) -> Sequence[SwarmNode]:
        return [_node(raw) for raw in self._transport.call("GET", "/nodes", refusal=_refusal)]

    def swarm_set_role(self, node_id: str, role: str) -> None:
        path = f"/nodes/{segment(node_id)}"
        raw = self._transport.call("GET", path, refusal=_refusal)
        self._transport.call(
            "POST",
            f"{path}/update",
            params={"version": raw["Version"]["Index"]},
            body={**raw["Spec"], "Role": role},
            refusal=_refusal,
        )

    def swarm_remove_node(self, node_id: str) -> None:
        self._transport.call("DELETE", f"/nodes/{segment(node_id)}", params={"force": "1"}, refusal=_refusal)

    def swarm_leave(self) -> None:
        if self.swarm().state != "inactive":
            self._transport.call("POST", "/swarm/leave", params={"force": "1"}, refusal=_refusal)


def _node(raw: dict[str, Any]) -> SwarmNode:
    return SwarmNode(
        id=raw["ID"],
        name=str((raw.get("Description") or {}).get("Hostname") or ""),
        manager=(raw.get("Spec") or {}).get("Role") == "manager",
        ready=(raw.get("Status") or {}).get("State") == "ready",
    )


def _refusal(status: int, message: str) -> EngineError:
    # 406 and 503: it is in a swarm already, or in none (yet). No repetition of the same call will help.
    if status == 503 and "not a swarm manager" in message:
        return InvalidRequest(message)
    return general_refusal(status, message)
