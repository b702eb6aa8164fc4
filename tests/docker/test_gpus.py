"""A real engine that declares GPUs, on a machine that has none: they are registered, asked for by their ids, and the
engine's refusal is a permanent one with a reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clusters.models import HeldGpu
from services.models import Task
from tests.lab import images
from tests.lab.engine import LabEngine
from tests.lab.tasks import TaskLab, task_lab

DECLARED = ("GPU-45cbf7b3", "GPU-f2a61c0e")


@pytest.fixture(scope="module")
def host() -> Iterator[LabEngine]:
    with LabEngine(resources=[f"NVIDIA-GPU={gpu}" for gpu in DECLARED]) as made:
        yield made


@pytest.fixture
def lab(host: LabEngine, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskLab]:
    with task_lab(host.url, monkeypatch) as made:
        yield made


def test_a_task_gets_a_gpu_by_its_id_and_fails_for_good_without_the_runtime(lab: TaskLab) -> None:
    assert sorted(lab.instance.gpus) == sorted(DECLARED)
    assert "com.amazonaws.ecs.capability.logging-driver.json-file" in lab.instance.capabilities
    wanted = [{"type": "GPU", "value": "1"}]
    one = {"name": "one", "image": images.reference("idle"), "memory": 32, "resourceRequirements": wanted}
    task = Task.objects.get(pk=lab.start(lab.register(one)))
    (gpu,) = task.gpus["one"]
    assert gpu in DECLARED and HeldGpu.objects.get().gpu == gpu
    ended = lab.until(task, "STOPPED")
    assert ended.stop_code == "TaskFailedToStart"
    assert "NVIDIA container runtime" in ended.stopped_reason + lab.row(ended, "one").reason
    assert not HeldGpu.objects.exists()
