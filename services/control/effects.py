"""What a task's driver does to its engine. Each effect is idempotent: "exists", "started", "gone" are successes.

What fails for good is noted in `Seen`, for the lifecycle to decide on; what may pass raises EngineRetryable.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from base import clock, live
from base.installation import installation_id
from clusters.engine.errors import (
    ContainerNotFound,
    EngineError,
    EngineRetryable,
    ImageNotFound,
    NameConflict,
)
from clusters.engine.pause import ensure_pause_image, joint_cgroup_parent
from clusters.engine.port import (
    LABEL_INSTALLATION,
    LABEL_ROLE,
    LABEL_TASK_ARN,
    Engine,
    NetworkSpec,
    PullProgress,
)
from services.control import images, initialization, logs, specs, supply
from services.control.observe import Seen
from services.models import Task, TaskContainer

log = logging.getLogger(__name__)

# Seconds for which an image once seen on an engine is taken to be there still; where it is not, the engine says so when
# a container is created of it.
_FRESH = 600.0
_MOST_SEEN = 10_000
_seen_images: dict[tuple[str, str], float] = {}
_known_networks: set[tuple[str, str]] = set()


def image_is_at_hand(engine_url: str, pin: str) -> None:
    """Remember that this engine has this image: deployments resolve just before their tasks start."""
    if len(_seen_images) >= _MOST_SEEN:
        _seen_images.clear()
    _seen_images[engine_url, pin] = time.monotonic() + _FRESH


def _pins(task: Task) -> dict[str, dict[str, str]]:
    return task.revision.images if task.revision is not None else task.images


def _pin(task: Task, row: TaskContainer) -> str:
    return images.container_image(_pins(task), row.name, row.image)


def pull(task: Task, engine: Engine, seen: Seen, names: Iterable[str]) -> None:
    """Bring the images onto the engine, telling how far it is."""
    assert task.instance is not None
    for row in (row for row in task.containers.all() if row.name in set(names)):
        if _seen_images.get((task.instance.url, _pin(task, row)), 0) > time.monotonic():
            seen.pulled.add(row.name)
            continue
        try:
            _provide(task, engine, row)
            seen.pulled.add(row.name)
        except initialization.CannotInitialize as error:
            seen.resource_error = str(error)
            return
        except supply.Failing as error:
            if error.attempts < supply.MOST_ATTEMPTS:
                _say(task, f"{row.name}: {error}, {error.attempts} of {supply.MOST_ATTEMPTS} attempts failed")
                raise
            seen.pull_errors[row.name] = f"{row.image}: {error} ({error.attempts} attempts)"
        except EngineRetryable:
            raise
        except EngineError as error:
            seen.pull_errors[row.name] = f"{row.image}: {error}"


def _provide(task: Task, engine: Engine, row: TaskContainer) -> str:
    """Have the container's image on the engine; answers what to create it from."""
    assert task.instance is not None
    telling = _Telling(task, row)
    order = supply.Order(
        task.instance, engine, login=lambda: initialization.task_login(task, row.name), tell=telling
    )
    asked = _pin(task, row)
    try:
        pin = supply.provide(order, asked, row.image)
    except supply.BeingBrought as error:
        _say(task, f"{row.name}: {error}")
        raise
    if pin != asked:
        task.images = {**task.images, row.name: images.pin(row.image, pin)}
        Task.objects.filter(pk=task.pk).update(images=task.images)
    telling.done()
    image_is_at_hand(task.instance.url, pin)
    return pin


class _Telling:
    """Writes down when a task's images began to come, and, once a second, how far they are."""

    def __init__(self, task: Task, row: TaskContainer) -> None:
        self._task, self._row = task, row
        self._told: float | None = None

    def __call__(self, step: PullProgress) -> None:
        if self._told is None and self._task.pull_started_at is None:
            self._task.pull_started_at = clock.now()
            Task.objects.filter(pk=self._task.pk, pull_started_at=None).update(
                pull_started_at=self._task.pull_started_at
            )
        if self._told is None or time.monotonic() - self._told >= 1:
            self._told = time.monotonic()
            _say(self._task, f"{self._row.name}: {supply.words(step)}")

    def done(self) -> None:
        if self._told is not None or self._task.pull_progress:
            Task.objects.filter(pk=self._task.pk).update(pull_stopped_at=clock.now(), pull_progress="")


