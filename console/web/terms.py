"""The fixed words of differences and facts (services.taskdef.facts, services.changes) in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.web import parts
from console.web.service_words import short_image
from services.taskdef.diff import Change

_TERMS = {
    "Container": gettext_lazy("Container"),
    "Image": gettext_lazy("Image"),
    "Image digest": gettext_lazy("Image digest"),
    "Version consistency": gettext_lazy("Version consistency"),
    "Essential": gettext_lazy("Essential"),
    "CPU units": gettext_lazy("CPU units"),
    "Memory": gettext_lazy("Memory"),
    "Memory reservation": gettext_lazy("Memory reservation"),
    "Requires": gettext_lazy("Requires"),
    "env": gettext_lazy("env"),
    "Port": gettext_lazy("Port"),
    "Entry point": gettext_lazy("Entry point"),
    "Command": gettext_lazy("Command"),
    "Working directory": gettext_lazy("Working directory"),
    "User": gettext_lazy("User"),
    "Health check": gettext_lazy("Health check"),
    "Health check interval": gettext_lazy("Health check interval"),
    "Health check timeout": gettext_lazy("Health check timeout"),
    "Health check retries": gettext_lazy("Health check retries"),
    "Health check start period": gettext_lazy("Health check start period"),
    "Waits for": gettext_lazy("Waits for"),
    "Start timeout": gettext_lazy("Start timeout"),
    "Stop timeout": gettext_lazy("Stop timeout"),
    "Restart policy": gettext_lazy("Restart policy"),
    "Mount": gettext_lazy("Mount"),
    "Read-only root file system": gettext_lazy("Read-only root file system"),
    "Log driver": gettext_lazy("Log driver"),
    "Log option": gettext_lazy("Log option"),
    "Host name": gettext_lazy("Host name"),
    "Privileged": gettext_lazy("Privileged"),
    "Capability": gettext_lazy("Capability"),
    "Limit": gettext_lazy("Limit"),
    "Docker label": gettext_lazy("Docker label"),
    "Secret": gettext_lazy("Secret"),
    "Registry credentials": gettext_lazy("Registry credentials"),
    "Secret log option": gettext_lazy("Secret log option"),
    "Task role": gettext_lazy("Task role"),
    "Execution role": gettext_lazy("Execution role"),
    "Family": gettext_lazy("Family"),
    "Network mode": gettext_lazy("Network mode"),
    "Launch types": gettext_lazy("Launch types"),
    "Launch type": gettext_lazy("Launch type"),
    "Task CPU": gettext_lazy("Task CPU"),
    "Task memory": gettext_lazy("Task memory"),
    "Volume": gettext_lazy("Volume"),
    "Tag": gettext_lazy("Tag"),
    "Capacity providers": gettext_lazy("Capacity providers"),
    "Subnets": gettext_lazy("Subnets"),
    "Security groups": gettext_lazy("Security groups"),
    "Placement": gettext_lazy("Placement"),
    "Placement constraints": gettext_lazy("Placement constraints"),
}


def term(word: str) -> str:
    """The word as people read it; one that is not known here is ECS's own, and stays."""
    known = _TERMS.get(word)
    return str(known) if known is not None else word


def label_of(change: Change) -> str:
    """`env FEATURE_CART`, `Image`."""
    word = term(change.term or change.label)
    return f"{word} {change.item}" if change.item else word


def drawn(changes: Iterable[Change]) -> list[parts.Change]:
    """As {% diff %} takes them, grouped by container where there are several."""
    found = list(changes)
    several = any(change.container for change in found)
    return [
        parts.Change(label_of(change), change.before, change.after, _group(change) if several else "")
        for change in found
    ]


def _group(change: Change) -> str:
    if change.container:
        return _("Container %(name)s") % {"name": change.container}
    return _("Service") if change.path.startswith("configuration.") else _("Task")


def in_short(changes: Iterable[Change], most: int = 3) -> str:
    """One line for a history: `image web:4f1c9e2, CPU units 256 → 512, LOG_LEVEL=info`."""
    said = [_said(change) for change in changes if change.term != "Family"]
    if len(said) > most:
        rest = _("%(count)d more") % {"count": len(said) - most}
        said = [*said[:most], rest]
    return ", ".join(said)


def _said(change: Change) -> str:
    if change.term == "Image":
        return _("image %(name)s") % {"name": short_image(change.after or "–")}
    if change.term == "env":
        return (
            f"{change.item}={_cut(change.after)}"
            if change.after is not None
            else _("%(name)s gone") % {"name": change.item}
        )
    label = label_of(change)
    if change.before is None:
        return f"{label} {_cut(change.after)}"
    if change.after is None:
        return _("%(name)s gone") % {"name": label}
    return f"{label} {_cut(change.before)} → {_cut(change.after)}"


def _cut(text: str | None, most: int = 32) -> str:
    text = text or "–"
    return text if len(text) <= most else f"{text[: most - 1]}…"
