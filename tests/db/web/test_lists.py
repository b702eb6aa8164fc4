"""Overview, lists, cluster, instance and audit pages: what they show, to whom, with a constant number of queries."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access.identities.setup import ensure_ready_made
from access.models import AuditRecord, Group, User
from base import clock
from clusters.models import Cluster, ContainerInstance
from services.models import Deployment, Service, ServiceEvent, Task
from tests import factories
from tests.factories import World

PAGES = (
    "/",
    "/clusters/",
    "/clusters/production/",
    "/clusters/production/?tab=tasks",
    "/clusters/production/?tab=schedules",
    "/clusters/production/?tab=instances",
    "/clusters/production/?tab=events",
    "/clusters/production/?tab=changes",
    "/clusters/production/?tab=configuration",
    "/services/",
    "/services/?state=attention&sort=-tasks",
    "/tasks/",
    "/tasks/?state=stopped",
    "/instances/",
    "/audit/",
    "/search/?q=web",
)
PageClient = Callable[..., Client]


@pytest.fixture
def world(db: None) -> World:
    return factories.world()


@pytest.fixture
def browser_of(db: None) -> PageClient:
    """browser_of("rita", "read-only"): signed in, in those groups."""

    def make(name: str, *groups: str) -> Client:
        ensure_ready_made()
        user = User.objects.create_user(name)
        for group in groups:
            Group.objects.get(name=group).members.add(user)
        client = Client()
        client.force_login(user)
        return client

    return make


def text_of(client: Client, path: str, status: int = 200, **extra: str) -> str:
    """The page's HTML, comments of the markup gone and white space joined."""
    cache.clear()
    response = client.get(path, **extra)
    assert response.status_code == status, response.content[:2000]
    return re.sub(r"\s+", " ", response.content.decode())


def words_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


# --- what is shown ----------------------------------------------------------------------------------------


def test_overview_says_what_runs_and_what_is_not_well(world: World, browser_of: PageClient) -> None:
    broken = factories.service(world.cluster, "mailer", desired_count=2)
    factories.service_revision(broken, factories.definition("mailer"))
    Service.objects.filter(pk=broken.pk).update(waiting="was unable to place a task because of <reasons>")
    page = text_of(browser_of("amina", "administrator"), "/")
    said = words_of(page)
    assert "1 service needs attention." in said
    assert "1 deployment in progress" in said
    assert "Not running" in said and "0 of 2" in said
    assert "because of &lt;reasons&gt;" in page
    assert page.index("mailer") < page.index("Deployments in progress")


def test_an_empty_installation_teaches_the_next_step(browser_of: PageClient) -> None:
    client = browser_of("amina", "administrator")
    assert "aws ecs create-service" in text_of(client, "/")
    assert "aws ecs create-cluster --cluster-name production" in text_of(client, "/clusters/")
    assert "/register-instance/" in text_of(client, "/instances/")


def test_the_address_holds_search_filter_and_order(world: World, browser_of: PageClient) -> None:
    for name in ("alpha", "beta", "gamma"):
        made = factories.service(
            world.cluster, name, desired_count=1, running_count=1, steady_since=clock.now()
        )
        factories.service_revision(made, factories.definition(name))
    client = browser_of("amina", "administrator")

    def names(query: str) -> list[str]:
        return re.findall(
            r'<a class="strong" href="/clusters/production/services/([a-z]+)/">', text_of(client, query)
        )

    assert names("/services/") == ["alpha", "beta", "gamma", "web"]
    assert names("/services/?sort=-name") == ["web", "gamma", "beta", "alpha"]
    assert names("/services/?state=steady") == ["alpha", "beta", "gamma"]
    assert names("/services/?state=deploying") == ["web"]
    assert names("/services/?q=ETA") == ["beta"]
    assert names("/services/?sort=nonsense&page=99") == ["alpha", "beta", "gamma", "web"]
    assert "No service matches" in text_of(client, "/services/?q=nothing-like-it")