def _say(task: Task, progress: str) -> None:
    task.pull_progress = progress[:200]
    Task.objects.filter(pk=task.pk).update(pull_progress=task.pull_progress)
    live.publish(f"task:{task.id}")


# ---- starting ----------------------------------------------------------------------------------


def start_pause(task: Task, engine: Engine, seen: Seen) -> None:
    """The container that holds the task's network namespace, and its cgroup where limits are joint."""
    try:
        if task.task_definition.document.get("networkMode") == "awsvpc":
            _ensure_network(task, engine)
        spec = specs.pause_spec(task, ensure_pause_image(engine))
        pause_id = task.pause_id or _create(engine, spec)
        engine.start_container(pause_id)
    except EngineRetryable:
        raise
    except EngineError as error:
        _known_networks.clear()
        seen.resource_error = str(error)
        return
    seen.pause = engine.inspect_container(pause_id)
    address = next(iter(seen.pause.ip_addresses.values()), "") if seen.pause else ""
    Task.objects.filter(pk=task.pk).update(pause_id=pause_id, address=address)
    task.pause_id, task.address = pause_id, address


def _ensure_network(task: Task, engine: Engine) -> None:
    assert task.instance is not None
    name = specs.network_name(task)
    if specs.on_overlay(task):
        return  # made on a manager of the swarm (clusters.overlay); an engine sees it when a container joins
    if (task.instance.url, name) in _known_networks:
        return
    labels = {LABEL_INSTALLATION: installation_id(), LABEL_ROLE: "network"}
    engine.ensure_network(NetworkSpec(name=name, labels=labels))
    _known_networks.add((task.instance.url, name))


def start(task: Task, engine: Engine, seen: Seen, names: Iterable[str]) -> None:
    """Create and start these containers."""
    assert task.instance is not None
    wanted = set(names)
    documents = {container["name"]: container for container in task.document["containerDefinitions"]}
    parent = None
    if task.pause_id and task.instance.joint_limits and specs.limits_jointly(task):
        parent = joint_cgroup_parent(task.pause_id, engine.info())
    try:
        for name, driver, options, labels in specs.volumes_to_make(task):
            engine.ensure_volume(name, labels, driver=driver, options=options)
    except EngineRetryable:
        raise
    except EngineError as error:
        seen.resource_error = str(error)
        return
    rows = [row for row in task.containers.all() if row.name in wanted]
    try:
        # All of them before any starts: a task that may not have its secrets leaves nothing behind.
        secrets = {
            row.name: initialization.container_secrets(task, documents[row.name])
            for row in rows
            if not row.runtime_id
        }
    except initialization.CannotInitialize as error:
        seen.resource_error = str(error)
        return
    for row in rows:
        variables, log_options = secrets.get(row.name, ((), ()))
        spec = specs.container_spec(
            task,
            documents[row.name],
            _pin(task, row),
            cgroup_parent=parent,
            secrets=variables,
            secret_options=log_options,
        )
        _start_one(task, engine, seen, row, spec)


