"""The page of a task's terminal and its sessions."""

from __future__ import annotations

import json

from access.models import AuditRecord
from services.execute.models import ExecSession
from services.models import Task
from tests import factories


def _page(task: Task) -> str:
    return f"/clusters/production/tasks/{task.pk}/exec/"


def _task() -> Task:
    task = factories.world().new[0]
    Task.objects.filter(pk=task.pk).update(enable_execute_command=True)
    return task


def test_who_may_finds_a_terminal_and_the_sessions(reader) -> None:
    task = _task()
    open_ = factories.exec_session(task)
    factories.exec_session(task, status="ENDED", reason="The command ended with code 3.", log_group="")
    text = reader("administrator").text(_page(task))
    assert "data-terminal" in text and 'value="/bin/sh"' in text
    assert "The command ended with code 3." in text
    assert f"/exec-sessions/{open_.pk}/end/" in text and f"/exec-sessions/{open_.pk}/transcript/" in text
    assert text.count("/transcript/") == 1
    assert _page(task) in reader("administrator").text(f"/clusters/production/tasks/{task.pk}/")


def test_who_may_not_is_told_which_permission_is_missing(reader) -> None:
    task = _task()
    factories.exec_session(task)
    someone = reader("read-only")
    text = someone.text(_page(task))
    assert "data-terminal" not in text and "ecs:ExecuteCommand" in text
    assert "/transcript/" not in text, "a transcript is not a container's log"
    assert "data-terminal" not in text
    answer = someone.client.post(f"{_page(task)}begin/", {"command": "/bin/sh"})
    assert answer.status_code == 403 and "ecs:ExecuteCommand" in answer.json()["message"]
    assert AuditRecord.objects.filter(result="denied", action="ecs:ExecuteCommand").count() == 1
    assert ExecSession.objects.count() == 1


def test_a_task_without_it_says_how_to_get_it(reader) -> None:
    task = factories.world().new[0]
    text = reader("administrator").text(_page(task))
    assert "data-terminal" not in text and "started without enableExecuteCommand" in text


def test_the_script_is_answered_a_token_once(reader) -> None:
    task = _task()
    answer = reader("administrator").client.post(f"{_page(task)}begin/", {"command": "/bin/sh"})
    found = json.loads(answer.content)
    row = ExecSession.objects.get()
    assert found["path"] == f"/live/exec/{row.pk}/" and len(found["tokenValue"]) > 40
    assert "no-store" in answer["Cache-Control"]
    wrong = reader("administrator").client.post(f"{_page(task)}begin/", {"command": "'"})
    assert wrong.status_code == 400 and "words" in wrong.json()["message"]


def test_a_transcript_is_a_file(reader) -> None:
    row = factories.exec_session(_task(), transcript=b"$ \x1b[1mls")
    answer = reader("administrator").client.get(f"/exec-sessions/{row.pk}/transcript/")
    assert b"".join(answer.streaming_content) == b"$ \x1b[1mls"
    assert answer["Content-Type"].startswith("text/plain") and "attachment" in answer["Content-Disposition"]
    assert reader("read-only").client.get(f"/exec-sessions/{row.pk}/transcript/").status_code == 403
