"""One service: claim, observe, plan, apply, and again while somebody woke it meanwhile."""

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
from services.control import effects, images, initialization, snapshot, supply
from services.control.apply import Outdated, apply
from services.control.claim import again, claim, drop, kept, release
from services.models import Deployment, Service, ServiceRevision
from services.rollout import service_topics
from services.scheduler.model import EnterStage, ExpirePause, SetDeployment
from services.scheduler.plan import plan

log = logging.getLogger(__name__)
RESOLVE = "services.resolve_images"
_MOST_ASKED = 10  # engines, for an image that is in no registry
_BUSY = timedelta(seconds=2)  # before asking engines again that did not answer
_PATIENCE = timedelta(seconds=15)  # before asking what became of the job that resolves images
_FIRST_PAUSE, _LONGEST_PAUSE = 4.0, 300.0  # seconds between attempts to resolve images


def reconcile(service_id: int) -> None:
    """Bring what runs nearer to what should run."""
    owner = claim(Service, service_id)
    if owner is None:
        return
    try:
        while True:
            wake_at = _round(service_id, owner)
            if release(Service, service_id, owner, wake_at):
                wakeup.send_later(wakeup.RECONCILE, service_id, wake_at)
                return
            if not again(Service, service_id, owner):
                return
    except BaseException:
        drop(Service, service_id, owner)
        raise


def _round(service_id: int, owner: str) -> datetime | None:
    service = snapshot.load(service_id)
    if service.status == Service.Status.INACTIVE:
        return None
    look_again: datetime | None = None
    if _unresolved(service) is not None:
        look_again = _resolve_at_hand(service)
        service = snapshot.load(service_id)
    decided = plan(snapshot.snapshot(service), clock.now())
    try:
        wake_at = apply(service, decided, owner)
    except Outdated:
        return clock.now()
    if any(map(decided.of, (SetDeployment, EnterStage, ExpirePause))):
        # What follows from its new state may need nothing else to happen first.
        return clock.now()
    return min(filter(None, (wake_at, look_again)), default=None)


# ---- images: once per deployment ---------------------------------------------------------------


def _unresolved(service: Service) -> ServiceRevision | None:
    """The revision being started, where its images are not pinned yet."""
    if service.status != Service.Status.ACTIVE or service.deployment is None:
        return None
    revision = service.deployment.effective
    return None if revision.images else revision


def _engines_for(service: Service) -> list[ContainerInstance]:
    """Those that answer, the ACTIVE ones first."""
    return list(
        ContainerInstance.objects.filter(cluster=service.cluster, connected=True)
        .exclude(status=ContainerInstance.Status.INACTIVE)
        .order_by("status", "id")[:_MOST_ASKED]
    )


def _resolve_at_hand(service: Service) -> datetime | None:
    """Pin at once what needs no registry; otherwise send the job that pulls, so that this loop stays free to stop
    the deployment meanwhile. Answers when to look again where they are not pinned, whatever becomes of the job."""
    deployment, revision = service.deployment, _unresolved(service)
    assert deployment is not None
    assert revision is not None
    instances = _engines_for(service)
    if not instances:
        return None  # the first that connects wakes the service
    now, busy = clock.now(), 0
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
                _pinned(revision, deployment, pins, instance)
                return None
    if busy == len(instances):
        return now + _BUSY
    if deployment.wake_at is not None and deployment.wake_at > now:
        return deployment.wake_at
    if deployment.lease_until is None or deployment.lease_until < now:
        jobs_by_name.send(RESOLVE, deployment.pk)
    return now + _PATIENCE


def _pinned(
    revision: ServiceRevision, deployment: Deployment, pins: images.Pins, instance: ContainerInstance
) -> None:
    ServiceRevision.objects.filter(pk=revision.pk, images={}).update(images=pins)
    Deployment.objects.filter(pk=deployment.pk).update(images_resolved=True, image_error="")
    for item in pins.values():
        effects.image_is_at_hand(instance.url, item["pin"])
        if item["pin"].startswith("sha256:"):
            supply.note_local(instance, item["pin"])


def resolve_images(deployment_id: str) -> None:
    """Pull and pin the images of a deployment's revision; failures count as failed tasks and are retried."""
    owner = claim(Deployment, deployment_id)
    if owner is None:
        return
    try:
        _resolve(deployment_id, owner)
    finally:
        Deployment.objects.filter(pk=deployment_id, lease_owner=owner).update(
            lease_owner="", lease_until=None
        )


def _resolve(deployment_id: str, owner: str) -> None:
    deployment = Deployment.objects.select_related(
        "service__cluster", "target__task_definition__family", "rollback__task_definition__family"
    ).get(pk=deployment_id)
    revision, service = deployment.effective, deployment.service
    instance = next(iter(_engines_for(service)), None)
    if not deployment.in_progress or revision.images or instance is None:
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
            lambda: initialization.deployment_login(revision.task_definition, container, deployment_id)
        )
        return supply.Order(
            instance, engine_of(instance), login=login, tell=functools.partial(progress, reference)
        )

    try:
        with kept(Deployment, deployment_id, owner):
            pins = supply.resolve(revision.task_definition, order)
    except supply.BeingBrought as error:
        Deployment.objects.filter(pk=deployment.pk).update(
            wake_at=clock.now() + timedelta(seconds=error.retry_after)
        )
    except initialization.CannotInitialize as error:
        _not_resolved(deployment, f"ResourceInitializationError: {error}", permanent=True)
    except EngineRetryable as error:
        _not_resolved(deployment, str(error), permanent=False)
    except EngineError as error:
        _not_resolved(deployment, str(error), permanent=True)
    else:
        _pinned(revision, deployment, pins, instance)
    wakeup.wake_service(service.pk)


def _not_resolved(deployment: Deployment, reason: str, *, permanent: bool) -> None:
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**deployment.image_failures)
    Deployment.objects.filter(pk=deployment.pk).update(
        image_failures=F("image_failures") + 1,
        image_error=reason if permanent else "",
        wake_at=clock.now() + timedelta(seconds=pause),
    )
