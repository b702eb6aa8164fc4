"""From a task and its definition to what the engine is asked to create. Pure: rows in, specs out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from base.installation import installation_id
from clusters.engine import port
from clusters.engine.port import ContainerSpec, Device, HealthCheck, Mount, PortBinding, Ulimit
from clusters.models import Network
from services import task_identity
from services.models import Task

Document = Mapping[str, Any]
Pairs = tuple[tuple[str, str], ...]

SHARES_OF_NO_CPU = 2  # the kernel's least, for containers that reserve nothing
_LOG_ROTATION = (("max-size", "10m"), ("max-file", "3"))
COLLECTED_DRIVERS = ("awslogs", "json-file")


def task_labels(task: Task) -> dict[str, str]:
    return {
        port.LABEL_INSTALLATION: installation_id(),
        port.LABEL_TASK_ARN: task.arn,
        port.LABEL_CLUSTER: task.cluster.name,
        port.LABEL_FAMILY: task.task_definition.family.name,
        port.LABEL_REVISION: str(task.task_definition.revision),
    }


def container_name(task: Task, name: str) -> str:
    """Deterministic, so that a second create finds the first. The task's id makes it this installation's alone."""
    definition = task.task_definition
    return f"ecs-{definition.family.name}-{definition.revision}-{name}-{task.id}"[:200]


def pause_name(task: Task) -> str:
    return container_name(task, "~pause").replace("~", "_")


def _network(task: Task) -> Network:
    network = task.cluster.networks.order_by("id").first()
    assert network is not None
    return network


def network_name(task: Task) -> str:
    return _network(task).docker_name


def on_overlay(task: Task) -> bool:
    return _network(task).driver == Network.Driver.OVERLAY


def task_size(document: Document) -> tuple[int | None, int | None]:
    """The task's own CPU units and MiB, where it sets them."""
    cpu, memory = document.get("cpu"), document.get("memory")
    return (int(cpu) if cpu else None, int(memory) if memory else None)


def has_task_limits(document: Document) -> bool:
    return any(task_size(document))


def needs_pause(document: Document, *, joint_limits: bool) -> bool:
    """awsvpc containers share the pause container's network; several containers under a task limit its cgroup."""
    if document.get("networkMode") == "awsvpc":
        return True
    return joint_limits and has_task_limits(document) and len(document["containerDefinitions"]) > 1


def limits_jointly(task: Task) -> bool:
    """Its containers together are held to the task's size: several containers, on an engine that can."""
    document = task.document
    able = task.instance is not None and task.instance.joint_limits
    return able and has_task_limits(document) and len(document["containerDefinitions"]) > 1


def pause_spec(task: Task, image: str) -> ContainerSpec:
    document = task.document
    awsvpc = document.get("networkMode") == "awsvpc"
    cpu, memory = task_size(document)
    joint = (
        task.instance is not None and task.instance.joint_limits and len(document["containerDefinitions"]) > 1
    )
    return ContainerSpec(
        name=pause_name(task),
        image=image,
        labels=task_labels(task)
        | {port.LABEL_ROLE: "pause", port.LABEL_CONTAINER_NAME: "~internal~ecs~pause"},
        network_mode=network_name(task) if awsvpc else "none",
        # Other tasks find it by its id; a bare name is what an overlay's name server knows on every host.
        network_aliases=(task.id,) if awsvpc else (),
        cpu_limit=cpu if joint else None,
        memory_limit=memory if joint else None,
        log_driver="none",
        # Whatever belongs to the network namespace is the pause container's to set.
        dns=_agreed(document, "dnsServers") if awsvpc else (),
        dns_search=_agreed(document, "dnsSearchDomains") if awsvpc else (),
        sysctls=_sysctls(document) if awsvpc else (),
        stop_timeout=0,
    )


def _agreed(document: Document, name: str) -> tuple[str, ...]:
    """The list of the first container that sets it: registration saw to it that the others agree."""
    return next((tuple(c[name]) for c in document["containerDefinitions"] if c.get(name)), ())


def _sysctls(document: Document) -> tuple[tuple[str, str], ...]:
    """net.* settings of all containers: they share one network namespace."""
    return tuple(
        (item["namespace"], item["value"])
        for container in document["containerDefinitions"]
        for item in container.get("systemControls", ())
        if item["namespace"].startswith("net.")
    )


