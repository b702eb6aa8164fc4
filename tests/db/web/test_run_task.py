"""The page that runs standalone tasks."""

from __future__ import annotations

import pytest

from services.models import Task
from tests import factories

PAGE = "/run-task/"
GIVEN = {"cluster": "production", "task_definition": "web:13", "count": 2, "launch_type": "EC2"}


def _lone() -> list[Task]:
    return list(Task.objects.filter(service=None))


def test_tasks_run_with_what_they_have_differently(reader, jobs) -> None:
    factories.world(quiet=True)
    person = reader("deployer")
    text = person.text(f"{PAGE}?task_definition=web:12&cluster=production")
    assert '<option value="web:12" selected>' in text and 'name="command-web"' in text
    answer = person.post(
        PAGE,
        **GIVEN,
        **{
            "command-web": "migrate --now",
            "environment-web": "LEVEL=debug",
            "cpu-web": "64",
            "tags": "team=shop",
        },
        group="batch",
        terminals="yes",
    )
    assert answer == "/tasks/"
    first, second = _lone()
    assert first.enable_execute_command
    assert (
        first.overrides
        == second.overrides
        == {
            "containerOverrides": [
                {
                    "name": "web",
                    "command": ["migrate", "--now"],
                    "environment": [{"name": "LEVEL", "value": "debug"}],
                    "cpu": 64,
                }
            ]
        }
    )
    assert (first.group, first.tags, first.cpu) == ("batch", {"team": "shop"}, 64)


def test_one_starts_on_the_instance_named(reader, jobs) -> None:
    w = factories.world(quiet=True)
    where = w.instances[1].pk
    answer = reader("deployer").post(PAGE, **GIVEN, instance=where)
    (task,) = _lone()
    assert not task.enable_execute_command
    assert answer == f"/clusters/production/tasks/{task.pk}/" and task.instance_id == where


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"count": "11"}, "less than or equal to 10"),
        ({"command-web": 'unfinished "quote'}, "cannot be split into words"),
        ({"environment-web": "NOTHING"}, "no equals sign"),
        ({"memory-web": "1"}, "must be between 6"),
        ({"group": "service:web"}, "is for the tasks of services"),
        ({"task_role": "nobody"}, "no such role"),
    ],
)
def test_mistakes_stand_on_their_fields_and_nothing_runs(reader, jobs, given, said) -> None:
    factories.world(quiet=True)
    person = reader("administrator")
    text = person.post(PAGE, 400, **{**GIVEN, **given})
    assert said in text and "is-invalid" in text
    assert not _lone()


def test_what_finds_no_room_is_said(reader, jobs) -> None:
    factories.world(quiet=True)
    person = reader("deployer")
    person.post(PAGE, **{**GIVEN, "cpu-web": "200000"})
    assert "insufficient CPU" in person.text("/tasks/")
    assert not _lone()


def test_who_may_not_is_told_which_permission_is_missing(reader, rows, jobs) -> None:
    factories.world(quiet=True)
    person = reader("read-only")
    before = rows()
    assert "<code>ecs:RunTask</code>" in person.text(PAGE)
    person.post(PAGE, 403, **GIVEN)
    assert rows() == before
