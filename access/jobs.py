"""What grows with time is kept for its retention."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

from celery import shared_task
from django.conf import settings

from access import audit, signin
from base.clock import now


@shared_task(name="access.retention", ignore_result=True)
def apply_retention() -> None:
    """Forget audit records older than SLIPWAY_KEEP_AUDIT_DAYS, failed sign-ins, and sessions that have ended."""
    audit.forget_before(now() - timedelta(days=settings.SLIPWAY_KEEP_AUDIT_DAYS))
    signin.forget_guards()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
