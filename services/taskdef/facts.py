"""A normalised document as a flat list of facts, each with a label and a text a person understands.

`diff.py` compares two such lists. A fact's identity (`path`) goes by names, not by positions: containers,
variables, ports and volumes are the same thing wherever they stand in their list. Together the facts tell
everything the document says; a test holds that for every field.
"""

from __future__ import annotations

import json
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.taskdef.fields import CONTAINER, HEALTH_CHECK, RESTART_POLICY
from services.taskdef.schema import Field


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement of a document.

    `term` is a fixed word ("Image", "env"), `item` the name it is about, if any ("FEATURE_CART").
    `headline` is the path of the fact it belongs to: where that one is new or gone, facts that are `usual`
    (at their default) go without saying. `rank` orders facts of one container.
    """

    path: str
    term: str
    text: str
    item: str = ""
    container: str = ""
    headline: str = ""
    usual: bool = False
    rank: tuple[Any, ...] = ()


Render = Callable[[Any], Iterable[Fact]]


def facts(document: Mapping[str, Any]) -> list[Fact]:
    """All facts of a normalised document, the task's after those of its containers."""
    found = [fact for container in document["containerDefinitions"] for fact in _container(container)]
    return [*found, *_members(document, TASK_TERMS, "")]


def _container(container: Mapping[str, Any]) -> Iterator[Fact]:
    name = container["name"]
    at = f"containerDefinitions[{name}]"
    yield Fact(at, "Container", "present", item=name, container=name, rank=(-1,))
    for fact in _members(container, CONTAINER_TERMS, at):
        usual = fact.usual or _is_default(CONTAINER.fields, fact.path.removeprefix(f"{at}."), container)
        yield replace(fact, container=name, headline=fact.headline or at, usual=usual)


def _members(value: Mapping[str, Any], table: Mapping[str, Render], at: str) -> Iterator[Fact]:
    """`table` gives, in the order of reading, what tells each member; paths come back below `at`."""
    prefix = f"{at}." if at else ""
    for position, (name, render) in enumerate(table.items()):
        if name not in value:
            continue
        for fact in render(value[name]):
            yield replace(
                fact,
                path=f"{prefix}{name}{fact.path}",
                headline=f"{prefix}{name}{fact.headline}" if fact.headline else "",
                rank=(position, *fact.rank),
            )


def _is_default(fields: Mapping[str, Any], name: str, value: Mapping[str, Any]) -> bool:
    member = fields.get(name)
    return isinstance(member, Field) and member.has_default and value.get(name) == member.default


# ---- texts -----------------------------------------------------------------------------------------------


def plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def measured(unit: str) -> Callable[[Any], str]:
    return lambda value: f"{value} {unit}"


SECONDS, MIB, UNITS = measured("s"), measured("MiB"), measured("CPU units")


def listed(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in values)


def _check_command(command: Sequence[str]) -> str:
    kind, *rest = command
    return " ".join([kind, *rest] if kind == "CMD-SHELL" else [kind, shlex.join(rest)]).rstrip()


def _port(mapping: Mapping[str, Any]) -> str:
    host = f"host port {mapping['hostPort']}" if mapping["hostPort"] else "host port chosen at start"
    return f"{host}, named {mapping['name']}" if "name" in mapping else host


def _mount(mount: Mapping[str, Any]) -> str:
    return f"volume {mount['sourceVolume']}, {'read only' if mount['readOnly'] else 'read and write'}"


def _ulimit(limit: Mapping[str, Any]) -> str:
    return f"{limit['softLimit']} soft, {limit['hardLimit']} hard"


def _tmpfs(mount: Mapping[str, Any]) -> str:
    return listed([f"{mount['size']} MiB", *mount.get("mountOptions", [])])


def _device(device: Mapping[str, Any]) -> str:
    return f"{device['hostPath']}: {listed(sorted(device['permissions']))}"


def _volume(volume: Mapping[str, Any]) -> str:
    managed = volume.get("dockerVolumeConfiguration")
    if managed is None:
        path = volume["host"].get("sourcePath")
        return "lives as long as the task" if path is None else f"path {path} of the instance"
    parts = [f"Docker volume, scope {managed['scope']}, driver {managed['driver']}"]
    if managed.get("autoprovision"):
        parts.append("created if missing")
    elif managed["scope"] == "task" and "autoprovision" in managed:
        parts.append("autoprovision off")
    for name, words in (("driverOpts", "options"), ("labels", "labels")):
        if name in managed:
            parts.append(f"{words} {json.dumps(managed[name], sort_keys=True, ensure_ascii=False)}")
    return ", ".join(parts)


# ---- renderers: how one member becomes facts -------------------------------------------------------------


def one(term: str, text: Callable[[Any], str] = plain) -> Render:
    """The member is one fact."""
    return lambda value: [Fact("", term, text(value))]


def each(term: str, key: Callable[[Any], str], text: Callable[[Any], str]) -> Render:
    """The member is a list; items with the same key are told together, one after the other."""

    def render(items: Sequence[Any]) -> Iterator[Fact]:
        by_key: defaultdict[str, list[str]] = defaultdict(list)
        for item in items:
            by_key[key(item)].append(text(item))
        for name, texts in by_key.items():
            yield Fact(f"[{name}]", term, "; ".join(sorted(texts)), item=name, rank=natural(name))

    return render


def entries(term: str) -> Render:
    """The member is an object of free names."""
    return lambda value: [
        Fact(f".{name}", term, text, item=name, rank=(name,)) for name, text in value.items()
    ]


