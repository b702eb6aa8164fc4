"""What every start makes sure of: the ready-made policies and groups, and that somebody can administer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import QuerySet

from access.caller import system_caller
from access.models import Group, Policy, User
from access.ready_made import ADMINISTRATOR, READY_MADE
from access.registry import call
from base.clock import now
from base.errors import Conflict

logger = logging.getLogger(__name__)


@transaction.atomic
def ensure_ready_made() -> None:
    """Bring the ready-made policies and groups up to this release. Idempotent; groups that exist are left alone."""
    for wanted in READY_MADE:
        policy, created = Policy.objects.get_or_create(
            name=wanted.name,
            defaults={"description": wanted.description, "document": wanted.document, "ready_made": True},
        )
        current = (policy.description, policy.document, policy.ready_made)
        if not created and current != (wanted.description, wanted.document, True):
            policy.description, policy.document, policy.ready_made = wanted.description, wanted.document, True
            policy.updated_at = now()
            policy.save()
        group, created = Group.objects.get_or_create(
            name=wanted.name, defaults={"description": wanted.description}
        )
        if created:
            group.policies.add(policy)


def administrators() -> QuerySet[User]:
    """Active users of a group that has the ready-made administrator policy everywhere."""
    groups = Group.objects.filter(policies__name=ADMINISTRATOR, policies__ready_made=True, scope=[])
    return User.objects.filter(is_active=True, groups__in=groups).distinct()


@transaction.atomic
def ensure_administrator(username: str, password: str) -> bool:
    """Create a user who may do everything, unless there is one. Returns whether it did.

    A user of that name who is no administrator is left alone, and the way back is logged.
    Raises InvalidParameter when the name or the password will not do.
    """
    ensure_ready_made()
    if administrators().exists():
        return False
    if User.objects.filter(username__iexact=username).exists():
        logger.warning(
            "Nobody can administer: run manage.py access_reset_password %s --administrator", username
        )
        return False
    call("create_user", system_caller("setup"), username=username, password=password, groups=[_group_name()])
    return True


@contextmanager
def keep_an_administrator() -> Iterator[None]:
    """Around a change that may take administration from the last one who has it: refuses with Conflict."""
    before = administrators().exists()
    yield
    if before and not administrators().exists():
        raise Conflict(
            "This would leave nobody who can administer Slipway: make somebody else administrator first."
        )


def _group_name() -> str:
    """The group a new administrator joins: the ready-made one, or one made again if it has lost its policy."""
    group = Group.objects.filter(policies__name=ADMINISTRATOR, policies__ready_made=True, scope=[]).first()
    if group is None:
        group = Group.objects.get(name=ADMINISTRATOR)
        group.policies.add(Policy.objects.get(name=ADMINISTRATOR))
        group.scope = []
        group.save(update_fields=["scope"])
    return group.name


@transaction.atomic
def make_administrator(user: User) -> None:
    """Put a user into a group that may do everything. For the command line only."""
    ensure_ready_made()
    call("add_user_to_group", system_caller("command-line"), group=_group_name(), username=user.username)
