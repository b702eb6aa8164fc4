"""Images of a service revision: resolved once, before its first task, for the deployment or task set that starts it."""

from __future__ import annotations

import functools
import logging
from datetime import datetime, timedelta

from django.db.models import F

from base import clock, jobs_by_name, live
from clusters.engine.errors import EngineError, EngineRetryable
from clusters.engine.port import PullProgress
from clusters.engines import engine_of
from clusters.models import ContainerInstance
from services import wakeup
from services.control import effects, images, initialization, supply
from services.control.claim import claim, kept
from services.models import Deployment, Service, ServiceRevision, TaskSet
from services.rollout import service_topics

log = logging.getLogger(__name__)
Starter = Deployment | TaskSet
"""What starts tasks of a revision (`effective`). Both have the columns of the claim and of the failures."""
RESOLVE = {Deployment: "services.resolve_images", TaskSet: "services.resolve_images_of_task_set"}
_MOST_ASKED = 10  # engines, for an image that is in no registry
_BUSY = timedelta(seconds=2)  # before asking engines again that did not answer
_PATIENCE = timedelta(seconds=15)  # before asking what became of the job that resolves images
_FIRST_PAUSE, _LONGEST_PAUSE = 4.0, 300.0  # seconds between attempts to resolve images


def is_due(starter: Starter) -> bool:
    """Whether its images are not pinned yet, and are to be."""
    active = starter.service.status == Service.Status.ACTIVE
    return active and starter.in_progress and not starter.effective.images


def _engines_for(service: Service) -> list[ContainerInstance]:
    """Those that answer, the ACTIVE ones first."""
    return list(
        ContainerInstance.objects.filter(cluster=service.cluster_id, connected=True)
        .exclude(status=ContainerInstance.Status.INACTIVE)
        .order_by("status", "id")[:_MOST_ASKED]
    )


def resolve_at_hand(starter: Starter) -> datetime | None:
    """Pin at once what needs no registry; otherwise send the job that pulls, so that this loop stays free to stop
    the deployment meanwhile. Answers when to look again where they are not pinned, whatever becomes of the job."""
    instances = _engines_for(starter.service)
    if not instances:
        return None  # the first that connects wakes the service
    now, busy = clock.now(), 0
    revision = starter.effective
    for instance in instances:
        try:
            pins = images.resolve_at_hand(revision.task_definition, engine_of(instance))
        except EngineRetryable as error:
            log.info("images of %s are not resolved by %s yet: %s", revision, instance, error)
            busy += 1
        except EngineError as error:
            log.info("images of %s: %s", revision, error)  # the job meets it again, and counts it
        else:
            if pins is not None:
                _pinned(revision, starter, pins, instance)
                return None
    if busy == len(instances):
        return now + _BUSY
    if starter.wake_at is not None and starter.wake_at > now:
        return starter.wake_at
    if starter.lease_until is None or starter.lease_until < now:
        jobs_by_name.send(RESOLVE[type(starter)], starter.pk)
    return now + _PATIENCE


def _pinned(
    revision: ServiceRevision, starter: Starter, pins: images.Pins, instance: ContainerInstance
) -> None:
    ServiceRevision.objects.filter(pk=revision.pk, images={}).update(images=pins)
    _update(starter, image_error="")
    for item in pins.values():
        effects.image_is_at_hand(instance.url, item["pin"])
        if item["pin"].startswith("sha256:"):
            supply.note_local(instance, item["pin"])


def _update(starter: Starter, **values: object) -> None:
    type(starter)._default_manager.filter(pk=starter.pk).update(**values)


def resolve_images(deployment_id: str) -> None:
    """Pull and pin the images of a deployment's revision; failures count as failed tasks and are retried."""
    _resolve_under_claim(Deployment, deployment_id)


def resolve_images_of_task_set(revision_id: str) -> None:
    """The same for a task set, by its revision's id."""
    _resolve_under_claim(TaskSet, revision_id)


def _resolve_under_claim(kind: type[Starter], key: str) -> None:
    owner = claim(kind, key)
    if owner is None:
        return
    try:
        _resolve(_load(kind, key), owner)
    finally:
        kind._default_manager.filter(pk=key, lease_owner=owner).update(lease_owner="", lease_until=None)


def _load(kind: type[Starter], key: str) -> Starter:
    names = ("target", "rollback") if kind is Deployment else ("revision",)
    related = ("service__cluster", *(f"{name}__task_definition__family" for name in names))
    found: Starter = kind._default_manager.select_related(*related).get(pk=key)
    return found


def _resolve(starter: Starter, owner: str) -> None:
    revision, service = starter.effective, starter.service
    instance = next(iter(_engines_for(service)), None)
    if not starter.in_progress or revision.images or instance is None:
        return
    told = clock.now()

    def progress(reference: str, step: PullProgress) -> None:
        nonlocal told
        if clock.now() - told < timedelta(seconds=2):
            return
        told = clock.now()
        Service.every.filter(pk=service.pk).update(waiting=f"Pulling {reference}: {supply.words(step)}.")
        live.publish(*service_topics(service))

    def order(container: str) -> supply.Order:
        reference = images.references(revision.task_definition)[container]
        login = functools.cache(
            lambda: initialization.deployment_login(revision.task_definition, container, starter.pk)
        )
        return supply.Order(
            instance, engine_of(instance), login=login, tell=functools.partial(progress, reference)
        )

    try:
        with kept(type(starter), starter.pk, owner):
            pins = supply.resolve(revision.task_definition, order)
    except supply.BeingBrought as error:
        _update(starter, wake_at=clock.now() + timedelta(seconds=error.retry_after))
    except initialization.CannotInitialize as error:
        _not_resolved(starter, f"ResourceInitializationError: {error}", permanent=True)
    except EngineRetryable as error:
        _not_resolved(starter, str(error), permanent=False)
    except EngineError as error:
        _not_resolved(starter, str(error), permanent=True)
    else:
        _pinned(revision, starter, pins, instance)
    wakeup.wake_service(service.pk)


def _not_resolved(starter: Starter, reason: str, *, permanent: bool) -> None:
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(starter.image_failures, 16))  # no float overflows
    _update(
        starter,
        image_failures=F("image_failures") + 1,
        image_error=reason if permanent else "",
        wake_at=clock.now() + timedelta(seconds=pause),
    )
