"""Bringing an image onto the engine that is to run it: from its registry, or, where it is in none, from another
instance of the cluster that has it.

One transfer of an image to an instance at a time, by lease on its `InstanceImage` row: whoever comes second waits and
tells the first one's progress. What fails for a passing reason is tried again with a growing pause, by whichever task
asks next. Called by the tasks' drivers (`effects`) and by the job that resolves a deployment's images (`reconcile`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from base import clock
from clusters import instance_settings
from clusters.engine.errors import (
    EngineBusy,
    EngineError,
    EngineRetryable,
    EngineUnavailable,
    ImageNotFound,
    PullFailed,
)
from clusters.engine.port import Engine, ImageInfo, PullProgress
from clusters.engines import engine_of
from clusters.models import ContainerInstance, InstanceImage
from services.control import images
from services.control.claim import claim, kept
from services.models import Task, TaskDefinition
from services.wakeup import wake_tasks

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 5  # as the ECS agent; then the tasks that wait for it fail
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0  # seconds between attempts
_LOOK_AGAIN = 5.0  # seconds, for a transfer of somebody else's; its end wakes those who wait
_MOST_ASKED = 50  # instances, for an image of which no row says where it is

Login = tuple[str, str]  # user name, password


class BeingBrought(EngineRetryable):
    """Another job is bringing it; the text says how far it is."""


class Failing(EngineRetryable):
    """It could not be brought `attempts` times in a row."""

    def __init__(self, message: str, retry_after: float, attempts: int) -> None:
        super().__init__(message, retry_after)
        self.attempts = attempts


@dataclass(frozen=True)
class Order:
    """Whither, and for whom: `login` tells how to ask the registry (and may raise what the caller understands),
    `tell` hears of the progress."""

    instance: ContainerInstance
    engine: Engine
    login: Callable[[], Login | None]
    tell: Callable[[PullProgress], None]

    @property
    def behavior(self) -> str:
        return instance_settings.pull_behavior(self.instance)


def resolve(definition: TaskDefinition, order_of: Callable[[str], Order]) -> images.Pins:
    """What each container's image is pinned to. `order_of`: of a container, by its name."""
    done: dict[tuple[str, Login | None], str] = {}
    pins: images.Pins = {}
    for name, reference in images.references(definition).items():
        order = order_of(name)
        login = None if images.is_pinned(reference) else order.login()
        if (reference, login) not in done:
            done[reference, login] = (
                reference if images.is_pinned(reference) else _identified(order, reference)
            )
        pins[name] = images.pin(reference, done[reference, login])
    return pins


def provide(order: Order, reference: str, shown: str) -> str:
    """See that the engine has the image, and answer what a container is to be created from: a digest reference or an
    id. `shown`: what the task definition calls it. Raises the engine's errors, BeingBrought, Failing."""
    if not images.is_pinned(reference):
        reference = _identified(order, reference)
        if order.engine.image(reference) is not None:
            return reference
    if reference.startswith("sha256:"):
        _have_local(order, reference, shown)
    else:
        found = order.engine.image(reference)
        if found is None or order.behavior == instance_settings.ALWAYS:
            _pull(order, reference)
        else:
            _note_found(order.instance, reference, found)
    return reference


def note_local(instance: ContainerInstance, image_id: str) -> None:
    """This instance had this image before Slipway brought it anywhere: others can be given it from here."""
    InstanceImage.objects.get_or_create(
        instance=instance,
        pin=image_id,
        defaults={"image_id": image_id, "origin": InstanceImage.Origin.FOUND, "used_at": clock.now()},
    )


# ---- which image it is -------------------------------------------------------------------------


def _identified(order: Order, reference: str) -> str:
    """What a name stands for now, as the instance's pull behaviour says; pulled where that takes a pull."""
    behavior, engine = order.behavior, order.engine
    if behavior == instance_settings.ALWAYS:
        _pull(order, reference)
        return images.pinned_reference(reference, _pulled(order, reference))
    found = engine.image(reference)
    if found is not None and not found.repo_digests:
        return found.id
    if found is None and (built := _built_elsewhere(order, reference)) is not None:
        return built.id
    if found is not None and _is_enough(order, reference):
        return images.pinned_reference(reference, found)
    try:
        _pull(order, reference)
    except (EngineUnavailable, BeingBrought):
        raise
    except EngineError as error:
        if found is None:
            raise
        log.warning("%s: not pulled, running what %s has: %s", reference, order.instance, error)
        return images.pinned_reference(reference, found)
    return images.pinned_reference(reference, _pulled(order, reference))


