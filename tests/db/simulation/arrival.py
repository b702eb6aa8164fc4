"""In the calm after a storm: rows and engines are what the client was told would be, container by container."""

from __future__ import annotations

from collections import Counter

from services.models import Deployment, Task
from tests.db.control.world import accounts
from tests.db.simulation.engines import container_of, on_engines
from tests.db.simulation.laws import blamed
from tests.db.simulation.storm import GOOD, Storm

_ENDS = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")


def arrived(storm: Storm) -> None:
    wanted: Counter[str] = Counter()
    for name, wish in storm.wishes.items():
        row = storm.world.service(name)
        if wish.deleted:
            assert row.status == "INACTIVE", f"{name} is {row.status}: {row.waiting}"
            continue
        assert row.deployment_id is None and row.steady_since, f"{name} is not steady: {row.waiting}"
        assert row.desired_count == wish.count, f"rule 7: {name} forgot its count"
        tasks = storm.world.tasks(name)
        assert len(tasks) == wish.count, f"{name}: {len(tasks)} of {wish.count}"
        wanted.update(task.arn for task in tasks)
        last = storm.world.deployment(name)
        for task in tasks:  # an ABORT leaves what runs as it is
            known = task.revision_id == row.completed_revision_id or last.status in (
                "STOPPED",
                "ROLLBACK_FAILED",
            )
            assert known, f"rule 5: {name} runs {task.revision_id}, completed {row.completed_revision_id}"
        assert wish.deployments <= Deployment.objects.filter(service=row).count(), f"rule 7: {name} lost one"
    wanted.update(Task.objects.filter(service=None, status="RUNNING").values_list("arn", flat=True))
    _engines(storm, wanted)
    assert accounts() == []
    for task in Task.objects.filter(status="STOPPED"):
        assert task.stop_code and task.stopped_reason, f"rule 3: {task.pk} ended without a reason"
        image = container_of(task.pk).image
        assert not (task.failed and image in GOOD), f"rule 8: {task.pk} of {image} counted as failed"
    for deployment in Deployment.objects.select_related(
        "target__task_definition", "rollback__task_definition"
    ):
        assert deployment.status in _ENDS and deployment.finished_at, f"rule 7: {deployment} never ended"
        if "circuit breaker" in deployment.status_reason:
            assert blamed(deployment) not in GOOD, f"rule 8: the breaker of {deployment} tripped"


def _engines(storm: Storm, wanted: Counter[str]) -> None:
    there: Counter[str] = Counter()
    for one in on_engines(storm.world, []):
        what = f"{one.container.spec.name} on {one.host}"
        assert one.arn in wanted, f"rule 4: an orphan, {what}"
        if one.role == "container":
            assert one.runs, f"rule 4: {what} is {one.container.status}"
            there[one.arn] += 1
    assert there == wanted, f"rule 4: {there - wanted} too many, {wanted - there} missing"
