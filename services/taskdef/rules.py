"""What the parts of a task owe each other: references, ports, sizes, network modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.taskdef.container_rules import check_container
from services.taskdef.errors import Report
from services.taskdef.order import cycle, has_health_check
from services.taskdef.resources import reserved_memory
from services.taskdef.schema import suggestion

Partial = Mapping[str, Any]  # a document after the tables were applied: wrong members are missing


def check_rules(document: Partial, report: Report) -> None:
    """Every rule that needs more than one member. Silent about members already reported."""
    containers = document.get("containerDefinitions", [])
    for index, container in enumerate(containers):
        at = f"containerDefinitions[{index}]"
        check_container(container, at, report)
        _mount_sources(container, at, document, report)
        _network_mode(container, at, document.get("networkMode"), report)
    if not report.told("containerDefinitions"):  # too many: not all of them are here to refer to
        _dependencies(containers, report)
        _essential(containers, report)
    _volumes(document, report)
    _port_names(containers, report)
    _ports(document, report)
    _shared_namespace(document, report)
    _memory_is_given(document, report)
    _task_size(document, report)
    _tags(document, report)
    _execution_role(document, report)


def _execution_role(document: Partial, report: Report) -> None:
    """Somebody must fetch them: in ECS's words."""
    if document.get("executionRoleArn") or report.broken("executionRoleArn"):
        return
    for container in document.get("containerDefinitions", []):
        for what, asked in (
            ("container secrets", container.get("secrets")),
            ("log driver secrets", container.get("logConfiguration", {}).get("secretOptions")),
            ("repository credentials", container.get("repositoryCredentials")),
        ):
            if asked:
                report.add(
                    "executionRoleArn",
                    f"When you are specifying {what}, you must also specify a value for 'executionRoleArn'.",
                    verbatim=True,
                )
                return


def _essential(containers: list[Partial], report: Report) -> None:
    if containers and not any(container.get("essential", True) for container in containers):
        report.add("containerDefinitions", "at least one container must be essential")


# ---- references ------------------------------------------------------------------------------------------


def _dependencies(containers: list[Partial], report: Report) -> None:
    by_name = {container["name"]: container for container in containers if "name" in container}
    indexes = {container.get("name"): index for index, container in enumerate(containers)}
    for index, container in enumerate(containers):
        for position, dependency in enumerate(container.get("dependsOn", [])):
            at = f"containerDefinitions[{index}].dependsOn[{position}]"
            target = dependency.get("containerName")
            if target is None:
                continue
            if target == container.get("name"):
                report.add(f"{at}.containerName", "a container cannot depend on itself")
            elif target not in by_name:
                near = suggestion(target, by_name)
                report.add(f"{at}.containerName", f"there is no container named {target}{near}")
            elif not report.broken(f"containerDefinitions[{indexes[target]}].healthCheck"):
                _condition(dependency.get("condition"), by_name[target], f"{at}.condition", report)
    names = cycle(containers)
    if names:
        report.add("containerDefinitions", f"dependsOn goes round in a circle: {' -> '.join(names)}")


def _condition(condition: str | None, target: Partial, at: str, report: Report) -> None:
    name = target["name"]
    if condition == "HEALTHY" and not has_health_check(target):
        report.add(at, f"HEALTHY needs a healthCheck on the container {name}")
    if condition in ("COMPLETE", "SUCCESS") and target.get("essential", True):
        report.add(at, f"{condition} cannot wait for {name}: it is essential, so the task ends with it")


def _mount_sources(container: Partial, at: str, document: Partial, report: Report) -> None:
    known = [volume["name"] for volume in document.get("volumes", []) if "name" in volume]
    for index, mount in enumerate(container.get("mountPoints", [])):
        source = mount.get("sourceVolume")
        if source is not None and source not in known and not report.broken("volumes"):
            near = suggestion(source, known)
            report.add(
                f"{at}.mountPoints[{index}].sourceVolume", f"the task has no volume named {source}{near}"
            )


def _volumes(document: Partial, report: Report) -> None:
    for index, volume in enumerate(document.get("volumes", [])):
        at = f"volumes[{index}]"
        path = volume.get("host", {}).get("sourcePath")
        managed = volume.get("dockerVolumeConfiguration")
        if path is not None and managed is not None:
            report.add(at, "host.sourcePath and dockerVolumeConfiguration exclude each other")
        if path is not None and ".." in path.split("/"):
            report.add(f"{at}.host.sourcePath", "must not contain ..")
        if managed and managed.get("autoprovision") and managed.get("scope") == "task":
            report.add(
                f"{at}.dockerVolumeConfiguration.autoprovision",
                "is for the scope shared only: volumes of the scope task are always created",
            )


def _tags(document: Partial, report: Report) -> None:
    for index, tag in enumerate(document.get("tags", [])):
        if tag.get("key", "").lower().startswith("aws:"):
            report.add(f"tags[{index}].key", "keys that start with aws: are reserved")


# ---- ports and networks ----------------------------------------------------------------------------------


