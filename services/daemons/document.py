"""The members of a daemon task definition, as tables: those of task definitions that the service model of
RegisterDaemonTaskDefinition has, and what is refused of them.

It is kept as a task definition on the engine's bridge: what runs tasks need not know the difference. AWS's own network
mode for them, daemon_bridge, with an address that every task of the instance knows, is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.taskdef import fields
from services.taskdef.schema import Field, ListOf, Refused, Struct, Text
from services.taskdef.validate import Document, validate

_MEMBERS = (
    *("name", "image", "cpu", "memory", "memoryReservation", "essential", "entryPoint", "command"),
    *("workingDirectory", "user", "environment", "environmentFiles", "secrets", "repositoryCredentials"),
    *("healthCheck", "dependsOn", "mountPoints", "readonlyRootFilesystem", "privileged", "ulimits"),
    *("systemControls", "startTimeout", "stopTimeout", "restartPolicy", "logConfiguration"),
    *("firelensConfiguration", "interactive", "pseudoTerminal"),
)
_LINUX = ("capabilities", "devices", "initProcessEnabled", "tmpfs")
_SHARED = Text(choices=("none",), later=("shared",))

CONTAINER = Struct({
    **{name: fields.CONTAINER.fields[name] for name in _MEMBERS},
    "linuxParameters": Field(
        Struct({name: fields.LINUX_PARAMETERS.fields[name] for name in _LINUX}),
        "capabilities, devices, an init process, tmpfs", drop_empty=True,
    ),
})  # fmt: skip

VOLUME = Struct({
    **{name: fields.VOLUME.fields[name] for name in ("name", "host")},
    "logDriverVolumeConfiguration": Refused(),
})  # fmt: skip

DOCUMENT = Struct({
    **{name: fields.DOCUMENT.fields[name] for name in ("family", "taskRoleArn", "executionRoleArn", "cpu", "memory")},
    "containerDefinitions": Field(
        ListOf(CONTAINER, minimum=1, maximum=10, unique=("name",)), "the daemon task's containers", required=True
    ),
    "volumes": Field(ListOf(VOLUME, unique=("name",)), "what its containers may mount", default=[]),
    "tags": fields.DOCUMENT.fields["tags"],
    "pidMode": Field(_SHARED, "whose processes it sees: its own", default="none"),
    "ipcMode": Field(_SHARED, "whose shared memory it sees: its own", default="none"),
})  # fmt: skip


def validate_daemon(document: Mapping[str, Any]) -> Document:
    """A request of RegisterDaemonTaskDefinition, checked, as the task definition that is kept and run.

    Raises InvalidDocument with every mistake found.
    """
    checked = validate(document, DOCUMENT)
    return validate({name: value for name, value in checked.items() if name not in ("pidMode", "ipcMode")})


def described(document: Mapping[str, Any]) -> Document:
    """What is kept, with the members that DescribeDaemonTaskDefinition has."""
    found = {name: value for name, value in document.items() if name in DOCUMENT.fields}
    found["containerDefinitions"] = [
        {name: value for name, value in container.items() if name in CONTAINER.fields}
        for container in document["containerDefinitions"]
    ]
    return {**found, "pidMode": "none", "ipcMode": "none"}
