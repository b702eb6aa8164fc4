"""GPUs: particular ones are taken with the task, given to its containers, and given back with it."""

from __future__ import annotations

import pytest

from clusters import reservation
from clusters.models import ContainerInstance, HeldGpu
from console.aws.ecs import instances
from console.aws.ecs.tasks import shapes
from console.rest.shapes.clusters import ContainerInstanceShape
from console.rest.shapes.tasks import TaskShape
from services.models import Task
from tests.db.control.world import World, accounts


def gpus(count: int) -> list[dict[str, str]]:
    return [{"type": "GPU", "value": str(count)}]


@pytest.fixture
def four(world: World) -> World:
    world.host("plain", "web:1", memory=32768)
    world.host("one", "web:1", gpus=("GPU-a", "GPU-b", "GPU-c", "GPU-d"))
    return world


def held() -> dict[str, str]:
    return dict(HeldGpu.objects.values_list("gpu", "holder"))


def test_a_container_gets_gpus_of_its_own_and_sees_no_others(four: World) -> None:
    four.register(
        resourceRequirements=gpus(2), environment=[{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]
    )
    four.create(count=2)
    four.run(60)
    specs = [one.spec for one in four.hosts["one"].containers.values() if one.spec.gpus]
    assert sorted(gpu for spec in specs for gpu in spec.gpus) == ["GPU-a", "GPU-b", "GPU-c", "GPU-d"]
    for spec in specs:
        assert dict(spec.environment)["NVIDIA_VISIBLE_DEVICES"] == ",".join(spec.gpus)
    four.run(30)
    assert sorted(Task.objects.values_list("status", flat=True)) == ["RUNNING", "RUNNING"]
    assert four.instance("one").free_gpus == []
    assert accounts() == []


def test_without_gpus_left_a_task_waits_and_takes_those_of_one_that_ends(four: World) -> None:
    four.register(resourceRequirements=gpus(3))
    four.create(count=2)
    four.run(30)
    assert "has insufficient GPU resource available." in " ".join(four.events())
    first = Task.objects.get()
    assert first.gpus == {"web": ["GPU-a", "GPU-b", "GPU-c"]}
    four.update(desired_count=0)
    four.run(120)
    assert held() == {} and accounts() == []


def test_the_containers_of_a_task_share_its_gpus_out(four: World) -> None:
    side = {"name": "side", "image": "web:1", "memory": 64, "resourceRequirements": gpus(2)}
    main = {"name": "main", "image": "web:1", "memory": 64, "resourceRequirements": gpus(1)}
    none = {"name": "none", "image": "web:1", "memory": 64}
    four.register(task={"containerDefinitions": [main, none, side]})
    (task,) = four.run_task().tasks
    four.run(10)
    task.refresh_from_db()
    assert task.gpus == {"main": ["GPU-a"], "side": ["GPU-b", "GPU-c"]}
    assert set(held().values()) == {task.arn}


def test_overrides_ask_for_other_gpus(four: World) -> None:
    four.register()
    item = {"name": "web", "resourceRequirements": gpus(4)}
    (task,) = four.run_task(overrides={"containerOverrides": [item]}).tasks
    assert len(task.gpus["web"]) == 4
    result = four.run_task(overrides={"containerOverrides": [item]})
    assert [one.reason for one in result.failures] == ["RESOURCE:GPU"]


def test_a_gpu_that_the_engine_no_longer_reports_is_not_given(four: World) -> None:
    ContainerInstance.objects.filter(name="one").update(gpus=["GPU-b"])
    row = four.instance("one")
    taken = reservation.reserve(row.pk, cpu=0, memory=0, ports=(), gpus=1, holder="x")
    assert taken == ("GPU-b",)
    with pytest.raises(reservation.NoRoom):
        reservation.reserve(row.pk, cpu=0, memory=0, ports=(), gpus=1, holder="y")
    reservation.release(row.pk, cpu=0, memory=0, holder="x")
    assert held() == {}


def test_an_engine_without_the_runtime_fails_the_task_with_the_reason(four: World) -> None:
    four.register(resourceRequirements=gpus(1))
    four.hosts["one"].gpus = ()  # declared, but nothing can give it
    (task,) = four.run_task().tasks
    four.run(60)
    task.refresh_from_db()
    assert task.status == "STOPPED" and task.stop_code == "TaskFailedToStart"
    assert "NVIDIA container runtime" in task.stopped_reason + task.containers.get().reason
    assert held() == {}


def test_every_face_tells_of_them(four: World) -> None:
    four.register(resourceRequirements=gpus(3))
    (task,) = four.run_task().tasks
    row, plain = four.instance("one"), four.instance("plain")
    all_of_them = {"name": "GPU", "type": "STRINGSET", "stringSetValue": ["GPU-a", "GPU-b", "GPU-c", "GPU-d"]}
    left = {"name": "GPU", "type": "STRINGSET", "stringSetValue": ["GPU-d"]}
    for shown in (instances.shape(row), ContainerInstanceShape(row).data):
        assert all_of_them in shown["registeredResources"] and left in shown["remainingResources"]
    for shown in (instances.shape(plain), ContainerInstanceShape(plain).data):
        assert not [one for one in shown["registeredResources"] if one["name"] == "GPU"]
    (described,) = shapes([task])
    assert described["containers"][0]["gpuIds"] == ["GPU-a", "GPU-b", "GPU-c"]
    assert TaskShape(task).data["containers"][0]["gpuIds"] == ["GPU-a", "GPU-b", "GPU-c"]
