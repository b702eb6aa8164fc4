"""What the frame of every page needs: navigation, the account, the reader. One dictionary, named `shell`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.identities.switching import Switched, switched
from console.web import counts
from console.web.page import caller

# (name of the address, label, icon, url names that belong to it)
_MAIN = (
    ("overview", gettext_lazy("Overview"), "layout-dashboard", ("overview",)),
    ("clusters", gettext_lazy("Clusters"), "hexagons", ("clusters", "cluster", "daemon")),
    ("services", gettext_lazy("Services"), "stack-2", ("services", "service", "deployment", "rollback")),
    ("tasks", gettext_lazy("Tasks"), "box", ("tasks", "task")),
    ("rules", gettext_lazy("Scheduled tasks"), "calendar-time", ("rule",)),
    (
        "task-definitions",
        gettext_lazy("Task definitions"),
        "versions",
        ("task-definition", "family", "daemon-task-definition"),
    ),
    ("instances", gettext_lazy("Instances"), "server", ("instances", "instance")),
    ("capacity-providers", gettext_lazy("Capacity"), "cpu", ("capacity-provider",)),
    ("secrets", gettext_lazy("Secrets"), "lock", ("secret",)),
    ("parameters", gettext_lazy("Parameters"), "list-details", ("parameter",)),
)
_ACCESS = (
    ("users", gettext_lazy("Users"), "users", ("user",)),
    ("groups", gettext_lazy("Groups"), "users-group", ("group",)),
    ("roles", gettext_lazy("Roles"), "key", ("role",)),
    ("policies", gettext_lazy("Policies"), "shield-check", ("policy",)),
    ("simulator", gettext_lazy("Simulator"), "zoom-question", ()),
    ("audit", gettext_lazy("Audit"), "history", ("audit",)),
)
_ON_THE_PHONE = ("overview", "clusters", "services", "tasks")


@dataclass(frozen=True, slots=True)
class Item:
    name: str
    label: str
    icon: str
    url: str
    current: bool
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    items: list[Item]


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `shell` (computed only if a template asks) and `base_template`, the frame to extend."""
    partial = bool(request.headers.get("X-Fragments"))
    return {
        "base_template": "fragment.html" if partial else "base.html",
        "shell": SimpleLazyObject(lambda: build(request)),
    }


def build(request: HttpRequest) -> dict[str, Any]:
    match = request.resolver_match
    here = match.url_name or "" if match else ""
    amounts = counts.of_navigation(request)
    main = _items(_MAIN, here, amounts)
    governing = _items(_ACCESS, here, amounts)
    everything = [*main, *governing]
    return {
        "home": _address("overview") or "/",
        "search_url": _address("search") or "",
        "live_url": _address("live") or "",
        "groups": [Group("", main), *([Group(_("Access"), governing)] if governing else [])],
        "bottom": [item for item in main if item.name in _ON_THE_PHONE],
        "more": [item for item in everything if item.name not in _ON_THE_PHONE],
        "more_current": any(item.current for item in everything if item.name not in _ON_THE_PHONE),
        "account": settings.SLIPWAY_ACCOUNT_ID,
        "account_label": _("Copy the account id"),
        "region": settings.SLIPWAY_REGION,
        "role": _role(request),
        "initials": initials(getattr(request, "user", None)),
        "pages": [
            {"kind": _("Pages"), "label": i.label, "url": i.url, "icon": i.icon, "hint": ""}
            for i in everything
        ],
    }


def _role(request: HttpRequest) -> Switched | None:
    """The role the person acts as, for the badge at the top; None as themselves."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not caller(request).role_id:
        return None
    return switched(request)


def initials(user: Any) -> str:
    """`AM` of "Amina Malik", `am` of "amina"."""
    name = (user.get_full_name() or user.get_username()) if user is not None and user.is_authenticated else ""
    words = [word for word in name.replace(".", " ").replace("-", " ").split() if word]
    return "".join(word[0] for word in words[:2]).upper() if len(words) > 1 else name[:2].upper()


def _items(entries: Any, here: str, amounts: Mapping[str, int]) -> list[Item]:
    found: list[Item] = []
    for name, label, icon, owned in entries:
        url = _address(name)
        if url is None:
            continue
        current = any(here == own or here.startswith(f"{own}-") for own in (name, *owned))
        found.append(Item(name, str(label), icon, url, current, amounts.get(name)))
    # A longer name wins ("task-definitions" over "tasks"): at most one item is current.
    exact = [item for item in found if item.current]
    if len(exact) > 1:
        best = max(exact, key=lambda item: len(item.name))
        found = [replace(item, current=item is best) for item in found]
    return found


def _address(name: str) -> str | None:
    """A page that this release does not have is simply not in the navigation."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return None


def strings() -> dict[str, str]:
    """What static/js says to people, in the reader's language."""
    return {
        "now": _("just now"),
        "ago": _("%(time)s ago") % {"time": "{}"},
        "in": _("in %(time)s") % {"time": "{}"},
        "d": _("d"),
        "h": _("h"),
        "min": _("min"),
        "s": _("s"),
        "point": "," if _("decimal point") == "," else ".",
        "copied": _("Copied"),
        "copyFailed": _("The browser refused to copy. Select the text and copy it by hand."),
        "close": _("Close"),
        "noResults": _("Nothing found for “{}”."),
        "typeToSearch": _("Type a name or an id."),
        "searchFailed": _("The search did not answer. Try again."),
        "requestFailed": _("That did not work. The server answered {}."),
        "offline": _("The server cannot be reached. Nothing was sent."),
        "liveBack": _("Live again."),
        "live": _("Live"),
        "noLines": _("No log lines yet."),
        "noMatches": _("No line matches."),
        "line": _("1 line shown"),
        "lines": _("{} lines shown"),
        "older": _("older ones load when you scroll up"),
        "oldest": _("from the beginning"),
        "bounded": _("the page keeps the newest {}"),
        "paused": _("Paused"),
        "newer": _("{} new lines"),
        "logFailed": _("The log could not be read. Trying again…"),
        "following": _("following"),
        "ended": _("ended"),
        "hits": _("{} of {}"),
        "local": _("Local time"),
        "noData": _("No figures for this time."),
        "chartFailed": _("The figures could not be read."),
        "actions": _("Actions"),
        "toggleTheme": _("Switch between light and dark"),
        "signOut": _("Sign out"),
        "time": _("Time"),
        "passkeyMissing": _("This browser has no passkeys, or not at this address."),
        "passkeyCancelled": _("No passkey was given. Try again."),
    }