def _start_one(task: Task, engine: Engine, seen: Seen, row: TaskContainer, spec: specs.ContainerSpec) -> None:
    try:
        container_id = row.runtime_id
        if not container_id:
            try:
                container_id = _create(engine, spec)
            except ImageNotFound:
                # It was there when we last looked, and somebody removed it since.
                assert task.instance is not None
                _seen_images.pop((task.instance.url, spec.image), None)
                _provide(task, engine, row)
                container_id = _create(engine, spec)
            row.runtime_id = container_id
        engine.start_container(container_id)
    except initialization.CannotInitialize as error:
        seen.resource_error = str(error)
        return
    except supply.Failing as error:
        if error.attempts < supply.MOST_ATTEMPTS:
            raise
        seen.start_errors[row.name] = f"{row.image}: {error} ({error.attempts} attempts)"
        return
    except EngineRetryable:
        if row.runtime_id:
            TaskContainer.objects.filter(pk=row.pk).update(runtime_id=row.runtime_id)
        raise
    except EngineError as error:
        seen.start_errors[row.name] = str(error)
        TaskContainer.objects.filter(pk=row.pk).update(runtime_id=row.runtime_id)
        return
    seen.containers[row.name] = engine.inspect_container(container_id)
    row.image_digest = _pins(task).get(row.name, {}).get("digest", "")
    row.save(update_fields=["runtime_id", "image_digest"])


def _create(engine: Engine, spec: specs.ContainerSpec) -> str:
    """Create it, or find the one that an earlier, interrupted attempt created."""
    try:
        return engine.create_container(spec)
    except NameConflict as conflict:
        state = engine.inspect_container(conflict.container_id or spec.name)
        if state is None or state.labels.get(LABEL_TASK_ARN) != spec.labels[LABEL_TASK_ARN]:
            raise
        return state.id


def restart(task: Task, engine: Engine, seen: Seen, names: Iterable[str]) -> None:
    """Start ended containers again, as their restart policy says."""
    for row in task.containers.all():
        if row.name not in set(names):
            continue
        try:
            engine.start_container(row.runtime_id)
        except EngineRetryable:
            raise
        except EngineError as error:
            seen.start_errors[row.name] = str(error)
            continue
        row.restart_count += 1
        row.save(update_fields=["restart_count"])
        seen.containers[row.name] = engine.inspect_container(row.runtime_id)


# ---- stopping ----------------------------------------------------------------------------------


def stop(task: Task, engine: Engine, seen: Seen, containers: Iterable[tuple[str, int]]) -> datetime:
    """Signal these containers, and kill those whose time is up. Never waits: no thread is held for somebody's
    shutdown. Answers when to look again at the latest."""
    now = clock.now()
    timeouts = dict(containers)
    look_again = now + timedelta(seconds=5)
    for row in task.containers.all():
        if row.name not in timeouts:
            continue
        state = seen.containers.get(row.name)
        signal = state.stop_signal if state else "SIGTERM"
        deadline = (row.signalled_at or now) + timedelta(seconds=timeouts[row.name])
        try:
            if row.signalled_at is None:
                engine.kill_container(row.runtime_id, signal)
                row.signalled_at = now
                row.save(update_fields=["signalled_at"])
            if now >= deadline:
                engine.kill_container(row.runtime_id, "SIGKILL")
        except ContainerNotFound:
            pass
        except EngineRetryable:
            raise
        except EngineError as error:
            log.info("container %s of task %s was not signalled: %s", row.name, task.id, error)
        look_again = min(look_again, max(deadline, now + timedelta(seconds=0.5)))
    return look_again


def remove_all(task: Task, engine: Engine, seen: Seen) -> None:
    """Keep the logs, then remove every container of the task, whether or not a row knows of it, and its volumes."""
    states = engine.list_containers({LABEL_TASK_ARN: task.arn}, detail=False)
    logs.collect(task, engine, final=True)
    # Containers before the pause container whose namespaces they use.
    for state in sorted(states, key=lambda state: state.labels.get(LABEL_ROLE) == "pause"):
        engine.remove_container(state.id)
    for name in specs.task_volumes(task):
        try:
            engine.remove_volume(name)
        except EngineRetryable:
            raise
        except EngineError as error:
            log.warning("volume %s of task %s stays: %s", name, task.id, error)
    with transaction.atomic():
        TaskContainer.objects.filter(task=task).exclude(status="STOPPED").update(status="STOPPED")
    seen.removed = True
