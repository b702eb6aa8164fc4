"""What the compatibility FARGATE demands of a document. Sentences are ECS's own where they are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.taskdef.errors import Report
from services.taskdef.sizes import FARGATE

LOG_DRIVERS = ("awslogs", "splunk")
CAPABILITIES = ("SYS_PTRACE",)
TIMEOUT = (2, 120)  # seconds
_LINUX = ("devices", "sharedMemorySize", "maxSwap", "swappiness")


def check_fargate(document: Mapping[str, Any], report: Report) -> None:
    """Nothing unless the document asks for FARGATE."""
    if "FARGATE" not in document.get("requiresCompatibilities", ()):
        return
    if "networkMode" in document and document["networkMode"] != "awsvpc":
        report.add("networkMode", "Fargate only supports network mode 'awsvpc'.", verbatim=True)
    _size(document, report)
    if document.get("placementConstraints"):
        _refuse("placementConstraints", "placementConstraints", report)
    for index, volume in enumerate(document.get("volumes", [])):
        if "sourcePath" in volume.get("host", {}):
            _refuse(f"volumes[{index}].host.sourcePath", "sourcePath", report)
        if "dockerVolumeConfiguration" in volume:
            _refuse(f"volumes[{index}].dockerVolumeConfiguration", "dockerVolumeConfiguration", report)
    for index, container in enumerate(document.get("containerDefinitions", [])):
        _container(container, f"containerDefinitions[{index}]", report)


def _size(document: Mapping[str, Any], report: Report) -> None:
    missing = [name for name in ("cpu", "memory") if name not in document and not report.broken(name)]
    for name in missing:
        report.add(name, f"Fargate requires that '{name}' be defined at the task level.", verbatim=True)
    if "cpu" in document and "memory" in document:
        sizes = FARGATE.get(int(document["cpu"]))
        if sizes is None or int(document["memory"]) not in sizes:
            at = "cpu" if sizes is None else "memory"
            report.add(at, "No Fargate configuration exists for given values.", verbatim=True)


def _container(container: Mapping[str, Any], at: str, report: Report) -> None:
    if container.get("privileged"):
        _refuse(f"{at}.privileged", "privileged", report)
    if container.get("dockerSecurityOptions"):
        _refuse(f"{at}.dockerSecurityOptions", "dockerSecurityOptions", report)
    if container.get("resourceRequirements"):
        _refuse(f"{at}.resourceRequirements", "resourceRequirements", report)
    linux = container.get("linuxParameters", {})
    for name in _LINUX:
        if name in linux:
            _refuse(f"{at}.linuxParameters.{name}", name, report)
    for name in linux.get("capabilities", {}).get("add", []):
        if name not in CAPABILITIES:
            report.add(
                f"{at}.linuxParameters.capabilities.add",
                f"Fargate adds {', '.join(CAPABILITIES)} only, not {name}",
            )
    driver = container.get("logConfiguration", {}).get("logDriver")
    if driver is not None and driver not in LOG_DRIVERS:
        report.add(
            f"{at}.logConfiguration.logDriver",
            f"Fargate supports {' and '.join(LOG_DRIVERS)} only, not {driver}",
        )
    if driver == "awslogs":
        _stream_prefix(
            container["logConfiguration"].get("options", {}), f"{at}.logConfiguration.options", report
        )
    for name in ("startTimeout", "stopTimeout"):
        if name in container and not TIMEOUT[0] <= container[name] <= TIMEOUT[1]:
            report.add(f"{at}.{name}", f"must be between {TIMEOUT[0]} and {TIMEOUT[1]} seconds on Fargate")


def _stream_prefix(options: Mapping[str, str], at: str, report: Report) -> None:
    if not options.get("awslogs-stream-prefix") and not report.broken(at):
        report.add(f"{at}.awslogs-stream-prefix", "is required with the awslogs log driver on Fargate")


def _refuse(at: str, name: str, report: Report) -> None:
    report.add(at, f"Fargate compatible task definitions do not support {name}", verbatim=True)