def _network_mode(container: Partial, at: str, mode: str | None, report: Report) -> None:
    if mode == "awsvpc":
        if "hostname" in container:
            report.add(
                f"{at}.hostname",
                "hostname is not supported on container when networkMode=awsvpc.",
                verbatim=True,
            )
        if container.get("extraHosts"):
            report.add(
                f"{at}.extraHosts",
                "Extra hosts are not supported on container when networkMode=awsvpc.",
                verbatim=True,
            )
    if mode == "none" and container.get("portMappings"):
        report.add(
            f"{at}.portMappings", "Port mappings are not supported when networkMode=none.", verbatim=True
        )
    if mode == "host":
        for index, control in enumerate(container.get("systemControls", [])):
            if control.get("namespace", "").startswith("net."):
                report.add(
                    f"{at}.systemControls[{index}].namespace",
                    "net.* would change the instance itself when networkMode=host",
                )


def _port_names(containers: list[Partial], report: Report) -> None:
    seen: dict[str, str] = {}
    for at, mapping in _mappings(containers):
        name = mapping.get("name")
        if name is not None and name in seen:
            report.add(f"{at}.name", f"the port name {name} is already used by {seen[name]}")
        elif name is not None:
            seen[name] = at


def _ports(document: Partial, report: Report) -> None:
    """The host ports a task takes must not collide. In awsvpc and host mode they equal the container's ports."""
    mode = document.get("networkMode")
    if mode not in ("bridge", "awsvpc", "host"):
        return
    taken: dict[tuple[int, str], str] = {}
    for at, mapping in _mappings(document.get("containerDefinitions", [])):
        if report.broken(at) or "containerPort" not in mapping:
            continue
        inside, outside = mapping["containerPort"], mapping.get("hostPort", 0)
        if mode != "bridge":
            if outside not in (0, inside):
                report.add(
                    f"{at}.hostPort",
                    f"must be {inside}, like containerPort, or absent when networkMode={mode}",
                )
                continue
            outside = inside
        if outside == 0:
            continue
        port = (outside, mapping["protocol"])
        if port in taken:
            member = "hostPort" if mode == "bridge" else "containerPort"
            report.add(f"{at}.{member}", f"{port[0]}/{port[1]} is already taken by {taken[port]}")
        else:
            taken[port] = at


def _mappings(containers: list[Partial]) -> list[tuple[str, Partial]]:
    return [
        (f"containerDefinitions[{index}].portMappings[{position}]", mapping)
        for index, container in enumerate(containers)
        for position, mapping in enumerate(container.get("portMappings", []))
    ]


def _shared_namespace(document: Partial, report: Report) -> None:
    """In awsvpc all containers share one network namespace and one resolver: their wishes must agree."""
    if document.get("networkMode") != "awsvpc":
        return
    wanted: dict[str, tuple[Any, str]] = {}
    for index, container in enumerate(document.get("containerDefinitions", [])):
        at = f"containerDefinitions[{index}]"
        wishes = [(name, container.get(name), f"{at}.{name}") for name in ("dnsServers", "dnsSearchDomains")]
        wishes += [
            (control.get("namespace", ""), control.get("value"), f"{at}.systemControls[{position}].value")
            for position, control in enumerate(container.get("systemControls", []))
            if control.get("namespace", "").startswith("net.")
        ]
        for name, value, place in wishes:
            if value is None or report.broken(place):
                continue
            first, where = wanted.setdefault(name, (value, place))
            if first != value:
                report.add(place, f"differs from {where}: containers of an awsvpc task share one network")


# ---- sizes -----------------------------------------------------------------------------------------------


def _memory_is_given(document: Partial, report: Report) -> None:
    if "memory" in document or report.broken("memory"):
        return
    for index, container in enumerate(document.get("containerDefinitions", [])):
        at = f"containerDefinitions[{index}]"
        if "memory" in container or "memoryReservation" in container or not container:
            continue
        if not report.broken(f"{at}.memory", f"{at}.memoryReservation"):
            report.add(
                f"{at}.memory",
                f"Invalid setting for container '{container.get('name', index)}'. At least one of 'memory' or "
                "'memoryReservation' must be specified.",
                verbatim=True,
            )


def _task_size(document: Partial, report: Report) -> None:
    containers = document.get("containerDefinitions", [])
    if "memory" in document:
        limit, total = int(document["memory"]), 0
        for index, container in enumerate(containers):
            total += reserved_memory(container)
            if container.get("memory", 0) > limit:
                report.add(
                    f"containerDefinitions[{index}].memory",
                    f"is {container['memory']} MiB, more than the task's memory ({limit} MiB)",
                )
        if total > limit and not any(container.get("memory", 0) > limit for container in containers):
            report.add(
                "memory", f"the containers reserve {total} MiB together, more than the task's {limit} MiB"
            )
    if "cpu" in document:
        units, sum_of_units = int(document["cpu"]), sum(container.get("cpu", 0) for container in containers)
        if sum_of_units > units:
            report.add(
                "cpu", f"the containers take {sum_of_units} CPU units together, more than the task's {units}"
            )