def container_spec(
    task: Task,
    container: Document,
    image: str,
    *,
    cgroup_parent: str | None,
    secrets: Pairs = (),
    secret_options: Pairs = (),
) -> ContainerSpec:
    """`image`: what to run, pinned. `cgroup_parent`: of the pause container, where it caps them jointly. `secrets` and
    `secret_options`: variables and log options with their values, which live in the spec and nowhere else."""
    document = task.document
    mode = document.get("networkMode", "bridge")
    in_pause = mode == "awsvpc"
    linux = container.get("linuxParameters", {})
    cpu, memory = _limits(document, container, joint=cgroup_parent is not None)
    shares = int(container.get("cpu") or 0)
    gpus = tuple(task.gpus.get(container["name"], ()))
    driver, options = _log(container)
    own = task_identity.environment(task, container["name"])
    own_namespace = not in_pause and mode != "host"
    return ContainerSpec(
        name=container_name(task, container["name"]),
        image=image,
        labels={**container.get("dockerLabels", {}), **task_labels(task)}
        | {port.LABEL_ROLE: "container", port.LABEL_CONTAINER_NAME: container["name"]},
        command=tuple(container["command"]) if container.get("command") else None,
        entrypoint=tuple(container["entryPoint"]) if container.get("entryPoint") else None,
        # A variable from a secret wins over one of the same name that an override of the task gives.
        environment=tuple(
            sorted({**own, **dict(_environment(container)), **dict(secrets), **_visible(gpus)}.items())
        ),
        network_mode=f"container:{pause_name(task)}" if in_pause else mode,
        ports=_ports(container) if mode == "bridge" else (),
        cpu_shares=max(shares, SHARES_OF_NO_CPU),
        cpu_limit=cpu,
        memory_limit=memory,
        memory_reservation=container.get("memoryReservation"),
        memory_swap=linux.get("maxSwap"),
        memory_swappiness=linux.get("swappiness"),
        cgroup_parent=cgroup_parent,
        health_check=_health_check(container),
        mounts=_mounts(task, document, container, linux),
        user=container.get("user"),
        working_dir=container.get("workingDirectory"),
        read_only=bool(container.get("readonlyRootFilesystem")),
        privileged=bool(container.get("privileged")),
        init=linux.get("initProcessEnabled"),
        cap_add=tuple(linux.get("capabilities", {}).get("add", ())),
        cap_drop=tuple(linux.get("capabilities", {}).get("drop", ())),
        devices=tuple(
            Device(d["hostPath"], d.get("containerPath") or d["hostPath"], _permissions(d))
            for d in linux.get("devices", ())
        ),
        gpus=gpus,
        shm_size=linux.get("sharedMemorySize"),
        ulimits=tuple(
            Ulimit(u["name"], u["softLimit"], u["hardLimit"]) for u in container.get("ulimits", ())
        ),
        sysctls=tuple(
            (item["namespace"], item["value"])
            for item in container.get("systemControls", ())
            if own_namespace or not item["namespace"].startswith("net.")
        ),
        extra_hosts=()
        if in_pause
        else tuple((h["hostname"], h["ipAddress"]) for h in container.get("extraHosts", ())),
        dns=() if in_pause else tuple(container.get("dnsServers", ())),
        dns_search=() if in_pause else tuple(container.get("dnsSearchDomains", ())),
        hostname=container.get("hostname") if own_namespace else None,
        security_opt=tuple(container.get("dockerSecurityOptions", ())),
        tty=bool(container.get("pseudoTerminal")),
        interactive=bool(container.get("interactive")),
        log_driver=driver,
        log_options=tuple(sorted((*options, *secret_options))),
        stop_timeout=container.get("stopTimeout"),
    )


def _permissions(device: Document) -> str:
    letters = {"read": "r", "write": "w", "mknod": "m"}
    return "".join(letters[word] for word in device.get("permissions") or ("read", "write", "mknod"))


def _limits(document: Document, container: Document, *, joint: bool) -> tuple[int | None, int | None]:
    """Hard CPU units and MiB of one container. Where the task's limits do not hold it jointly, it gets at most them."""
    cpu, memory = container.get("cpu") or None, container.get("memory") or None
    if joint:
        return cpu, memory
    task_cpu, task_memory = task_size(document)
    return _least(cpu, task_cpu), _least(memory, task_memory)


