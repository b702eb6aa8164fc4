"""What the fake engines hold, beside the rows of the tasks it belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from clusters.engine.fake_host import FakeContainer
from clusters.engine.port import LABEL_ROLE, LABEL_TASK_ARN
from services.models import TaskContainer
from tests.db.control.world import World


@dataclass(frozen=True, slots=True)
class Here:
    """A container of ours. `task`: the row of its task, as given; None where that is not live."""

    host: str
    container: FakeContainer
    arn: str
    role: str
    task: dict[str, Any] | None

    @property
    def runs(self) -> bool:
        return self.container.status == "running"


def ours(containers: Iterable[FakeContainer]) -> list[FakeContainer]:
    return [c for c in containers if c.spec.name != "stranger"]


def arn(container: FakeContainer) -> str:
    return container.labels.get(LABEL_TASK_ARN, "")


def on_engines(world: World, tasks: Iterable[dict[str, Any]]) -> list[Here]:
    by_arn = {row["arn"]: row for row in tasks}
    return [
        Here(name, c, arn(c), c.labels.get(LABEL_ROLE, ""), by_arn.get(arn(c)))
        for name, host in world.hosts.items()
        for c in ours(host.containers.values())
    ]


def container_of(task: str) -> TaskContainer:
    """The first of its rows."""
    return TaskContainer.objects.filter(task=task).order_by("pk")[0]
