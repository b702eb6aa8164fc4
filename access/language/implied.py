"""Condition keys that an ARN itself tells: ecs:cluster and ecs:service. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence

from access.language.matching import Context

IN_CLUSTER = (
    "service",
    "task",
    "task-set",
    "container",
    "container-instance",
    "service-deployment",
    "service-revision",
    "daemon",
    "daemon-deployment",
    "daemon-revision",
)
"""Kinds of ECS resources whose ARN names their cluster: KIND/CLUSTER/NAME."""
IN_SERVICE = ("service-deployment", "service-revision", "task-set")
"""Those that name their service as well: KIND/CLUSTER/SERVICE/NAME."""
IN_DAEMON = ("daemon-deployment", "daemon-revision")
"""The same of a daemon."""


def implied(resource: str, owners: Sequence[str] = ()) -> Context:
    """ecs:cluster and ecs:service of a resource, from its ARN, or else from those of what it belongs to.

    A cluster is its own ecs:cluster, a service its own ecs:service. A (daemon) task definition is in no cluster.
    """
    if ":task-definition/" in resource or ":daemon-task-definition/" in resource:
        return {}
    found: dict[str, str] = {}
    for arn in (resource, *owners):
        for key, value in _of(arn):
            found.setdefault(key, value)
    return found


def _of(arn: str) -> list[tuple[str, str]]:
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "ecs":
        return []
    head = ":".join(parts[:5])
    kind, _, rest = parts[5].partition("/")
    names = rest.split("/")
    if kind == "cluster" and rest:
        return [("ecs:cluster", arn)]
    if kind not in IN_CLUSTER or len(names) < 2:
        return []
    found = [("ecs:cluster", f"{head}:cluster/{names[0]}")]
    if kind == "service" or (kind in IN_SERVICE and len(names) > 2):
        found.append(("ecs:service", f"{head}:service/{names[0]}/{names[1]}"))
    return found
