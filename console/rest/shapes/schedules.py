"""Rules that run tasks by the clock, as REST answers them."""

from __future__ import annotations

from console.rest.shapes.common import Flag, Free, Moment, Shape, Tags, Text, Texts, Whole


class RuleShape(Shape):
    name = Text()
    arn = Text()
    description = Text()
    scheduleExpression = Text("expression", help_text="cron(…) or rate(…), in UTC.")
    state = Text(help_text="ENABLED or DISABLED.")
    enabled = Flag()
    nextAt = Moment("next_at", help_text="When it fires next; null: not any more.")
    tags = Tags()
    createdAt = Moment("created_at")
    createdBy = Text("created_by")

    class Meta:
        ref_name = "Rule"


class TargetShape(Shape):
    id = Text("target_id")
    target = Free("document", help_text="In EventBridge's form: Id, Arn, RoleArn, EcsParameters, Input.")

    class Meta:
        ref_name = "RuleTarget"


class RuleRunShape(Shape):
    id = Text()
    targetId = Text("target_id")
    scheduledFor = Moment("scheduled_for")
    status = Text(help_text="PENDING, STARTED, FAILED, or MISSED: nothing ran at its time.")
    reason = Text()
    tasks = Texts(help_text="Ids of the tasks it started.")
    attempts = Whole()
    finishedAt = Moment("finished_at")

    class Meta:
        ref_name = "RuleRun"
