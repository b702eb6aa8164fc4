"""POST /access/<kind>/<name>/do/<what>/: the buttons of the pages of access. Each is one operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.http import Http404, HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from access import registry
from console.web import links
from console.web.access_places import KINDS
from console.web.page import attempt, caller, page

Given = dict[str, object]


@dataclass(frozen=True, slots=True)
class Deed:
    """`operation` by its Python name; `given` makes its parameters from the form's. `said` afterwards, with `%(name)s`.
    `leaves`: what it acted on is gone, so that the list comes next."""

    operation: str
    given: Callable[[str, QueryDict], Given]
    said: Promise
    leaves: bool = False


def _only(parameter: str) -> Callable[[str, QueryDict], Given]:
    return lambda name, form: {parameter: name}


def _forced(parameter: str) -> Callable[[str, QueryDict], Given]:
    """The dialog has said what goes with it."""
    return lambda name, form: {parameter: name, "force": True}


def _with(parameter: str, *fields: str) -> Callable[[str, QueryDict], Given]:
    """The name, and fields of the form under the operation's own names."""
    return lambda name, form: {parameter: name, **{field: form.get(field, "") for field in fields}}


def _renamed(parameter: str, **fields: str) -> Callable[[str, QueryDict], Given]:
    """The name, and fields of the form under other names: `policy_name="policy"`."""
    return lambda name, form: {
        parameter: name,
        **{ours: form.get(field, "") for ours, field in fields.items()},
    }


def _of_identity(word: str, parameter: str) -> dict[str, Deed]:
    """What users, groups and roles have in common."""
    return {
        "attach": Deed(
            f"attach_{word}_policy", _with(parameter, "policy"), gettext_lazy("The policy was attached.")
        ),
        "detach": Deed(
            f"detach_{word}_policy", _with(parameter, "policy"), gettext_lazy("The policy was detached.")
        ),
        "delete-inline": Deed(
            f"delete_{word}_policy",
            _renamed(parameter, policy_name="policy"),
            gettext_lazy("The inline policy was deleted."),
        ),
    }


def _bounded(word: str, parameter: str) -> dict[str, Deed]:
    return {
        "bound": Deed(
            f"put_{word}_permissions_boundary",
            _with(parameter, "policy"),
            gettext_lazy("The permissions boundary was set."),
        ),
        "unbound": Deed(
            f"delete_{word}_permissions_boundary",
            _only(parameter),
            gettext_lazy("The permissions boundary was removed."),
        ),
    }


def _key_status(name: str, form: QueryDict) -> Given:
    return {"username": name, "key_id": form.get("key_id", ""), "active": form.get("active") == "yes"}


DEEDS: Mapping[str, Mapping[str, Deed]] = {
    "users": {
        **_of_identity("user", "username"),
        **_bounded("user", "username"),
        "activate": Deed("activate_user", _only("username"), gettext_lazy("%(name)s is active again.")),
        "deactivate": Deed("deactivate_user", _only("username"), gettext_lazy("%(name)s is shut out.")),
        "delete": Deed(
            "delete_user", _forced("username"), gettext_lazy("%(name)s was deleted."), leaves=True
        ),
        "add-group": Deed(
            "add_user_to_group",
            lambda name, form: {"username": name, "group": form.get("group", "")},
            gettext_lazy("%(name)s is a member now."),
        ),
        "set-key": Deed("update_access_key", _key_status, gettext_lazy("The access key was changed.")),
        "delete-key": Deed(
            "delete_access_key", _with("username", "key_id"), gettext_lazy("The access key was deleted.")
        ),
    },
    "groups": {
        **_of_identity("group", "group"),
        "add-member": Deed(
            "add_user_to_group", _with("group", "username"), gettext_lazy("The member was added.")
        ),
        "remove-member": Deed(
            "remove_user_from_group", _with("group", "username"), gettext_lazy("The member was taken out.")
        ),
        "delete": Deed("delete_group", _forced("group"), gettext_lazy("%(name)s was deleted."), leaves=True),
    },
    "roles": {
        **_of_identity("role", "role"),
        **_bounded("role", "role"),
        "revoke": Deed("revoke_role_sessions", _only("role"), gettext_lazy("The sessions were revoked.")),
        "delete": Deed("delete_role", _forced("role"), gettext_lazy("%(name)s was deleted."), leaves=True),
    },
    "policies": {
        "set-default": Deed(
            "set_default_policy_version",
            _with("policy", "version"),
            gettext_lazy("Another version is in force."),
        ),
        "delete-version": Deed(
            "delete_policy_version", _with("policy", "version"), gettext_lazy("The version was deleted.")
        ),
        "delete": Deed("delete_policy", _only("policy"), gettext_lazy("%(name)s was deleted."), leaves=True),
    },
}


@require_POST
@page
def do(request: HttpRequest, kind: str, name: str, what: str) -> HttpResponseBase:
    deed = DEEDS.get(kind, {}).get(what)
    if deed is None:
        raise Http404
    here = KINDS[kind].address(name) if kind in KINDS else links.to("policy", name)
    if request.POST.get("back") == "users":  # a membership taken away on the member's page
        here = links.to("user", request.POST.get("username", ""))
    given = deed.given(name, request.POST)
    return attempt(
        request,
        lambda: registry.call(deed.operation, caller(request), **given),
        str(deed.said) % {"name": name},
        done=links.to(kind) if deed.leaves else here,
        failed=here,
    )
