"""A revision that never becomes healthy, and one that crashes after 20 s: the circuit breaker ends the deployment and
rolls back by itself, while the old tasks go on. With ECS's own 40 s and on a real engine.

Both services are deployed side by side, because each takes its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab.images import HEALTH_CHECK
from tests.lab.installation import until
from tests.lab.site import BREAKER, Sampler, Site, container, definition

TASKS = 4
THRESHOLD = 3  # ceil(0.5 * 4) = 2, at least 3
# The shortest that ECS allows: two probes of 5 s.
CHECK = {"command": list(HEALTH_CHECK), "interval": 5, "timeout": 4, "retries": 2}


@dataclass(frozen=True)
class Story:
    """One service through a deployment that fails."""

    name: str
    good: dict[str, Any]
    bad: dict[str, Any]
    checks_health: bool


def stories(site: Site) -> tuple[Story, ...]:
    port = [{"containerPort": 80}]

    def checked(image: str) -> dict[str, Any]:
        return container("sick", site.image(image), healthCheck=CHECK, portMappings=port)

    return (
        Story("sick", checked("web"), checked("never-healthy"), True),
        Story(
            "crashing",
            container("crashing", site.image("web"), portMappings=port),
            container("crashing", site.image("crash-late")),
            False,
        ),
    )


@pytest.fixture(scope="module")
def site(engine_url: str) -> Iterator[Site]:
    with Site(engine_url) as one:
        yield one


@pytest.fixture(scope="module")
def ended(site: Site) -> Iterator[dict[str, tuple[dict[str, Any], Sampler, set[str]]]]:
    """By service: how it stands after the bad deployment ended, what was seen meanwhile, and the old containers."""
    told = stories(site)
    for story in told:
        site.remote.create_service(
            service_name=story.name,
            task_definition=site.remote.register(document=definition(story.name, story.good)),
            desired_count=TASKS,
            deployment_configuration={"deploymentCircuitBreaker": BREAKER},
        )
    for story in told:
        site.deployed(story.name, 180)
    samplers = [
        Sampler(site, story.name, story.checks_health, story.name, healthy=serves(story)) for story in told
    ]
    old = {story.name: containers_of(site, story.name) for story in told}
    with samplers[0], samplers[1]:
        for story in told:
            bad = site.remote.register(document=definition(story.name, story.bad))
            site.remote.update_service(service=story.name, task_definition=bad)
        for story in told:
            until(
                lambda name=story.name: not site.remote.service(name=name)["deploying"],
                f"the deployment of {story.name} ended",
                240,
                every=0.5,
            )
        services = {story.name: site.deployed(story.name) for story in told}
    yield {
        story.name: (services[story.name], sampler, old[story.name])
        for story, sampler in zip(told, samplers, strict=True)
    }


def serves(story: Story) -> Any:
    """Whether a running container is one of the old tasks', and healthy as the engine has it."""
    return lambda state: (
        state.labels["com.amazonaws.ecs.task-definition-version"] == "1"
        and (not story.checks_health or state.health == "HEALTHY")
    )


def containers_of(site: Site, service: str) -> set[str]:
    return {one["runtime_id"] for task in site.tasks(service) for one in task["containers"].values()}


NAMES = ("sick", "crashing")


@pytest.mark.parametrize("name", NAMES)
def test_it_ends_and_is_rolled_back_by_itself(ended: dict[str, Any], name: str) -> None:
    service, _, _ = ended[name]
    deployment = service["deployments"][-1]
    assert deployment["status"] == "ROLLBACK_SUCCESSFUL"
    assert deployment["task_definition"] == f"{name}:2"
    assert THRESHOLD <= deployment["failed_tasks"] <= 2 * TASKS
    assert service["completed"] == service["task_definition"] == f"{name}:1"
    assert len(service["deployments"]) == 2


@pytest.mark.parametrize("name", NAMES)
def test_the_old_tasks_are_never_under_the_minimum(ended: dict[str, Any], site: Site, name: str) -> None:
    """In rows and in `docker ps`, looked at all the time; they are the very same containers at the end."""
    _, seen, old = ended[name]
    assert len(seen.samples) > 30  # on a busy machine
    assert seen.least_healthy() == (TASKS, TASKS)
    assert max(seen.most()) <= 2 * TASKS
    assert containers_of(site, name) == old
    running = {one.id for one in site.containers() if one.id in old}
    assert running == old


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("sick", "Task failed container health checks"),
        ("crashing", "Essential container in task exited: crashing (exit code 1)"),
    ],
)
def test_page_and_events_say_why(ended: dict[str, Any], name: str, why: str) -> None:
    service, _, _ = ended[name]
    deployment = service["deployments"][-1]
    assert deployment["status_reason"].startswith("ECS deployment circuit breaker: tasks failed to start")
    assert why in deployment["status_reason"]
    failed = "deployment failed: tasks failed to start."
    events = [event for event in service["events"] if deployment["id"] in event]
    assert [event for event in events if failed in event and why in event], service["events"]
    assert [event for event in events if f"rolling back to {name}:1." in event]
    assert service["events"][-1] == f"(service {name}) has reached a steady state."


@pytest.mark.parametrize("name", NAMES)
def test_every_failed_task_tells_its_own_story(ended: dict[str, Any], site: Site, name: str) -> None:
    new = [task for task in site.remote.tasks(service=name) if task["definition"] == f"{name}:2"]
    assert {task["status"] for task in new} == {"STOPPED"}
    failed = [task for task in new if task["failed"]]
    assert len(failed) >= THRESHOLD
    code = {"sick": "ServiceSchedulerInitiated", "crashing": "EssentialContainerExited"}[name]
    assert {task["stop_code"] for task in failed} == {code}
    assert all(task["stopped_reason"] for task in new)
    if name == "crashing":
        for task in failed:
            own = task["containers"]["crashing"]
            assert own["exit_code"] == 1
            assert 19 <= seconds(own["started_at"], own["finished_at"]) <= 30
            assert task["healthy_at"] is None  # though it was RUNNING: the 40 s were not over


def seconds(start: str, end: str) -> float:
    from datetime import datetime

    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def test_nothing_is_left_over_and_the_books_balance(ended: dict[str, Any], site: Site) -> None:
    assert site.orphans() == []
    assert len(site.containers(running=False)) == len(NAMES) * TASKS
    assert site.remote.accounts() == []
