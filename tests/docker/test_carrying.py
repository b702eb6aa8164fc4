"""Two real engines: an image that only one has is carried to the other, streamed; and what is nowhere is said to be."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator

import pytest

from clusters.engine.port import Engine
from clusters.engines import engine_of, forget
from clusters.jobs import probe_instance
from clusters.models import ContainerInstance, InstanceImage
from clusters.operations import register_container_instance, update_container_instance_state
from services.control import effects
from services.models import Task
from tests.lab import images
from tests.lab.engine import LabEngine
from tests.lab.leftovers import remove_all
from tests.lab.tasks import CALLER, TaskLab, task_lab

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[LabEngine, LabEngine]]:
    with LabEngine() as one, LabEngine() as two:
        yield one, two


@pytest.fixture
def lab(hosts: tuple[LabEngine, LabEngine], db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskLab]:
    """The first engine has the lab's images and takes no tasks: they are placed on the second."""
    with task_lab(hosts[0].url, monkeypatch) as made:
        update_container_instance_state(CALLER, container_instance=made.instance.pk, status="DRAINING")
        yield made


@pytest.fixture
def second(lab: TaskLab, hosts: tuple[LabEngine, LabEngine]) -> Iterator[ContainerInstance]:
    row = register_container_instance(CALLER, url=hosts[1].url, name="second")
    assert probe_instance(row.pk)
    yield ContainerInstance.objects.select_related("cluster").get(pk=row.pk)
    engine = engine_of(row)
    remove_all(engine)
    for image in engine.list_images():
        engine.remove_image(image.tags[0] if image.tags else image.id)
    forget(row)


def idle(**more: object) -> dict[str, object]:
    return {"name": "idle", "image": images.IMAGES["idle"].reference, "memory": 32, **more}


def large(engine: Engine, megabytes: int) -> str:
    """An image of so much that cannot be compressed, built on this engine."""
    image = images.LabImage("large", images.IMAGES["idle"].app, os.urandom(8).hex() + "\n")
    tar = images.image_tar(image, extra={"filler": os.urandom(megabytes * MIB)})
    return engine.import_image(tar, image.reference, image.all_changes).tags[0]


def test_a_task_runs_where_its_image_was_carried_to(lab: TaskLab, second: ContainerInstance) -> None:
    task = lab.run(idle(), networkMode="awsvpc")
    assert task.instance_id == second.pk
    built = lab.engine.image(images.IMAGES["idle"].reference)
    assert built is not None
    there = engine_of(second)
    carried = there.image(built.id)
    assert carried is not None
    assert carried.tags == ()
    assert there.inspect_container(lab.row(task, "idle").runtime_id).image_id == built.id  # type: ignore[union-attr]
    row = InstanceImage.objects.get(instance=second, pin=built.id)
    assert (row.origin, row.source_id) == ("CARRIED", lab.instance.pk)
    # Its pause container runs too: that image every engine is given by itself.
    assert task.pause_id
    lab.stop(task)


def test_a_large_image_is_carried_in_pieces_and_tells_how_far_it_is(
    lab: TaskLab, second: ContainerInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = large(lab.engine, 96)
    said: set[str] = set()
    original = effects._say

    def note(task: Task, progress: str) -> None:
        said.add(progress)
        original(task, progress)

    monkeypatch.setattr(effects, "_say", note)
    definition = lab.register(idle(image=reference))
    task_id = lab.start(definition)
    tracemalloc.start()
    try:
        lab.until(task_id, "RUNNING", 120)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 * MIB, f"{peak / MIB:.0f} MiB held for an image of 96"
    assert any(f"carried from {lab.instance}" in words for words in said), said
    lab.stop(Task.objects.get(pk=task_id))
    built = lab.engine.image(reference)
    assert built is not None
    lab.engine.remove_image(reference)


def test_an_image_that_is_nowhere_fails_the_task_which_says_so(
    lab: TaskLab, second: ContainerInstance
) -> None:
    image_id = "sha256:" + "ab" * 32
    task = lab.until(lab.start(lab.register(idle(image=image_id))), "STOPPED")
    assert task.stop_code == "TaskFailedToStart"
    assert "is in no registry, and no other instance of the cluster has it" in task.stopped_reason


def test_a_source_that_dies_is_waited_for_and_tried_again(
    lab: TaskLab, second: ContainerInstance, hosts: tuple[LabEngine, LabEngine]
) -> None:
    reference = large(lab.engine, 4)
    built = lab.engine.image(reference)
    assert built is not None
    definition = lab.register(idle(image=built.id))
    hosts[0].kill()
    task_id = lab.start(definition)
    try:
        waiting = lab.drive_until(
            task_id, lambda row: "not asked" in row.pull_progress, "says who was not asked"
        )
        assert waiting.status == "PROVISIONING"
    finally:
        hosts[0].start()
    lab.until(task_id, "RUNNING", 60)
    lab.stop(Task.objects.get(pk=task_id))
    lab.engine.remove_image(reference)
