"""Which powers over the instance a document asks for. Authorization demands a permission for each word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.taskdef.container_rules import clean_path

SOCKETS = (
    "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock",
    "/run/docker/containerd/containerd.sock",
)  # fmt: skip

# Docker's own default set: giving these back is no power that a container does not have anyway.
DEFAULT_CAPABILITIES = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW",
    "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
})  # fmt: skip

# Beyond the default set, yet with no reach beyond the container's own namespaces and limits.
HARMLESS_CAPABILITIES = frozenset({"IPC_LOCK", "LEASE", "SYS_NICE", "NET_BROADCAST", "WAKE_ALARM"})

HARMLESS_DEVICES = frozenset({"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"})


def requirements(document: Mapping[str, Any]) -> list[str]:
    """The powers a normalised document needs, sorted, each once:

    - `host-mount:/path` a path of the instance; `host-mount:/` where volume options may reach any path
    - `docker-socket` a mount that holds a container engine's socket, whoever has which owns the instance
    - `volume-driver:NAME` a volume of a driver other than Docker's own
    - `privileged`, `host-network`
    - `capability:NAME` beyond what containers have by default, `device:/dev/path`
    - `security-opt:OPTION` that changes how it is confined
    """
    words: set[str] = set()
    if document.get("networkMode") == "host":
        words.add("host-network")
    for volume in document.get("volumes", []):
        words.update(_of_volume(volume))
    for container in document["containerDefinitions"]:
        words.update(_of_container(container))
    return sorted(words)


def _of_volume(volume: Mapping[str, Any]) -> Iterator[str]:
    path = volume.get("host", {}).get("sourcePath")
    if path is not None:
        yield from _host_path(path)
    managed = volume.get("dockerVolumeConfiguration")
    if managed is None:
        return
    if managed["driver"] != "local":
        yield f"volume-driver:{managed['driver']}"
    else:
        yield from _local_driver(managed.get("driverOpts", {}))


def _local_driver(options: Mapping[str, str]) -> Iterator[str]:
    """The local driver calls mount(2) with these options, so they can bind any path, disk or share."""
    if not options or options.get("type") == "tmpfs":
        return
    device = options.get("device", "")
    binds = "bind" in options.get("o", "").split(",")
    if device.startswith("/") and binds and options.get("type", "none") in ("none", "", "bind"):
        yield from _host_path(device)
    else:
        yield "host-mount:/"
        yield "docker-socket"


def _host_path(path: str) -> Iterator[str]:
    clean = clean_path(path)
    yield f"host-mount:{clean}"
    # /var/run is a link to /run on every current system: a mount of either holds the sockets
    seen = "/run" + clean.removeprefix("/var/run") if (clean + "/").startswith("/var/run/") else clean
    if seen in ("/", "/var") or any((socket + "/").startswith(seen.rstrip("/") + "/") for socket in SOCKETS):
        yield "docker-socket"


def _of_container(container: Mapping[str, Any]) -> Iterator[str]:
    if container.get("privileged"):
        yield "privileged"
    linux = container.get("linuxParameters", {})
    for name in linux.get("capabilities", {}).get("add", []):
        if name not in DEFAULT_CAPABILITIES | HARMLESS_CAPABILITIES:
            yield f"capability:{name}"
    for device in linux.get("devices", []):
        path = clean_path(device["hostPath"])
        if path not in HARMLESS_DEVICES:
            yield f"device:{path}"
    for option in container.get("dockerSecurityOptions", []):
        if option != "no-new-privileges":
            yield f"security-opt:{option}"
