"""From the port's specs to the bodies the Docker Engine API takes. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from .port import LABEL_INSTALLATION, ContainerSpec, HealthCheck, Mount, NetworkSpec

MIB = 1024 * 1024
CPU_UNITS = 1024  # of one core
_LEAST_NANO_CPUS = 10_000_000  # the engine refuses less than 0.01 of a core
_LEAST_SHARES = 2  # of Linux; ECS also reads 0 and 1 as 2
_MOST_SHARES = 262_144
_BUILT_IN_NETWORKS = ("bridge", "host", "none", "default")


def owned(labels: Mapping[str, str], installation: str) -> dict[str, str]:
    """The labels, with our installation's: nothing is ever created without it."""
    return {**labels, LABEL_INSTALLATION: installation}


def create_body(spec: ContainerSpec, installation: str) -> dict[str, Any]:
    """The body of POST /containers/create."""
    body: dict[str, Any] = {
        "Image": spec.image,
        "Labels": owned(spec.labels, installation),
        "Env": [f"{name}={value}" for name, value in spec.environment],
        "Tty": spec.tty,
        "OpenStdin": spec.interactive,
        "Healthcheck": _health_check(spec.health_check),
        "ExposedPorts": {f"{port.container_port}/{port.protocol}": {} for port in spec.ports},
        "HostConfig": _host_config(spec, installation),
    }
    _put(
        body,
        Cmd=_list(spec.command),
        Entrypoint=_list(spec.entrypoint),
        User=spec.user,
        WorkingDir=spec.working_dir,
        Hostname=spec.hostname,
        StopTimeout=spec.stop_timeout,
    )
    if is_user_network(spec.network_mode):
        endpoint = {"Aliases": list(spec.network_aliases)} if spec.network_aliases else {}
        body["NetworkingConfig"] = {"EndpointsConfig": {spec.network_mode: endpoint}}
    return body


def is_user_network(mode: str) -> bool:
    return mode not in _BUILT_IN_NETWORKS and not mode.startswith("container:")