def test_the_task_list_finds_by_id_service_and_state(world: World, browser_of: PageClient) -> None:
    client = browser_of("amina", "administrator")
    one = world.new[0]

    def ids(query: str) -> set[str]:
        return set(re.findall(r'<tr id="task-([0-9a-f]+)"', text_of(client, query)))

    alive = {task.pk for task in (*world.new, *world.old)}
    stopped = {task.pk for task in world.failed}
    assert ids("/tasks/") == alive
    assert stopped <= ids("/tasks/?state=stopped")
    assert alive.isdisjoint(ids("/tasks/?state=stopped"))
    assert ids(f"/tasks/?q={one.pk[:12]}") == {one.pk}
    assert ids("/tasks/?q=no-such-thing") == set()
    assert ids("/clusters/production/?tab=tasks") == alive


def test_the_map_draws_every_task_in_proportion(world: World, browser_of: PageClient) -> None:
    page = text_of(browser_of("amina", "administrator"), "/clusters/production/?tab=instances")
    host = world.instances[0]
    host.refresh_from_db()
    mine = Task.objects.filter(instance=host).exclude(status="STOPPED")
    block = page[page.index(f"{host.name} CPU") :]
    drawn = block[: block.index("</svg>")]
    assert drawn.count("<a ") == mine.count() > 0
    assert all(task.pk in drawn for task in mine)
    assert f"{round(host.cpu_reserved * 100 / host.cpu)} %" in words_of(page)


def test_the_map_stays_small_however_many_services_an_instance_has(
    world: World, browser_of: PageClient
) -> None:
    grow(world, services=100, tasks=5)
    page = text_of(browser_of("amina", "administrator"), "/clusters/production/?tab=instances")
    host = world.instances[0]
    block = page[page.index(f"{host.name} CPU") :]
    titles = re.findall(r"<title>([^<]+)</title>", block[: block.index("</svg>")])
    assert len(titles) == 81 and titles[-1].startswith("others, ")
    assert len(page) < 100_000
    units = sum(int(re.search(r"(\d+) CPU units", title)[1]) for title in titles)  # type: ignore[index]
    mine = Task.objects.filter(instance=host).exclude(status="STOPPED")
    assert units == sum(mine.values_list("cpu", flat=True))


def test_an_instance_that_is_away_says_why(world: World, browser_of: PageClient) -> None:
    host = world.instances[1]
    ContainerInstance.objects.filter(pk=host.pk).update(
        connected=False,
        connection_error="connection refused",
        disconnected_at=clock.now() - timedelta(minutes=4),
        connected_at=clock.now() - timedelta(hours=4),
    )
    client = browser_of("amina", "administrator")
    for path in (
        "/instances/",
        f"/clusters/production/instances/{host.pk}/",
        "/clusters/production/?tab=instances",
    ):
        page = words_of(text_of(client, path))
        assert "Unreachable" in page and "connection refused" in page, path


# --- to whom ------------------------------------------------------------------------------------------------


def test_signed_out_people_are_asked_to_sign_in(world: World, client: Client) -> None:
    for path in PAGES:
        response = client.get(path)
        assert response.status_code == 302 and response["Location"].startswith("/sign-in/?next="), path
        assert client.get(path, headers={"X-Fragments": "a"}).status_code == 401


def test_who_belongs_to_no_group_is_told_which_permission_is_missing(
    world: World, browser_of: PageClient
) -> None:
    client = browser_of("zoe")
    for path, action in {
        "/": "ecs:ListClusters",
        "/services/": "ecs:ListServices",
        "/tasks/": "ecs:ListTasks",
        "/instances/": "ecs:ListContainerInstances",
        "/audit/": "cloudtrail:LookupEvents",
        "/clusters/production/": "ecs:DescribeClusters",
    }.items():
        page = text_of(client, path, 403)
        assert f"<code>{action}</code>" in page, path
        assert "web" not in words_of(page.split('id="main"')[1]), path
    assert text_of(client, "/search/?q=web") == '{"results": []}'


