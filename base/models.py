"""The outbox: facts that a lower room writes and upper rooms subscribe to."""

from __future__ import annotations

from django.db import models


class OutboxFact(models.Model):
    """One fact on its way to its subscribers. Deleted once all of them took it."""

    topic = models.CharField(max_length=100)
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.topic} #{self.pk}"


class Installation(models.Model):
    """Who we are: the id every container, network and volume of ours is labelled with. One row."""

    key = models.CharField(primary_key=True, max_length=10, default="this")
    installation_id = models.CharField(max_length=16)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.installation_id


class Lease(models.Model):
    """Who does what only one may do at a time, and until when without saying so again. See base.leases."""

    name = models.CharField(primary_key=True, max_length=200)
    owner = models.CharField(max_length=64)
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.name} by {self.owner}"
