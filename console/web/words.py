"""Durations, ages and states in words, in the reader's language. static/js/time.js says the same words."""

from __future__ import annotations

import math
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from console.web.parts import Tone

_UNITS = (
    (86400, gettext_lazy("d")),
    (3600, gettext_lazy("h")),
    (60, gettext_lazy("min")),
    (1, gettext_lazy("s")),
)


def duration(seconds: float, parts: int = 2) -> str:
    """`0.3 s`, `36 s`, `1 min 48 s`, `4 h 21 min`, `3 d`: at most `parts` units, zero ones left out."""
    seconds = max(0.0, seconds)
    if seconds < 10 and seconds != int(seconds):
        return f"{_decimal(math.floor(seconds * 10) / 10)} {_('s')}"
    rest = int(seconds)
    said: list[str] = []
    for size, unit in _UNITS:
        amount, rest = divmod(rest, size)
        if amount or (size == 1 and not said):
            said.append(f"{amount} {unit}")
        elif said:
            break
        if len(said) == parts:
            break
    return " ".join(said)


def _decimal(value: float) -> str:
    text = f"{value:.1f}"
    return text.replace(".", ",") if _("decimal point") == "," else text


def ago(moment: datetime, now: datetime | None = None, parts: int = 1) -> str:
    """`just now`, `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`, then a date; `in 5 min` for the future."""
    now = now or timezone.now()
    seconds = (now - moment).total_seconds()
    if abs(seconds) >= 7 * 86400:
        local = timezone.localtime(moment)
        return date_format(local, "j M" if local.year == timezone.localtime(now).year else "j M Y")
    if seconds <= -1:
        return _("in %(time)s") % {"time": duration(int(-seconds), parts)}
    if seconds < 3:
        return _("just now")
    return _("%(time)s ago") % {"time": duration(int(seconds), parts)}


def absolute(moment: datetime) -> str:
    """`2026-11-22 14:03:41 UTC`: the same for everyone; the browser adds the reader's own zone."""
    return moment.astimezone(timezone.get_default_timezone()).strftime("%Y-%m-%d %H:%M:%S %Z")


def plain_bytes(amount: float) -> str:
    """`512 B`, `4.2 MiB`, `16 GiB`."""
    size = float(amount)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(size) < 1024 or unit == "TiB":
            break
        size /= 1024
    text = f"{size:.0f}" if size >= 100 or size == int(size) else _decimal(size)
    return f"{text} {unit}"


# ECS's own status names: (tone, still moving, label). Whatever is not here is shown as it is, in grey.
_STATES: dict[str, tuple[Tone, bool, object]] = {
    "ACTIVE": ("ok", False, pgettext_lazy("state", "Active")),
    "RUNNING": ("ok", False, pgettext_lazy("state", "Running")),
    "HEALTHY": ("ok", False, pgettext_lazy("state", "Healthy")),
    "SUCCESSFUL": ("ok", False, pgettext_lazy("state", "Successful")),
    "COMPLETED": ("ok", False, pgettext_lazy("state", "Completed")),
    "ENABLED": ("ok", False, pgettext_lazy("state", "Enabled")),
    "STARTED": ("ok", False, pgettext_lazy("state", "Started")),
    "STEADY": ("ok", False, pgettext_lazy("state", "Steady")),
    "CONNECTED": ("ok", False, pgettext_lazy("state", "Connected")),
    "SERVING": ("old", False, pgettext_lazy("state", "Serving")),
    "PROVISIONING": ("wait", True, pgettext_lazy("state", "Provisioning")),
    "PENDING": ("wait", True, pgettext_lazy("state", "Pending")),
    "ACTIVATING": ("wait", True, pgettext_lazy("state", "Activating")),
    "DEACTIVATING": ("wait", True, pgettext_lazy("state", "Deactivating")),
    "STOPPING": ("wait", True, pgettext_lazy("state", "Stopping")),
    "DEPROVISIONING": ("wait", True, pgettext_lazy("state", "Deprovisioning")),
    "IN_PROGRESS": ("wait", True, pgettext_lazy("state", "In progress")),
    "DEPLOYING": ("wait", True, pgettext_lazy("state", "Deploying")),
    "PAUSED": ("wait", False, pgettext_lazy("state", "Paused")),
    "STARTING": ("wait", True, pgettext_lazy("state", "Starting")),
    "DRAINING": ("wait", False, pgettext_lazy("state", "Draining")),
    "REGISTERING": ("wait", True, pgettext_lazy("state", "Registering")),
    "DEREGISTERING": ("wait", True, pgettext_lazy("state", "Deregistering")),
    "STOP_REQUESTED": ("wait", True, pgettext_lazy("state", "Stop requested")),
    "ROLLBACK_REQUESTED": ("wait", True, pgettext_lazy("state", "Rollback requested")),
    "ROLLBACK_IN_PROGRESS": ("wait", True, pgettext_lazy("state", "Rolling back")),
    "DELETE_IN_PROGRESS": ("wait", True, pgettext_lazy("state", "Deleting")),
    "ROLLBACK_SUCCESSFUL": ("bad", False, pgettext_lazy("state", "Rolled back")),
    "ROLLBACK_FAILED": ("bad", False, pgettext_lazy("state", "Rollback failed")),
    "UNHEALTHY": ("bad", False, pgettext_lazy("state", "Unhealthy")),
    "FAILED": ("bad", False, pgettext_lazy("state", "Failed")),
    "FAILING": ("bad", False, pgettext_lazy("state", "Failing")),
    "UNREACHABLE": ("bad", False, pgettext_lazy("state", "Unreachable")),
    "LOST": ("bad", False, pgettext_lazy("state", "Lost")),
    "REGISTRATION_FAILED": ("bad", False, pgettext_lazy("state", "Registration failed")),
    "DENIED": ("bad", False, pgettext_lazy("state", "Denied")),
    "UNKNOWN": ("old", False, pgettext_lazy("state", "Unknown")),
    "DISABLED": ("old", False, pgettext_lazy("state", "Disabled")),
    "MISSED": ("bad", False, pgettext_lazy("state", "Missed")),
    "STOPPED": ("old", False, pgettext_lazy("state", "Stopped")),
    "INACTIVE": ("old", False, pgettext_lazy("state", "Inactive")),
    "ALLOWED": ("ok", False, pgettext_lazy("state", "Allowed")),
}


def state(status: str) -> tuple[Tone, bool, str]:
    """(tone, still moving, label) of a status name of ECS."""
    tone, moving, label = _STATES.get(status.upper().replace(" ", "_"), ("old", False, None))
    return tone, moving, str(label) if label is not None else status.replace("_", " ").capitalize()