def test_a_scoped_group_sees_its_own_only(world: World, browser_of: PageClient) -> None:
    other = factories.cluster("secret-lab")
    factories.service(other, "classified", desired_count=1)
    client = browser_of("paul", "read-only")
    Group.objects.filter(name="read-only").update(scope=[world.cluster.arn])
    for path in PAGES:
        page = text_of(client, path)
        assert "secret-lab" not in page and "classified" not in page, path
    assert "classified" not in text_of(client, "/search/?q=classified")
    assert client.get("/clusters/secret-lab/").status_code == 403
    # What does not exist looks just the same.
    assert client.get("/clusters/never-was/").status_code == 403


def test_read_only_people_see_every_button_disabled_with_its_permission(
    world: World, browser_of: PageClient
) -> None:
    client = browser_of("rita", "read-only")
    host = world.instances[0]
    for path, action in {
        "/clusters/": "ecs:CreateCluster",
        "/clusters/production/": "ecs:RegisterContainerInstance",
        "/instances/": "ecs:RegisterContainerInstance",
        f"/clusters/production/instances/{host.pk}/": "ecs:UpdateContainerInstancesState",
    }.items():
        page = text_of(client, path)
        button = re.search(rf'aria-disabled="true"[^>]*>.*?<code>{action}</code>', page)
        assert button, path


@pytest.mark.parametrize(
    ("path", "data", "action"),
    [
        ("/create-cluster/", {"cluster_name": "mine"}, "ecs:CreateCluster"),
        ("/clusters/production/delete/", {}, "ecs:DeleteCluster"),
        (
            "/register-instance/",
            {"cluster": "production", "url": "unix:///x.sock"},
            "ecs:RegisterContainerInstance",
        ),
        (
            "/clusters/production/instances/{host}/state/",
            {"status": "DRAINING"},
            "ecs:UpdateContainerInstancesState",
        ),
        (
            "/clusters/production/instances/{host}/deregister/",
            {"force": "on"},
            "ecs:DeregisterContainerInstance",
        ),
    ],
)
def test_a_refused_write_changes_nothing_and_names_the_permission(
    world: World, browser_of: PageClient, path: str, data: dict[str, str], action: str
) -> None:
    client = browser_of("rita", "read-only")
    before = (list(Cluster.objects.values()), list(ContainerInstance.objects.values()))
    response = client.post(path.format(host=world.instances[0].pk), data)
    assert response.status_code == 403
    assert f"<code>{action}</code>" in response.content.decode()
    assert (list(Cluster.objects.values()), list(ContainerInstance.objects.values())) == before
    assert AuditRecord.objects.filter(result="denied", action=action, actor_name="rita").exists()


# --- what one does ---------------------------------------------------------------------------------------------


def test_a_cluster_is_created_and_deleted(browser_of: PageClient) -> None:
    client = browser_of("amina", "administrator")
    assert (
        client.post("/create-cluster/", {"cluster_name": "spare", "tags": "team=shop"})["Location"]
        == "/clusters/spare/"
    )
    assert Cluster.objects.get(name="spare").tags == {"team": "shop"}
    assert client.post("/clusters/spare/delete/")["Location"] == "/clusters/"
    assert Cluster.objects.get(name="spare").status == "INACTIVE"


def test_a_form_keeps_what_was_typed_and_marks_what_is_wrong(browser_of: PageClient) -> None:
    client = browser_of("amina", "administrator")
    response = client.post("/create-cluster/", {"cluster_name": "no spaces", "tags": "broken"})
    page = response.content.decode()
    assert response.status_code == 400
    assert 'value="no spaces"' in page and "broken" in page and "Line 1 is not key=value." in page
    factories.cluster("production")
    response = client.post("/register-instance/", {"cluster": "production", "url": "tcp://10.0.0.9:2376"})
    page = response.content.decode()
    assert response.status_code == 400 and page.count("required for a tcp:// engine") >= 3
    assert 'value="tcp://10.0.0.9:2376"' in page


def test_deleting_a_cluster_that_holds_something_is_said_not_done(
    world: World, browser_of: PageClient
) -> None:
    client = browser_of("amina", "administrator")
    assert "The cluster still has services." in text_of(client, "/clusters/production/")
    response = client.post("/clusters/production/delete/", follow=True)
    assert "cannot be deleted while Services are active" in response.content.decode()
    assert Cluster.objects.get(name="production").status == "ACTIVE"