def _is_enough(order: Order, reference: str) -> bool:
    """Whether what the instance has under this name is run without asking the registry."""
    if order.behavior == instance_settings.PREFER_CACHED:
        return True
    if order.behavior == instance_settings.ONCE:
        rows = InstanceImage.objects.filter(instance=order.instance, pin=reference)
        return rows.filter(origin=InstanceImage.Origin.PULLED).exclude(brought_at=None).exists()
    return False


def _pulled(order: Order, reference: str) -> ImageInfo:
    found = order.engine.image(reference)
    if found is None:
        raise ImageNotFound(f"{reference} was pulled, but the engine does not have it")
    return found


def _built_elsewhere(order: Order, reference: str) -> ImageInfo | None:
    """The image of this name that another instance of the cluster has and that came from no registry."""
    for _, _, found in _asked(order, reference, _neighbours(order.instance)):
        if not found.repo_digests:
            return found
    return None


# ---- bringing it -------------------------------------------------------------------------------


def _pull(order: Order, reference: str) -> None:
    def pull(tell: Callable[[PullProgress], None]) -> None:
        for step in order.engine.pull(reference, order.login()):
            tell(step)

    _transfer(order, reference, InstanceImage.Origin.PULLED, pull)


def _have_local(order: Order, image_id: str, shown: str) -> None:
    """An image that is in no registry: it is on the engine, or is carried there."""
    if order.behavior == instance_settings.ALWAYS:
        raise ImageNotFound(
            f"{shown} (image id {image_id[7:19]}) is in no registry, and {order.instance} pulls always"
        )
    found = order.engine.image(image_id)
    if found is not None:
        _note_found(order.instance, image_id, found)
        return

    def carry(tell: Callable[[PullProgress], None]) -> None:
        source, engine, image = _source(order, image_id, shown)
        InstanceImage.objects.filter(instance=order.instance, pin=image_id).update(source=source)
        order.engine.load_image(_pieces(source, engine, image, tell))
        if order.engine.image(image_id) is None:
            raise ImageNotFound(
                f"{shown} was carried from {source}, but {order.instance} keeps it under another id than "
                f"{image_id[7:19]}: the two engines store images differently"
            )

    _transfer(order, image_id, InstanceImage.Origin.CARRIED, carry)


def _pieces(
    source: ContainerInstance, engine: Engine, image: ImageInfo, tell: Callable[[PullProgress], None]
) -> Iterator[bytes]:
    """The image from its source, piece by piece as the other engine takes them."""
    done, what = 0, f"carried from {source}"
    tell(PullProgress(what, 0, 0))
    try:
        for piece in engine.save_image(image.id):
            done += len(piece)
            tell(PullProgress(what, done, max(image.size, done)))
            yield piece
    except EngineUnavailable as error:
        # Of the source, which is not the engine the task waits for.
        raise PullFailed(f"{source} broke off: {error}") from error


def _source(order: Order, image_id: str, shown: str) -> tuple[ContainerInstance, Engine, ImageInfo]:
    """An instance of the cluster that has it. Raises ImageNotFound where surely none has, PullFailed where some did
    not answer."""
    neighbours = _neighbours(order.instance)
    noted = set(
        InstanceImage.objects.filter(
            image_id=image_id, instance__in=[one.pk for one in neighbours]
        ).values_list("instance_id", flat=True)
    )
    silent = [str(one) for one in neighbours if not one.connected]
    neighbours.sort(key=lambda one: (one.pk not in noted, one.pk))
    for found in _asked(order, image_id, neighbours, silent):
        return found
    what = f"{shown} (image id {image_id[7:19]}) is in no registry, and no other instance of the cluster"
    if silent:
        raise PullFailed(f"{what} that answers has it; not asked: {', '.join(sorted(silent)[:5])}")
    raise ImageNotFound(f"{what} has it")


def _neighbours(instance: ContainerInstance) -> list[ContainerInstance]:
    """The other instances of its cluster whose images run on its processor."""
    others = ContainerInstance.objects.filter(cluster=instance.cluster_id).exclude(pk=instance.pk)
    architecture = instance.info.get("architecture")
    return [
        one
        for one in others.exclude(status=ContainerInstance.Status.INACTIVE).order_by("pk")
        if one.info.get("architecture") == architecture
    ]


def _asked(
    order: Order, reference: str, neighbours: list[ContainerInstance], silent: list[str] | None = None
) -> Iterator[tuple[ContainerInstance, Engine, ImageInfo]]:
    """Those that have it, one after the other; who does not answer is added to `silent`."""
    for one in [one for one in neighbours if one.connected][:_MOST_ASKED]:
        try:
            engine = engine_of(one)
            found = engine.image(reference)
        except EngineError as error:
            log.info("%s was not asked for %s: %s", one, reference, error)
            if silent is not None:
                silent.append(str(one))
            continue
        if found is not None:
            yield one, engine, found


