"""Celery jobs of the faces."""

from __future__ import annotations

import logging

from celery import shared_task

from access.caller import Caller
from access.models import User
from base.errors import OperationError
from console.demo.deploy import NoEngine, deploy
from console.demo.images import BusyboxMissing
from console.mail import mail_reset as mail_reset  # a job too

log = logging.getLogger(__name__)


@shared_task(name="console.deploy_sample", ignore_result=True)
def deploy_sample(user_id: int, cluster: str) -> None:
    """Deploy the sample as the person who asked for it. A job, because web processes have no way to an engine."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return
    try:
        deploy(Caller.for_user(user, face="console"), cluster)
    except (BusyboxMissing, NoEngine, OperationError) as error:
        log.warning("the sample application was not deployed: %s", error)