def _least(one: int | None, other: int | None) -> int | None:
    given = [value for value in (one, other) if value]
    return min(given) if given else None


def _environment(container: Document) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((item["name"], item["value"]) for item in container.get("environment", ())))


def _visible(gpus: tuple[str, ...]) -> dict[str, str]:
    """As ECS sets it: nothing the definition says may show a container GPUs that are not its own."""
    return {"NVIDIA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}


def _ports(container: Document) -> tuple[PortBinding, ...]:
    return tuple(
        PortBinding(item["containerPort"], item.get("hostPort") or 0, item.get("protocol", "tcp"))
        for item in container.get("portMappings", ())
    )


def _health_check(container: Document) -> HealthCheck | None:
    check = container.get("healthCheck")
    if not check or check["command"][:1] == ["NONE"]:
        return None
    return HealthCheck(
        test=tuple(check["command"]),
        interval=check.get("interval", 30),
        timeout=check.get("timeout", 5),
        retries=check.get("retries", 3),
        start_period=check.get("startPeriod", 0),
    )


def _mounts(task: Task, document: Document, container: Document, linux: Document) -> tuple[Mount, ...]:
    volumes = {volume["name"]: volume for volume in document.get("volumes", ())}
    mounts = [
        _volume_mount(task, volumes[item["sourceVolume"]], item) for item in container.get("mountPoints", ())
    ]
    for item in linux.get("tmpfs", ()):
        mounts.append(
            Mount(
                "tmpfs", item["containerPath"], size=item["size"], options=tuple(item.get("mountOptions", ()))
            )
        )
    return tuple(mounts)


def _volume_mount(task: Task, volume: Document, item: Document) -> Mount:
    read_only = bool(item.get("readOnly"))
    path = volume.get("host", {}).get("sourcePath")
    if path:
        return Mount("bind", item["containerPath"], path, read_only)
    return Mount("volume", item["containerPath"], volume_name(task, volume), read_only)


def volume_name(task: Task, volume: Document) -> str:
    """A shared volume keeps its own name, so that its data can be found again; a task's volume ends with the task."""
    if volume.get("dockerVolumeConfiguration", {}).get("scope") == "shared":
        return str(volume["name"])
    return f"slipway-{task.id}-{volume['name']}"


def task_volumes(task: Task) -> list[str]:
    """The volumes that end with this task."""
    return [
        volume_name(task, v) for v in task.task_definition.document.get("volumes", ()) if _is_task_scoped(v)
    ]


def _is_task_scoped(volume: Document) -> bool:
    shared = volume.get("dockerVolumeConfiguration", {}).get("scope") == "shared"
    return not shared and not volume.get("host", {}).get("sourcePath")


def volumes_to_make(task: Task) -> list[tuple[str, str, dict[str, str], dict[str, str]]]:
    """(name, driver, options, labels) of every volume to exist before the containers; not of those that
    must exist already (shared, without autoprovision)."""
    found = []
    for volume in task.task_definition.document.get("volumes", ()):
        config = volume.get("dockerVolumeConfiguration", {})
        if volume.get("host", {}).get("sourcePath"):
            continue
        if config.get("scope") == "shared" and not config.get("autoprovision"):
            continue
        labels = {
            **config.get("labels", {}),
            port.LABEL_INSTALLATION: installation_id(),
            port.LABEL_ROLE: "volume",
        }
        if _is_task_scoped(volume):
            labels[port.LABEL_TASK_ARN] = task.arn
        found.append(
            (
                volume_name(task, volume),
                config.get("driver", "local"),
                dict(config.get("driverOpts", {})),
                labels,
            )
        )
    return found


def _log(container: Document) -> tuple[str, tuple[tuple[str, str], ...]]:
    """awslogs and json-file are json-file on the engine, bounded there, and collected; other drivers pass through."""
    config = container.get("logConfiguration")
    if not config or config["logDriver"] == "awslogs":
        return "json-file", _LOG_ROTATION
    options = dict(config.get("options", {}))
    if config["logDriver"] == "json-file":
        options = dict(_LOG_ROTATION) | options
    return config["logDriver"], tuple(sorted(options.items()))


def collects_logs(container: Document) -> bool:
    config = container.get("logConfiguration")
    return not config or config["logDriver"] in COLLECTED_DRIVERS
