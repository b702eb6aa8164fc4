"""From the Docker Engine API's answers to the port's values. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast, get_args

from .errors import EngineBusy
from .port import (
    ContainerState,
    ContainerStats,
    ContainerStatus,
    EngineEvent,
    EngineInfo,
    HealthStatus,
    ImageInfo,
    InUse,
    NetworkState,
    PortBinding,
)
from .translate_spec import CPU_UNITS, MIB

_GPU_KINDS = ("gpu", "nvidia-gpu")
_ARCHITECTURES = {"aarch64": "arm64", "amd64": "x86_64"}
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$")
_REFERENCE = re.compile(r"^[a-z0-9][a-z0-9._/:-]*[a-zA-Z0-9._:@-]*$")
_EXITED = re.compile(r"^(?:Exited|Dead) \((\d+)\)")
_STATUSES = get_args(ContainerStatus)
# The events a container's life is followed by; the many others (exec, attach, …) never leave the engine.
EVENT_ACTIONS = ("start", "die", "oom", "kill", "destroy", "health_status")
# What the engine puts among a container's labels in an event, besides labels.
_EVENT_EXTRAS = ("image", "name", "exitCode", "signal", "execID", "execDuration")


def parse_time(text: str | None) -> datetime | None:
    """RFC 3339 with up to nine digits, cut to microseconds. The engine's year 1 is None."""
    found = _TIME.match(text or "")
    if found is None or found[1].startswith("0001-"):
        return None
    microseconds = ((found[2] or ".")[1:7]).ljust(6, "0")
    zone = "+00:00" if found[3] == "Z" else found[3]
    return datetime.fromisoformat(f"{found[1]}.{microseconds}{zone}").astimezone(UTC)


def container_state(raw: Mapping[str, Any]) -> ContainerState:
    """From GET /containers/<id>/json."""
    state = raw["State"]
    status = _status(state.get("Status"))
    started = parse_time(state.get("StartedAt"))
    finished = parse_time(state.get("FinishedAt"))
    ended = status in ("exited", "dead") and started is not None
    if ended and started and finished and finished < started:
        # Start and end are noted by two programs: a process that ends at once can seem to end before.
        finished = started
    health = state.get("Health") or {}
    probes = health.get("Log") or []
    network = raw.get("NetworkSettings") or {}
    return ContainerState(
        id=raw["Id"],
        name=raw["Name"].lstrip("/"),
        labels=raw["Config"].get("Labels") or {},
        image=raw["Config"].get("Image", ""),
        image_id=raw.get("Image", ""),
        status=status,
        health=health_status(health.get("Status")),
        health_output=str(probes[-1].get("Output", "")).strip() if probes else "",
        failing_streak=int(health.get("FailingStreak") or 0),
        exit_code=int(state.get("ExitCode") or 0) if ended else None,
        oom_killed=bool(state.get("OOMKilled")),
        error=state.get("Error") or "",
        created_at=parse_time(raw.get("Created")),
        started_at=started,
        finished_at=finished,
        pid=int(state.get("Pid") or 0),
        ip_addresses=_addresses(network.get("Networks")),
        ports=_inspected_ports(network.get("Ports")),
        restart_count=int(raw.get("RestartCount") or 0),
        stop_signal=raw["Config"].get("StopSignal") or "SIGTERM",
    )


def container_summary(raw: Mapping[str, Any]) -> ContainerState:
    """From one item of GET /containers/json, which tells exit code and health in prose only."""
    prose = str(raw.get("Status") or "")
    exited = _EXITED.match(prose)
    # A linked container has further names of the form /other/alias.
    names = [name.lstrip("/") for name in raw.get("Names") or [] if "/" not in name.lstrip("/")]
    return ContainerState(
        id=raw["Id"],
        name=names[0] if names else "",
        labels=raw.get("Labels") or {},
        image=raw.get("Image", ""),
        image_id=raw.get("ImageID", ""),
        status=_status(raw.get("State")),
        health=_health_in_prose(prose),
        exit_code=int(exited[1]) if exited else None,
        created_at=datetime.fromtimestamp(int(raw.get("Created") or 0), UTC),
        ip_addresses=_addresses((raw.get("NetworkSettings") or {}).get("Networks")),
        ports=_listed_ports(raw.get("Ports")),
    )


def health_status(word: str | None) -> HealthStatus:
    known: dict[str, HealthStatus] = {
        "starting": "STARTING",
        "healthy": "HEALTHY",
        "unhealthy": "UNHEALTHY",
    }
    return known.get((word or "").strip().lower(), "NONE")


