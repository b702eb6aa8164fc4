"""Rules: what they are refused for, and that each due time fires once, whoever dies and whatever is lost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from access.language.parsing import parse
from access.models import Policy, Role
from access.registry import Caller
from base import here
from base.errors import AccessDenied, InvalidParameter, LimitExceeded, NotFound, OperationError
from services.models import Rule, RuleRun, Task
from services.schedules import firing
from services.schedules.operations import (
    delete_rule,
    describe_rule,
    disable_rule,
    enable_rule,
    put_rule,
    put_targets,
    remove_targets,
)
from services.schedules.targets import EVENTS

from .world import CALLER, World, accounts

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": EVENTS}, "Action": "sts:AssumeRole"}],
}


OTHERS = json.loads(json.dumps(TRUST).replace(EVENTS, "ecs-tasks.amazonaws.com"))


def role(name: str, *actions: str, trust: dict[str, Any] = TRUST) -> Role:
    made = Role.objects.create(name=name, trust_policy=trust)
    if actions:
        document = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}],
        }
        made.policies.add(Policy.objects.create(name=f"of-{name}", document=document))
    return made


@pytest.fixture
def ready(world: World) -> World:
    """A rule `nightly`, each hour at 0, that runs `job` as the role `scheduler`."""
    world.sweep_every = 30.0
    world.host("one", "job:1")
    world.register("job", "job:1", command=["work"])
    role("scheduler", "ecs:RunTask", "ecs:TagResource", "iam:PassRole")
    put_rule(CALLER, name="nightly", schedule_expression="cron(0 * * * ? *)")
    put_targets(CALLER, rule="nightly", targets=[target()])
    return world


def target(**more: Any) -> dict[str, Any]:
    ecs = {"TaskDefinitionArn": here.task_definition_arn("job", 1), **more.pop("ecs", {})}
    return {
        "Id": "a",
        "Arn": here.cluster_arn("default"),
        "RoleArn": here.role_arn("scheduler"),
        "EcsParameters": ecs,
        **more,
    }


def runs(status: str = "STARTED") -> list[RuleRun]:
    return list(RuleRun.objects.filter(status=status).order_by("scheduled_for"))


def test_it_fires_each_time_once_and_keeps_its_history(ready: World) -> None:
    start = ready.clock.now()
    ready.run(3 * 3600 + 60)
    done = runs()
    assert len(done) == 3 and not RuleRun.objects.exclude(status="STARTED").exists()
    assert all(one.scheduled_for.minute == 0 and one.scheduled_for > start for one in done)
    tasks = Task.objects.filter(service=None)
    assert sorted(task.pk for task in tasks) == sorted(pk for one in done for pk in one.tasks)
    assert {task.started_by for task in tasks} == {"events-rule/nightly"}
    late = [(one.finished_at - one.scheduled_for).total_seconds() for one in done if one.finished_at]
    assert max(late) < 60
    assert accounts() == []


def test_the_targets_overrides_count_and_names_are_what_runs(ready: World) -> None:
    changed = target(
        Input=json.dumps({"containerOverrides": [{"name": "job", "command": ["other"]}]}),
        ecs={"TaskCount": 2, "Group": "batch", "Tags": [{"Key": "team", "Value": "ops"}]},
    )
    put_targets(CALLER, rule="nightly", targets=[changed])
    ready.run(3660)
    first, second = Task.objects.filter(service=None)
    assert first.document["containerDefinitions"][0]["command"] == ["other"]
    assert (first.group, second.tags) == ("batch", {"team": "ops"})


def test_two_beats_at_once_fire_it_once(ready: World) -> None:
    rule = Rule.objects.get()
    assert rule.next_at is not None
    ready.sweeping = False
    ready.clock.advance((rule.next_at - ready.clock.now()).total_seconds() + 1)
    assert firing._fire(rule, ready.clock.now()) is True
    assert firing._fire(rule, ready.clock.now()) is False  # it saw the rule before the other fired
    assert firing.fire_due() == 0
    ready.run(5)
    assert len(runs()) == 1 and Task.objects.count() == 1


@pytest.mark.parametrize("copies", [0, 2])
def test_a_message_that_is_lost_or_doubled_changes_nothing(ready: World, copies: int) -> None:
    if copies:
        ready.copies = copies
    else:
        lost = iter([True])
        ready.losing = lambda name: name == firing.RUN and next(lost, False)
    ready.run(3600 + 60)
    assert len(runs()) == 1 and Task.objects.count() == 1


def test_a_worker_that_dies_between_starting_and_writing_it_down_starts_no_more(
    ready: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = firing._carry_out
    deaths = iter([True])

    def dies(row: RuleRun) -> Any:
        result = original(row)
        if next(deaths, False):
            raise SystemExit("killed")
        return result

    monkeypatch.setattr(firing, "_carry_out", dies)
    with pytest.raises(SystemExit):
        ready.run(3660)
    assert Task.objects.count() == 1 and runs("PENDING")
    ready.run(120)  # until its lease has run out
    (done,) = runs()
    assert Task.objects.count() == 1 and done.tasks == [Task.objects.get().pk]


def test_times_missed_are_told_and_only_the_last_of_a_short_while_is_made_up_for(ready: World) -> None:
    put_rule(CALLER, name="nightly", schedule_expression="rate(5 minutes)")
    ready.sweeping = False
    ready.clock.advance(timedelta(hours=2, seconds=30).total_seconds())
    ready.sweeping = True
    ready.run(30)
    assert len(runs("MISSED")) == 1 and len(runs()) == 1
    assert ready.clock.now() - runs()[0].scheduled_for < timedelta(minutes=5)
    assert Task.objects.count() == 1
    ready.run(300)
    assert len(runs()) == 2


def test_after_a_long_absence_with_nothing_recent_nothing_is_made_up_for(ready: World) -> None:
    ready.sweeping = False
    rule = Rule.objects.get()
    assert rule.next_at is not None
    ready.clock.advance((rule.next_at - ready.clock.now()).total_seconds() + 1800)
    assert firing.fire_due() == 0
    assert [one.reason for one in runs("MISSED")] == ["Slipway did not run at this time."]
    assert not Task.objects.exists()


def test_disabled_it_does_not_fire_and_enabled_it_does_not_make_up(ready: World) -> None:
    disable_rule(CALLER, name="nightly")
    assert describe_rule(CALLER, name="nightly").next_at is None
    ready.run(3 * 3600)
    enable_rule(CALLER, name="nightly")
    ready.run(10)
    assert not RuleRun.objects.exists()
    ready.run(3660)
    assert len(runs()) == 1


def test_what_the_role_may_not_is_told_in_the_history(ready: World) -> None:
    Role.objects.get().policies.clear()
    ready.run(3660)
    (failed,) = runs("FAILED")
    assert (
        "not authorized to perform: ecs:RunTask" in failed.reason
        and "assumed-role/scheduler" in failed.reason
    )
    assert not Task.objects.exists()


def test_no_room_is_told_in_the_history(ready: World) -> None:
    big = {"containerOverrides": [{"name": "job", "cpu": 100_000}]}
    put_targets(CALLER, rule="nightly", targets=[target(Input=json.dumps(big))])
    ready.run(3660)
    assert "insufficient CPU" in runs("FAILED")[0].reason


def test_a_role_that_trusts_events_no_more_runs_nothing(ready: World) -> None:
    Role.objects.update(trust_policy=OTHERS)
    ready.run(3660)
    assert "does not trust" in runs("FAILED")[0].reason


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"Arn": "arn:aws:lambda:us-east-1:1:function:x"}, "targets[0].Arn"),
        ({"Arn": "arn:aws:ecs:us-east-1:123456789012:cluster/x"}, "targets[0]"),
        ({"RoleArn": "nobody"}, "targets[0].RoleArn"),
        ({"RoleArn": "plain"}, "targets[0].RoleArn"),
        ({"Input": "no json"}, "targets[0].Input"),
        (
            {"Input": '{"containerOverrides": [{"name": "db"}]}'},
            "targets[0].overrides.containerOverrides[0].name",
        ),
        ({"ecs": {"TaskCount": 11}}, "targets[0].EcsParameters.TaskCount"),
        ({"ecs": {"CapacityProviderStrategy": [{}]}}, "targets[0].EcsParameters.CapacityProviderStrategy"),
        ({"ecs": {"LaunchType": "FARGATE"}}, "targets[0].launchType"),
        ({"ecs": {"Group": "service:web"}}, "targets[0].group"),
        ({"InputPath": "$.x"}, "targets[0].InputPath"),
        ({"SqsParameters": {"a": 1}}, "targets[0].SqsParameters"),
        ({"EcsParameters": None}, "targets[0].EcsParameters"),
    ],
)
def test_targets_that_cannot_be_are_named(ready: World, change: dict[str, Any], field: str) -> None:
    role("plain", trust=OTHERS)
    with pytest.raises(OperationError) as caught:
        put_targets(CALLER, rule="nightly", targets=[target(**change)])
    assert isinstance(caught.value, InvalidParameter)
    assert [path for path in caught.value.fields if path.startswith(field)]


def test_a_rule_put_with_its_targets_is_put_with_them_or_not_at_all(ready: World) -> None:
    with pytest.raises(InvalidParameter) as caught:
        wrong = [target(), target(Id="b", RoleArn="nobody")]
        put_rule(CALLER, name="both", schedule_expression="rate(1 hour)", targets=wrong)
    assert (
        set(caught.value.fields) == {"targets[1].RoleArn"} and not Rule.objects.filter(name="both").exists()
    )
    with pytest.raises(InvalidParameter):
        put_rule(
            CALLER, name="nightly", schedule_expression="rate(1 hour)", targets=[target(RoleArn="nobody")]
        )
    assert Rule.objects.get().expression == "cron(0 * * * ? *)"
    made = put_rule(CALLER, name="both", schedule_expression="rate(1 hour)", targets=[target(Id="b")])
    assert [one.target_id for one in made.targets.all()] == ["b"]


def test_a_target_runs_by_a_capacity_provider_strategy(ready: World) -> None:
    share = {"capacityProvider": "FARGATE", "weight": 1}
    ecs = {"CapacityProviderStrategy": [share], "LaunchType": "FARGATE"}
    with pytest.raises(InvalidParameter, match="both a launch type and capacity provider"):
        put_targets(CALLER, rule="nightly", targets=[target(ecs=ecs)])
    fargate = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    ready.register("small", "job:1", command=["work"], task=fargate)
    definition = here.task_definition_arn("small", 1)
    ecs = {"CapacityProviderStrategy": [share], "TaskDefinitionArn": definition}
    put_targets(CALLER, rule="nightly", targets=[target(ecs=ecs)])
    ready.run(3660)
    assert [task.capacity_provider for task in Task.objects.filter(service=None)] == ["FARGATE"]


def test_five_targets_at_most_and_removed_by_id(ready: World) -> None:
    put_targets(CALLER, rule="nightly", targets=[target(Id=str(n)) for n in range(4)])
    with pytest.raises(LimitExceeded):
        put_targets(CALLER, rule="nightly", targets=[target(Id="one more")])
    with pytest.raises(InvalidParameter):
        remove_targets(CALLER, rule="nightly", ids=["none"])
    with pytest.raises(InvalidParameter):
        delete_rule(CALLER, name="nightly")
    remove_targets(CALLER, rule="nightly", ids=["a", "0", "1", "2", "3"])
    delete_rule(CALLER, name="nightly")
    with pytest.raises(NotFound):
        describe_rule(CALLER, name="nightly")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "no spaces"}, "name"),
        ({"schedule_expression": "hourly"}, "scheduleExpression"),
        ({"schedule_expression": "cron(0 0 31 2 ? *)"}, "scheduleExpression"),
        ({"state": "ON"}, "state"),
        ({"description": "x" * 513}, "description"),
    ],
)
def test_rules_that_cannot_be_are_named(world: World, given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        put_rule(CALLER, **{"name": "a", "schedule_expression": "rate(1 hour)", **given})
    assert list(caught.value.fields) == [field]
    assert not Rule.objects.exists()


def test_handing_over_a_role_takes_iam_pass_role(ready: World) -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "events:*", "Resource": "*"}],
    }
    me = Caller(arn="arn:aws:iam::123456789012:user/ana", name="ana", face="rest", statements=parse(document))
    with pytest.raises(AccessDenied) as caught:
        put_targets(me, rule="nightly", targets=[target(Id="b")])
    assert caught.value.action == "iam:PassRole"
    assert Rule.objects.get().targets.count() == 1
