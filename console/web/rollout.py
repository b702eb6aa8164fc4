"""A deployment in progress as it is drawn: stages with counts, and one lane of task cells for each revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.web.parts import Cell, Lane, Stage, StageState
from console.web.service_words import name_of, short_image
from console.web.words import duration
from console.web.words import state as state_words
from services.models import Deployment, Service, ServiceRevision, Task
from services.progress import SAMPLE, Crew, Failures, is_healthy

_MOST_FAILED_CELLS = 3


def stages(service: Service, deployment: Deployment, crews: Sequence[Crew]) -> list[Stage]:
    """Placed, Pulled, Running, Healthy, Drain and stop old. The first that is not through is the present one."""
    target = deployment.effective
    crew = next((c for c in crews if c.revision.pk == target.pk), Crew(target))
    desired = service.desired_count
    old = sum(c.live for c in crews if c.revision.pk != target.pk)
    surplus = max(0, crew.live - desired)
    counted = [
        (_("Placed"), crew.to_run, ""),
        (_("Pulled"), crew.pulled, _images(target) if crew.pulled else ""),
        (_("Running"), crew.running, ""),
        (_("Healthy"), crew.healthy, ""),
    ]
    spans = ["", _span(crew.pull), _span(crew.start), ""]
    failing = deployment.failed_tasks > 0
    drawn: list[Stage] = []
    through = True
    for (label, count, note), span in zip(counted, spans, strict=True):
        done = count >= desired
        present = through and not done
        state: StageState = "done" if through and done else "now" if present else "todo"
        if present and failing and not count:
            state = "failed"
        figures = (
            note
            if done and note
            else _("%(count)d of %(total)d") % {"count": min(count, desired), "total": desired}
        )
        failed = _failed(deployment) if present and failing else ""
        drawn.append(
            Stage(label, state, " · ".join(part for part in (figures, span if count else "", failed) if part))
        )
        through = through and done
    left = old + surplus
    last: StageState = "todo" if not through else "now" if left else "done"
    detail = (
        ngettext("%(count)d task", "%(count)d tasks", left) % {"count": left} if left else _("nothing left")
    )
    drawn.append(Stage(_("Drain and stop old"), last, detail))
    return drawn


def _images(revision: ServiceRevision) -> str:
    names = [short_image(container["image"]) for container in revision.task_definition.containers]
    return names[0] if len(names) == 1 else _("%(count)d images") % {"count": len(names)}


def _span(average: object) -> str:
    return duration(average.total_seconds()) if average is not None else ""  # type: ignore[attr-defined]


def _failed(deployment: Deployment) -> str:
    count = deployment.failed_tasks
    return ngettext("%(count)d failed", "%(count)d failed", count) % {"count": count}


# ---- lanes -------------------------------------------------------------------------------------


def lanes(
    service: Service,
    deployment: Deployment,
    crews: Sequence[Crew],
    sample: Sequence[Task],
    failures: Mapping[str, Failures],
) -> list[Lane]:
    """The revision being rolled out first, then the others, newest first."""
    target = deployment.effective
    own = next((crew for crew in crews if crew.revision.pk == target.pk), Crew(target))
    rest = [crew for crew in crews if crew.revision.pk != target.pk]
    total = sum(crew.live for crew in crews)
    one_by_one = total <= SAMPLE
    drawn: list[Lane] = []
    for crew in [own, *rest]:
        new = crew.revision.pk == target.pk
        cells = _cells(service, crew, sample) if one_by_one else _counted_cells(crew)
        if new:
            cells += _failed_cells(service, failures.get(deployment.pk))
            cells += [Cell("empty", _("to be placed"))] * max(0, service.desired_count - crew.live)
        drawn.append(
            Lane(
                _("Revision %(name)s") % {"name": name_of(crew.revision, target)},
                _note(service, deployment, crew),
                _summary(crew, serving=not new),
                "new" if new else "old",
                cells,
            )
        )
    return drawn


def _note(service: Service, deployment: Deployment, crew: Crew) -> str:
    if crew.revision.pk == deployment.effective.pk:
        return (
            _("going back")
            if deployment.is_rollback or deployment.status.startswith("ROLLBACK")
            else _("new")
        )
    if crew.revision.pk == service.completed_revision_id:
        return _("last completed")
    return _("leaving")


def _summary(crew: Crew, serving: bool) -> str:
    if serving and crew.healthy == crew.to_run and not crew.stopping:
        return _("%(count)d serving") % {"count": crew.healthy}
    parts = [
        (crew.healthy, _("%(count)d healthy")),
        (crew.starting, _("%(count)d starting")),
        (crew.unhealthy, _("%(count)d unhealthy")),
        (crew.stopping, _("%(count)d stopping")),
    ]
    return ", ".join(text % {"count": count} for count, text in parts if count) or _("none yet")


def _cells(service: Service, crew: Crew, sample: Sequence[Task]) -> list[Cell]:
    return [_cell(service, task) for task in sample if task.revision_id == crew.revision.pk]


def _cell(service: Service, task: Task) -> Cell:
    url = reverse("task", args=[service.cluster.name, task.id])
    where = f" · {task.instance}" if task.instance is not None else ""
    if task.desired_status == "STOPPED":
        return Cell("stopping", _("Task %(id)s: stopping") % {"id": task.id[:8]} + where, "", url)
    if is_healthy(task):
        return Cell("healthy", _("Task %(id)s: healthy") % {"id": task.id[:8]} + where, "", url)
    if task.deployment_health == "UNHEALTHY":
        return Cell("failed", _("Task %(id)s: unhealthy") % {"id": task.id[:8]} + where, "", url)
    doing = task.pull_progress or (
        _("not healthy yet") if task.status == "RUNNING" else state_words(task.status)[2]
    )
    title = _("Task %(id)s: %(state)s") % {"id": task.id[:8], "state": doing}
    return Cell("starting", title + where, _step(task), url)


def _step(task: Task) -> str:
    """How far a starting task is, in a word that fits a cell: `pull`, `start`, `health`."""
    if task.status == "RUNNING":
        return _("health")
    return _("start") if task.status == "ACTIVATING" else _("pull") if task.status == "PENDING" else "…"


def _counted_cells(crew: Crew) -> list[Cell]:
    """Too many to look at one by one: only their number matters to what is drawn."""
    return (
        [Cell("healthy", "")] * crew.healthy
        + [Cell("starting", "")] * crew.starting
        + [Cell("failed", "")] * crew.unhealthy
        + [Cell("stopping", "")] * crew.stopping
    )


def _failed_cells(service: Service, failed: Failures | None) -> list[Cell]:
    if failed is None:
        return []
    url = reverse("task", args=[service.cluster.name, failed.task_id])
    return [Cell("failed", failed.reason, "", url)] * min(failed.count, _MOST_FAILED_CELLS)