def engine_info(raw: Mapping[str, Any], api_version: str, disk: tuple[int, int] | None) -> EngineInfo:
    """From GET /info. `disk`: (total, free) in MiB, where known."""
    cgroup_driver = raw.get("CgroupDriver") or "none"
    cgroup_version = str(raw.get("CgroupVersion") or "1")
    architecture = str(raw.get("Architecture") or "")
    return EngineInfo(
        engine_id=str(raw["ID"]),
        name=str(raw.get("Name") or ""),
        version=str(raw.get("ServerVersion") or ""),
        api_version=api_version,
        os=str(raw.get("OSType") or "linux"),
        architecture=_ARCHITECTURES.get(architecture, architecture),
        kernel=str(raw.get("KernelVersion") or ""),
        cpu=int(raw["NCPU"]) * CPU_UNITS,
        memory=int(raw["MemTotal"]) // MIB,
        disk_total=disk[0] if disk else None,
        disk_free=disk[1] if disk else None,
        storage_driver=str(raw.get("Driver") or ""),
        cgroup_driver=cgroup_driver,
        cgroup_version=cgroup_version,
        # Under v2 a cgroup with processes of its own (the pause container's) cannot have limited
        # children; with the systemd driver a parent must be a slice, which Docker cannot limit.
        joint_limits=cgroup_version == "1" and cgroup_driver == "cgroupfs",
        warnings=tuple(raw.get("Warnings") or ()),
        log_drivers=tuple((raw.get("Plugins") or {}).get("Log") or ()),
        volume_drivers=tuple((raw.get("Plugins") or {}).get("Volume") or ()),
        security_modules=_security_modules(raw.get("SecurityOptions") or ()),
        gpus=_gpus(raw.get("GenericResources") or ()),
    )


def _security_modules(options: Iterable[str]) -> tuple[str, ...]:
    """`name=seccomp,profile=builtin` -> seccomp"""
    return tuple(option.partition(",")[0].removeprefix("name=") for option in options)