def group(table: Mapping[str, Render], headline: str, fields: Mapping[str, Any] | None = None) -> Render:
    """The member is an object. Where its member `headline` is new or gone, defaults go without saying."""

    def render(value: Mapping[str, Any]) -> Iterator[Fact]:
        for fact in _members(value, table, ""):
            usual = _is_default(fields or {}, fact.path, value)
            yield replace(
                fact, path=f".{fact.path}", headline=f".{headline}" if headline else "", usual=usual
            )

    return render


def natural(name: str) -> tuple[Any, ...]:
    """Sorts 80/tcp before 443/tcp, and names by their letters."""
    number = name.partition("/")[0]
    return (
        (0, int(number), name) if number.isascii() and number.isdigit() and len(number) < 10 else (1, 0, name)
    )


def _capabilities(value: Mapping[str, Any]) -> Iterator[Fact]:
    for member, word in (("add", "added"), ("drop", "dropped")):
        for name in value.get(member, []):
            yield Fact(f"[{name}]", "Capability", word, item=name, rank=(name,))


HEALTH_TERMS: dict[str, Render] = {
    "command": one("Health check", _check_command),
    "interval": one("Health check interval", SECONDS),
    "timeout": one("Health check timeout", SECONDS),
    "retries": one("Health check retries"),
    "startPeriod": one("Health check start period", SECONDS),
}
LINUX_TERMS: dict[str, Render] = {
    "capabilities": _capabilities,
    "devices": each("Device", lambda item: str(item["containerPath"]), _device),
    "initProcessEnabled": one("Init process"),
    "sharedMemorySize": one("Shared memory", MIB),
    "tmpfs": each("Temporary file system", lambda item: str(item["containerPath"]), _tmpfs),
    "maxSwap": one("Swap", MIB),
    "swappiness": one("Swappiness"),
}
RESTART_TERMS: dict[str, Render] = {
    "enabled": one("Restart policy"),
    "ignoredExitCodes": one(
        "Restart policy ignored exit codes", lambda codes: listed(sorted(codes)) or "none"
    ),
    "restartAttemptPeriod": one("Restart policy attempt period", SECONDS),
}
LOG_TERMS: dict[str, Render] = {
    "logDriver": one("Log driver"),
    "options": entries("Log option"),
    "secretOptions": each(
        "Secret log option", lambda item: str(item["name"]), lambda item: str(item["valueFrom"])
    ),
}

CONTAINER_TERMS: dict[str, Render] = {
    "image": one("Image"),
    "versionConsistency": one("Version consistency"),
    "essential": one("Essential"),
    "cpu": one("CPU units"),
    "memory": one("Memory", MIB),
    "memoryReservation": one("Memory reservation", MIB),
    "resourceRequirements": each("Requires", lambda item: str(item["type"]), lambda item: str(item["value"])),
    "environment": each("env", lambda item: str(item["name"]), lambda item: str(item["value"])),
    "secrets": each("Secret", lambda item: str(item["name"]), lambda item: str(item["valueFrom"])),
    "repositoryCredentials": group({"credentialsParameter": one("Registry credentials")}, ""),
    "portMappings": each("Port", lambda item: f"{item['containerPort']}/{item['protocol']}", _port),
    "entryPoint": one("Entry point", shlex.join),
    "command": one("Command", shlex.join),
    "workingDirectory": one("Working directory"),
    "user": one("User"),
    "healthCheck": group(HEALTH_TERMS, "command", HEALTH_CHECK.fields),
    "dependsOn": each(
        "Waits for", lambda item: str(item["containerName"]), lambda item: str(item["condition"])
    ),
    "startTimeout": one("Start timeout", SECONDS),
    "stopTimeout": one("Stop timeout", SECONDS),
    "restartPolicy": group(RESTART_TERMS, "enabled", RESTART_POLICY.fields),
    "mountPoints": each("Mount", lambda item: str(item["containerPath"]), _mount),
    "readonlyRootFilesystem": one("Read-only root file system"),
    "logConfiguration": group(LOG_TERMS, ""),
    "hostname": one("Host name"),
    "extraHosts": each("Extra host", lambda item: str(item["hostname"]), lambda item: str(item["ipAddress"])),
    "dnsServers": one("DNS servers", listed),
    "dnsSearchDomains": one("DNS search domains", listed),
    "privileged": one("Privileged"),
    "linuxParameters": group(LINUX_TERMS, ""),
    "dockerSecurityOptions": each("Security option", str, lambda _: "yes"),
    "ulimits": each("Limit", lambda item: str(item["name"]), _ulimit),
    "systemControls": each(
        "Kernel parameter", lambda item: str(item["namespace"]), lambda item: str(item["value"])
    ),
    "dockerLabels": entries("Docker label"),
    "interactive": one("Interactive"),
    "pseudoTerminal": one("Terminal"),
}
PLATFORM_TERMS: dict[str, Render] = {
    "operatingSystemFamily": one("Operating system"),
    "cpuArchitecture": one("CPU architecture"),
}
TASK_TERMS: dict[str, Render] = {
    "family": one("Family"),
    "networkMode": one("Network mode"),
    "taskRoleArn": one("Task role"),
    "executionRoleArn": one("Execution role"),
    "requiresCompatibilities": one("Launch types", lambda types: listed(sorted(types))),
    "cpu": one("Task CPU", UNITS),
    "memory": one("Task memory", MIB),
    "volumes": each("Volume", lambda item: str(item["name"]), _volume),
    "placementConstraints": each(
        "Placement constraint", lambda item: str(item["expression"]), lambda item: str(item["type"])
    ),
    "runtimePlatform": group(PLATFORM_TERMS, ""),
    "tags": each("Tag", lambda item: str(item["key"]), lambda item: str(item["value"])),
}
