"""Cleaning up an instance: stopped containers whose logs are kept, images, networks and volumes that nothing needs.

As the ECS agent's automated cleanup: at an interval, images of a minimum age, so many at a time; at once and all of
them where the disk is nearly full. `cleaning_rules` decides; here facts are gathered, the verdicts carried out and
written down for the instance's page. Only what carries our label, and only images that a row says Slipway brought.
Called by the job `services.clean_instance`, woken by beat (`send_due`) or by somebody who asks.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from access.caller import system_caller
from access.trail import audit, records
from base import clock, jobs_by_name, live
from clusters import instance_settings
from clusters.engine.errors import ContainerNotFound, EngineError, EngineRetryable
from clusters.engine.port import LABEL_TASK_ARN, ContainerState, Engine, InUse
from clusters.engines import engine_of
from clusters.models import ContainerInstance, InstanceCleaning, InstanceImage, Network, instance_topics
from services.control import cleaning_rules as rules
from services.control import logs, needed, observe
from services.control.claim import again, claim, drop, kept, release
from services.models import Task, TaskDefinition

log = logging.getLogger(__name__)

JOB = "services.clean_instance"
_OF_A_TASK = re.compile(r"^slipway-([0-9a-f]{32})-")
_PRESSED = timedelta(minutes=5)  # between cleanings of a disk that stays full
_AWAY = timedelta(seconds=30)
_REMEMBERED = timedelta(days=1)
_MOST_SHOWN = 500
_AT_ONCE = 5  # cleanings a minute, where as many need no spreading out
_GOING = ("remove", "removed", "failed")


def send_due() -> int:
    """Send the jobs of instances that are to be cleaned by now. One statement where none is.

    Where many are due at once (a new installation, a long stop), as many are taken as get all of them done within half
    the interval: first those that somebody asked for and full disks. The rest come with the next beats.
    """
    now = clock.now()
    free = Q(cleaning__lease_until=None) | Q(cleaning__lease_until__lt=now)
    rows = ContainerInstance.objects.filter(connected=True).exclude(status=ContainerInstance.Status.INACTIVE)
    due = (
        Q(cleaning=None)
        | Q(cleaning__wake_at__lte=now)
        | Q(cleaning__wake_at=None, cleaning__lease_until__lt=now)
    )
    pressed = _full_disk() & (Q(cleaning__cleaned_at=None) | Q(cleaning__cleaned_at__lt=now - _PRESSED))
    if settings.SLIPWAY_CLEANUP_MINUTES <= 0:
        due, pressed = Q(cleaning__wake_at__lte=now), Q(pk__in=())
    urgent = Case(When(Q(cleaning__asked_to_clean=True) | pressed, then=Value(0)), default=Value(1))
    found = rows.filter(free, due | pressed).annotate(urgent=urgent)
    found = found.order_by("urgent", F("cleaning__wake_at").asc(nulls_first=True), "pk")
    keys = _spread_out(list(found.values_list("pk", "urgent")[:500]), rows)
    for key in keys:
        jobs_by_name.send(JOB, key)
    return len(keys)


def _spread_out(due: list[tuple[str, int]], instances: QuerySet[ContainerInstance]) -> list[str]:
    """The urgent ones (0) and a share of the others; `instances` are counted only where more than a few are due."""
    share = _AT_ONCE
    if len(due) > share:
        minutes = max(settings.SLIPWAY_CLEANUP_MINUTES / 2, 1)
        share = max(share, ceil(instances.count() / minutes))
    return [key for number, (key, urgent) in enumerate(due) if urgent == 0 or number < share]


def _full_disk() -> Q:
    """Rows whose disk is fuller than the threshold."""
    share = settings.SLIPWAY_CLEANUP_DISK_PERCENT
    return Q(disk_total__gt=0) & Q(disk_free__lt=F("disk_total") * (100 - share) / 100)


def is_pressed(instance: ContainerInstance) -> bool:
    """Whether its disk is fuller than the threshold, as far as that can be known."""
    if not instance.disk_total or instance.disk_free is None:
        return False
    used = 100 * (instance.disk_total - instance.disk_free) / instance.disk_total
    return used > settings.SLIPWAY_CLEANUP_DISK_PERCENT


def clean_instance(instance_id: str) -> None:
    """Look at the instance, and clean it up where that is due or was asked for."""
    InstanceCleaning.objects.get_or_create(instance_id=instance_id)
    owner = claim(InstanceCleaning, instance_id)
    if owner is None:
        return
    try:
        while True:
            with kept(InstanceCleaning, instance_id, owner):
                wake_at = _round(instance_id)
            if release(InstanceCleaning, instance_id, owner, wake_at) or not again(
                InstanceCleaning, instance_id, owner
            ):
                return
    except BaseException:
        drop(InstanceCleaning, instance_id, owner)
        raise


def _round(instance_id: str) -> datetime | None:
    row = InstanceCleaning.objects.select_related("instance__cluster").get(pk=instance_id)
    instance, now = row.instance, clock.now()
    interval = timedelta(minutes=settings.SLIPWAY_CLEANUP_MINUTES)
    if instance.status == ContainerInstance.Status.INACTIVE:
        return None
    pressed = is_pressed(instance)
    due = bool(interval) and (row.cleaned_at is None or row.cleaned_at + interval <= now or pressed)
    cleans = row.asked_to_clean or due
    try:
        engine = engine_of(instance)
        items, others = survey(instance, engine, pressed=pressed)
        shown = [_carried_out(item, instance, engine, cleans=cleans) for item in items]
    except EngineRetryable as error:
        _note(row, error=f"{instance} does not answer: {error}")
        return now + _AWAY
    except EngineError as error:
        _note(row, error=str(error))
        return now + max(interval, _AWAY)
    _write(row, shown, others, cleans=cleans, at=now)
    return (now if cleans else row.cleaned_at or now) + interval if interval else None


# ---- what is there -------------------------------------------------------------------------------


def survey(instance: ContainerInstance, engine: Engine, *, pressed: bool) -> tuple[list[rules.Item], int]:
    """Every thing of ours on the engine with its verdict, and how many images there are not Slipway's.

    Containers and their uses are listed before the rows are read: what starts later needs nothing of the old.
    """
    containers = engine.list_containers(detail=False)
    used = engine.in_use()
    images = engine.list_images()
    now = clock.now()
    _forget_what_is_gone(instance, {image.id for image in images}, now)
    brought = _brought(instance)
    # What the whole cluster may still want is much to read: only where an image's verdict hangs on it.
    doubtful = {row.image_id for row in brought} & {image.id for image in images} - set(used.images)
    wanted = needed.pins(instance) if doubtful else {}
    items = [
        *_containers(instance, containers),
        *rules.images(images, brought, used, wanted, _image_rules(instance, pressed=pressed), now),
        *_networks(instance, engine, used),
        *_volumes(instance, engine, used, now),
    ]
    known = {one.image_id for one in brought if one.ours}
    return items, sum(1 for image in images if image.id not in known)


def _containers(instance: ContainerInstance, states: Sequence[ContainerState]) -> Iterator[rules.Item]:
    live = set(Task.objects.filter(instance=instance).exclude(status="STOPPED").values_list("arn", flat=True))
    for state in states:
        if state.status in ("running", "paused", "restarting", "removing"):
            continue
        if state.labels.get(LABEL_TASK_ARN) in live:
            yield rules.Item("container", state.name, "its task has not ended")
        else:
            yield rules.Item("container", state.name, "stopped, and its task has ended", (state.id,))


def _image_rules(instance: ContainerInstance, *, pressed: bool) -> rules.ImageRules:
    because = ""
    if instance_settings.pull_behavior(instance) == instance_settings.PREFER_CACHED:
        because = "the instance prefers what it has to what a registry has"
    elif instance_settings.image_cleanup(instance) == instance_settings.DISABLED:
        because = "the instance keeps its images"
    return rules.ImageRules(
        minimum_age=timedelta(minutes=settings.SLIPWAY_IMAGE_MINIMUM_AGE_MINUTES),
        most=None if pressed else settings.SLIPWAY_IMAGES_PER_CLEANUP,
        kept_because=because,
    )


def _brought(instance: ContainerInstance) -> list[rules.Brought]:
    """The rows, one for each image: whoever asked for it by whatever name."""
    now = clock.now()
    rows: dict[str, list[InstanceImage]] = {}
    for row in InstanceImage.objects.filter(instance=instance).exclude(image_id=""):
        rows.setdefault(row.image_id, []).append(row)
    found = InstanceImage.Origin.FOUND
    return [
        rules.Brought(
            image_id=image_id,
            pins=tuple(sorted(row.pin for row in same)),
            ours=all(row.origin != found for row in same),
            used_at=max((row.used_at or row.brought_at or now) for row in same),
            coming=any(row.lease_until is not None and row.lease_until > now for row in same),
        )
        for image_id, same in rows.items()
    ]


def _forget_what_is_gone(instance: ContainerInstance, there: set[str], now: datetime) -> None:
    """Rows of images that somebody removed long since."""
    rows = InstanceImage.objects.filter(instance=instance, lease_owner="", used_at__lt=now - _REMEMBERED)
    gone = [key for key, image_id in rows.values_list("pk", "image_id") if image_id not in there]
    InstanceImage.objects.filter(pk__in=gone, lease_owner="").delete()


def _networks(instance: ContainerInstance, engine: Engine, used: InUse) -> Iterator[rules.Item]:
    """The network of the instance's own cluster stays: any moment a task may join it."""
    own = dict(
        Network.objects.filter(cluster=instance.cluster, cluster__status="ACTIVE").values_list(
            "engine_name", "cluster__name"
        )
    )
    for network in engine.list_networks():
        if network.name in own:
            yield rules.Item("network", network.name, f"cluster {own[network.name]} uses it")
        elif network.name in used.networks:
            yield rules.Item("network", network.name, "a container is on it")
        else:
            yield rules.Item("network", network.name, "no cluster of this instance uses it", (network.name,))


