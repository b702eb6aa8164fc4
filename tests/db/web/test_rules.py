"""Scheduled tasks in the console: lists, a rule's page, and the forms that make, change and delete one."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from access.models import AuditRecord, Policy, Role
from access.registry import system_caller
from base import clock, ids
from services.models import Rule, RuleRun, RuleTarget
from services.schedules.operations import put_rule, put_targets
from tests import factories
from tests.db.rest.cases import EVENTS_TRUST, TARGET

US = system_caller("scene")
NEW = "/create-scheduled-task/"
GIVEN = {
    "name": "nightly",
    "expression": "cron(0 3 * * ? *)",
    "description": "The report",
    "enabled": "on",
    "tags": "team=shop",
    "cluster": "production",
    "task_definition": "web",
    "count": 2,
    "capacity": "EC2",
    "role": "scheduler",
    "placement": "",
    "task_tags": "run=nightly",
    "overrides": '{"containerOverrides": [{"name": "web", "command": ["report"]}]}',
}


@pytest.fixture
def scene(db: None) -> factories.World:
    made = factories.world(tasks=2, healthy=1)
    Role.objects.create(name="scheduler", trust_policy=EVENTS_TRUST)
    return made


def _rule(name: str = "nightly", *, targets: int = 1, **more: Any) -> Rule:
    row = put_rule(US, name=name, schedule_expression="cron(0 3 * * ? *)", tags={"team": "shop"}, **more)
    if targets:
        put_targets(US, rule=name, targets=[{**TARGET, "Id": f"t{n}"} for n in range(targets)])
    return row


def _ran(rule: Rule, status: str, *, hours: int = 1, **more: Any) -> RuleRun:
    at = clock.now() - timedelta(hours=hours)
    return RuleRun.objects.create(
        id=ids.hex_id(), rule=rule, target_id="t0", document=TARGET, scheduled_for=at, status=status, **more
    )


def test_a_rule_and_its_target_are_made_together(scene, reader, jobs) -> None:
    person = reader("administrator")
    text = person.text(f"{NEW}?cluster=production")
    assert 'value="scheduler"' in text  # the only role there is
    assert person.post(NEW, **GIVEN) == "/scheduled-tasks/nightly/"
    rule = Rule.objects.get()
    assert (rule.expression, rule.enabled, rule.tags, rule.description) == (
        "cron(0 3 * * ? *)",
        True,
        {"team": "shop"},
        "The report",
    )
    [target] = RuleTarget.objects.all()
    assert target.document == {
        "Id": "task",
        "Arn": "arn:aws:ecs:us-east-1:123456789012:cluster/production",
        "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
        "EcsParameters": {
            "TaskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/web",
            "TaskCount": 2,
            "LaunchType": "EC2",
            "Tags": [{"Key": "run", "Value": "nightly"}],
        },
        "Input": GIVEN["overrides"],
    }
    assert [one.operation for one in AuditRecord.objects.filter(face="console")] == ["put_rule"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "no spaces"}, "letters, digits, dots"),
        ({"expression": "cron(0 3 * * * *)"}, "exactly one of day-of-month and day-of-week"),
        ({"expression": "cron(0 0 31 2 ? *)"}, "it never fires"),
        ({"task_definition": "none"}, "no such revision"),
        ({"count": "11"}, "less than or equal to 10"),
        ({"role": "nobody"}, "there is no such role"),
        ({"capacity": "FARGATE"}, "does not require the compatibility FARGATE"),
        ({"capacity": "strategy"}, "Name at least one capacity provider"),
        ({"capacity": "strategy", "shares": "none weight=1"}, "none is not a capacity provider"),
        ({"capacity": "strategy", "shares": "idle 3"}, "One provider a line"),
        ({"overrides": "{"}, "Not JSON"),
        ({"overrides": "[1]"}, "Must be a JSON object"),
        ({"overrides": '{"containerOverrides": [{"name": "db"}]}'}, "there is no container named db"),
        ({"group": "service:web"}, "is for the tasks of services"),
        ({"member_of": "attribute:"}, "is-invalid"),
        ({"task_tags": "nothing"}, "is not key=value"),
        ({"tags": "aws:mine=1"}, "are reserved"),
    ],
)
def test_mistakes_stand_on_their_fields_and_nothing_is_made(scene, reader, jobs, given, said) -> None:
    text = reader("administrator").post(NEW, 400, **{**GIVEN, **given})
    assert said in text and "is-invalid" in text
    assert "The report" in text and 'value="cron(' in text  # what was typed stays
    assert not Rule.objects.exists() and not RuleTarget.objects.exists()


def test_a_name_that_is_taken_is_not_taken_over(scene, reader, jobs) -> None:
    _rule()
    text = reader("administrator").post(NEW, 400, **{**GIVEN, "expression": "rate(1 minute)"})
    assert "There is a scheduled task of this name already." in text
    assert Rule.objects.get().expression == "cron(0 3 * * ? *)"


def test_the_preview_says_the_words_the_next_times_and_the_mistake(scene, reader, jobs) -> None:
    person = reader("administrator")
    headers = {"X-Fragments": "next-times"}
    text = person.text(f"{NEW}?expression=rate(5 minutes)", **headers)
    assert "Every 5 minutes" in text and text.count("<time ") == 10
    text = person.text(f"{NEW}?expression=rate(1 minutes)", **headers)
    assert "Write rate(1 minute)" in text and "<time" not in text
    assert "It never fires." in person.text(f"{NEW}?expression=cron(0 0 30 2 ? *)", **headers)


def test_a_rule_is_switched_off_and_on(scene, reader, jobs) -> None:
    _rule()
    person = reader("operator")
    assert "Disable" in person.text("/scheduled-tasks/nightly/")
    switch = "/scheduled-tasks/nightly/state/"
    assert person.client.post(switch, {"status": "DISABLED"}).status_code == 302
    assert not Rule.objects.get().enabled
    text = person.text("/scheduled-tasks/nightly/")
    assert "None while it is disabled." in text and "Enable" in text
    person.client.post(switch, {"status": "ENABLED"})
    assert Rule.objects.get().enabled


def test_the_page_tells_when_what_and_what_became_of_it(scene, reader, jobs) -> None:
    rule = _rule(description="The <report>")
    task = scene.new[0]
    _ran(rule, "STARTED", tasks=[task.pk, "gone5678" + "0" * 24])
    _ran(rule, "FAILED", hours=2, reason="no <room>")
    text = reader("read-only").text("/scheduled-tasks/nightly/")
    assert "Every day at 03:00 UTC" in text and "The &lt;report&gt;" in text
    times = text[text.index('id="rule-times"') : text.index('id="rule-facts"')]
    assert times.count('data-time="date"') == 5
    assert f"/clusters/production/tasks/{task.pk}/" in text and "gone5678" in text
    assert "no &lt;room&gt;" in text and "Failed" in text
    assert "/task-definitions/web/13/" in text and "/access/roles/scheduler/" in text
    assert "<b>team</b>shop" in text


def test_schedule_and_target_are_edited_and_what_the_form_does_not_show_stays(scene, reader, jobs) -> None:
    _rule(targets=0)
    document = {
        **TARGET,
        "EcsParameters": {
            **TARGET["EcsParameters"],
            "TaskCount": 3,
            "EnableECSManagedTags": True,
            "PlacementStrategy": [{"type": "binpack", "field": "cpu"}],
            "CapacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}],
            "PropagateTags": "TASK_DEFINITION",
        },
        "Input": '{"cpu": "256"}',
    }
    RuleTarget.objects.create(rule=Rule.objects.get(), target_id="a", document=document)
    person = reader("administrator")
    text = person.text("/scheduled-tasks/nightly/edit/")
    assert 'value="cron(0 3 * * ? *)"' in text
    person.post("/scheduled-tasks/nightly/edit/", expression="rate(2 hours)", description="Two")
    rule = Rule.objects.get()
    assert (rule.expression, rule.description, rule.enabled) == ("rate(2 hours)", "Two", False)
    assert rule.tags == {"team": "shop"}

    page = "/scheduled-tasks/nightly/target/?id=a"
    text = person.text(page)
    assert "FARGATE weight=1" in text and "&quot;cpu&quot;" in text and 'value="scheduler"' in text
    given = {name: GIVEN[name] for name in ("cluster", "role", "placement")}
    person.post(page, **given, task_definition="web:12", count=1, capacity="EC2")
    [target] = RuleTarget.objects.all()
    assert target.document["EcsParameters"] == {
        "TaskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/web:12",
        "TaskCount": 1,
        "LaunchType": "EC2",
        "EnableECSManagedTags": True,
    }
    assert "Input" not in target.document


def test_targets_are_added_and_removed(scene, reader, jobs) -> None:
    _rule()
    person = reader("administrator")
    given = {name: GIVEN[name] for name in ("cluster", "role", "placement", "task_definition", "count")}
    person.post("/scheduled-tasks/nightly/target/", **given, capacity="")
    added = RuleTarget.objects.exclude(target_id="t0").get()
    assert "LaunchType" not in added.document["EcsParameters"]
    person.post("/scheduled-tasks/nightly/remove-target/", target="t0")
    assert RuleTarget.objects.get() == added
    assert "has no target t0" in person.text("/scheduled-tasks/nightly/target/?id=t0", 404)


def test_a_sixth_target_is_refused_beforehand(scene, reader, jobs) -> None:
    _rule(targets=5)
    assert "A rule has at most 5 targets." in reader("administrator").text("/scheduled-tasks/nightly/")


def test_it_is_deleted_with_its_targets(scene, reader, jobs) -> None:
    _rule(targets=2)
    person = reader("administrator")
    assert "its 2 targets and its history" in person.text("/scheduled-tasks/nightly/")
    assert person.post("/scheduled-tasks/nightly/delete/") == "/scheduled-tasks/"
    assert not Rule.objects.exists()


# ---- lists ---------------------------------------------------------------------------------------


def test_the_list_tells_schedule_state_target_and_the_last_runs(scene, reader, jobs) -> None:
    rule = _rule()
    _ran(rule, "FAILED", reason="no room")
    _ran(rule, "STARTED", hours=25)
    put_rule(US, name="paused", schedule_expression="rate(1 hour)", state="DISABLED")
    person = reader("read-only")
    text = person.text("/scheduled-tasks/")
    assert "every day at 03:00 UTC" in text and "cron(0 3 * * ? *)" in text
    assert "no room" in text and "last started" in text and "last failure" not in text
    assert "/task-definitions/web/13/" in text and "nothing yet" in text
    names = re.findall(r'href="/scheduled-tasks/(\w+)/"', person.text("/scheduled-tasks/?state=disabled"))
    assert names == ["paused"]
    assert "No scheduled task matches" in person.text("/scheduled-tasks/?q=none")


def test_a_cluster_lists_those_that_run_in_it(scene, reader, jobs) -> None:
    factories.cluster("empty")
    _rule()
    put_rule(US, name="elsewhere", schedule_expression="rate(1 hour)")
    person = reader("read-only")
    text = person.text("/clusters/production/?tab=schedules")
    assert "nightly" in text and "elsewhere" not in text
    assert "No scheduled tasks yet" in person.text("/clusters/empty/?tab=schedules")


def _allowed(person, *statements: dict[str, Any]) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
    person.user.policies.add(Policy.objects.create(name="own", document=document))


@pytest.mark.parametrize("path", ["/scheduled-tasks/", "/clusters/production/?tab=schedules"])
def test_one_sees_the_rules_one_may_see(scene, reader, jobs, path: str) -> None:
    for name in ("mine", "theirs"):
        _ran(_rule(name), "FAILED", reason=f"trouble of {name}")
    person = reader()
    _allowed(
        person,
        {"Action": ["ecs:Describe*", "ecs:List*", "events:ListRules"], "Resource": "*"},
        {"Action": ["events:*", "slipway:*"], "Resource": "arn:aws:events:*:*:rule/mine"},
    )
    text = person.text(path)
    assert "trouble of mine" in text and "theirs" not in text
    person.text("/scheduled-tasks/theirs/", 403)


def test_targets_and_runs_are_shown_to_who_may_see_them(scene, reader, jobs) -> None:
    rule = _rule()
    _ran(rule, "FAILED", reason="the trouble")
    person = reader()
    _allowed(person, {"Action": ["events:ListRules", "events:DescribeRule"], "Resource": "*"})
    for path in ("/scheduled-tasks/", "/scheduled-tasks/nightly/"):
        text = person.text(path)
        assert "nightly" in text and "the trouble" not in text and "/task-definitions/web/" not in text
    assert "events:ListTargetsByRule" in text and "slipway:ListRuleRuns" in text


@pytest.mark.parametrize("path", ["/scheduled-tasks/", "/clusters/production/?tab=schedules"])
def test_the_number_of_rules_does_not_change_the_number_of_queries(scene, reader, jobs, path: str) -> None:
    _ran(_rule("first"), "FAILED")
    person = reader("read-only")
    few = person.queries(path)
    for number in range(8):
        rule = _rule(f"more-{number}", targets=2)
        _ran(rule, "STARTED")
        _ran(rule, "FAILED", hours=2)
    assert person.queries(path) == few


def test_the_number_of_runs_does_not_change_the_number_of_queries(scene, reader, jobs) -> None:
    rule = _rule()
    _ran(rule, "STARTED", tasks=[scene.new[0].pk])
    person = reader("read-only")
    few = person.queries("/scheduled-tasks/nightly/")
    for hours in range(2, 12):
        _ran(rule, "STARTED", hours=hours, tasks=[scene.new[1].pk])
    assert person.queries("/scheduled-tasks/nightly/") == few


# ---- permissions -----------------------------------------------------------------------------------


def test_who_may_not_is_shown_why_and_refused(scene, reader, jobs) -> None:
    _rule()
    person = reader("read-only")
    assert "<code>events:PutRule</code>" in person.text(NEW)
    text = person.text("/scheduled-tasks/nightly/")
    for action in ("PutRule", "PutTargets", "RemoveTargets", "DisableRule", "DeleteRule"):
        assert f"<code>events:{action}</code>" in text
    before = list(Rule.objects.values()), list(RuleTarget.objects.values())
    person.post(NEW, 403, **GIVEN)
    person.post("/scheduled-tasks/nightly/edit/", 403, expression="rate(1 hour)")
    for deed in ("state", "delete"):
        person.post(f"/scheduled-tasks/nightly/{deed}/", 403)
    person.post("/scheduled-tasks/nightly/remove-target/", 403, target="t0")
    assert (list(Rule.objects.values()), list(RuleTarget.objects.values())) == before


def test_putting_its_target_too_takes_the_permissions_of_put_targets(scene, reader, jobs) -> None:
    """A deployer may put rules and targets, but hand over no role."""
    person = reader("deployer")
    assert "<code>iam:PassRole</code>" in person.post(NEW, 403, **GIVEN)
    person = reader()
    _allowed(
        person,
        {
            "Action": ["events:PutRule", "iam:PassRole", "ecs:ListClusters", "ecs:DescribeClusters"],
            "Resource": "*",
        },
        {"Action": ["ecs:ListTaskDefinitions", "ecs:DescribeTaskDefinition"], "Resource": "*"},
    )
    assert "<code>events:PutTargets</code>" in person.post(NEW, 403, **GIVEN)
    assert not Rule.objects.exists()


def test_no_role_to_hand_over_is_said_beforehand(scene, reader, jobs) -> None:
    assert "You may give EventBridge no role yet." in reader("deployer").text(NEW)
    assert "You may give EventBridge no role yet." not in reader("administrator").text(NEW)


def test_the_palette_and_the_trail_lead_to_it(scene, reader, jobs) -> None:
    _rule()
    person = reader("administrator")
    found = json.loads(person.client.get("/search/?q=night").content)["results"]
    assert [one["url"] for one in found if one["label"] == "nightly"] == ["/scheduled-tasks/nightly/"]
    assert 'href="/scheduled-tasks/nightly/"' in person.text("/audit/?text=put_rule")
