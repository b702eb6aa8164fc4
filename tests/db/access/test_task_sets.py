"""Who may do what to task sets: their ARNs, the condition keys these tell, tags, and whose host mounts they start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from access.caller import Caller
from access.models import AuditRecord
from base.errors import AccessDenied
from services.models import TaskDefinition, TaskSet
from services.task_sets.operations import (
    create_task_set,
    delete_task_set,
    update_service_primary_task_set,
    update_task_set,
)
from services.task_sets.queries import describe_task_set, list_task_sets
from tests import factories

CallerOf = Callable[..., Caller]
HERE = {"service": "canary", "cluster": "production"}
EVERY = "arn:aws:ecs:us-east-1:123456789012:task-set/production/canary/*"


def allow(action: Any, condition: dict[str, Any] | None = None, resource: str = EVERY) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**found, "Condition": condition} if condition else found


def refuses(call: Callable[[], Any]) -> None:
    """Denied, recorded once, and nothing changed."""
    before = list(TaskSet.objects.values())
    records = AuditRecord.objects.filter(result="denied").count()
    with pytest.raises(AccessDenied):
        call()
    assert list(TaskSet.objects.values()) == before
    assert AuditRecord.objects.filter(result="denied").count() == records + 1


@pytest.fixture
def one(db: None) -> TaskSet:
    world = factories.world(tasks=1, healthy=1, quiet=True)
    canary = factories.service(world.cluster, "canary", desired_count=3)
    return factories.task_set(canary, world.revisions[13].task_definition, tags={"team": "shop"})


def test_an_arn_of_a_services_task_sets_allows_all_of_them(one: TaskSet, caller_of: CallerOf) -> None:
    ana = caller_of("ana", statements=[allow("ecs:*TaskSet*")])
    made = create_task_set(ana, **HERE, task_definition="web:13", scale={"value": 10})
    assert made.arn == f"{EVERY[:-1]}ecs-svc/{made.pk}"
    assert {row.pk for row in list_task_sets(ana, **HERE)} == {one.pk, made.pk}
    update_task_set(ana, **HERE, task_set=made.id, scale={"value": 20})
    delete_task_set(ana, **HERE, task_set=made.arn, force=True)
    refuses(lambda: update_service_primary_task_set(ana, **HERE, primary_task_set=one.id))
    refuses(lambda: create_task_set(ana, service="web", cluster="production", task_definition="web:13"))
    refuses(lambda: create_task_set(ana, **HERE, task_definition="web:13", tags={"team": "shop"}))


def test_one_task_set_alone(one: TaskSet, caller_of: CallerOf) -> None:
    other = factories.task_set(one.service, one.revision.task_definition)
    ana = caller_of("ana", statements=[allow("ecs:*", resource=one.arn)])
    assert describe_task_set(ana, **HERE, task_set=one.id) == one
    update_task_set(ana, **HERE, task_set=one.id, scale={"value": 20})
    refuses(lambda: update_task_set(ana, **HERE, task_set=other.id, scale={"value": 20}))
    refuses(lambda: list_task_sets(ana, **HERE))
    hidden = {"Effect": "Deny", "Action": "ecs:DescribeTaskSets", "Resource": other.arn}
    bob = caller_of("bob", statements=[allow("ecs:*"), hidden])
    assert list(list_task_sets(bob, **HERE)) == [one]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ecs:cluster", "arn:aws:ecs:us-east-1:123456789012:cluster/production"),
        ("ecs:service", "arn:aws:ecs:us-east-1:123456789012:service/production/canary"),
        ("ecs:task-definition", "arn:aws:ecs:us-east-1:123456789012:task-definition/web:13"),
    ],
)
def test_the_condition_keys_of_creation(one: TaskSet, caller_of: CallerOf, key: str, value: str) -> None:
    for word, name in ((value, "ana"), (f"{value}0", "bob")):
        caller = caller_of(name, statements=[allow("ecs:CreateTaskSet", {"ArnEquals": {key: word}}, "*")])
        if name == "bob":
            refuses(lambda caller=caller: create_task_set(caller, **HERE, task_definition="web"))
        else:
            create_task_set(caller, **HERE, task_definition="web")


def test_its_own_tags_decide(one: TaskSet, caller_of: CallerOf) -> None:
    for team, name in (("shop", "ana"), ("bank", "bob")):
        condition = {"StringEquals": {"aws:ResourceTag/team": team}}
        caller = caller_of(name, statements=[allow("ecs:UpdateTaskSet", condition)])
        scale: Any = {"value": 5}
        if name == "ana":
            update_task_set(caller, **HERE, task_set=one.id, scale=scale)
        else:
            refuses(
                lambda caller=caller: update_task_set(caller, **HERE, task_set=one.id, scale={"value": 6})
            )


def test_somebody_elses_host_mounts_are_not_started_by_a_task_set(one: TaskSet, caller_of: CallerOf) -> None:
    document = factories.definition("root", task={"volumes": [{"name": "all", "host": {"sourcePath": "/"}}]})
    assert TaskDefinition.objects.filter(pk=document.pk).exists()
    ana = caller_of("ana", statements=[allow("ecs:*", resource="*")])
    refuses(lambda: create_task_set(ana, **HERE, task_definition="root"))


def test_a_group_held_to_the_service_has_its_task_sets(one: TaskSet, caller_of: CallerOf) -> None:
    ana = caller_of("ana", statements=[allow("ecs:*", resource="*")], scope=[one.service.arn])
    update_task_set(ana, **HERE, task_set=one.id, scale={"value": 7})
    assert list(list_task_sets(ana, **HERE)) == [one]
