"""The task page and the logs of tasks and services."""

from __future__ import annotations

import json

import pytest

from services.models import Service, Task, TaskContainer
from telemetry.models import LogStream
from tests import factories

Web = "/clusters/production/services/web/"


def _page(task: Task) -> str:
    return f"/clusters/production/tasks/{task.pk}/"


def test_a_running_task(reader) -> None:
    w = factories.world()
    TaskContainer.objects.filter(task=w.old[0]).update(health_output="200 OK <script>")
    text = reader("administrator").text(_page(w.old[0]))
    assert "Running on <b>host-a</b>, healthy." in text
    assert '<a href="http://host-a:32768"' in text
    for step, took in (
        ("Placed on host-a", ""),
        ("Image pulled", "3.1 s"),
        ("Started", "0.4 s"),
        ("Healthy", "20 s"),
    ):
        assert f"<b>{step}</b>" in text and took in text
    assert "200 OK &lt;script&gt;" in text
    assert f'data-log="{_page(w.old[0])}log.json"' in text


def test_an_engine_on_a_socket_is_where_the_console_is(reader) -> None:
    owner = factories.cluster("production")
    host = factories.instance(owner, "local", url="unix:///var/run/docker.sock")
    task = factories.task(on=host, what=factories.definition())
    assert '<a href="http://testserver:32768"' in reader("administrator").text(_page(task))


def test_awsvpc_links_to_the_tasks_own_address(reader) -> None:
    owner = factories.cluster("production")
    host = factories.instance(owner)
    what = factories.definition(
        "api",
        task={"networkMode": "awsvpc"},
        portMappings=[{"containerPort": 8080}, {"containerPort": 53, "protocol": "udp"}],
    )
    task = factories.task(on=host, what=what, address="172.30.4.7")
    text = reader("administrator").text(_page(task))
    assert '<a href="http://172.30.4.7:8080"' in text
    assert "172.30.4.7:53" in text and "http://172.30.4.7:53" not in text


def test_a_starting_task_says_how_far_it_is(reader) -> None:
    w = factories.world()
    task = factories.task(
        w.revisions[13],
        on=w.instances[0],
        under=w.deployment,
        status="PENDING",
        age=1,
        pull_progress="pulling web:4f1c9e2: 61 %",
    )
    text = reader("administrator").text(_page(task))
    assert "Starting on <b>host-a</b>. pulling web:4f1c9e2: 61 %" in text
    assert "<b>Pulling the image</b>" in text
    assert "Known once it runs." in text


def test_a_stopped_task_says_why_and_keeps_its_log(reader) -> None:
    w = factories.world()
    person = reader("administrator")
    text = person.text(_page(w.failed[0]))
    assert "Essential container in task exited (web: exit code 1)." in text
    assert "It has stopped." in text  # the reason why it cannot be stopped
    assert "EssentialContainerExited" in text
    lines = json.loads(person.text(f"{_page(w.failed[0])}log.json"))
    assert [line["m"] for line in lines["lines"]][-1] == "KeyError: 'REDIS_URL'"
    assert all(line["err"] for line in lines["lines"]) and lines["open"] is False and lines["older"] is False


def test_stopping_takes_the_reason_given(reader) -> None:
    w = factories.world()
    person = reader("deployer")
    assert person.post(f"{_page(w.old[0])}stop/", reason="leaks memory") == _page(w.old[0])
    row = Task.objects.get(pk=w.old[0].pk)
    assert (row.desired_status, row.stop_code, row.stopped_reason) == (
        "STOPPED",
        "UserInitiated",
        "leaks memory",
    )
    assert "Stopping on <b>host-a</b>. leaks memory." in person.text(_page(row))
    assert "It is stopping already." in person.text(_page(row))


def test_looking_at_a_running_tasks_log_has_it_fetched_once_a_second(reader, jobs) -> None:
    w = factories.world()
    person = reader("read-only")
    person.text(f"{_page(w.old[0])}log.json")
    person.client.get(f"{_page(w.old[0])}log.json")
    assert jobs.count(("services.collect_logs", w.old[0].pk)) == 1
    jobs.clear()
    person.text(f"{_page(w.failed[0])}log.json")
    assert jobs == []


