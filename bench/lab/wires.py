"""The lab's switch and cables: hosts in 10.99.0.0/24 that reach each other and this machine, and nothing else.

The switch is a bridge in a network namespace of its own, so that no firewall rule of this machine, or of its Docker,
is needed or in the way. This machine has one cable to it (10.99.0.1); each host has one, which can be pulled.
The switch is made with the first host and goes with the last.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator

SUBNET = "10.99.0"
_SWITCH = "slipway-switch"
_UPLINK = "slipway-lab"
_LAST = 250


class LabError(RuntimeError):
    """The machine refused what a lab host is made of; the text says what."""


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Held while what hosts share (switch, numbers, the cgroup mount) is made, taken or removed."""
    # The folder itself is locked: a lock file would be a trace.
    descriptor = os.open("/run", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def connect(namespace: str) -> int:
    """Give this network namespace an address; answers N of 10.99.0.N. Hold `one_at_a_time`."""
    if _SWITCH not in namespaces():
        _make_switch()
    taken = _ports()
    number = next((n for n in range(2, _LAST) if n not in taken), 0)
    if not number:
        raise LabError("the lab's switch has no port left")
    # Both ends are made where they belong: there is no moment at which a kill leaves one behind.
    command(
        "ip",
        "link",
        "add",
        _port(number),
        "netns",
        _SWITCH,
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "address",
        hardware_address(number),
        "netns",
        namespace,
    )
    command("ip", "-n", _SWITCH, "link", "set", _port(number), "master", "br0", "up")
    inside = ("ip", "-n", namespace)
    command(*inside, "addr", "add", f"{SUBNET}.{number}/24", "dev", "eth0")
    command(*inside, "link", "set", "eth0", "up")
    command(*inside, "route", "add", "default", "via", f"{SUBNET}.1")
    return number


def hardware_address(number: int) -> str:
    """The same for whoever has the number: where another had it a moment ago, neighbours remember its address."""
    return f"02:00:0a:63:00:{number:02x}"


def pull(number: int) -> None:
    command("ip", "-n", _SWITCH, "link", "set", _port(number), "down")


def plug(number: int) -> None:
    command("ip", "-n", _SWITCH, "link", "set", _port(number), "up")


def remove(namespace: str) -> None:
    """The namespace with its cable, and the switch where nothing is plugged in any more. Hold `one_at_a_time`."""
    quietly("ip", "-n", namespace, "link", "delete", "eth0")
    quietly("ip", "netns", "delete", namespace)
    remove_switch_if_unused()


def remove_switch_if_unused() -> bool:
    if _SWITCH not in namespaces():
        return True
    if _ports():
        return False
    quietly("ip", "link", "delete", _UPLINK)
    quietly("ip", "netns", "delete", _SWITCH)
    return True


def namespaces() -> set[str]:
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in listed.splitlines() if line.strip()}


def pids(namespace: str) -> list[int]:
    """Processes in a network namespace; none where it does not exist."""
    listed = quietly("ip", "netns", "pids", namespace)
    return [int(line) for line in listed.split()]


def _make_switch() -> None:
    command("ip", "netns", "add", _SWITCH)
    inside = ("ip", "-n", _SWITCH)
    command(*inside, "link", "set", "lo", "up")
    command(*inside, "link", "add", "br0", "type", "bridge")
    command(*inside, "link", "set", "br0", "up")
    quietly("ip", "link", "delete", _UPLINK)
    command("ip", "link", "add", _UPLINK, "type", "veth", "peer", "uplink", "netns", _SWITCH)
    command(*inside, "link", "set", "uplink", "master", "br0", "up")
    command("ip", "addr", "add", f"{SUBNET}.1/24", "dev", _UPLINK)
    command("ip", "link", "set", _UPLINK, "up")


def _ports() -> set[int]:
    listed = quietly("ip", "-n", _SWITCH, "-o", "link", "show", "type", "veth")
    names = [line.split(": ")[1].partition("@")[0] for line in listed.splitlines()]
    return {int(name.removeprefix("host")) for name in names if name.startswith("host")}


def _port(number: int) -> str:
    return f"host{number}"


def command(*words: str) -> str:
    """Its output; LabError with what it said where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def quietly(*words: str) -> str:
    """For removing what may not be there."""
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def wait_for(happened: Callable[[], object], seconds: float) -> bool:
    """Call `happened` until it is true; whether it was in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
