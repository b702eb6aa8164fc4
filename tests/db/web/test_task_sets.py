"""The page of a service with task sets: what it shows, what one does there, and what is refused."""

from __future__ import annotations

import pytest

from services.models import Service, TaskSet
from tests import factories

PAGE = "/clusters/production/services/canary/"
TABS = ("", "?tab=tasks", "?tab=events", "?tab=logs", "?tab=configuration")


@pytest.fixture
def sets(db: None) -> tuple[TaskSet, TaskSet]:
    """Three desired: a primary at 100 % with one task that runs, and a canary at 50 %."""
    world = factories.world(tasks=1, healthy=1, quiet=True)
    canary = factories.service(world.cluster, "canary", desired_count=3)
    first = factories.task_set(
        canary, world.revisions[12].task_definition, stability="STEADY_STATE", external_id="build-41"
    )
    second = factories.task_set(
        canary, world.revisions[13].task_definition, 50, waiting="Waiting for 2 tasks to start."
    )
    Service.objects.filter(pk=canary.pk).update(completed_revision=first.revision)
    factories.task(first.revision, on=world.instances[0])
    return first, second


def test_it_shows_each_set_with_its_share(reader, sets: tuple[TaskSet, TaskSet]) -> None:
    text = reader("administrator").text(PAGE)
    for one in sets:
        assert one.id in text
    assert "build-41" in text and "web:12" in text and "web:13" in text
    assert "<b>1</b> task runs in its task sets; the primary one has revision <b>12</b>." in text
    assert "Waiting for 2 tasks to start." in text
    assert "50 %" in text and "100 %" in text
    assert f"/task-sets/{sets[1].pk}/primary/" in text and f"/task-sets/{sets[0].pk}/primary/" not in text


def test_every_tab_and_the_lists_show_it_also_without_any_set(reader, sets: tuple[TaskSet, TaskSet]) -> None:
    person = reader("administrator")
    for tab in TABS:
        assert "canary" in person.text(PAGE + tab)
    Service.objects.filter(name="canary").update(completed_revision=None)
    TaskSet.objects.all().delete()
    for tab in TABS:
        person.text(PAGE + tab)
    assert "aws ecs create-task-set --cluster production --service canary" in person.text(PAGE)
    for page in ("/", "/services/", "/clusters/production/"):
        assert "canary" in person.text(page)


def test_what_belongs_to_deployments_is_refused(reader, sets: tuple[TaskSet, TaskSet]) -> None:
    person = reader("administrator")
    text = person.text(PAGE)
    assert "It has task sets instead of deployments" in text
    assert f'href="{PAGE}deploy/"' not in text and f'href="{PAGE}rollback/"' not in text
    assert "EXTERNAL" in person.text(f"{PAGE}deploy/", 400)


def test_scale_make_primary_delete(reader, jobs, sets: tuple[TaskSet, TaskSet]) -> None:
    person, (first, second) = reader("deployer"), sets
    assert person.post(f"{PAGE}task-sets/{second.pk}/scale/", percent="66,7") == PAGE
    second.refresh_from_db()
    assert second.scale == 66.7
    assert person.post(f"{PAGE}task-sets/{second.pk}/primary/") == PAGE
    assert Service.objects.get(name="canary").completed_revision_id == second.pk
    assert person.post(f"{PAGE}task-sets/{first.pk}/delete/") == PAGE
    first.refresh_from_db()
    assert first.status == "DRAINING"
    text = person.text(PAGE)
    assert "being deleted" in text and "The task set is being deleted." in text


@pytest.mark.parametrize("given", ["101", "much", ""])
def test_a_share_that_is_none_changes_nothing(
    reader, rows, sets: tuple[TaskSet, TaskSet], given: str
) -> None:
    before = rows()
    text = reader("deployer").post(f"{PAGE}task-sets/{sets[1].pk}/scale/", 400, percent=given)
    assert "from 0 to 100" in text
    assert rows() == before


def test_who_may_only_read_sees_why_not(reader, rows, sets: tuple[TaskSet, TaskSet]) -> None:
    person = reader("read-only")
    text = person.text(PAGE)
    assert "ecs:UpdateTaskSet" in text and "ecs:DeleteTaskSet" in text
    before = rows()
    for deed in ("scale", "primary", "delete"):
        person.post(f"{PAGE}task-sets/{sets[1].pk}/{deed}/", 403, percent="1")
    assert rows() == before


def test_its_queries_do_not_grow_with_the_sets(reader, sets: tuple[TaskSet, TaskSet]) -> None:
    person = reader("administrator")
    person.queries(PAGE)
    two = person.queries(PAGE)
    for _ in range(3):
        factories.task_set(sets[0].service, sets[0].revision.task_definition, 10)
    assert person.queries(PAGE) == two