def nano_cpus(units: int) -> int:
    """CPU units to billionths of a core."""
    return max(_LEAST_NANO_CPUS, units * 1_000_000_000 // CPU_UNITS)


def network_body(spec: NetworkSpec, installation: str) -> dict[str, Any]:
    """The body of POST /networks/create."""
    body: dict[str, Any] = {
        "Name": spec.name,
        "CheckDuplicate": True,
        "Driver": spec.driver,
        "Internal": spec.internal,
        "Options": _network_options(spec, installation),
        "Labels": owned(spec.labels, installation),
    }
    if spec.driver == "overlay":
        # Our containers are no Swarm services: only an attachable overlay takes them.
        body["Attachable"] = True
    if spec.subnet is not None:
        pool = {"Subnet": spec.subnet}
        if spec.gateway is not None:
            pool["Gateway"] = spec.gateway
        body["IPAM"] = {"Driver": "default", "Config": [pool]}
    return body


def _network_options(spec: NetworkSpec, installation: str) -> dict[str, str]:
    """A bridge gets a name of its own, from the network's: the engine does not keep two networks from
    having one name, but does refuse a second bridge of one name, so that of two processes that
    create a network at the same moment one fails."""
    options = dict(spec.options)
    if spec.driver == "bridge":
        unique = hashlib.sha256(f"{installation}/{spec.name}".encode()).hexdigest()[:12]
        options.setdefault("com.docker.network.bridge.name", f"sw-{unique}")
    return options


def _health_check(check: HealthCheck | None) -> dict[str, Any]:
    if check is None:
        return {"Test": ["NONE"]}  # nothing at all would leave the image's own in force
    second = 1_000_000_000
    return {
        "Test": list(check.test),
        "Interval": check.interval * second,
        "Timeout": check.timeout * second,
        "Retries": check.retries,
        "StartPeriod": check.start_period * second,
    }


def _host_config(spec: ContainerSpec, installation: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "NetworkMode": spec.network_mode,
        "LogConfig": {"Type": spec.log_driver, "Config": dict(spec.log_options)},
        # Restarting is the control plane's decision, never the engine's.
        "RestartPolicy": {"Name": "no"},
        "ReadonlyRootfs": spec.read_only,
        "Privileged": spec.privileged,
        "PortBindings": _port_bindings(spec),
    }
    _put(config, **_limits(spec))
    _put(config, **_mounts(spec.mounts, installation))
    _put(
        config,
        Init=spec.init,
        CapAdd=_list(spec.cap_add),
        CapDrop=_list(spec.cap_drop),
        SecurityOpt=_list(spec.security_opt),
        Dns=_list(spec.dns),
        DnsSearch=_list(spec.dns_search),
        ExtraHosts=[f"{host}:{address}" for host, address in spec.extra_hosts] or None,
        Sysctls=dict(spec.sysctls) or None,
        Ulimits=[{"Name": limit.name, "Soft": limit.soft, "Hard": limit.hard} for limit in spec.ulimits]
        or None,
        Devices=[
            {
                "PathOnHost": device.host_path,
                "PathInContainer": device.container_path,
                "CgroupPermissions": device.permissions,
            }
            for device in spec.devices
        ]
        or None,
        DeviceRequests=_device_requests(spec.gpus),
    )
    return config


def _device_requests(gpus: tuple[str, ...]) -> list[dict[str, Any]] | None:
    if not gpus:
        return None
    return [{"Driver": "nvidia", "DeviceIDs": list(gpus), "Capabilities": [["gpu"]]}]


def _limits(spec: ContainerSpec) -> dict[str, Any]:
    limits: dict[str, Any] = {
        "Memory": _mib(spec.memory_limit),
        "MemoryReservation": _mib(spec.memory_reservation),
        "MemorySwappiness": spec.memory_swappiness,
        "ShmSize": _mib(spec.shm_size),
        "PidsLimit": spec.pids_limit,
        "CgroupParent": spec.cgroup_parent,
    }
    if spec.cpu_shares is not None:
        limits["CpuShares"] = min(_MOST_SHARES, max(_LEAST_SHARES, spec.cpu_shares))
    if spec.cpu_limit is not None:
        limits["NanoCpus"] = nano_cpus(spec.cpu_limit)
    if spec.memory_swap is not None:
        # Docker counts memory and swap together.
        limits["MemorySwap"] = ((spec.memory_limit or 0) + spec.memory_swap) * MIB
    return limits


def _mounts(mounts: tuple[Mount, ...], installation: str) -> dict[str, Any]:
    """Binds, Mounts and Tmpfs: the engine has three fields for what ECS has one."""
    binds: list[str] = []
    typed: list[dict[str, Any]] = []
    tmpfs: dict[str, str] = {}
    for mount in mounts:
        if mount.kind == "tmpfs":
            size = () if mount.size is None else (f"size={mount.size}m",)
            read_only = ("ro",) if mount.read_only else ()
            tmpfs[mount.target] = ",".join((*size, *read_only, *mount.options))
        elif mount.kind == "bind" and ":" not in mount.source + mount.target:
            # Unlike a typed mount, this makes a host folder that is missing, as ECS promises.
            binds.append(f"{mount.source}:{mount.target}:{'ro' if mount.read_only else 'rw'}")
        else:
            typed.append(_typed_mount(mount, installation))
    return {"Binds": binds or None, "Mounts": typed or None, "Tmpfs": tmpfs or None}


def _typed_mount(mount: Mount, installation: str) -> dict[str, Any]:
    typed: dict[str, Any] = {
        "Type": mount.kind,
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
    }
    if mount.kind == "volume":
        # A volume the engine makes on the way must be recognisable as ours later.
        typed["VolumeOptions"] = {"Labels": owned({}, installation)}
    return typed


def _port_bindings(spec: ContainerSpec) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in spec.ports:
        host_port = str(port.host_port) if port.host_port else ""
        bindings.setdefault(f"{port.container_port}/{port.protocol}", []).append(
            {"HostIp": port.host_ip, "HostPort": host_port}
        )
    return bindings


def _mib(amount: int | None) -> int | None:
    return None if amount is None else amount * MIB


def _list(items: tuple[str, ...] | None) -> list[str] | None:
    return list(items) if items else None


def _put(target: dict[str, Any], **fields: Any) -> None:
    """Set those fields that have a value."""
    target.update({name: value for name, value in fields.items() if value is not None})
