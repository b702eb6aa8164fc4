"""What the members of one container owe each other. One function per subject; `fields.py` checked each alone."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Mapping
from typing import Any

from services.taskdef import value_from, words
from services.taskdef.errors import Report
from services.taskdef.schema import NOT_YET, shorten, suggestion

Container = Mapping[str, Any]

LONGEST_IMAGE = 255  # characters before the digest
AWSLOGS_OPTIONS = (
    "awslogs-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-create-group", "mode",
    "max-buffer-size",
)  # fmt: skip
AWSLOGS_LATER = ("awslogs-datetime-format", "awslogs-multiline-pattern", "awslogs-endpoint")
JSON_FILE_OPTIONS = (
    "max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag", "mode",
    "max-buffer-size",
)  # fmt: skip
LOG_OPTION_VALUES = {
    "mode": (re.compile(r"blocking|non-blocking"), "must be blocking or non-blocking"),
    "max-size": (re.compile(r"[1-9][0-9]*[kmg]?", re.IGNORECASE), "must be a size such as 10m"),
    "max-buffer-size": (re.compile(r"[1-9][0-9]*[kmg]?b?", re.IGNORECASE), "must be a size such as 4m"),
    "max-file": (re.compile(r"[1-9][0-9]*"), "must be a whole number above zero"),
    "compress": (re.compile(r"true|false"), "must be true or false"),
    "awslogs-create-group": (re.compile(r"true|false"), "must be true or false"),
}


def check_container(container: Container, at: str, report: Report) -> None:
    """All rules that concern this container alone. `at` is its path."""
    _image(container, at, report)
    _health_check(container, at, report)
    _memory_and_swap(container, at, report)
    _mounts(container, at, report)
    _capabilities(container, at, report)
    _ulimits(container, at, report)
    _labels(container, at, report)
    _log(container, at, report)
    _secrets(container, at, report)
    _system_controls(container, at, report)
    _addresses(container, at, report)


def _image(container: Container, at: str, report: Report) -> None:
    name = container.get("image", "").partition("@")[0]
    if len(name) > LONGEST_IMAGE:
        report.add(
            f"{at}.image",
            f"has {len(name)} characters before the digest, {LONGEST_IMAGE} at most are allowed",
        )


def _health_check(container: Container, at: str, report: Report) -> None:
    at = f"{at}.healthCheck.command"
    command = container.get("healthCheck", {}).get("command")
    if not command or report.broken(at):
        return
    first, arguments = command[0], command[1:]
    if first not in ("CMD", "CMD-SHELL", "NONE"):
        report.add(at, f"must start with CMD, CMD-SHELL or NONE, not {shorten(first)}")
    elif first == "NONE" and arguments:
        report.add(at, "takes nothing after NONE")
    elif first == "CMD" and not (arguments and arguments[0]):
        report.add(at, "needs a program after CMD")
    elif first == "CMD-SHELL" and (len(arguments) != 1 or not arguments[0].strip()):
        report.add(at, "takes exactly one string after CMD-SHELL: the line the shell runs")


def _memory_and_swap(container: Container, at: str, report: Report) -> None:
    memory, reservation = container.get("memory"), container.get("memoryReservation")
    if memory is not None and reservation is not None and reservation > memory:
        report.add(
            f"{at}.memoryReservation", f"is {reservation} MiB, more than the hard limit memory ({memory} MiB)"
        )
    linux = container.get("linuxParameters", {})
    if (
        "swappiness" in linux
        and "maxSwap" not in linux
        and not report.broken(f"{at}.linuxParameters.maxSwap")
    ):
        report.add(f"{at}.linuxParameters.swappiness", "has no effect without maxSwap: give maxSwap too")
    if "maxSwap" in linux and memory is None and not report.broken(f"{at}.memory"):
        report.add(
            f"{at}.linuxParameters.maxSwap", "needs the container's hard limit memory, which swap adds to"
        )


def _mounts(container: Container, at: str, report: Report) -> None:
    taken: dict[str, str] = {}
    tmpfs = container.get("linuxParameters", {}).get("tmpfs", [])
    places = [(f"{at}.mountPoints[{i}]", mount) for i, mount in enumerate(container.get("mountPoints", []))]
    places += [(f"{at}.linuxParameters.tmpfs[{i}]", mount) for i, mount in enumerate(tmpfs)]
    for place, mount in places:
        path = mount.get("containerPath")
        if path is None:
            continue
        place = f"{place}.containerPath"
        if ".." in path.split("/"):
            report.add(place, "must not contain ..")
        elif (clean := clean_path(path)) == "/":
            report.add(place, "must not be the root of the container's file system")
        elif clean in taken and not report.broken(place):
            report.add(place, f"{clean} is already mounted by {taken[clean]}")
        else:
            taken.setdefault(clean, place)
    for index, mount in enumerate(tmpfs):
        for option_index, option in enumerate(mount.get("mountOptions", [])):
            where = f"{at}.linuxParameters.tmpfs[{index}].mountOptions[{option_index}]"
            _tmpfs_option(option, where, report)


def _tmpfs_option(option: str, at: str, report: Report) -> None:
    name, _, value = option.partition("=")
    if option in words.TMPFS_OPTIONS or (name in words.TMPFS_SETTINGS and value and "," not in value):
        return
    if name in words.TMPFS_SETTINGS:
        report.add(
            at, f"{name} needs a value, such as {name}=1777" if name == "mode" else f"{name} needs a value"
        )
    else:
        known = words.TMPFS_OPTIONS + words.TMPFS_SETTINGS
        report.add(at, f"{shorten(option)} is not a tmpfs mount option{suggestion(name, known)}")


def _capabilities(container: Container, at: str, report: Report) -> None:
    capabilities = container.get("linuxParameters", {}).get("capabilities", {})
    both = set(capabilities.get("add", ())) & set(capabilities.get("drop", ()))
    for name in sorted(both):
        report.add(f"{at}.linuxParameters.capabilities", f"{name} is both added and dropped")


def _ulimits(container: Container, at: str, report: Report) -> None:
    for index, limit in enumerate(container.get("ulimits", [])):
        soft, hard = limit.get("softLimit"), limit.get("hardLimit")
        if soft is None or hard is None or hard == -1:
            continue
        if soft == -1 or soft > hard:
            report.add(f"{at}.ulimits[{index}].softLimit", f"must not be above the hard limit ({hard})")


def _labels(container: Container, at: str, report: Report) -> None:
    for name in container.get("dockerLabels", {}):
        for prefix in words.RESERVED_LABELS:
            if name.lower().startswith(prefix):
                report.add(
                    f"{at}.dockerLabels.{name}", f"labels that start with {prefix} are set by Slipway alone"
                )


def _log(container: Container, at: str, report: Report) -> None:
    log = container.get("logConfiguration", {})
    driver, options = log.get("logDriver"), log.get("options", {})
    if driver in ("awslogs", "json-file") and log.get("secretOptions"):
        report.add(
            f"{at}.logConfiguration.secretOptions",
            f"have no use with {driver}, whose lines Slipway keeps itself",
        )
    at = f"{at}.logConfiguration.options"
    if driver == "awslogs":
        if not options.get("awslogs-group") and not report.broken(at):
            report.add(f"{at}.awslogs-group", "is required with the awslogs log driver")
        _known_options(options, AWSLOGS_OPTIONS, AWSLOGS_LATER, at, report)
    elif driver == "json-file":
        _known_options(options, JSON_FILE_OPTIONS, (), at, report)


def _known_options(
    options: Mapping[str, str], known: tuple[str, ...], later: tuple[str, ...], at: str, report: Report
) -> None:
    """Slipway keeps these drivers' output itself, so an option it does not know would be without effect."""
    for name, value in options.items():
        if name in later:
            report.add(f"{at}.{name}", f"{name} {NOT_YET}")
        elif name not in known:
            report.add(f"{at}.{name}", f"unknown option{suggestion(name, known)}")
        elif name in LOG_OPTION_VALUES:
            pattern, rule = LOG_OPTION_VALUES[name]
            if not pattern.fullmatch(value):
                report.add(f"{at}.{name}", f"{shorten(value)} {rule}")


