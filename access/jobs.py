"""What grows with time is kept for its retention."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

from celery import shared_task
from django.conf import settings

from access.identities import sts
from access.signon import links, signin
from access.trail import chain, verification
from base import live
from base.clock import now


@shared_task(name="access.retention", ignore_result=True)
def apply_retention() -> None:
    """Forget audit records older than SLIPWAY_KEEP_AUDIT_DAYS, failed sign-ins, and sessions and temporary keys
    that have ended."""
    chain.forget_before(now() - timedelta(days=settings.SLIPWAY_KEEP_AUDIT_DAYS))
    signin.forget_guards()
    links.forget_old()
    sts.forget_expired()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


@shared_task(name="access.seal_audit", ignore_result=True)
def seal_audit() -> int:
    """Seal what was recorded since the last time, and tell the pages that show the trail. Woken by the writers a
    moment after their commit, and by beat for what a lost message left."""
    try:
        sealed = chain.seal()
    except chain.SealingContested:
        return 0
    if sealed:
        live.publish("audit")
    return sealed


@shared_task(name="access.verify_audit", ignore_result=True)
def verify_audit() -> None:
    """Verify the whole trail; what is wrong stands in the log and on the audit page."""
    verification.verify_and_note()
