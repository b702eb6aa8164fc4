"""Cleaning up a real engine with somebody else's containers, images, networks and volumes beside ours: only ours go."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta

import pytest

from base import clock
from clusters.engine.connect import open_engine
from clusters.engine.port import ContainerSpec, NetworkSpec
from clusters.models import InstanceCleaning, InstanceImage
from clusters.upkeep import clean_container_instance
from services.control import cleaning
from services.models import Task
from telemetry.models import LogEvent, LogStream
from tests.lab import images
from tests.lab.engine import LabEngine
from tests.lab.leftovers import remove_all
from tests.lab.tasks import CALLER, TaskLab, task_lab

SHARED = {
    "name": "lab-shared",
    "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True, "driver": "local"},
}


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[LabEngine, LabEngine]]:
    with LabEngine() as one, LabEngine() as two:
        yield one, two


@pytest.fixture
def lab(hosts: tuple[LabEngine, LabEngine], db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskLab]:
    with task_lab(hosts[0].url, monkeypatch) as made:
        yield made


def docker(lab: TaskLab, *arguments: str) -> list[str]:
    command = ["docker", "--host", lab.url, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def everything(lab: TaskLab) -> dict[str, set[str]]:
    """What there is on the engine, as its own command line tells."""
    return {
        "containers": set(docker(lab, "ps", "-aq", "--no-trunc")),
        "images": set(docker(lab, "images", "-aq", "--no-trunc")),
        "networks": set(docker(lab, "network", "ls", "-q", "--no-trunc")),
        "volumes": set(docker(lab, "volume", "ls", "-q")),
    }


def clean(lab: TaskLab, *, looks: bool = False) -> dict[tuple[str, str], tuple[str, str]]:
    clean_container_instance(CALLER, container_instance=lab.instance.pk, dry_run=looks)
    cleaning.clean_instance(lab.instance.pk)
    row = InstanceCleaning.objects.get(pk=lab.instance.pk)
    assert row.error == ""
    return {(item["kind"], item["name"]): (item["verdict"], item["reason"]) for item in row.items}


def theirs(lab: TaskLab) -> dict[str, set[str]]:
    """Somebody else's things on the engine: by command line, and by another installation."""
    image = images.IMAGES["idle"].reference
    docker(lab, "run", "-d", "--name", "theirs", "-v", "their-volume:/data", image)
    docker(lab, "create", "--name", "their-stopped", "--label", "com.amazonaws.ecs.task-arn=arn:gone", image)
    docker(lab, "network", "create", "their-network")
    docker(lab, "volume", "create", "their-unused")
    docker(lab, "tag", image, "theirs:1")
    other = open_engine(lab.url, "another-installation")
    other.ensure_network(NetworkSpec("another-network", {"slipway.role": "network"}))
    other.ensure_volume("another-volume", {"slipway.role": "volume"})
    other.create_container(ContainerSpec(name="another", image=image, labels={"slipway.role": "container"}))
    other.close()
    return everything(lab)


def remove_theirs(lab: TaskLab) -> None:
    docker(lab, "rm", "-f", "theirs", "their-stopped")
    docker(lab, "network", "rm", "their-network")
    docker(lab, "volume", "rm", "their-volume", "their-unused")
    docker(lab, "rmi", "theirs:1")
    other = open_engine(lab.url, "another-installation")
    remove_all(other)
    other.close()


def carried(lab: TaskLab, source: LabEngine) -> str:
    """An image that Slipway carried here, long ago: its id."""
    engine = open_engine(source.url, "source")
    image = images.LabImage("carried", images.IMAGES["idle"].app, "exit 7\n")
    made = engine.import_image(images.image_tar(image), image.reference, image.all_changes)
    lab.engine.load_image(engine.save_image(made.id))
    engine.close()
    InstanceImage.objects.create(
        instance=lab.instance,
        pin=made.id,
        image_id=made.id,
        origin="CARRIED",
        brought_at=clock.now() - timedelta(days=1),
        used_at=clock.now() - timedelta(days=1),
    )
    return made.id


