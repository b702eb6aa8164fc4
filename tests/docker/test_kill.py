"""kill -9 of any process, and of the engine, at any moment of a deployment: it completes, and nothing is lost,
doubled or orphaned.

The engine is the test's own, in a network namespace of its own. A case is (victim, seed): the seed gives the moments.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.lab.engine import LabEngine
from tests.lab.installation import until
from tests.lab.site import BREAKER, LIMITS_OF_TIME, Sampler, Site, container, definition

TASKS = 10
FAMILY = "killed"
LOWER, UPPER = 8, 15  # of 10 tasks, by 80 % and 150 %
STEADY = 1.0
VICTIMS = ("worker", "watcher", "redis", "web-1", "dockerd")
LONGEST = 6.0  # seconds: about as long as a deployment that nothing disturbs


@pytest.fixture(scope="module")
def host() -> Iterator[LabEngine]:
    with LabEngine() as one:
        yield one


@pytest.fixture(scope="module")
def site(host: LabEngine) -> Iterator[Site]:
    settings = {"SLIPWAY_STEADY_SECONDS": str(STEADY), "SLIPWAY_THROTTLE_BASE": "1"}
    with Site(host.url, settings) as one:
        web = container(FAMILY, one.image("web"), portMappings=[{"containerPort": 80}])
        first = one.remote.register(document=definition(FAMILY, web))
        one.remote.create_service(
            service_name=FAMILY,
            task_definition=first,
            desired_count=TASKS,
            deployment_configuration={
                "minimumHealthyPercent": 80,
                "maximumPercent": 150,
                "deploymentCircuitBreaker": BREAKER,
            },
        )
        one.deployed(FAMILY)
        yield one


def test_a_deployment_that_nothing_disturbs(site: Site) -> None:
    """What the others are compared with: more than the desired number run for a while, and the limits hold."""
    with Sampler(site, FAMILY, checks_health=False, family=FAMILY, steady=STEADY) as seen:
        deploy(site)
        site.deployed(FAMILY)
    assert min(seen.least_healthy()) >= LOWER
    assert TASKS < max(seen.most()) <= UPPER
    check(site)


CASES = [(victim, seed) for victim in VICTIMS for seed in (1, 2)]
MORE = [(victim, seed) for victim in VICTIMS for seed in range(3, 9)]


@pytest.mark.parametrize(
    ("victim", "seed"), [*CASES, *(pytest.param(*case, marks=pytest.mark.slow) for case in MORE)]
)
def test_killed(site: Site, host: LabEngine, victim: str, seed: int) -> None:
    random_moments = random.Random(f"{victim}-{seed}")
    moments = sorted(random_moments.uniform(0, LONGEST) for _ in range(1 if victim == "dockerd" else 2))
    print(f"{victim}, seed {seed}: killed after {', '.join(f'{moment:.2f} s' for moment in moments)}")
    before = len(site.remote.service(name=FAMILY)["deployments"])
    with Sampler(site, FAMILY, checks_health=False, family=FAMILY, steady=STEADY) as seen:
        target = deploy(site)
        killer = threading.Thread(target=kill, args=(site, host, victim, moments))
        began = time.monotonic()
        killer.start()
        service = site.deployed(FAMILY)
        print(f"steady after {time.monotonic() - began:.1f} s")
        killer.join()
        # A kill after the deployment's end must do no harm either.
        service = until(lambda: settled(site), "the engine has what the tasks say", LIMITS_OF_TIME)
    assert [one["status"] for one in service["deployments"][before:]] == ["SUCCESSFUL"], site.story(FAMILY)
    assert service["completed"] == target
    assert max(seen.most()) <= UPPER
    if victim != "dockerd":  # which ends tasks itself
        assert min(seen.least_healthy()) >= LOWER
    check(site)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_request_that_was_accepted_is_kept_and_none_is_half_done(site: Site, seed: int) -> None:
    """The web process dies again and again while services are created over REST: whatever was answered is there, and
    whatever is there is on record."""
    header = {"Authorization": f"Bearer {site.remote.token()}"}
    address = f"{site.installation.url}/api/v1/clusters/default/services"
    moments = sorted(random.Random(f"web-{seed}").uniform(0, LONGEST) for _ in range(3))
    killer = threading.Thread(target=kill, args=(site, None, "web-1", moments))
    killer.start()
    accepted, lost, number = [], 0, 0
    while killer.is_alive() or number < 10:
        number += 1
        body = {"serviceName": f"kept-{seed}-{number}", "taskDefinition": FAMILY, "desiredCount": 0}
        try:
            answer = requests.post(address, json=body, headers=header, timeout=30)
        except requests.RequestException:
            lost += 1
            continue
        assert answer.status_code == 201, answer.text
        accepted.append(body["serviceName"])
    killer.join()
    print(f"seed {seed}: {len(accepted)} accepted, {lost} without an answer")
    there = [name for name in site.remote.service_names() if name.startswith(f"kept-{seed}-")]
    recorded = [arn.rpartition("/")[2] for arn in site.remote.audited(operation="create_service")]
    assert set(accepted) <= set(there)
    assert sorted(there) == sorted(name for name in recorded if name.startswith(f"kept-{seed}-"))
    for name in there:
        site.deployed(name)
        site.remote.delete_service(service=name)
    for name in there:
        until(lambda name=name: site.remote.service(name=name)["status"] == "INACTIVE", f"{name} is deleted")
    assert site.remote.accounts() == []


def deploy(site: Site) -> str:
    """The family's next revision, made current; family:revision."""
    web = container(FAMILY, site.image("web"), portMappings=[{"containerPort": 80}])
    target: str = site.remote.register(document=definition(FAMILY, web))
    site.remote.update_service(service=FAMILY, task_definition=target)
    return target


def kill(site: Site, host: LabEngine | None, victim: str, moments: list[float]) -> None:
    began = time.monotonic()
    for moment in moments:
        time.sleep(max(0.0, began + moment - time.monotonic()))
        if host is not None and victim == "dockerd":
            host.kill()
            time.sleep(random.Random(moment).uniform(0, 2))
            host.start()
        else:
            old = site.installation.kill(victim)
            site.installation.wait_restarted(victim, old)


def settled(site: Site) -> dict[str, Any] | None:
    """The steady service, once its tasks are what the engine has: what dockerd's death ended after the deployment is
    found, and replaced, some seconds after dockerd is back."""
    service = site.deployed(FAMILY)
    told = {task["containers"][FAMILY]["runtime_id"] for task in site.tasks(FAMILY)}
    there = {one.id for one in site.containers(running=False)}
    return service if told == there and len(there) == service["desired_count"] else None


def check(site: Site) -> None:
    """Exactly as many containers as tasks, all of the current revision, none without a task, and the books balance."""
    until(lambda: not site.orphans(), "no orphan is left")
    service = site.remote.service(name=FAMILY)
    tasks = site.tasks(FAMILY)
    found = (len(tasks), {task["definition"] for task in tasks})
    assert found == (TASKS, {service["completed"]}), site.story(FAMILY)
    running = {one.id for one in site.containers()}
    assert running == {task["containers"][FAMILY]["runtime_id"] for task in tasks}
    assert len(site.containers(running=False)) == TASKS
    assert (service["running_count"], service["pending_count"]) == (TASKS, 0)
    assert site.remote.accounts() == []
    assert not [task for task in site.remote.tasks(service=FAMILY) if task["failed"]]
    ended = site.tasks(FAMILY, "STOPPED")
    assert all(task["stop_code"] and task["stopped_reason"] for task in ended)
