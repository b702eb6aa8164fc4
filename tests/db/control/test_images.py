"""Images are resolved once per deployment: all its tasks run the same one."""

from __future__ import annotations

import pytest

from clusters.engine.errors import ImageNotFound, PullDenied, PullFailed
from services.control.claim import claim
from services.models import Deployment, ServiceRevision, Task

from .world import World, accounts

IMAGE = "registry.example/web:v1"


@pytest.fixture
def web(world: World) -> World:
    """Two tasks of an image from a registry."""
    world.host().publish(IMAGE, content="first")
    world.register(image=IMAGE)
    world.create(count=2)
    world.until_steady()
    return world


def pin(world: World) -> str:
    return str(world.deployment().effective.images["web"]["pin"])


def test_a_tag_is_pinned_to_the_digest_of_the_registry(web: World) -> None:
    assert pin(web).startswith("registry.example/web@sha256:")
    assert web.running() == [pin(web)] * 2
    row = web.tasks()[0].containers.get()
    assert (row.image, row.image_digest) == (IMAGE, pin(web).partition("@")[2])


def test_a_tag_that_moves_changes_nothing_until_the_next_deployment(web: World) -> None:
    first = pin(web)
    web.hosts["one"].publish(IMAGE, content="second")
    web.update(desired_count=3)
    web.hosts["one"].end_container(web.tasks()[0].containers.get().runtime_id, 1)
    web.until_steady()
    assert web.running() == [first] * 3
    web.update(force_new_deployment=True)
    web.until_steady()
    assert pin(web) != first
    assert web.running() == [pin(web)] * 3


def test_another_instance_pulls_the_same_digest_though_the_tag_moved(web: World) -> None:
    first = pin(web)
    web.hosts["one"].publish(IMAGE, content="second")
    other = web.host("two")
    other.registry = web.hosts["one"].registry
    web.update(
        desired_count=4,
        placement_strategy=[{"type": "spread", "field": "instanceId"}],
        availability_zone_rebalancing="DISABLED",
    )
    web.until_steady()
    second = pin(web)
    assert second != first  # a new placement is a new deployment, which looks at the registry
    assert web.running("two") == [second] * 2


def test_a_rollback_runs_the_very_image_that_ran(web: World) -> None:
    from services.deployment_operations import roll_back

    from .world import CALLER

    first = pin(web)
    web.hosts["one"].publish(IMAGE, content="second")
    web.update(force_new_deployment=True)
    web.until_steady()
    pulls = sum(1 for call in web.hosts["one"].calls if call.operation == "pull")
    roll_back(CALLER, service="web")
    web.until_steady()
    assert web.running() == [first] * 2
    assert sum(1 for call in web.hosts["one"].calls if call.operation == "pull") == pulls


def test_a_local_image_is_pinned_to_its_id_without_asking_a_registry(world: World) -> None:
    host = world.host()
    image_id = host.add_image("local:1").id
    world.register(image="local:1")
    world.create(count=1)
    world.until_steady()
    assert world.running() == [image_id]
    assert not [call for call in host.calls if call.operation == "pull"]


def test_a_registry_that_is_away_is_waited_for(world: World) -> None:
    host = world.host()
    host.publish(IMAGE)
    host.fail("pull", PullFailed("connection refused"), times=2)
    world.register(image=IMAGE)
    world.create(count=2, deployment_configuration={"deploymentCircuitBreaker": {"enable": True, "rollback": True,
        "thresholdConfiguration": {"type": "COUNT", "value": 10}}})  # fmt: skip
    world.run(1)
    assert world.service().waiting == "Waiting for the images of web:1 to be resolved."
    world.until_steady()
    assert world.deployment().image_failures == 2
    assert world.running() == [pin(world)] * 2


def test_a_registry_that_stays_away_trips_the_breaker(web: World) -> None:
    """With what was there before left as it was."""
    before = {task.pk for task in web.tasks()}
    web.hosts["one"].publish("registry.example/web:v2")
    web.hosts["one"].fail("pull", PullFailed("connection refused"), times=None)
    web.update(task_definition=web.register(image="registry.example/web:v2"))
    web.until(lambda: web.deployment().finished_at is not None)
    deployment = web.deployment()
    assert deployment.image_failures == 3
    assert deployment.status == "ROLLBACK_SUCCESSFUL"
    assert "circuit breaker" in deployment.status_reason
    assert {task.pk for task in web.tasks()} == before
    assert Task.objects.filter(service=web.service()).count() == 2


@pytest.mark.parametrize(
    "error",
    [ImageNotFound("manifest unknown"), PullDenied("no basic auth credentials")],
    ids=["none", "denied"],
)
def test_an_image_that_cannot_be_had_trips_it_at_once_and_says_so(web: World, error: Exception) -> None:
    web.hosts["one"].publish("registry.example/web:v2", error=error)
    web.update(task_definition=web.register(image="registry.example/web:v2"))
    web.run(2)
    deployment = web.deployment()
    assert deployment.status == "ROLLBACK_SUCCESSFUL"
    assert str(error) in deployment.status_reason
    assert [event for event in web.events() if str(error) in event]
    assert web.service().running_count == 2
    assert accounts() == []


def test_a_lost_message_to_the_job_that_resolves_is_made_up_for(world: World) -> None:
    world.host().publish(IMAGE)
    world.register(image=IMAGE)
    world.losing = lambda name: name == "services.resolve_images"
    world.create(count=1)
    world.run(5)
    world.losing = lambda name: False
    world.run(20)
    assert len(world.running()) == 1


def test_a_worker_that_dies_while_it_pulls_is_made_up_for(world: World) -> None:
    world.host().publish(IMAGE)
    world.register(image=IMAGE)
    world.losing = lambda name: name == "services.resolve_images"
    world.create(count=1)
    world.run(1)
    assert claim(Deployment, world.deployment().pk) is not None  # by a job that dies
    world.losing = lambda name: False
    world.run(60)
    assert len(world.running()) == 1


def test_without_a_breaker_it_goes_on_trying_and_says_what_it_waits_for(world: World) -> None:
    host = world.host()
    world.register(image="registry.example/none:1")
    world.create(count=1, deployment_configuration={"deploymentCircuitBreaker": {"enable": False}})
    world.run(600)
    assert world.deployment().status in ("PENDING", "IN_PROGRESS")
    assert "manifest unknown" in world.service().waiting
    assert 3 < world.deployment().image_failures < 20  # ever more slowly
    host.publish("registry.example/none:1")
    world.until_steady()
    assert len(world.running()) == 1


def test_an_image_that_left_the_engine_is_pulled_again_by_its_digest(web: World) -> None:
    host = web.hosts["one"]
    host.images.clear()
    web.run(120)
    web.update(desired_count=3)
    web.until_steady()
    assert web.running() == [pin(web)] * 3


def test_a_local_image_is_found_on_whichever_instance_has_it(world: World) -> None:
    for name in "abcd":
        world.host(name)
    image_id = world.host("one", "local:1").add_image("local:1").id
    world.register(image="local:1")
    world.create(count=1)
    world.run(1)
    assert pin(world) == image_id
    assert world.deployment().image_failures == 0


def test_the_pins_are_written_once(web: World) -> None:
    row = ServiceRevision.objects.get(pk=web.deployment().target_id)
    before = row.images
    from services.control.resolving import _pinned

    _pinned(row, web.deployment(), {"web": {"image": IMAGE, "digest": "x", "pin": "y"}}, web.instance())
    row.refresh_from_db()
    assert row.images == before
