"""Jobs every room stands on."""

from __future__ import annotations

from celery import shared_task

from base import outbox


@shared_task(name="base.deliver_facts", ignore_result=True)
def deliver_facts() -> int:
    return outbox.deliver()
