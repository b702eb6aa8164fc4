"""Tasks of daemons on the pages of tasks: they are of no service, and their definitions have no page of services'."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from base import clock, here, ids
from services.models import Task
from tests import factories
from tests.db.web.conftest import Reader


@pytest.fixture
def task(db: None) -> Task:
    owner = factories.cluster("platform")
    daemon = factories.daemon(owner)
    revision = daemon.revisions.get()
    pk = ids.hex_id()
    return Task.objects.create(
        id=pk,
        arn=here.task_arn("platform", pk),
        cluster=owner,
        instance=factories.instance(owner),
        task_definition=revision.task_definition,
        service=daemon,
        revision=revision,
        group="daemon:agent",
        status="RUNNING",
        started_at=clock.now(),
    )


def test_the_page_of_a_daemon_s_task_names_the_daemon(task: Task, reader: Callable[..., Reader]) -> None:
    page = reader("administrator").text(f"/clusters/platform/tasks/{task.pk}/")
    assert 'href="/clusters/platform/daemons/agent/"' in page
    assert 'href="/daemon-task-definitions/agent/1/"' in page
    assert "/services/agent" not in page and '"/task-definitions/agent' not in page
    assert "The daemon agent starts another one in its place." in page
    assert "dlg-protect" not in page


def test_lists_of_tasks_show_it_without_dead_links(task: Task, reader: Callable[..., Reader]) -> None:
    root = reader("administrator")
    page = root.text("/tasks/")
    assert task.pk[:8] in page and "agent:1" in page
    assert 'href="/clusters/platform/daemons/agent/"' in page
    assert "/services/agent" not in page and '"/task-definitions/agent' not in page
    assert task.pk[:8] not in root.text("/tasks/?service=agent")
    assert "agent" not in root.text("/services/").partition("<main")[2]
