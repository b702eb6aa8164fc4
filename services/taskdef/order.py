"""In which order a task's containers start and stop, from their `dependsOn`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def has_health_check(container: Mapping[str, Any]) -> bool:
    """Whether the container has a health check of its own that runs something (["NONE"] switches it off)."""
    command = container.get("healthCheck", {}).get("command") or ["NONE"]
    return bool(command[0] != "NONE")


def dependencies(container: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """(container name, condition) of everything it waits for, in the document's order."""
    return tuple(
        (item["containerName"], item.get("condition", "START"))
        for item in container.get("dependsOn", [])
        if "containerName" in item
    )


def dependency_order(document: Mapping[str, Any]) -> list[list[str]]:
    """Names of the containers in waves: each waits only for containers of earlier waves.

    Containers of one wave may start at the same time; within a wave they keep the document's order. What is
    waited for (START, COMPLETE, SUCCESS, HEALTHY) is for the caller to see to, through `dependencies()`.
    Raises ValueError when the dependencies go round in a circle, which `validate` refuses.
    """
    waits = _graph(document["containerDefinitions"])
    waves: list[list[str]] = []
    placed: set[str] = set()
    while len(placed) < len(waits):
        wave = [name for name, targets in waits.items() if name not in placed and targets <= placed]
        if not wave:
            raise ValueError("dependsOn goes round in a circle")
        waves.append(wave)
        placed.update(wave)
    return waves


def shutdown_order(document: Mapping[str, Any]) -> list[list[str]]:
    """The reverse: waves of names, each stopped once the waves before it have stopped.

    A container stops only after everything that depends on it.
    """
    waits = _graph(document["containerDefinitions"])
    needed_by: dict[str, set[str]] = {name: set() for name in waits}
    for name, targets in waits.items():
        for target in targets:
            needed_by[target].add(name)
    waves: list[list[str]] = []
    gone: set[str] = set()
    while len(gone) < len(waits):
        wave = [name for name, users in needed_by.items() if name not in gone and users <= gone]
        if not wave:
            raise ValueError("dependsOn goes round in a circle")
        waves.append(wave)
        gone.update(wave)
    return waves


def cycle(containers: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of one circle of dependencies, the first repeated at the end; [] where there is none.

    A container that depends on itself is not told here: it has a message of its own.
    """
    waits = {name: targets - {name} for name, targets in _graph(containers).items()}
    stuck = set(waits)
    while free := {name for name in stuck if not waits[name] & stuck}:
        stuck -= free
    if not stuck:
        return []
    trail = [min(stuck)]
    while (following := min(waits[trail[-1]] & stuck)) not in trail:
        trail.append(following)
    return [*trail[trail.index(following) :], following]


def _graph(containers: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    names = [container["name"] for container in containers if "name" in container]
    return {
        container["name"]: {target for target, _ in dependencies(container) if target in names}
        for container in containers
        if "name" in container
    }