def _volumes(instance: ContainerInstance, engine: Engine, used: InUse, now: datetime) -> Iterator[rules.Item]:
    names = engine.list_volumes()
    of_tasks = {name: found[1] for name in names if (found := _OF_A_TASK.match(name))}
    live = set(
        Task.objects.filter(pk__in=set(of_tasks.values()))
        .exclude(status="STOPPED")
        .values_list("pk", flat=True)
    )
    shared = [name for name in names if name not in of_tasks]
    naming, since = _naming(set(shared)) if shared else ({}, {})
    days = settings.SLIPWAY_KEEP_SHARED_VOLUMES_DAYS
    for name in names:
        task_id = of_tasks.get(name, "")
        yield rules.volume(
            name,
            task_id,
            live=task_id in live,
            in_use=name in used.volumes,
            named_by=naming.get(name, ""),
            unnamed_since=since.get(name),
            keep=timedelta(days=days) if days > 0 else None,
            now=now,
        )


def _naming(names: set[str]) -> tuple[dict[str, str], dict[str, datetime]]:
    """(volume -> an ACTIVE definition that names it, volume -> when the last that did was deregistered)."""
    naming: dict[str, str] = {}
    since: dict[str, datetime] = {}
    definitions = TaskDefinition.every.select_related("family").filter(document__has_key="volumes")
    for definition in definitions.iterator():
        for volume in definition.document.get("volumes") or ():
            name = volume["name"]
            if name not in names:
                continue
            if definition.status == TaskDefinition.Status.ACTIVE:
                naming[name] = str(definition)
            elif definition.deregistered_at is not None:
                since[name] = max(since.get(name, definition.deregistered_at), definition.deregistered_at)
    return naming, since


