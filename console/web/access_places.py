"""Addresses and paths of the pages of access, and what their three kinds of identity have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from base import here
from console.web import links
from console.web.parts import Crumb

Kind = Literal["users", "groups", "roles"]


@dataclass(frozen=True, slots=True)
class IdentityKind:
    """`iam`: the word in IAM's actions ("AttachUserPolicy"). `page`: the address's name. `parameter`: how operations
    call the name."""

    key: Kind
    iam: str
    page: str
    parameter: str
    label: Promise
    arn: Callable[[str], str]

    def address(self, name: str) -> str:
        return links.to(self.page, name)


KINDS: Mapping[str, IdentityKind] = {
    "users": IdentityKind("users", "User", "user", "username", gettext_lazy("Users"), here.user_arn),
    "groups": IdentityKind("groups", "Group", "group", "group", gettext_lazy("Groups"), here.group_arn),
    "roles": IdentityKind("roles", "Role", "role", "role", gettext_lazy("Roles"), here.role_arn),
}


def crumbs(kind: Kind, name: str = "", *last: str) -> list[Crumb]:
    """Users / ana / what comes below it."""
    found = KINDS[kind]
    steps = [Crumb(str(found.label), links.to(kind))]
    if name:
        steps.append(Crumb(name, found.address(name) if last else ""))
    return [*steps, *(Crumb(step) for step in last)]


def policy_crumbs(name: str = "", *last: str) -> list[Crumb]:
    steps = [Crumb(_("Policies"), links.to("policies"))]
    if name:
        steps.append(Crumb(name, links.to("policy", name) if last else ""))
    return [*steps, *(Crumb(step) for step in last)]


def action(kind: Kind, name: str, what: str) -> str:
    """Where a button of an identity's page posts to."""
    return links.to("access-do", kind, name, what)
