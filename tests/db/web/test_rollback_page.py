"""The preview of a rollback, and what its button does."""

from __future__ import annotations

from services.models import Service, ServiceRevision, TaskDefinition
from tests import factories

PAGE = "/clusters/production/services/web/rollback/"


def test_mid_deployment_nothing_needs_to_start(reader) -> None:
    w = factories.world()
    text = reader("administrator").text(PAGE)
    assert "Roll back web to revision 12" in text
    assert "3 differences" in text
    for label, before, after in (("Image", "web:4f1c9e2", "web:9a3d0b1"), ("CPU units", "512", "256")):
        assert (
            f'<span class="k">{label}</span>' in text
            and f"<del>{before}</del>" in text
            and f"<ins>{after}</ins>" in text
        )
    assert '<span class="k">env FEATURE_CART</span>' in text and '<ins class="unset">(not set)</ins>' in text
    assert "Unchanged: 6 tasks desired, ports, health check, network, placement." in text
    assert (
        "Deployment 4 stops. The 6 tasks of revision 12 are still running, "
        "so nothing needs to start: <b>a few seconds</b>" in text
    )
    assert (
        f"aws ecs stop-service-deployment --stop-type ROLLBACK --service-deployment-arn {w.deployment.arn}"
        in text
    )


def test_the_button_stops_the_deployment_with_rollback(reader) -> None:
    w = factories.world()
    where = reader("deployer").post(PAGE, to=w.revisions[12].pk, seen=w.revisions[13].pk)
    assert where == "/clusters/production/services/web/"
    w.deployment.refresh_from_db()
    assert w.deployment.status == "ROLLBACK_REQUESTED" and w.deployment.rollback == w.revisions[12]


def test_afterwards_it_is_a_deployment_of_the_frozen_revision_with_its_time(reader) -> None:
    w = factories.world(quiet=True)
    TaskDefinition.objects.filter(pk=w.revisions[10].task_definition.pk).update(status="INACTIVE")
    person = reader("deployer")
    text = person.text(PAGE)
    assert "Roll back web to revision 10" in text  # the one that completed before
    assert "INACTIVE" in text
    assert (
        "<b>about 37 s</b> (the median of its last 2 completed deployments), never fewer than 6 healthy tasks"
        in text
    )
    assert "aws ecs update-service --cluster production --service web --task-definition web:10" in text
    Service.objects.filter(pk=w.service.pk).update(desired_count=4)
    person.post(PAGE, to=w.revisions[10].pk, seen=w.revisions[12].pk)
    service = Service.objects.select_related("deployment").get(pk=w.service.pk)
    assert service.deployment is not None and service.deployment.target == w.revisions[10]
    assert service.deployment.is_rollback and service.desired_count == 4


def test_some_old_tasks_are_gone_already(reader) -> None:
    w = factories.world()
    for task in w.old[:2]:
        task.delete()
    text = reader("administrator").text(PAGE)
    assert "4 of 6 tasks of revision 12 are still running, 2 have to start: <b>about 37 s</b>" in text


def test_the_same_name_for_another_image_is_a_difference(reader) -> None:
    w = factories.world(quiet=True)
    again = factories.service_revision(
        w.service,
        w.revisions[12].task_definition,
        images={"web": {"image": "web:9a3d0b1", "digest": "sha256:" + "ab" * 32}},
    )
    factories.deployment(again)
    text = reader("administrator").text(PAGE)
    assert '<span class="k">Image digest</span>' in text and "sha256:abababababab" in text
    assert "--force-new-deployment" in text


def test_configuration_is_part_of_it(reader) -> None:
    w = factories.world(quiet=True)
    frozen = {
        **factories.FROZEN,
        "launchType": "FARGATE",
        "placementStrategy": [{"type": "binpack", "field": "memory"}],
    }
    factories.deployment(
        factories.service_revision(w.service, w.revisions[12].task_definition, configuration=frozen)
    )
    text = reader("administrator").text(PAGE)
    assert "<del>FARGATE</del>" in text and "<ins>EC2</ins>" in text
    assert "<del>binpack by memory</del>" in text
    assert "placement." not in text


def test_what_runs_changed_between_looking_and_clicking(reader, rows) -> None:
    w = factories.world(quiet=True)
    before = rows()
    text = reader("deployer").post(PAGE, 409, to=w.revisions[10].pk, seen=w.revisions[13].pk)
    assert "What runs has changed meanwhile" in text
    assert rows() == before


def test_nothing_to_go_back_to(reader) -> None:
    owner = factories.cluster("production")
    one = factories.service_revision(factories.service(owner), factories.definition())
    factories.deployment(one)
    person = reader("administrator")
    assert "Nothing to go back to yet" in person.text(PAGE)
    page = person.text("/clusters/production/services/web/")
    assert "No other revision has completed yet: there is nothing to go back to." in page


def test_what_runs_now_cannot_be_gone_back_to(reader) -> None:
    w = factories.world(quiet=True)
    text = reader("administrator").text(f"{PAGE}?to={w.revisions[12].pk}")
    assert "This is what runs now." in text and 'aria-disabled="true"' in text


def test_another_services_revision_is_none_of_this_one(reader) -> None:
    w = factories.world()
    other = factories.service_revision(factories.service(w.cluster, "api"), factories.definition("api"))
    assert "not found" in reader("administrator").text(f"{PAGE}?to={other.pk}", status=404)


def test_queries_do_not_grow(reader) -> None:
    factories.world(tasks=6)
    person = reader("administrator")
    few = person.queries(PAGE)
    w = Service.objects.get(name="web")
    completed = ServiceRevision.objects.get(pk=w.completed_revision_id)
    for number in range(194):
        factories.task(completed, on=w.cluster.instances.all()[number % 3])
    assert person.queries(PAGE) == few
    assert few <= 25
