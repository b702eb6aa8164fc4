"""Who a provider's person is here, and which groups that makes them a member of."""

from __future__ import annotations

import logging
import re

from django.db import transaction

from access.caller import system_caller
from access.models import IAM_NAME_PATTERN, Group, User
from access.registry import call
from access.signon.models import OidcIdentity
from access.signon.oidc import Person, Provider
from base.clock import now
from base.errors import Conflict, OperationError

log = logging.getLogger(__name__)
_CALLER = "single-sign-on"


class NotWelcome(Exception):
    """The provider vouches for the person, but nobody here is theirs. `reason`: a word for the page."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def user_of(person: Person, provider: Provider) -> User:
    """The active user of the person, made at their first sign-on if one of their groups is mapped; groups brought up
    to date. Raises NotWelcome.

    A user who was here before is never taken over by a name or an address that a provider tells: they connect the two
    themselves, signed in (`connect`).
    """
    with transaction.atomic():
        identity = (
            OidcIdentity.objects.select_related("user")
            .filter(issuer=person.issuer, subject=person.subject)
            .first()
        )
        user = identity.user if identity is not None else _new_user(person, provider)
        if not user.is_active:
            raise NotWelcome("deactivated")
        OidcIdentity.objects.filter(issuer=person.issuer, subject=person.subject).update(last_used_at=now())
    bring_groups_up_to_date(user, person, provider)
    return user


def connect(user: User, person: Person) -> None:
    """From now on the person signs on as this user. Raises NotWelcome if they are somebody else here."""
    row, _ = OidcIdentity.objects.get_or_create(
        issuer=person.issuer, subject=person.subject, defaults={"user": user}
    )
    if row.user_id != user.pk:
        raise NotWelcome("somebody-else")


def wanted_groups(person: Person, provider: Provider) -> set[str]:
    """The names of the groups here that the person's groups there are mapped to, of those that exist."""
    named = {ours for theirs in person.groups for ours in provider.group_map.get(theirs, ())}
    return set(Group.objects.filter(name__in=named).values_list("name", flat=True))


def bring_groups_up_to_date(user: User, person: Person, provider: Provider) -> None:
    """Into the mapped groups, and out of those that the map could give but the provider no longer does. Groups that
    the map does not name are left alone. Each change is audited; the last administrator stays one."""
    wanted = wanted_groups(person, provider)
    given = {name for names in provider.group_map.values() for name in names}
    member = set(user.groups.values_list("name", flat=True))
    caller = system_caller(_CALLER)
    for name in sorted(wanted - member):
        call("add_user_to_group", caller, group=name, username=user.username)
    for name in sorted((member & given) - wanted):
        try:
            call("remove_user_from_group", caller, group=name, username=user.username)
        except Conflict as error:
            log.warning("%s stays in group %s: %s", user.username, name, error)


def _new_user(person: Person, provider: Provider) -> User:
    if not wanted_groups(person, provider):
        raise NotWelcome("no-group")
    if re.search(IAM_NAME_PATTERN, person.username) is None or len(person.username) > 64:
        raise NotWelcome("name")
    if User.objects.filter(username__iexact=person.username).exists():
        raise NotWelcome("name-taken")
    try:
        user: User = call(
            "create_user",
            system_caller(_CALLER),
            username=person.username,
            display_name=person.display_name,
            email=person.email,
        )
    except OperationError as error:
        log.warning("no user for a person of %s: %s", person.issuer, error)
        raise NotWelcome("name") from None
    OidcIdentity.objects.create(user=user, issuer=person.issuer, subject=person.subject)
    return user
