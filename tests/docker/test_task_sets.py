"""Task sets by boto3 against a running Slipway, with containers on a real engine: a canary that becomes the primary."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.lab.installation import until
from tests.lab.site import Site, container, definition

KEY, SECRET = "AKIASLIPWAYTESTKEY01", "a-secret-chosen-at-set-up-0123456789"
HERE = {"cluster": "default", "service": "shop"}


@pytest.fixture(scope="module")
def site(engine_url: str) -> Iterator[Site]:
    settings = {
        "SLIPWAY_STEADY_SECONDS": "1",
        "SLIPWAY_ADMIN_ACCESS_KEY_ID": KEY,
        "SLIPWAY_ADMIN_SECRET_ACCESS_KEY": SECRET,
    }
    with Site(engine_url, settings) as one:
        yield one


@pytest.fixture
def ecs(site: Site) -> Any:
    session = boto3.Session(KEY, SECRET, region_name="us-east-1")
    return session.client("ecs", endpoint_url=site.installation.url)


def versions(site: Site, ecs: Any, engine_url: str) -> dict[tuple[str, str], int]:
    """(startedBy, VERSION) of the service's running containers, the latter as Docker tells it."""
    arns = ecs.list_tasks(cluster="default", serviceName="shop")["taskArns"]
    tasks = ecs.describe_tasks(cluster="default", tasks=arns)["tasks"] if arns else []
    started_by = {task["taskArn"]: task["startedBy"] for task in tasks}
    found: Counter[tuple[str, str]] = Counter()
    ids = [one.id for one in site.containers()]
    if not ids:
        return {}
    told = subprocess.run(
        ["docker", "-H", engine_url, "inspect", *ids], capture_output=True, text=True, timeout=60, check=True
    )
    for facts in json.loads(told.stdout):
        arn = facts["Config"]["Labels"]["com.amazonaws.ecs.task-arn"]
        version = next(one[8:] for one in facts["Config"]["Env"] if one.startswith("VERSION="))
        if facts["State"]["Running"] and arn in started_by:
            found[started_by[arn], version] += 1
    return dict(found)


def steady(ecs: Any, *ids: str) -> list[dict[str, Any]] | None:
    rows = ecs.describe_task_sets(**HERE, taskSets=list(ids))["taskSets"]
    return rows if all(row["stabilityStatus"] == "STEADY_STATE" for row in rows) else None


def test_a_canary_becomes_the_primary(site: Site, ecs: Any, engine_url: str) -> None:
    definitions = [
        ecs.register_task_definition(
            **definition(
                "shop",
                container("shop", site.image("web"), environment=[{"name": "VERSION", "value": number}]),
            )
        )["taskDefinition"]["taskDefinitionArn"]
        for number in "12"
    ]
    made = ecs.create_service(
        cluster="default", serviceName="shop", desiredCount=2, deploymentController={"type": "EXTERNAL"}
    )["service"]
    assert (made["deploymentController"], made["deployments"], made["taskSets"]) == (
        {"type": "EXTERNAL"},
        [],
        [],
    )
    assert "taskDefinition" not in made
    first, second = (
        ecs.create_task_set(
            **HERE,
            taskDefinition=arn,
            externalId=f"build-{share}",
            scale={"value": share, "unit": "PERCENT"},
            tags=[{"key": "share", "value": str(share)}],
        )["taskSet"]["id"]
        for arn, share in zip(definitions, (100, 50), strict=True)
    )
    until(lambda: steady(ecs, first, second), "both task sets are steady", 180)
    assert versions(site, ecs, engine_url) == {(first, "1"): 2, (second, "2"): 1}
    rows = ecs.describe_task_sets(**HERE, include=["TAGS"])["taskSets"]
    assert [(row["computedDesiredCount"], row["runningCount"], row["status"]) for row in rows] == [
        (2, 2, "ACTIVE"),
        (1, 1, "ACTIVE"),
    ]
    assert [row["tags"] for row in rows] == [
        [{"key": "share", "value": "100"}],
        [{"key": "share", "value": "50"}],
    ]

    # What somebody kills comes back in its own set.
    victim = ecs.list_tasks(cluster="default", startedBy=second)["taskArns"][0]
    [task] = ecs.describe_tasks(cluster="default", tasks=[victim])["tasks"]
    site.engine.kill_container(task["containers"][0]["runtimeId"], "SIGKILL")
    until(
        lambda: (
            victim not in ecs.list_tasks(cluster="default", startedBy=second)["taskArns"]
            and versions(site, ecs, engine_url) == {(first, "1"): 2, (second, "2"): 1}
        ),
        "the killed task was replaced",
        180,
    )

    ecs.update_service_primary_task_set(**HERE, primaryTaskSet=second)
    ecs.update_task_set(**HERE, taskSet=second, scale={"value": 100, "unit": "PERCENT"})
    until(lambda: steady(ecs, second), "the second is steady", 180)
    with pytest.raises(ecs.exceptions.InvalidParameterException, match="scaled above 0"):
        ecs.delete_task_set(**HERE, taskSet=first)
    assert ecs.delete_task_set(**HERE, taskSet=first, force=True)["taskSet"]["status"] == "DRAINING"
    until(
        lambda: ecs.describe_task_sets(**HERE, taskSets=[first])["failures"],
        "the first is gone",
        180,
    )
    assert versions(site, ecs, engine_url) == {(second, "2"): 2}
    [service] = ecs.describe_services(cluster="default", services=["shop"])["services"]
    assert service["taskDefinition"] == definitions[1]
    assert [(one["id"], one["status"]) for one in service["taskSets"]] == [(second, "PRIMARY")]
    with pytest.raises(ecs.exceptions.TaskSetNotFoundException):
        ecs.update_task_set(**HERE, taskSet=first, scale={"value": 1, "unit": "PERCENT"})

    with pytest.raises(ecs.exceptions.InvalidParameterException):
        ecs.delete_service(**HERE)
    ecs.delete_service(**HERE, force=True)
    ecs.get_waiter("services_inactive").wait(
        cluster="default", services=["shop"], WaiterConfig={"Delay": 1, "MaxAttempts": 180}
    )
    assert site.containers() == [] and site.orphans() == []
