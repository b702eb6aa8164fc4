"""Each member of a task definition has its effect on a real engine: told by the engine, and seen from inside."""

from __future__ import annotations

from typing import Any

from tests.lab import images
from tests.lab.tasks import TaskLab


def container(name: str, image: str = "idle", **more: Any) -> dict[str, Any]:
    return {"name": name, "image": images.reference(image), "memory": 16, "stopTimeout": 1, **more}


def test_entry_point_command_and_environment(lab: TaskLab) -> None:
    shell = container(
        "shell",
        entryPoint=["/bin/sh", "-c"],
        command=["echo $GREETING > /tmp/said; exec /bin/app"],
        environment=[{"name": "GREETING", "value": "hello = you"}, {"name": "EMPTY", "value": ""}],
    )
    task = lab.run(shell)
    assert lab.sh(task, "shell", "cat /tmp/said") == "hello = you"
    config = lab.inspect(task, "shell")["Config"]
    assert config["Entrypoint"] == ["/bin/sh", "-c"]
    assert "EMPTY=" in config["Env"]
