"""Links that let somebody set a password: invitations, and resets. Each is good once, for its time."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction

from access.caller import Caller, system_caller
from access.identities.names import find_user, user_arn_of
from access.models import User
from access.operations import create_user
from access.registry import Need, Params, call, operation
from access.signon.models import SignInLink
from access.trail import audit
from base import here
from base.clock import now
from base.errors import Conflict

LIFETIMES = {SignInLink.Kind.INVITATION: timedelta(hours=72), SignInLink.Kind.RESET: timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class IssuedLink:
    """A new link's secret, to be put into the address of the page that takes it; it cannot be read again."""

    user: User
    link: SignInLink
    secret: str = field(repr=False)

    @property
    def path(self) -> str:
        """Below the console's own address."""
        return f"/welcome/{self.secret}/"


def issue(user: User, kind: SignInLink.Kind) -> IssuedLink:
    """A new link; those of the user that were still open are void."""
    SignInLink.objects.filter(user=user, used_at=None).delete()
    secret = secrets.token_urlsafe(32)
    link = SignInLink.objects.create(
        user=user, kind=kind, digest=_digest(secret), expires_at=now() + LIFETIMES[kind]
    )
    return IssuedLink(user, link, secret)


def find(secret: str) -> SignInLink | None:
    """The open link of that secret, of an active user; None for anything else."""
    return (
        SignInLink.objects.select_related("user")
        .filter(digest=_digest(secret), used_at=None, expires_at__gt=now(), user__is_active=True)
        .first()
    )


def use(secret: str, password: str) -> User | None:
    """Set the password of the link's user; the link is void then. None if it is void already. Raises InvalidParameter
    if the password breaks the rules, and the link stays good. Second factors stay as they are."""
    with transaction.atomic():
        link = find(secret)
        if link is None or not _spend(link):
            return None
        caller = system_caller(f"{link.kind}-link")
        call("set_password", caller, username=link.user.username, password=password)
    return link.user


def forget_old() -> int:
    """Delete links that can no longer be used; how many."""
    count, _ = SignInLink.objects.filter(expires_at__lt=now()).delete()
    return count


def _spend(link: SignInLink) -> bool:
    return bool(SignInLink.objects.filter(pk=link.pk, used_at=None).update(used_at=now()))


def _digest(secret: str) -> str:
    """SHA-256 in hex. The secret has 256 random bits, so a slow hash would protect nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


# --- operations ----------------------------------------------------------------------------------------


def _needs_of_invitation(caller: Caller, params: Params) -> Iterable[Need]:
    yield Need("iam:CreateLoginProfile", user_arn_of(params))
    for group in params["groups"] or ():
        yield Need("iam:AddUserToGroup", here.group_arn(str(group)))


@operation("iam:CreateUser", resource=user_arn_of, extra=_needs_of_invitation, writes=True)
def invite_user(
    caller: Caller, *, username: str, email: str = "", display_name: str = "", groups: Sequence[str] = ()
) -> IssuedLink:
    """Create a user in the groups named and a link, good once within 72 hours, by which they choose their password.
    The link is in this answer and nowhere else."""
    user = create_user.operation.body(  # type: ignore[attr-defined]
        caller, username=username, email=email, display_name=display_name, groups=groups
    )
    issued = issue(user, SignInLink.Kind.INVITATION)
    audit.note_change("invitation", None, f"until {issued.link.expires_at.isoformat(timespec='minutes')}")
    return issued


@operation("iam:UpdateLoginProfile", resource=user_arn_of, writes=True)
def create_sign_in_link(caller: Caller, *, username: str) -> IssuedLink:
    """A link, good once within 72 hours, by which a user chooses a new password; older ones are void. The password
    there is goes on until then. It is in this answer and nowhere else."""
    user = find_user(username)
    if not user.is_active:
        raise Conflict(f"{username} is deactivated.")
    issued = issue(user, SignInLink.Kind.INVITATION)
    audit.note_change("invitation", None, f"until {issued.link.expires_at.isoformat(timespec='minutes')}")
    return issued
