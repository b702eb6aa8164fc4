"""The service page: what it says, to whom, with a constant number of queries."""

from __future__ import annotations

from datetime import timedelta

import pytest

from base import clock
from services.models import Deployment, Service, Task, TaskContainer
from tests import factories

PAGE = "/clusters/production/services/web/"
TABS = ("", "?tab=tasks&state=all", "?tab=events", "?tab=logs", "?tab=configuration")


def test_mid_deployment_it_says_what_is_so_and_what_it_waits_for(reader) -> None:
    factories.world()
    text = reader("administrator").text(PAGE)
    assert "Revision <b>13</b> is taking over: <b>4 of 6</b> healthy. Revision 12 still serves." in text
    assert "Deployment 4" in text and "100 % – 200 %" in text
    for label, detail in (
        ("Placed", "6 of 6"),
        ("Pulled", "web:4f1c9e2"),
        ("Healthy", "4 of 6"),
        ("Drain and stop old", "6 tasks"),
    ):
        assert label in text and detail in text
    assert text.count('class="cell healthy new"') == 4
    assert text.count('class="cell starting new"') == 2
    assert text.count('class="cell healthy old"') == 6
    assert "Waiting for 2 tasks to pass their health checks." in text
    assert "The circuit breaker opens at 3 failures and would roll back to revision 12." in text


def test_a_deployment_that_waits_for_protected_tasks_names_them_and_until_when(reader) -> None:
    w = factories.world(healthy=6)
    until = clock.now() + timedelta(minutes=50)
    kept, over = w.old[0], w.old[1]
    Task.objects.filter(pk=kept.pk).update(protected_until=until)
    Task.objects.filter(pk=over.pk).update(protected_until=clock.now() - timedelta(minutes=1))
    text = reader("administrator").text(PAGE)
    assert "Protected from being stopped" not in text, "it waits for something else"
    Service.objects.filter(pk=w.service.pk).update(waiting="Waiting for the protection of 1 task to end.")
    text = reader("administrator").text(PAGE)
    card = text.partition("Protected from being stopped")[2].partition("</section>")[0]
    assert f"/tasks/{kept.pk}/" in card and over.pk not in card
    assert f'datetime="{until.isoformat()}"' in card


def test_the_history_says_what_changed_and_why_something_failed(reader) -> None:
    w = factories.world()
    text = reader("administrator").text(PAGE)
    assert "image web:4f1c9e2, CPU units 256 → 512, FEATURE_CART=on" in text
    assert "rolled back by circuit breaker" in text
    assert "3 tasks exited with code 1: <code>KeyError: &#x27;REDIS_URL&#x27;</code>" in text
    # Back to what completed, but neither to what runs nor to what failed.
    assert f"rollback/?to={w.revisions[12].pk}" in text and f"rollback/?to={w.revisions[10].pk}" in text
    assert (
        f"rollback/?to={w.revisions[11].pk}" not in text and f"rollback/?to={w.revisions[13].pk}" not in text
    )
    assert "?tab=tasks&amp;state=failed&amp;deployment=2" in text


def test_tasks_stopped_for_their_health_are_not_said_to_have_exited(reader) -> None:
    w = factories.world(healthy=0)
    for _ in range(2):
        ill = factories.task(w.revisions[13], on=w.instances[0], under=w.deployment, status="STOPPED", failed=True,
                             exit_code=137, stop_code="ServiceSchedulerInitiated",
                             reason="Task failed container health checks")  # fmt: skip
        TaskContainer.objects.filter(task=ill).update(health_output="connecting\nwget: server returned 404\n")
        factories.log(ill, "GET /healthz", source="stderr", complete=True)
    Deployment.objects.filter(pk=w.deployment.pk).update(failed_tasks=2)
    text = reader("administrator").text(PAGE)
    assert "2 tasks failed their health checks: <code>wget: server returned 404</code>" in text
    assert "with code 137" not in text


def test_failures_of_the_deployment_in_progress_are_told_with_their_reason(reader) -> None:
    w = factories.world(healthy=0)
    Task.objects.filter(pk=w.new[5].pk).delete()
    one = factories.task(w.revisions[13], on=w.instances[0], under=w.deployment, status="STOPPED",
                         failed=True, exit_code=3,
                         reason="Essential container in task exited")  # fmt: skip
    factories.log(one, "cannot bind to port 80", source="stderr", complete=True)
    Deployment.objects.filter(pk=w.deployment.pk).update(failed_tasks=1)
    text = reader("administrator").text(PAGE)
    assert "1 task exited with code 3: <code>cannot bind to port 80</code>" in text
    assert "1 of 3 failures that end this deployment." in text
    assert "Nothing failed." not in text
    assert 'class="cell failed new"' in text


def test_steady(reader) -> None:
    w = factories.world(quiet=True)
    Service.objects.filter(pk=w.service.pk).update(steady_since=clock.now() - timedelta(hours=2, minutes=3))
    text = reader("administrator").text(PAGE)
    assert "<b>6 of 6</b> running revision <b>12</b>, healthy, steady for <time" in text
    assert ">2 h 3 min</time>" in text
    assert 'data-testid="deployment"' not in text
    assert "dlg-stop" not in text