def _gpus(resources: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """From `GenericResources`: the ids of what is named GPU or NVIDIA-GPU, in order. Where only a number is declared
    the ids are the NVIDIA runtime's own indices, from 0."""
    found: dict[str, None] = {}
    for resource in resources:
        named, counted = resource.get("NamedResourceSpec"), resource.get("DiscreteResourceSpec")
        if named and str(named.get("Kind")).lower() in _GPU_KINDS:
            found[str(named["Value"])] = None
        elif counted and str(counted.get("Kind")).lower() in _GPU_KINDS:
            found |= dict.fromkeys(map(str, range(int(counted["Value"]))))
    return tuple(found)


def image_info(raw: Mapping[str, Any], reference: str) -> ImageInfo:
    """From GET /images/<reference>/json."""
    digests = tuple(raw.get("RepoDigests") or ())
    repository = split_reference(reference)[0]
    same = [digest for digest in digests if familiar(digest.partition("@")[0]) == familiar(repository)]
    by_id = raw["Id"].removeprefix("sha256:").startswith(reference.removeprefix("sha256:"))
    pinned = same or (list(digests) if by_id else [])
    return ImageInfo(
        id=raw["Id"],
        digest=pinned[0] if pinned else raw["Id"],
        repo_digests=digests,
        size=int(raw.get("Size") or 0),
        created_at=parse_time(raw.get("Created")),
        tags=_names(raw.get("RepoTags")),
    )


def image_summary(raw: Mapping[str, Any]) -> ImageInfo:
    """From one item of GET /images/json."""
    return ImageInfo(
        id=raw["Id"],
        digest=raw["Id"],
        repo_digests=_names(raw.get("RepoDigests")),
        size=int(raw.get("Size") or 0),
        created_at=datetime.fromtimestamp(int(raw.get("Created") or 0), UTC),
        tags=_names(raw.get("RepoTags")),
    )


def in_use(containers: Sequence[Mapping[str, Any]]) -> InUse:
    """From GET /containers/json."""
    mounts = [mount for item in containers for mount in item.get("Mounts") or ()]
    networks = [(item.get("NetworkSettings") or {}).get("Networks") or {} for item in containers]
    return InUse(
        images=frozenset(str(item["ImageID"]) for item in containers),
        volumes=frozenset(str(mount["Name"]) for mount in mounts if mount.get("Type") == "volume"),
        networks=frozenset(name for one in networks for name in one),
    )


def _names(raw: Sequence[str] | None) -> tuple[str, ...]:
    """Without the placeholders that engines before 24 put where there is no name."""
    return tuple(name for name in raw or () if "<none>" not in name)


def split_reference(reference: str) -> tuple[str, str]:
    """(repository, tag or digest): "a:5000/b" -> ("a:5000/b", "latest"); a digest keeps its "sha256:"."""
    repository, at, digest = reference.partition("@")
    head, colon, tag = repository.rpartition(":")
    has_tag = bool(colon) and "/" not in tag
    if at:
        return (head if has_tag else repository), digest
    return (head, tag) if has_tag else (repository, "latest")


def is_reference(text: str) -> bool:
    """Whether the engine would take it for an image reference (roughly: its grammar's alphabet)."""
    return _REFERENCE.match(text) is not None


def network_state(raw: Mapping[str, Any]) -> NetworkState:
    pools = (raw.get("IPAM") or {}).get("Config") or []
    return NetworkState(
        id=raw["Id"],
        name=raw["Name"],
        labels=raw.get("Labels") or {},
        driver=raw.get("Driver", ""),
        subnets=tuple(pool["Subnet"] for pool in pools if pool.get("Subnet")),
    )


def engine_event(raw: Mapping[str, Any]) -> EngineEvent | None:
    """From one line of GET /events; None for what is no container's."""
    actor = raw.get("Actor") or {}
    if raw.get("Type", "container") != "container" or not actor.get("ID"):
        return None
    attributes: Mapping[str, str] = actor.get("Attributes") or {}
    action, _, detail = str(raw.get("Action") or raw.get("status") or "").partition(":")
    exit_code = attributes.get("exitCode")
    nanoseconds = int(raw.get("timeNano") or int(raw.get("time") or 0) * 1_000_000_000)
    return EngineEvent(
        time=_from_nanoseconds(nanoseconds),
        action=action,
        container_id=actor["ID"],
        container_name=attributes.get("name", ""),
        labels={name: value for name, value in attributes.items() if name not in _EVENT_EXTRAS},
        exit_code=int(exit_code) if action == "die" and exit_code is not None else None,
        health=health_status(detail) if action == "health_status" else None,
    )


def container_stats(raw: Mapping[str, Any]) -> ContainerStats | None:
    """From GET /containers/<id>/stats; None where it does not run (the engine then answers year 1)."""
    time = parse_time(raw.get("read"))
    memory = raw.get("memory_stats") or {}
    if time is None or "usage" not in memory:
        return None
    detail = memory.get("stats") or {}
    # The page cache that can be dropped is not use: as `docker stats` counts, for both cgroup versions.
    reclaimable = detail.get("total_inactive_file", detail.get("inactive_file", 0))
    networks = (raw.get("networks") or {}).values()
    return ContainerStats(
        time=time,
        cpu_total_ns=int(((raw.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage") or 0),
        memory=max(0, memory["usage"] - reclaimable) / MIB,
        memory_limit=(memory.get("limit") or 0) / MIB,
        network_rx=sum(one.get("rx_bytes", 0) for one in networks),
        network_tx=sum(one.get("tx_bytes", 0) for one in networks),
        disk_read=_block_bytes(raw, "read"),
        disk_write=_block_bytes(raw, "write"),
        pids=int((raw.get("pids_stats") or {}).get("current") or 0),
    )


def to_engine_time(moment: datetime) -> str:
    """Seconds and nanoseconds since 1970, as the engine's `since` takes it."""
    return f"{int(moment.timestamp())}.{moment.microsecond * 1000:09d}"


def _from_nanoseconds(nanoseconds: int) -> datetime:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def _status(word: str | None) -> ContainerStatus:
    if word not in _STATUSES:
        # Guessing could make a live container look gone.
        raise EngineBusy(f"The engine answered with an unknown container state: {word}.")
    return cast(ContainerStatus, word)


def _health_in_prose(prose: str) -> HealthStatus:
    if "(health: starting)" in prose:
        return "STARTING"
    return health_status(prose.rpartition("(")[2].rstrip(")")) if prose.startswith("Up") else "NONE"


def _addresses(networks: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: one["IPAddress"] for name, one in (networks or {}).items() if one and one.get("IPAddress")}


def _inspected_ports(ports: Mapping[str, Any] | None) -> tuple[PortBinding, ...]:
    found = [
        (
            int(key.partition("/")[0]),
            int(one["HostPort"]),
            key.partition("/")[2] or "tcp",
            one.get("HostIp") or "",
        )
        for key, bindings in (ports or {}).items()
        for one in bindings or ()
        if one.get("HostPort")
    ]
    return _without_ipv6_twins(found)


def _listed_ports(ports: list[Mapping[str, Any]] | None) -> tuple[PortBinding, ...]:
    found = [
        (int(one["PrivatePort"]), int(one["PublicPort"]), one.get("Type") or "tcp", one.get("IP") or "")
        for one in ports or ()
        if one.get("PublicPort")
    ]
    return _without_ipv6_twins(found)


def _without_ipv6_twins(found: list[tuple[int, int, str, str]]) -> tuple[PortBinding, ...]:
    """One asked-for binding shows as 0.0.0.0 and as ::, sometimes even with two host ports."""
    four = [one for one in found if ":" not in one[3]]
    covered = {(one[0], one[2]) for one in four}
    rest = [one for one in found if ":" in one[3] and (one[0], one[2]) not in covered]
    return tuple(PortBinding(*one) for one in sorted(four + rest))


def _block_bytes(raw: Mapping[str, Any], kind: str) -> int:
    entries = (raw.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ()
    return sum(int(one.get("value") or 0) for one in entries if str(one.get("op", "")).lower() == kind)


def familiar(repository: str) -> str:
    """docker.io/library/x, library/x and x are one repository."""
    return repository.removeprefix("docker.io/").removeprefix("library/")