def test_an_instance_is_drained_and_taken_back(world: World, browser_of: PageClient) -> None:
    client = browser_of("olga", "operator")
    host = world.instances[0]
    for status in ("DRAINING", "ACTIVE"):
        client.post(f"/clusters/production/instances/{host.pk}/state/", {"status": status})
        host.refresh_from_db()
        assert host.status == status
    client.post(f"/clusters/production/instances/{host.pk}/state/", {"status": "GONE"})
    host.refresh_from_db()
    assert host.status == "ACTIVE"
    assert client.get(f"/clusters/production/instances/{host.pk}/state/").status_code == 405


def test_the_audit_trail_is_read_page_by_page(world: World, browser_of: PageClient) -> None:
    client = browser_of("amina", "administrator")
    for number in range(60):
        client.post("/create-cluster/", {"cluster_name": f"c{number}"})
    first = text_of(client, "/audit/?action=ecs:CreateCluster")
    assert len(re.findall(r'<tr id="record-\d+">', first)) == 50
    older = re.search(r'href="(/audit/\?[^"]*before=\d+)"', first)
    assert older
    second = text_of(client, older[1].replace("&amp;", "&"))
    assert len(re.findall(r'<tr id="record-\d+">', second)) == 10
    assert "CreateCluster" in text_of(client, "/audit/?actor=amina&result=success&q=c59")
    assert "No record matches" in text_of(client, "/audit/?result=denied&q=c59")


# --- fragments and budget --------------------------------------------------------------------------------------


def test_a_fragment_is_the_same_view_without_the_frame(world: World, browser_of: PageClient) -> None:
    client = browser_of("amina", "administrator")
    whole = text_of(client, "/services/")
    part = text_of(client, "/services/", headers={"X-Fragments": "services-list"})  # type: ignore[arg-type]
    assert "<html" not in part and 'id="services-list"' in part and 'id="services-sieve"' not in part
    rows = re.findall(r'<tr id="service-\d+">.*?</tr>', part)
    assert rows and all(row.split("<time")[0] in whole for row in rows)


def test_what_is_not_asked_for_is_not_computed(world: World, browser_of: PageClient) -> None:
    client = browser_of("amina", "administrator")
    whole = count(client, "/")
    part = count(client, "/", headers={"X-Fragments": "overview-changes"})
    assert part < whole - 4


def count(client: Client, path: str, **extra: object) -> int:
    cache.clear()
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = client.get(path, **extra)  # type: ignore[arg-type]
        assert response.status_code == 200
        assert len(response.content) < 100_000, f"{path}: {len(response.content)} bytes"
    return len(
        [
            query
            for query in captured.captured_queries
            if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))
        ]
    )


def test_queries_do_not_grow_with_services_and_tasks(world: World, browser_of: PageClient) -> None:
    client = browser_of("amina", "administrator")
    host = world.instances[0]
    paths = (*PAGES, f"/clusters/production/instances/{host.pk}/")
    for path in paths:
        client.get(path)  # whatever a process loads once
    few = {path: count(client, path) for path in paths}
    grow(world, services=60, tasks=10)
    many = {path: count(client, path) for path in paths}
    assert many == few
    assert max(few.values()) <= 24, few


def grow(world: World, services: int, tasks: int) -> None:
    template = (
        Task.objects.filter(service=world.service)
        .exclude(status="STOPPED")
        .select_related("revision")
        .first()
    )
    assert template is not None
    now = clock.now()
    made: list[Task] = []
    for number in range(services):
        one = factories.service(world.cluster, f"svc-{number}", desired_count=tasks, steady_since=now)
        revision = factories.service_revision(one, template.task_definition)
        factories.deployment(revision)
        ServiceEvent.objects.bulk_create(
            ServiceEvent(
                service=one,
                event_id=factories.uuid.uuid4(),
                message=f"(service svc-{number}) event {i}",
                created_at=now,
            )
            for i in range(3)
        )
        for _ in range(tasks):
            pk = factories.ids.hex_id()
            made.append(
                Task(
                    id=pk,
                    arn=factories.here.task_arn("production", pk),
                    cluster=world.cluster,
                    instance=world.instances[0],
                    task_definition=template.task_definition,
                    service=one,
                    revision=revision,
                    group=f"service:{one.name}",
                    status="RUNNING",
                    health="HEALTHY",
                    cpu=16,
                    memory=16,
                )
            )
    Task.objects.bulk_create(made)
    ContainerInstance.objects.filter(pk=world.instances[0].pk).update(running_tasks=len(made))


