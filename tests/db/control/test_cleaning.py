"""What is cleaned up on an instance, and what keeps a thing: whatever is not surely ours and unneeded stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from access.trail.models import AuditRecord
from base import clock
from clusters.engine.errors import EngineUnavailable
from clusters.engine.fake import FakeEngine
from clusters.engine.port import (
    LABEL_ROLE,
    LABEL_TASK_ARN,
    ContainerSpec,
    Mount,
    NetworkSpec,
)
from clusters.models import ContainerInstance, InstanceCleaning, InstanceImage
from clusters.upkeep import clean_container_instance, update_container_instance_settings
from services.control import cleaning
from services.definitions import deregister_task_definition
from services.deployment_operations import roll_back
from services.models import Service, Task
from services.operations import delete_service
from services.task_operations import stop_task

from .world import CALLER, World

REPOSITORY = "registry.example/web"


@pytest.fixture
def web(world: World, settings: Any) -> World:
    """A service with three completed revisions of an image each, v3 now running; everything old enough to go."""
    settings.SLIPWAY_IMAGE_MINIMUM_AGE_MINUTES = 60.0
    for number in (1, 2, 3):
        image = f"{REPOSITORY}:v{number}"
        (world.host() if number == 1 else world.hosts["one"]).publish(image)
        definition = world.register(image=image)
        if number == 1:
            world.create(count=1)
        else:
            world.update(task_definition=definition)
        world.until_steady()
    return world


def clean(world: World, name: str = "one") -> dict[tuple[str, str], tuple[str, str]]:
    """(kind, name) -> (verdict, reason), after a cleaning that somebody asked for."""
    clean_container_instance(CALLER, container_instance=world.instances[name])
    world.run(1)
    row = InstanceCleaning.objects.get(pk=world.instances[name])
    assert row.error == ""
    assert not row.asked_to_clean
    return {(item["kind"], item["name"]): (item["verdict"], item["reason"]) for item in row.items}


def images(found: dict[tuple[str, str], tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return {name: verdict for (kind, name), verdict in found.items() if kind == "image"}


def there(world: World, name: str = "one") -> set[str]:
    return {tag for image in world.engine(name).list_images() for tag in (*image.tags, *image.repo_digests)}


def old(world: World) -> None:
    """Everything was last used long ago."""
    InstanceImage.objects.update(
        used_at=clock.now() - timedelta(days=2), brought_at=clock.now() - timedelta(days=2)
    )


def test_no_image_that_a_rollback_could_go_to_is_removed(web: World) -> None:
    old(web)
    before = there(web)
    found = images(clean(web))
    assert len(found) == 3
    assert {verdict for verdict, _ in found.values()} == {"keep"}
    assert found[f"{REPOSITORY}:v1"][1] == "service web can roll back to its revision 1"
    assert found[f"{REPOSITORY}:v3"][1] == "a container is made from it"
    assert there(web) == before
    roll_back(CALLER, service="web")
    web.until_steady()


def test_images_of_a_deleted_service_go_once_they_are_old_enough(web: World) -> None:
    delete_service(CALLER, service="web", force=True)
    web.until(lambda: Service.objects.get().status == "INACTIVE")
    young = images(clean(web))
    assert {reason for _, reason in young.values()} == {"used less than 60 minutes ago"}
    old(web)
    found = images(clean(web))
    assert {verdict for verdict, _ in found.values()} == {"removed"}
    assert not [name for name in there(web) if name.startswith(REPOSITORY)]
    assert not InstanceImage.objects.filter(pin__startswith=REPOSITORY).exists()
    row = InstanceCleaning.objects.get()
    assert row.freed == 3 * 2_000_000
    record = AuditRecord.objects.get(operation="clean_container_instance", actor_name="system/cleaning")
    assert len([one for one in record.parameters["removed"] if one.startswith("image ")]) == 3
    assert record.resource == web.instance().arn


def test_only_so_many_go_at_a_time_the_longest_unused_first(web: World, settings: Any) -> None:
    settings.SLIPWAY_IMAGES_PER_CLEANUP = 2
    delete_service(CALLER, service="web", force=True)
    web.until(lambda: Service.objects.get().status == "INACTIVE")
    old(web)
    newest = InstanceImage.objects.filter(pin__contains=":v1")
    newest.update(used_at=clock.now() - timedelta(days=1))
    found = images(clean(web))
    assert found[f"{REPOSITORY}:v1"] == ("keep", "unused; goes later, 2 at a time")
    assert sorted(verdict for verdict, _ in found.values()) == ["keep", "removed", "removed"]
    assert images(clean(web))[f"{REPOSITORY}:v1"][0] == "removed"


def unused(world: World, image: str = f"{REPOSITORY}:v1") -> World:
    """An image that a standalone task pulled and nothing needs any more."""
    world.host().publish(image)
    world.register(image=image)
    task = world.run_task().tasks[0]
    world.run(5)
    stop_task(CALLER, task=task.pk)
    world.until(lambda: Task.objects.get(pk=task.pk).status == "STOPPED", 120)
    old(world)
    return world


def test_an_image_that_nothing_needs_goes(world: World) -> None:
    unused(world)
    assert images(clean(world)) == {f"{REPOSITORY}:v1": ("removed", "unused")}


def test_looking_removes_nothing(world: World) -> None:
    unused(world)
    # So that it is not the automatic cleaning that is due.
    InstanceCleaning.objects.update_or_create(pk=world.instances["one"], defaults={"cleaned_at": clock.now()})
    clean_container_instance(CALLER, container_instance=world.instances["one"], dry_run=True)
    world.run(1)
    row = InstanceCleaning.objects.get()
    assert [item["verdict"] for item in row.items if item["kind"] == "image"] == ["remove"]
    assert f"{REPOSITORY}:v1" in there(world)


def test_an_image_that_was_there_before_slipway_asked_for_it_stays(world: World) -> None:
    host = world.host()
    host.publish(f"{REPOSITORY}:v1")
    somebody = FakeEngine(host, "somebody")
    list(somebody.pull(f"{REPOSITORY}:v1"))
    world.register(image=f"{REPOSITORY}:v1")
    world.create(count=1)
    world.until_steady()
    delete_service(CALLER, service="web", force=True)
    world.until(lambda: Service.objects.get().status == "INACTIVE")
    old(world)
    assert images(clean(world)) == {f"{REPOSITORY}:v1": ("keep", "it was there before Slipway asked for it")}


def test_an_image_that_a_strangers_container_is_made_from_stays(world: World) -> None:
    unused(world)
    stranger = FakeEngine(world.hosts["one"], "somebody")
    stranger.create_container(ContainerSpec(name="theirs", image=f"{REPOSITORY}:v1", labels={}))
    assert images(clean(world)) == {f"{REPOSITORY}:v1": ("keep", "a container is made from it")}


def test_an_image_that_somebody_named_stays(world: World) -> None:
    unused(world)
    host = world.hosts["one"]
    info = host.images[f"{REPOSITORY}:v1"]
    host.images["mine:1"] = replace(info, tags=("mine:1",), repo_digests=())
    found = images(clean(world))
    assert list(found.values()) == [("keep", "somebody named it mine:1")]


def test_images_that_no_row_knows_are_counted_and_left_alone(world: World) -> None:
    unused(world).hosts["one"].add_image("theirs:1")
    clean(world)
    row = InstanceCleaning.objects.get()
    assert row.others >= 1
    assert "theirs:1" in there(world)


def test_an_image_that_is_being_brought_stays(world: World) -> None:
    unused(world)
    InstanceImage.objects.filter(pin=f"{REPOSITORY}:v1").update(
        lease_owner="x", lease_until=clock.now() + timedelta(minutes=1)
    )
    assert images(clean(world)) == {f"{REPOSITORY}:v1": ("keep", "it is being brought")}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"image_pull_behavior": "prefer-cached"}, "the instance prefers what it has to what a registry has"),
        ({"image_cleanup": "disabled"}, "the instance keeps its images"),
    ],
)
def test_an_instance_may_keep_all_its_images(world: World, given: dict[str, str], reason: str) -> None:
    unused(world)
    update_container_instance_settings(CALLER, container_instance=world.instances["one"], **given)
    assert images(clean(world)) == {f"{REPOSITORY}:v1": ("keep", reason)}


def test_an_image_in_use_elsewhere_in_the_cluster_stays(world: World) -> None:
    """A task of it may be placed here next."""
    unused(world, "registry.example/web:v1")
    world.host("two", cpu=8192, memory=16384).registry = world.hosts["one"].registry
    ContainerInstance.objects.filter(pk=world.instances["one"]).update(status="DRAINING")
    world.create(count=1)
    world.until_steady()
    old(world)
    verdict, reason = images(clean(world))[f"{REPOSITORY}:v1"]
    assert verdict == "keep"
    assert reason == f"task {world.tasks()[0].pk[:8]} has not ended"


# ---- containers, networks, volumes ---------------------------------------------------------------


def test_only_stopped_containers_of_ours_without_a_live_task_go(web: World) -> None:
    web.watching = False
    engine, stranger = web.engine(), FakeEngine(web.hosts["one"], "somebody")
    image = web.running()[0]
    labels = {LABEL_TASK_ARN: "arn:gone", LABEL_ROLE: "container"}
    engine.create_container(ContainerSpec(name="orphan", image=image, labels=labels))
    stranger.create_container(ContainerSpec(name="foreign", image=image, labels=labels))
    found = clean(web)
    assert found["container", "orphan"] == ("removed", "stopped, and its task has ended")
    names = {container.spec.name for container in web.hosts["one"].containers.values()}
    assert "foreign" in names
    assert "orphan" not in names
    assert len(web.running()) == 1


def test_networks_of_other_clusters_go_and_the_clusters_own_stays(web: World) -> None:
    engine, stranger = web.engine(), FakeEngine(web.hosts["one"], "somebody")
    own = web.instance().cluster.networks.get().engine_name
    engine.ensure_network(NetworkSpec(own, {}))
    engine.ensure_network(NetworkSpec("slipway-left", {}))
    stranger.ensure_network(NetworkSpec("theirs", {}))
    found = clean(web)
    assert found["network", own] == ("keep", "cluster default uses it")
    assert found["network", "slipway-left"][0] == "removed"
    assert set(web.hosts["one"].network.networks) == {own, "theirs"}


def test_volumes_of_ended_tasks_go_and_those_of_live_ones_stay(web: World) -> None:
    live, ended = web.tasks()[0].pk, "0" * 32
    engine, stranger = web.engine(), FakeEngine(web.hosts["one"], "somebody")
    for name in (f"slipway-{live}-data", f"slipway-{ended}-data", f"slipway-{ended}-used"):
        engine.ensure_volume(name, {})
    stranger.ensure_volume(f"slipway-{ended}-theirs", {})
    stranger.create_container(
        ContainerSpec(
            name="user",
            image=web.running()[0],
            labels={},
            mounts=(Mount("volume", "/data", f"slipway-{ended}-used"),),
        )
    )
    found = clean(web)
    assert found["volume", f"slipway-{live}-data"][0] == "keep"
    assert found["volume", f"slipway-{ended}-data"] == ("removed", "its task 00000000 has ended")
    assert found["volume", f"slipway-{ended}-used"] == ("keep", "a container uses it")
    assert f"slipway-{ended}-theirs" in web.hosts["one"].volumes


def test_a_shared_volume_stays_as_long_as_a_definition_names_it_and_by_policy(
    world: World, settings: Any
) -> None:
    world.host("one", "local:1")
    volume = {
        "name": "shop-data",
        "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True, "driver": "local"},
    }
    definition = world.register(image="local:1", task={"volumes": [volume]})
    world.engine().ensure_volume("shop-data", {})
    assert clean(world)["volume", "shop-data"] == ("keep", f"task definition {definition} names it")
    deregister_task_definition(CALLER, task_definition=definition)
    assert clean(world)["volume", "shop-data"] == ("keep", "shared volumes are kept")
    settings.SLIPWAY_KEEP_SHARED_VOLUMES_DAYS = 7
    assert clean(world)["volume", "shop-data"][0] == "keep"
    world.clock.advance(8 * 86400)
    assert clean(world)["volume", "shop-data"] == (
        "removed",
        "no active task definition names it, for 7 days",
    )


# ---- when --------------------------------------------------------------------------------------


def due(world: World) -> int:
    return cleaning.send_due()


def test_it_is_looked_at_at_its_interval(world: World) -> None:
    unused(world)
    assert due(world) == 1
    world.run(1)
    row = InstanceCleaning.objects.get()
    assert row.cleaned_at is not None
    assert images({(i["kind"], i["name"]): (i["verdict"], "") for i in row.items}) == {
        f"{REPOSITORY}:v1": ("removed", "")
    }
    assert due(world) == 0
    world.clock.advance(29 * 60)
    assert due(world) == 0
    world.clock.advance(2 * 60)
    assert due(world) == 1


def test_an_interval_of_nothing_leaves_it_to_people(world: World, settings: Any) -> None:
    settings.SLIPWAY_CLEANUP_MINUTES = 0.0
    unused(world)
    assert due(world) == 0
    assert images(clean(world)) == {f"{REPOSITORY}:v1": ("removed", "unused")}
    world.clock.advance(86400)
    assert due(world) == 0


def test_a_full_disk_is_cleaned_at_once_and_of_everything_that_may_go(web: World, settings: Any) -> None:
    settings.SLIPWAY_IMAGES_PER_CLEANUP = 1
    delete_service(CALLER, service="web", force=True)
    web.until(lambda: Service.objects.get().status == "INACTIVE")
    clean(web)
    old(web)
    web.clock.advance(6 * 60)
    assert due(web) == 0
    ContainerInstance.objects.update(disk_total=1000, disk_free=100)  # 90 %
    assert due(web) == 1
    web.run(1)
    assert not InstanceImage.objects.filter(pin__startswith=REPOSITORY).exists()
    assert due(web) == 0  # not again for a while, though it is still full


def test_an_engine_that_does_not_answer_is_asked_later_and_says_so(world: World) -> None:
    unused(world)
    world.hosts["one"].fail("list_images", EngineUnavailable("no route to host"))
    clean_container_instance(CALLER, container_instance=world.instances["one"])
    world.run(1)
    row = InstanceCleaning.objects.get()
    assert "no route to host" in row.error
    assert row.asked_to_clean, "what was asked for is still to be done"
    world.clock.advance(31)
    assert due(world) == 1
    world.run(1)
    row.refresh_from_db()
    assert (row.error, row.asked_to_clean) == ("", False)


def test_many_that_are_due_at_once_are_spread_out(world: World) -> None:
    for number in range(12):
        world.host(f"host{number}")
    assert due(world) == 5
    world.run(1)
    waits = ContainerInstance.objects.filter(cleaning=None).last()
    assert waits is not None
    full = ContainerInstance.objects.filter(cleaning=None).exclude(pk=waits.pk)
    full.update(disk_total=1000, disk_free=10)
    assert due(world) == 6  # full disks wait for nothing


def test_what_a_cluster_may_want_is_read_only_where_a_verdict_hangs_on_it(
    web: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    whole = cleaning.needed.pins
    monkeypatch.setattr(
        cleaning.needed, "pins", lambda instance: (asked.append(instance.name), whole(instance))[1]
    )
    web.host("two")
    clean(web, "two")
    assert asked == []
    assert images(clean(web))[f"{REPOSITORY}:v2"][0] == "keep"
    assert asked == ["one"]
