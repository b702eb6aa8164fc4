"""From containers' health to a task's. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.scheduler.model import Health
from services.scheduler.task_model import ContainerFacts


def task_health(containers: Sequence[ContainerFacts]) -> Health:
    """The task's `healthStatus` by ECS's rule: essential containers only; any UNHEALTHY makes it UNHEALTHY,
    else any UNKNOWN makes it UNKNOWN. An essential container without a check is UNKNOWN."""
    return _worst(c.health if c.has_health_check else Health.UNKNOWN for c in containers if c.essential)


def deployment_health(containers: Sequence[ContainerFacts]) -> Health:
    """What a deployment consults: the essential containers that have a check, so that a sidecar without one
    does not block it. UNKNOWN where none has one."""
    return _worst(c.health for c in containers if c.essential and c.has_health_check)


def _worst(healths: Iterable[Health]) -> Health:
    found = set(healths)
    if Health.UNHEALTHY in found:
        return Health.UNHEALTHY
    return Health.HEALTHY if found == {Health.HEALTHY} else Health.UNKNOWN
