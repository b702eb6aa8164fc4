"""What every start makes sure of: the ready-made policies and groups, and that somebody can administer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from access.caller import Caller, system_caller
from access.identities.ready_made import ADMINISTRATOR, READY_MADE, ReadyMade
from access.models import Group, Policy, PolicyVersion, User
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
        if not created:
            _renew(policy, wanted)
        group, created = Group.objects.get_or_create(
            name=wanted.name, defaults={"description": wanted.description}
        )
        if created:
            group.policies.add(policy)


def _renew(policy: Policy, wanted: ReadyMade) -> None:
    """A document that has changed since the last release becomes a new version; the last five stay to be looked at."""
    if (policy.description, policy.ready_made) != (wanted.description, True):
        policy.description, policy.ready_made = wanted.description, True
        policy.save(update_fields=["description", "ready_made"])
    if policy.document != wanted.document:
        add_version(policy, wanted.document)
        kept = policy.versions.order_by("-number").values_list("pk", flat=True)[:5]
        policy.versions.exclude(pk__in=list(kept)).delete()


def add_version(policy: Policy, document: Any, *, default: bool = True) -> PolicyVersion:
    """One more version of a policy, in force when `default`."""
    locked = Policy.objects.select_for_update().get(pk=policy.pk)
    policy.last_version = locked.last_version + 1
    version = PolicyVersion.objects.create(policy=policy, number=policy.last_version, document=document)
    if default:
        policy.default_version, policy.document = version.number, document
    policy.updated_at = now()
    policy.save(update_fields=["last_version", "default_version", "document", "updated_at"])
    return version


def administrators() -> QuerySet[User]:
    """Active users who have the ready-made administrator policy everywhere: by a group without a scope, or their own.

    Whoever is held by a permissions boundary is not counted.
    """
    groups = Group.objects.filter(policies__name=ADMINISTRATOR, policies__ready_made=True, scope=[])
    own = User.policies.through.objects.filter(policy__name=ADMINISTRATOR, policy__ready_made=True)
    return User.objects.filter(
        Q(groups__in=groups) | Q(pk__in=own.values("user_id")), is_active=True, boundary=None
    ).distinct()


@transaction.atomic
def ensure_administrator(username: str, password: str, access_key: tuple[str, str] | None = None) -> bool:
    """Create a user who may do everything, unless there is one. Returns whether it did.

    `access_key`: id and secret of its first access key; None: it gets none.

    A user of that name who is no administrator is left alone, and the way back is logged.
    Raises InvalidParameter when the name, the password or the key will not do.
    """
    ensure_ready_made()
    if administrators().exists():
        return False
    if User.objects.filter(username__iexact=username).exists():
        logger.warning(
            "Nobody can administer: run manage.py access_reset_password %s --administrator", username
        )
        return False
    caller = system_caller("setup")
    call("create_user", caller, username=username, password=password, groups=[_group_name()])
    if access_key is not None:
        key_id, secret = access_key
        call("import_access_key", caller, username=username, key_id=key_id, secret_access_key=secret)
    return True


@contextmanager
def keep_an_administrator() -> Iterator[None]:
    """Around a change that may take administration from the last one who has it: refuses with Conflict.

    Two such changes at once wait for each other, so that they cannot each take one of the last two.
    """
    list(Policy.objects.select_for_update().filter(name=ADMINISTRATOR).values_list("pk", flat=True))
    before = _somebody_administers()
    yield
    if before and not _somebody_administers():
        raise Conflict(
            "This would leave nobody who can administer Slipway: make somebody else administrator first."
        )


def _somebody_administers() -> bool:
    """Whether one of the administrators could repair everything: no Deny of a policy of theirs stands in the way."""
    return any(_can_repair(user) for user in administrators())


def _can_repair(user: User) -> bool:
    moment = now()
    caller = Caller.for_user(user, face="console", mfa=moment, session_started=moment)
    return all(caller.may(action, user.arn).allowed for action in _REPAIRS)


# What undoes whatever keeps an administrator from administering.
_REPAIRS = (
    "iam:AttachUserPolicy",
    "iam:DetachUserPolicy",
    "iam:DeleteUserPolicy",
    "iam:DetachGroupPolicy",
    "iam:DeleteGroupPolicy",
    "iam:CreatePolicyVersion",
    "iam:CreateUser",
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