# ---- carrying it out -----------------------------------------------------------------------------


def _carried_out(
    item: rules.Item, instance: ContainerInstance, engine: Engine, *, cleans: bool
) -> dict[str, Any]:
    shown = {"kind": item.kind, "name": item.name, "size": item.size, "reason": item.reason}
    if not item.removes:
        return {**shown, "verdict": "keep"}
    if not cleans:
        return {**shown, "verdict": "remove"}
    try:
        for name in item.names:
            _remove(item.kind, name, engine)
    except EngineRetryable:
        raise
    except EngineError as error:
        # Somebody began to use it meanwhile, or gave it a name: then it stays.
        log.info("%s %s stays: %s", item.kind, item.name, error)
        return {**shown, "verdict": "failed", "reason": f"not removed: {error}"}
    if item.kind == "image":
        InstanceImage.objects.filter(instance=instance, image_id=item.names[-1], lease_owner="").delete()
    log.info("removed %s %s from %s: %s", item.kind, item.name, instance, item.reason)
    return {**shown, "verdict": "removed"}


def _remove(kind: str, name: str, engine: Engine) -> None:
    match kind:
        case "container":
            _remove_container(name, engine)
        case "image":
            engine.remove_image(name)
        case "network":
            engine.remove_network(name)
        case "volume":
            engine.remove_volume(name)


def _remove_container(container_id: str, engine: Engine) -> None:
    """Its log is kept first, where its task's row is still there."""
    state = engine.inspect_container(container_id)
    if state is None:
        return
    keep_log(state, engine)
    try:
        engine.remove_container(container_id)
    except ContainerNotFound:
        return


def keep_log(state: ContainerState, engine: Engine) -> None:
    """Before a container without a live task goes: what it said, where a row of its task is there to keep it."""
    task = Task.objects.filter(arn=state.labels.get(LABEL_TASK_ARN, "")).first()
    if task is not None:
        logs.collect(observe.load(task.pk), engine, final=True)


# ---- writing it down -----------------------------------------------------------------------------


def _write(
    row: InstanceCleaning, shown: list[dict[str, Any]], others: int, *, cleans: bool, at: datetime
) -> None:
    instance = row.instance
    removed = [item for item in shown if item["verdict"] == "removed"]
    fields: dict[str, Any] = {"looked_at": at, "others": others, "error": ""}
    if cleans:
        fields |= {
            "cleaned_at": at,
            "asked_to_clean": False,
            "freed": sum(item["size"] or 0 for item in removed),
        }
    order = sorted(shown, key=lambda item: (item["verdict"] not in _GOING, item["kind"], item["name"]))
    with transaction.atomic():
        InstanceCleaning.objects.filter(pk=row.pk).update(items=order[:_MOST_SHOWN], **fields)
        if removed:
            audit.write(
                records.of_call(
                    system_caller("cleaning"),
                    "clean_container_instance",
                    "slipway:CleanContainerInstance",
                    [instance.arn],
                    params={"removed": [f"{item['kind']} {item['name']}" for item in removed]},
                )
            )
        live.publish(*instance_topics(instance))


def _note(row: InstanceCleaning, *, error: str) -> None:
    InstanceCleaning.objects.filter(pk=row.pk).update(error=error)
    live.publish(*instance_topics(row.instance))
