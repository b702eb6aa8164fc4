"""Jobs about secrets."""

from __future__ import annotations

import logging

from celery import shared_task

from base import clock, live
from vault import hooks
from vault.models import Secret, secret_topics

log = logging.getLogger(__name__)


@shared_task(name="vault.purge", ignore_result=True)
def purge() -> int:
    """Remove the secrets whose recovery window is over; answers how many."""
    gone = 0
    for row in Secret.objects.filter(purge_at__lte=clock.now()):
        removed, _ = Secret.objects.filter(pk=row.pk, purge_at__lte=clock.now()).delete()
        if removed:
            log.info("secret %s is gone: its recovery window is over", row.arn)
            live.publish(*secret_topics(row))
            gone += 1
    return gone


@shared_task(name="vault.rotate", ignore_result=True)
def rotate() -> int:
    """Go on with the rotations that are due; answers how many there were."""
    return hooks.work()