def _secrets(container: Container, at: str, report: Report) -> None:
    plain = {item.get("name") for item in container.get("environment", [])}
    for index, secret in enumerate(container.get("secrets", [])):
        if secret.get("name") in plain:
            report.add(
                f"{at}.secrets[{index}].name",
                "The secret name must be unique and not shared with any new or existing environment variables set "
                f"on the container, such as '{secret['name']}'.",
                verbatim=True,
            )
    options = container.get("logConfiguration", {})
    for index, secret in enumerate(options.get("secretOptions", [])):
        if secret.get("name") in options.get("options", {}):
            report.add(f"{at}.logConfiguration.secretOptions[{index}].name", "is given as an option already")
    for place, secret in (
        *((f"{at}.secrets[{i}]", one) for i, one in enumerate(container.get("secrets", []))),
        *(
            (f"{at}.logConfiguration.secretOptions[{i}]", one)
            for i, one in enumerate(options.get("secretOptions", []))
        ),
    ):
        if "valueFrom" in secret:
            _reference(secret["valueFrom"], f"{place}.valueFrom", report)
    credentials = container.get("repositoryCredentials", {}).get("credentialsParameter")
    if credentials is not None:
        _credentials(credentials, f"{at}.repositoryCredentials.credentialsParameter", report)


def _reference(text: str, at: str, report: Report) -> None:
    try:
        value_from.parse(text)
    except value_from.NotAReference as error:
        report.add(at, str(error))


def _credentials(text: str, at: str, report: Report) -> None:
    """A secret's ARN or its name; a parameter will not do."""
    if not text.startswith("arn:"):
        return
    try:
        reference = value_from.parse(text)
    except value_from.NotAReference as error:
        report.add(at, str(error))
        return
    if reference.kind != "secret" or reference.json_key or reference.stage or reference.version_id:
        report.add(at, "must be the ARN or the name of a secret, alone")


def _system_controls(container: Container, at: str, report: Report) -> None:
    for index, control in enumerate(container.get("systemControls", [])):
        name = control.get("namespace")
        if name is not None and not (name.startswith(("net.", "fs.mqueue.")) or name in words.IPC_CONTROLS):
            report.add(
                f"{at}.systemControls[{index}].namespace",
                f"{name} does not belong to a container: net.*, fs.mqueue.* and {', '.join(words.IPC_CONTROLS)} do",
            )


def _addresses(container: Container, at: str, report: Report) -> None:
    for index, host in enumerate(container.get("extraHosts", [])):
        if "ipAddress" in host:
            _address(host["ipAddress"], f"{at}.extraHosts[{index}].ipAddress", report)
    if not report.broken(f"{at}.dnsServers"):
        for index, server in enumerate(container.get("dnsServers", [])):
            _address(server, f"{at}.dnsServers[{index}]", report)


def _address(value: str, at: str, report: Report) -> None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        report.add(at, f"{shorten(value)} is not an IPv4 or IPv6 address")


def clean_path(path: str) -> str:
    """An absolute path without doubled slashes, dots and trailing slash: what the kernel would make of it."""
    return "/" + posixpath.normpath(path).lstrip("/")