def test_scaled_to_zero_draining_and_never_completed(reader) -> None:
    owner = factories.cluster("production")
    web = factories.service(owner, desired_count=0, steady_since=clock.now())
    one = factories.service_revision(web, factories.definition())
    factories.deployment(one)
    Service.objects.filter(pk=web.pk).update(desired_count=0)
    person = reader("administrator")
    assert "Scaled to zero: nothing runs." in person.text(PAGE)
    Service.objects.filter(pk=web.pk).update(status="DRAINING", steady_since=None)
    assert "Being deleted: nothing of it runs any more." in person.text(PAGE)
    Service.objects.filter(pk=web.pk).update(status="ACTIVE", completed_revision=None, desired_count=2)
    assert "No deployment has completed yet, and none is in progress." in person.text(PAGE)


def test_a_forced_deployment_of_the_same_revision_is_told_from_what_runs(reader) -> None:
    w = factories.world(quiet=True)
    again = factories.service_revision(w.service, w.revisions[12].task_definition)
    current = factories.deployment(again, "IN_PROGRESS", force=True)
    factories.task(again, on=w.instances[0], under=current)
    text = reader("administrator").text(PAGE)
    assert "New tasks of revision <b>12</b> are taking over: <b>1 of 6</b> healthy." in text
    assert "forced, nothing else changed" in text


@pytest.mark.parametrize("tab", TABS)
def test_the_number_of_queries_is_constant(reader, tab: str) -> None:
    factories.world(tasks=10, healthy=4)
    person = reader("administrator")
    few = person.queries(PAGE + tab)
    for number in range(20):
        other = factories.service(factories.Cluster.objects.get(), f"other-{number}")
        factories.deployment(factories.service_revision(other, factories.definition(f"other-{number}")))
    w = Service.objects.get(name="web")
    revision, hosts = w.deployment.target, list(w.cluster.instances.all())
    Service.objects.filter(pk=w.pk).update(desired_count=200)
    for number in range(190):
        factories.task(revision, on=hosts[number % 3], under=w.deployment, healthy=number % 2 == 0)
    assert person.queries(PAGE + tab) == few
    assert few <= 30


def test_a_thousand_tasks_are_a_bar_and_the_page_stays_small(reader) -> None:
    w = factories.world(tasks=2, healthy=1)
    template = w.new[0]
    rows = []
    for number in range(1000):
        copy = Task.objects.get(pk=template.pk)
        copy.pk, copy.arn = f"{number:032x}", f"{template.arn}{number}"
        rows.append(copy)
    Task.objects.bulk_create(rows)
    Service.objects.filter(pk=w.service.pk).update(desired_count=1002)
    text = reader("administrator").text(PAGE)
    assert "1001 healthy, 1 starting" in text
    assert 'class="lane-bar"' in text
    assert len(text) < 100_000


def test_a_fragment_is_the_same_page_without_the_rest(reader) -> None:
    factories.world()
    text = reader("administrator").text(PAGE, **{"X-Fragments": "deployment,head"})
    assert 'id="deployment"' in text and 'id="head"' in text
    assert 'id="history"' not in text and 'class="rail"' not in text
    assert 'id="dlg-scale"' not in text


def test_what_one_may_not_do_names_the_missing_permission(reader) -> None:
    factories.world()
    text = reader("read-only").text(PAGE)
    assert text.count("<code>ecs:UpdateService</code>") >= 2
    assert "<code>ecs:StopServiceDeployment</code>" in text
    assert 'id="dlg-scale"' not in text and 'id="dlg-delete"' not in text and 'id="dlg-stop"' not in text
    allowed = reader("deployer").text(PAGE)
    assert 'id="dlg-scale"' in allowed and 'id="dlg-stop"' in allowed
    assert 'id="dlg-delete"' not in allowed  # a deployer does not delete


def test_who_may_not_see_it_is_told_nothing_of_it(reader) -> None:
    factories.world()
    nobody = reader()
    assert "KeyError" not in nobody.text(PAGE, status=403)
    assert nobody.text("/clusters/production/services/none/", status=403)
    assert "Service not found" in reader("read-only").text("/clusters/production/services/none/", status=404)


def test_tasks_are_searched_and_filtered_by_the_address(reader) -> None:
    w = factories.world()
    person = reader("read-only")
    stopped = person.text(PAGE + "?tab=tasks&state=failed&deployment=2", **{"X-Fragments": "tasks"})
    assert all(task.pk[:8] in stopped for task in w.failed)
    assert w.new[0].pk[:8] not in stopped
    assert "(web: 1)" in stopped
    one = person.text(PAGE + f"?tab=tasks&q={w.old[2].pk[:8]}", **{"X-Fragments": "tasks"})
    assert w.old[2].pk[:8] in one and w.old[1].pk[:8] not in one


def test_images_being_pulled_and_an_image_that_cannot_be_had(reader) -> None:
    w = factories.world(healthy=0)
    Task.objects.filter(revision=w.revisions[13]).delete()
    Deployment.objects.filter(pk=w.deployment.pk).update(image_error="web:4f1c9e2: not found in the registry")
    Service.objects.filter(pk=w.service.pk).update(waiting="Pulling web:4f1c9e2: 61 %.")
    text = reader("administrator").text(PAGE)
    assert "Pulling web:4f1c9e2: 61 %." in text
    assert "web:4f1c9e2: not found in the registry" in text
    assert text.count('class="cell empty new"') == 6


def test_the_configuration_tells_what_tags_the_tasks_get(reader) -> None:
    factories.world(quiet=True)
    person = reader("read-only")
    assert "aws:ecs:serviceName" not in person.text(PAGE + "?tab=configuration")
    Service.objects.update(propagate_tags="TASK_DEFINITION", enable_ecs_managed_tags=True)
    text = person.text(PAGE + "?tab=configuration")
    assert "those of the task definition" in text and "aws:ecs:serviceName" in text