def test_only_what_is_ours_and_unneeded_goes(lab: TaskLab, hosts: tuple[LabEngine, LabEngine]) -> None:
    before = theirs(lab)
    try:
        image_id = carried(lab, hosts[1])
        lab.engine.ensure_network(NetworkSpec("slipway-left-behind", {}))
        lab.engine.ensure_volume(f"slipway-{'0' * 32}-scratch", {})
        orphan = ContainerSpec(name="orphan", image=images.IMAGES["idle"].reference, labels={})
        lab.engine.create_container(orphan)
        with_ours = everything(lab)
        looked = clean(lab, looks=True)
        # The first cleaning of an instance is due at once, so it was no mere look.
        assert {verdict for verdict, _ in looked.values()} <= {"removed", "keep"}
        after = everything(lab)
        assert image_id in with_ours["images"]
        assert after == before, "everything of theirs is there, and nothing of ours is left"
        assert looked["image", image_id[7:19]] == ("removed", "unused")
        assert looked["network", "slipway-left-behind"][0] == "removed"
        assert looked["volume", f"slipway-{'0' * 32}-scratch"][0] == "removed"
        assert looked["container", "orphan"][0] == "removed"
    finally:
        remove_theirs(lab)


def test_looking_removes_nothing(lab: TaskLab, hosts: tuple[LabEngine, LabEngine]) -> None:
    clean(lab)
    image_id = carried(lab, hosts[1])
    before = everything(lab)
    assert clean(lab, looks=True)["image", image_id[7:19]] == ("remove", "unused")
    assert everything(lab) == before
    assert clean(lab)["image", image_id[7:19]] == ("removed", "unused")


def test_an_image_that_a_task_runs_stays_and_goes_after_it(
    lab: TaskLab, hosts: tuple[LabEngine, LabEngine]
) -> None:
    image_id = carried(lab, hosts[1])
    task = lab.run({"name": "idle", "image": image_id, "memory": 32})
    InstanceImage.objects.update(used_at=clock.now() - timedelta(days=1))
    assert clean(lab)["image", image_id[7:19]] == ("keep", "a container is made from it")
    lab.stop(task)
    InstanceImage.objects.update(used_at=clock.now() - timedelta(days=1))
    assert clean(lab)["image", image_id[7:19]] == ("removed", "unused")


def test_a_tasks_own_volume_ends_with_it_and_a_shared_one_stays(lab: TaskLab) -> None:
    mounts = [
        {"sourceVolume": "scratch", "containerPath": "/scratch"},
        {"sourceVolume": "lab-shared", "containerPath": "/shared"},
    ]
    task = lab.run(
        {"name": "idle", "image": images.IMAGES["idle"].reference, "memory": 32, "mountPoints": mounts},
        volumes=[{"name": "scratch"}, SHARED],
    )
    own = f"slipway-{task.pk}-scratch"
    found = clean(lab)
    assert found["volume", own] == ("keep", "a container uses it")
    lab.stop(task)
    assert own not in everything(lab)["volumes"], "it ended with its task"
    assert clean(lab)["volume", "lab-shared"] == ("keep", "task definition lab:1 names it")
    assert Task.objects.get(pk=task.pk).status == "STOPPED"
    lab.engine.remove_volume("lab-shared")


def test_what_a_container_said_is_kept_before_it_goes(lab: TaskLab) -> None:
    """Of a task whose row says that it has ended, though its container was left behind."""
    task = lab.run({"name": "talker", "image": images.IMAGES["talker"].reference, "memory": 32})
    lab.drive_until(task, lambda row: len(lab.collect(row)) == 3, "says three lines")
    LogEvent.objects.all().delete()
    LogStream.objects.all().delete()
    container = lab.row(task, "talker").runtime_id
    lab.engine.kill_container(container)
    Task.objects.filter(pk=task.pk).update(status="STOPPED")
    cleaned = clean(lab)
    assert [verdict for (kind, _), (verdict, _) in cleaned.items() if kind == "container"] == ["removed"]
    assert lab.engine.inspect_container(container) is None
    assert lab.kept(task) == ["first", "second", "third"]
