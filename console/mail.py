"""Mail to people: invitations, and links for forgotten passwords. Sent by jobs, which make the secrets themselves: a
job's arguments never hold one."""

from __future__ import annotations

import logging

from celery import shared_task
from django.conf import settings
from django.core.mail import send_mail
from django.utils import translation
from django.utils.translation import gettext as _

from access.models import User
from access.signon import links
from access.signon.models import SignInLink

log = logging.getLogger(__name__)


@shared_task(name="console.mail_reset", ignore_result=True)
def mail_reset(username: str, origin: str, language: str) -> bool:
    """Send the user of that name, if there is an active one with a password and an address, a link that lasts an hour.
    Returns whether it did."""
    user = User.objects.filter(username=username, is_active=True).exclude(email="").first()
    if user is None or not user.has_usable_password():
        return False
    issued = links.issue(user, SignInLink.Kind.RESET)
    with translation.override(language):
        return _send(
            user,
            _("Slipway: choose a new password"),
            _(
                "Somebody, hopefully you, asked for a new password for %(name)s. This link lets you choose one. "
                "It is good once, within an hour:\n\n%(link)s\n\n"
                "If it was not you, do nothing: your password stays as it is."
            )
            % {"name": user.username, "link": origin + issued.path},
        )


def mail_invitation(issued: links.IssuedLink, origin: str) -> bool:
    """Send an invitation just made to its user's address. Returns whether it could; without a mail server, or an
    address, the link is for the administrator to pass on."""
    if not settings.SLIPWAY_MAIL_URL or not issued.user.email:
        return False
    text = _(
        "You have been invited to Slipway as %(name)s. This link lets you choose your password. It is good once, "
        "within three days:\n\n%(link)s"
    ) % {"name": issued.user.username, "link": origin + issued.path}
    return _send(issued.user, _("Slipway: you are invited"), text)


def _send(user: User, subject: str, text: str) -> bool:
    try:
        return bool(send_mail(subject, text, None, [user.email]))
    except OSError as error:  # smtplib's errors are OSErrors
        log.warning("no mail to %s: %s", user.username, type(error).__name__)
        return False
