"""What one task of a revision reserves on an instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Resources:
    """CPU units, MiB of memory, the instance's ports it must have: (port, "tcp" | "udp"), sorted, and how many of its
    GPUs."""

    cpu: int
    memory: int
    fixed_ports: tuple[tuple[int, str], ...] = ()
    gpus: int = 0


def resources(document: Mapping[str, Any]) -> Resources:
    """The task's own size where it has one, else the sum over its containers. Of a normalised document.

    Ports are those of the bridge and host modes: an awsvpc task listens on an address of its own.
    """
    containers = document["containerDefinitions"]
    cpu, memory = document.get("cpu"), document.get("memory")
    return Resources(
        cpu=int(cpu) if cpu is not None else sum(container.get("cpu", 0) for container in containers),
        memory=int(memory) if memory is not None else sum(map(reserved_memory, containers)),
        fixed_ports=_fixed_ports(document),
        gpus=sum(map(gpus_of, containers)),
    )


def reserved_memory(container: Mapping[str, Any]) -> int:
    """MiB one container reserves: memoryReservation, else memory, else nothing of its own."""
    return int(container.get("memoryReservation", container.get("memory", 0)))


def gpus_of(container: Mapping[str, Any]) -> int:
    return sum(int(one["value"]) for one in container.get("resourceRequirements", ()) if one["type"] == "GPU")


def shared_out(document: Mapping[str, Any], gpus: Sequence[str]) -> dict[str, list[str]]:
    """The task's GPUs by container name, each as many as it asks for; containers without are left out."""
    left, found = list(gpus), {}
    for container in document["containerDefinitions"]:
        if count := gpus_of(container):
            found[container["name"]], left = left[:count], left[count:]
    return found


def _fixed_ports(document: Mapping[str, Any]) -> tuple[tuple[int, str], ...]:
    if document.get("networkMode", "bridge") not in ("bridge", "host"):
        return ()
    ports = {
        (mapping["hostPort"], mapping["protocol"])
        for container in document["containerDefinitions"]
        for mapping in container.get("portMappings", [])
        if mapping["hostPort"]
    }
    return tuple(sorted(ports))