# ---- one transfer at a time --------------------------------------------------------------------


def _transfer(
    order: Order,
    pin: str,
    origin: InstanceImage.Origin,
    bring: Callable[[Callable[[PullProgress], None]], None],
) -> None:
    """Bring it under the lease of its row, and write down how that went."""
    row, _ = InstanceImage.objects.get_or_create(instance=order.instance, pin=pin)
    now = clock.now()
    if row.retry_at is not None and row.retry_at > now:
        raise Failing(row.error, (row.retry_at - now).total_seconds(), row.failures)
    owner = claim(InstanceImage, row.pk)
    if owner is None:
        raise BeingBrought(row.progress or "another task brings it", _LOOK_AGAIN)
    try:
        before = order.engine.image(pin)
        with kept(InstanceImage, row.pk, owner):
            bring(_teller(order, row))
        after = order.engine.image(pin)
    except (PullFailed, EngineBusy) as error:
        _failed(row, owner, error)
    except EngineError as error:
        _release(row, owner, error=str(error), failures=0, retry_at=None)
        raise
    except BaseException:
        _release(row, owner)
        raise
    fields = _as_brought(row, origin, before, after) if after is not None else {}
    if after is not None and not images.is_pinned(pin):
        _note_digest(row, images.pinned_reference(pin, after), fields)
    _release(row, owner, error="", failures=0, retry_at=None, **fields)
    _wake_waiting(order.instance)


def _as_brought(
    row: InstanceImage, origin: InstanceImage.Origin, before: ImageInfo | None, after: ImageInfo
) -> Mapping[str, object]:
    """What was there before somebody asked for it stays somebody's."""
    now = clock.now()
    fields: dict[str, object] = {"image_id": after.id, "size": after.size, "used_at": now}
    if before is not None and before.id == after.id and row.origin in ("", InstanceImage.Origin.FOUND):
        return {**fields, "origin": InstanceImage.Origin.FOUND}
    return {**fields, "origin": origin, "brought_at": now}


def _note_digest(row: InstanceImage, digest: str, fields: Mapping[str, object]) -> None:
    """What a name stood for when it was pulled has a row of its own, for the name may move on."""
    InstanceImage.objects.update_or_create(instance_id=row.instance_id, pin=digest, defaults=dict(fields))


def _failed(row: InstanceImage, owner: str, error: EngineRetryable) -> NoReturn:
    attempts = row.failures + 1
    pause = max(error.retry_after, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempts - 1)))
    _release(row, owner, error=str(error), failures=attempts, retry_at=clock.now() + timedelta(seconds=pause))
    raise Failing(str(error), pause, attempts) from error


def _release(row: InstanceImage, owner: str, **fields: object) -> None:
    InstanceImage.objects.filter(pk=row.pk, lease_owner=owner).update(
        lease_owner="", lease_until=None, progress="", **fields
    )


def _teller(order: Order, row: InstanceImage) -> Callable[[PullProgress], None]:
    """Tells the one who ordered it, and those who wait for it, once a second."""
    told = 0.0

    def tell(step: PullProgress) -> None:
        nonlocal told
        order.tell(step)
        if time.monotonic() - told >= 1:
            told = time.monotonic()
            InstanceImage.objects.filter(pk=row.pk).update(progress=words(step)[:200])

    return tell


def words(step: PullProgress) -> str:
    """ "45 %", "carried from host-a, 45 %", "Pulling fs layer"."""
    share = f"{100 * step.done // step.total} %" if step.total else ""
    carried = step.status if step.status.startswith("carried ") else ""
    return ", ".join(filter(None, (carried, share))) or step.status


def _wake_waiting(instance: ContainerInstance) -> None:
    waiting = Task.objects.filter(instance=instance, status="PROVISIONING", desired_status="RUNNING")
    wake_tasks(waiting.values_list("pk", flat=True))


def _note_found(instance: ContainerInstance, pin: str, image: ImageInfo) -> None:
    """It is there and was asked for: what nobody brought was there before us."""
    now = clock.now()
    rows = InstanceImage.objects.filter(instance=instance, pin=pin)
    if rows.update(used_at=now, image_id=image.id, size=image.size):
        rows.filter(origin="").update(origin=InstanceImage.Origin.FOUND)
        return
    InstanceImage.objects.get_or_create(
        instance=instance,
        pin=pin,
        defaults={
            "image_id": image.id,
            "size": image.size,
            "used_at": now,
            "origin": InstanceImage.Origin.FOUND,
        },
    )
