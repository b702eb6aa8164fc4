"""Lists: pages, order, filters, what their reader may see, and a number of queries that does not grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from access.models import AuditRecord, Group
from base import here
from clusters.models import Cluster
from services.models import Service
from tests import factories
from tests.db.rest.cases import READS, Case, Scene, name_of
from tests.db.rest.conftest import error_of
from tests.factories import World

CLUSTERS = "/api/v1/clusters"


@pytest.fixture
def five(db: None) -> list[Cluster]:
    return [factories.cluster(f"c{number}") for number in range(5)]


def names(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["clusterName"] for item in response.json()["items"]]


def test_pages_link_to_their_neighbours(five: list[Cluster], root: APIClient) -> None:
    first = root.get(f"{CLUSTERS}?pageSize=2&orderBy=-name")
    assert names(first) == ["c4", "c3"]
    assert first.json()["total"] == 5 and first.json()["previous"] is None
    second = root.get(first.json()["next"])
    assert names(second) == ["c2", "c1"]
    third = root.get(second.json()["next"])
    assert names(third) == ["c0"] and third.json()["next"] is None
    assert names(root.get(third.json()["previous"])) == ["c2", "c1"]


def test_pages_are_bounded(five: list[Cluster], root: APIClient) -> None:
    assert len(names(root.get(f"{CLUSTERS}?pageSize=200"))) == 5
    for query in ("pageSize=0", "pageSize=201", "pageSize=x", "page=0", "page=-1", "page=99999999999"):
        field = query.partition("=")[0]
        assert field in error_of(root.get(f"{CLUSTERS}?{query}"), 400)["fields"]
    error = error_of(root.get(f"{CLUSTERS}?page=2"), 404)
    assert "5 rows make 1 pages" in error["message"]


def test_an_empty_list_has_one_page(root: APIClient) -> None:
    assert root.get(CLUSTERS).json() == {"items": [], "total": 0, "next": None, "previous": None}


def test_order_and_filters(five: list[Cluster], root: APIClient) -> None:
    Cluster.objects.filter(name="c2").update(running_tasks=9)
    assert names(root.get(f"{CLUSTERS}?orderBy=-runningTasksCount"))[0] == "c2"
    assert names(root.get(f"{CLUSTERS}?name=C3")) == ["c3"]
    assert names(root.get(f"{CLUSTERS}?name=%25")) == []
    assert "orderBy" in error_of(root.get(f"{CLUSTERS}?orderBy=arn"), 400)["fields"]


def test_rows_that_are_alike_keep_their_places(five: list[Cluster], root: APIClient) -> None:
    seen = [
        names(root.get(f"{CLUSTERS}?orderBy=runningTasksCount&pageSize=1&page={page}"))[0]
        for page in range(1, 6)
    ]
    assert sorted(seen) == [f"c{number}" for number in range(5)]


def test_tasks_are_found_by_what_is_known_of_them(world: World, reader: APIClient) -> None:
    def found(query: str) -> set[str]:
        response = reader.get(f"/api/v1/clusters/production/tasks?{query}")
        assert response.status_code == 200, response.content
        return {item["taskId"] for item in response.json()["items"]}

    live = {task.pk for task in (*world.new, *world.old)}
    assert found("") == live
    assert found("desiredStatus=STOPPED") == {task.pk for task in world.failed}
    assert found("desiredStatus=ALL&pageSize=200") == live | {task.pk for task in world.failed}
    assert found("desiredStatus=ALL&lastStatus=STOPPED") == {task.pk for task in world.failed}
    assert found("service=web") == live and found("family=other") == set()
    host = world.instances[0]
    assert found(f"containerInstance={host.pk}") == {
        t.pk for t in (*world.new, *world.old) if t.instance_id == host.pk
    }
    assert found("healthStatus=HEALTHY") == {t.pk for t in (*world.new, *world.old) if t.health == "HEALTHY"}
    error_of(reader.get("/api/v1/clusters/production/tasks?service=none"), 404, "ServiceNotFoundException")


def test_inactive_revisions_are_asked_for(world: World, root: APIClient) -> None:
    assert root.delete("/api/v1/task-definitions/web:10").status_code == 200

    def revisions(query: str) -> list[int]:
        return [
            item["revision"]
            for item in root.get(f"/api/v1/task-definitions?family=web{query}").json()["items"]
        ]

    assert revisions("") == [13, 12, 11]
    assert revisions("&status=INACTIVE") == [10]
    assert revisions("&status=ALL") == [13, 12, 11, 10]
    assert revisions("&status=ALL&orderBy=-family") == [10, 11, 12, 13]


def test_a_reader_held_to_one_service_sees_that_one(
    world: World, client_of: Callable[..., APIClient]
) -> None:
    factories.service(world.cluster, "hidden")
    factories.service(factories.cluster("other"), "web")
    ana = client_of(
        "ana", statements=[{"Effect": "Allow", "Action": ["ecs:Describe*", "ecs:List*"], "Resource": "*"}]
    )
    Group.objects.filter(name="ana-group").update(scope=[here.service_arn("production", "web")])
    listed = ana.get("/api/v1/services").json()
    assert [item["serviceArn"] for item in listed["items"]] == [here.service_arn("production", "web")]
    assert listed["total"] == 1
    assert names(ana.get(CLUSTERS)) == ["production"]
    denied = error_of(ana.get("/api/v1/clusters/production/services/hidden"), 403)
    absent = error_of(ana.get("/api/v1/clusters/production/services/absent"), 403)
    assert denied["message"].replace("hidden", "absent") == absent["message"]
    assert len(ana.get("/api/v1/tasks").json()["items"]) == 4


def test_the_trail_goes_on_where_it_left(root: APIClient) -> None:
    for number in range(5):
        root.post(CLUSTERS, {"clusterName": f"c{number}"}, format="json")
    first = root.get("/api/v1/audit?pageSize=2&action=ecs:*").json()
    assert [item["resource"][-2:] for item in first["items"]] == ["c4", "c3"]
    root.post(CLUSTERS, {"clusterName": "later"}, format="json")
    second = root.get(first["next"]).json()
    assert [item["resource"][-2:] for item in second["items"]] == ["c2", "c1"]
    third = root.get(second["next"]).json()
    assert [item["resource"][-2:] for item in third["items"]] == ["c0"] and third["next"] is None
    one = AuditRecord.objects.order_by("id").first()
    assert one is not None
    assert [i["id"] for i in root.get(f"/api/v1/audit?requestId={one.request_id}").json()["items"]] == [
        one.pk
    ]
    assert root.get("/api/v1/audit?until=2020-01-01T00:00:00Z").json()["items"] == []


def test_log_pages_link_backwards_and_forwards(world: World, reader: APIClient) -> None:
    task = world.new[0]
    factories.log(task, *(f"line {number}" for number in range(7)))
    url = f"/api/v1/clusters/production/tasks/{task.pk}/logs"

    def messages(page: dict[str, Any]) -> list[str]:
        return [line["message"] for line in page["items"]]

    newest = reader.get(f"{url}?limit=3").json()
    assert messages(newest) == ["line 4", "line 5", "line 6"]
    before = reader.get(newest["older"]).json()
    assert messages(before) == ["line 1", "line 2", "line 3"]
    assert messages(reader.get(before["older"]).json()) == ["line 0"]
    assert reader.get(before["older"]).json()["older"] is None
    assert messages(reader.get(before["newer"]).json()) == ["line 4", "line 5", "line 6"]
    nothing = reader.get(newest["newer"]).json()
    assert messages(nothing) == [] and nothing["newer"] == newest["newer"]
    assert messages(reader.get(f"{url}?query=LINE 2").json()) == ["line 2"]
    assert messages(reader.get(f"{url}?container=other").json()) == []
    assert reader.get(url).json()["items"][0]["container"] == "web"
    error_of(reader.get(f"{url}?before=x"), 400)
    merged = reader.get("/api/v1/clusters/production/services/web/logs?limit=1000").json()
    assert {line["taskId"] for line in merged["items"]} >= {task.pk, world.old[0].pk}


def test_the_number_of_queries_does_not_grow(world: World, root: APIClient) -> None:
    scene = Scene.of(world)
    few = {name_of(case): queries(root, scene, case) for case in READS}
    more_of_everything(world)
    many = {name_of(case): queries(root, scene, case) for case in READS}
    assert many == few
    assert max(many.values()) <= 16, many


def queries(client: APIClient, scene: Scene, case: Case) -> int:
    client.get(scene.url(case))  # whatever is only asked once in a while
    with CaptureQueriesContext(connection) as seen:
        assert client.get(scene.url(case)).status_code == 200
    return len(seen)


def more_of_everything(world: World) -> None:
    """Twice as many, and more, of whatever a list shows."""
    for number in range(3):
        owner = factories.cluster(f"more-{number}")
        host = factories.instance(owner, f"more-{number}")
        host.host_ports.create(port=8080, holder="x")
        definition = factories.definition(f"more-{number}")
        service = factories.service(owner, f"more-{number}")
        revision = factories.service_revision(service, definition)
        factories.task(revision, on=host)
        never_completed = factories.service(world.cluster, f"never-{number}")
        factories.service_revision(never_completed, definition)
        last = factories.service_revision(world.service, definition)
        done = factories.deployment(last)
        task = factories.task(last, on=world.instances[0], under=done)
        factories.log(task, "one", "two")
        factories.event(world.service, f"event {number}")
        Group.objects.create(name=f"more-{number}").members.add(*Group.objects.get(name="team").members.all())
        amina = Group.objects.get(name="team").members.get()
        amina.tokens.create(name=f"more-{number}", prefix="slp", digest=f"{number + 1:064x}")
    Service.objects.filter(name="web").update(deployment=world.deployment)
