"""Who may follow which topic. A topic carries no data, only that something changed; even that is not for everyone.

overview, clusters, services, tasks, task-definitions, instances,
secrets, parameters, rules, audit                                         lists: whoever is signed in
cluster:<name>  service:<cluster>/<name>  task:<id>  taskdef:<family>  instance:<id>
logs:<any of the above with a colon>                                      that part's log lines
"""

from __future__ import annotations

from collections.abc import Iterable

from access.registry import Caller
from base import here
from clusters.models import ContainerInstance
from services.models import Task

LISTS = frozenset(
    {
        "overview",
        "clusters",
        "services",
        "tasks",
        "task-definitions",
        "instances",
        "secrets",
        "parameters",
        "rules",
        "audit",
    }
)
MOST = 60


def may_watch(caller: Caller, topic: str) -> bool:
    """Whether `caller` may be told that `topic` changed; unknown topics are refused. At most one query."""
    if topic in LISTS:
        return True
    kind, _, name = topic.partition(":")
    if kind == "logs":
        return name.partition(":")[0] in {"service", "task"} and may_watch(caller, name)
    if not name:
        return False
    if kind == "cluster":
        return caller.may("ecs:DescribeClusters", here.cluster_arn(name)).allowed
    if kind == "service":
        cluster, _, service = name.partition("/")
        return (
            bool(service) and caller.may("ecs:DescribeServices", here.service_arn(cluster, service)).allowed
        )
    if kind == "taskdef":
        return caller.may("ecs:DescribeTaskDefinition", here.task_definition_arn(name, "*")).allowed
    if kind == "task":
        task = Task.objects.filter(pk=name).select_related("service").only("arn", "service__arn").first()
        owners = [task.service.arn] if task is not None and task.service is not None else []
        return task is not None and caller.may("ecs:DescribeTasks", task.arn, owners=owners).allowed
    if kind == "instance":
        arn = ContainerInstance.objects.filter(pk=name).values_list("arn", flat=True).first()
        return arn is not None and caller.may("ecs:DescribeContainerInstances", arn).allowed
    return False


def allowed(caller: Caller, topics: Iterable[str]) -> list[str]:
    """Those of `topics` the caller may follow, each once, at most MOST."""
    return [topic for topic in dict.fromkeys(topics) if may_watch(caller, topic)][:MOST]