def test_logs_are_paged_both_ways_from_any_line(reader) -> None:
    w = factories.world()
    LogStream.objects.all().delete()
    factories.log(w.old[0], *(f"line {number}" for number in range(1200)))
    person, url = reader("read-only"), f"{_page(w.old[0])}log.json"

    def ask(query: str) -> dict:
        return json.loads(person.text(f"{url}?{query}"))

    newest = ask("limit=500")
    assert [line["m"] for line in newest["lines"]] == [f"line {n}" for n in range(700, 1200)] and newest[
        "older"
    ]
    before = ask(f"limit=500&before={newest['lines'][0]['c']}")
    assert [line["m"] for line in before["lines"]] == [f"line {n}" for n in range(200, 700)] and before[
        "older"
    ]
    first = ask(f"limit=500&before={before['lines'][0]['c']}")
    assert len(first["lines"]) == 200 and not first["older"]
    after = ask(f"limit=500&after={first['lines'][-1]['c']}")
    assert [line["m"] for line in after["lines"]] == [f"line {n}" for n in range(200, 700)]
    assert ask(f"after={newest['lines'][-1]['c']}")["lines"] == []
    assert [line["m"] for line in ask("q=LINE 119")["lines"]] == [
        "line 119",
        *[f"line {n}" for n in range(1190, 1200)],
    ]
    assert "cursor" in person.text(f"{url}?after=nonsense", status=400)


def test_a_task_is_protected_and_its_protection_ended(reader, jobs) -> None:
    task = factories.world(quiet=True).old[0]
    person = reader("operator")
    assert 'data-dialog="dlg-protect"' in person.text(_page(task))
    assert person.post(f"{_page(task)}protection/", protect="yes", minutes="30") == _page(task)
    text = person.text(_page(task))
    assert "is protected." in text and "from scale-in and deployments, for 29" in text
    assert "End protection" in text and "dlg-protect" not in text
    person.post(f"{_page(task)}protection/")
    assert Task.objects.get(pk=task.pk).protected_until is None


def test_protection_is_refused_for_too_long_and_to_who_may_not(reader, rows, jobs) -> None:
    task = factories.world(quiet=True).old[0]
    person, looker = reader("operator"), reader("read-only")
    before = rows()
    assert "expiresInMinutes" in person.post(f"{_page(task)}protection/", 400, protect="yes", minutes="soon")
    assert "<code>ecs:UpdateTaskProtection</code>" in looker.text(_page(task))
    looker.post(f"{_page(task)}protection/", 403, protect="yes")
    assert rows() == before


def test_a_services_log_is_merged_and_can_be_narrowed(reader) -> None:
    w = factories.world()
    person = reader("read-only")
    merged = json.loads(person.text(f"{Web}log.json"))["lines"]
    assert {line["from"] for line in merged} == {f"{t.pk[:8]}/web" for t in [*w.failed, w.old[0]]}
    assert [line["t"] for line in merged] == sorted(line["t"] for line in merged)
    one = json.loads(person.text(f"{Web}log.json?task={w.old[0].pk}"))["lines"]
    assert [line["m"] for line in one] == ["GET /healthz 200 0.8ms", "GET /products/42 200 3.1ms"]


def test_logs_are_downloaded_whole(reader) -> None:
    w = factories.world()
    response = reader("read-only").client.get(f"{_page(w.failed[0])}log.json?download=1")
    text = b"".join(response.streaming_content).decode()
    assert response["Content-Disposition"] == f'attachment; filename="{w.failed[0].pk}.log"'
    assert [line.split(" ", 2)[2] for line in text.splitlines()] == [
        "starting web",
        "Traceback (most recent call last):",
        "KeyError: 'REDIS_URL'",
    ]


@pytest.mark.parametrize("path", ["log.json", "log.json?download=1"])
def test_nobody_reads_logs_without_the_permission(reader, jobs, path: str) -> None:
    w = factories.world()
    nobody = reader()
    assert "REDIS_URL" not in nobody.text(_page(w.failed[0]) + path, status=403)
    assert "REDIS_URL" not in nobody.text(Web + path, status=403)
    assert jobs == []


def test_queries_do_not_grow_with_the_tasks_around_it(reader) -> None:
    w = factories.world(tasks=3)
    person = reader("administrator")
    few = person.queries(_page(w.old[0]))
    service = Service.objects.get(pk=w.service.pk)
    for number in range(60):
        factories.task(w.revisions[12], on=w.instances[number % 3])
    assert service.tasks.count() > 60
    assert person.queries(_page(w.old[0])) == few
    assert few <= 20