def test_a_service_that_finds_no_room_or_no_image_needs_attention(
    world: World, browser_of: PageClient
) -> None:
    client = browser_of("ana", "administrator")
    web = Service.objects.get(name="web")

    def listed() -> bool:
        cache.clear()
        return "1–1 of 1 services" in client.get("/services/?state=attention").content.decode()

    assert not listed()
    Service.objects.filter(pk=web.pk).update(waiting="Waiting for room: there is no active instance.")
    assert listed()
    Service.objects.filter(pk=web.pk).update(waiting="")
    Deployment.objects.filter(pk=world.deployment.pk).update(image_error="no such image web:9")
    assert listed()


def test_who_was_signed_out_while_filling_a_form_comes_back_to_it(world: World) -> None:
    page = "/clusters/production/services/web/?tab=tasks"
    send = "/clusters/production/services/web/stop-deployment/"
    answer = Client().post(send, headers={"referer": f"http://testserver{page}"})
    assert answer["Location"] == "/sign-in/?next=/clusters/production/services/web/%3Ftab%3Dtasks"
    for elsewhere in ("", "https://evil.example/trap", "javascript:alert(1)"):
        answer = Client().post(send, headers={"referer": elsewhere})
        assert answer["Location"] == "/sign-in/?next=/"


def test_an_engine_that_does_not_answer_is_said_wherever_its_tasks_are_shown(
    world: World, browser_of: PageClient
) -> None:
    client = browser_of("ana", "administrator")
    pages = ("/", "/clusters/production/services/web/")
    before = [client.get(page).content.decode() for page in pages]
    assert "does not answer" not in before[0] and "does not answer" not in before[1]
    Task.objects.filter(pk=world.new[0].pk).update(instance=world.instances[2])
    Task.objects.exclude(pk=world.new[0].pk).filter(instance=world.instances[2]).update(
        instance=world.instances[0]
    )
    ContainerInstance.objects.filter(pk=world.instances[2].pk).update(
        connected=False, connection_error="connection refused"
    )
    cache.clear()
    overview, service = (client.get(page).content.decode() for page in pages)
    assert "connection refused" in overview and "<b>1 engine</b> does not answer." in overview
    assert "1 task is on an engine that does not answer" in service


def test_the_numbers_of_a_cluster_do_not_tell_what_is_hidden(world: World, browser_of: PageClient) -> None:
    """Who is held to one service sees its cluster, and counts in it what is seen: on pages, by REST, in statistics."""
    mailer = factories.service(world.cluster, "mailer", desired_count=1)
    running = factories.task(
        factories.service_revision(mailer, factories.definition("mailer")), on=world.instances[0]
    )
    assert running.status == "RUNNING"
    client = browser_of("nina")
    held = Group.objects.create(name="held", scope=[mailer.arn])
    held.policies.add(Group.objects.get(name="read-only").policies.get())
    held.members.add(User.objects.get(username="nina"))
    for page in ("/", "/clusters/", "/clusters/production/"):
        text = re.sub(r"\s+", " ", client.get(page).content.decode())
        assert "1</b> of 1" in text or "<b>1 tasks</b> running, 1 wanted" in text, page
    assert '>Tasks <span class="n">1</span>' in text and '>Services <span class="n">1</span>' in text
    rest = client.get("/api/v1/clusters/production").json()
    assert (rest["activeServicesCount"], rest["runningTasksCount"], rest["pendingTasksCount"]) == (1, 1, 0)
    assert rest["registeredContainerInstancesCount"] == 0
    assert client.get("/api/v1/clusters").json()["items"][0]["runningTasksCount"] == 1
    everything = browser_of("ana", "read-only").get("/api/v1/clusters/production").json()
    assert everything["activeServicesCount"] == 2 and everything["runningTasksCount"] > 6
