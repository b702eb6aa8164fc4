"""Each law of the first storey can be broken: a calm fleet, doctored in one way at a time, is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.scheduler.model import Demand, Status
from tests.unit.simulation.laws import Laws, arrived
from tests.unit.simulation.records import Container, Host, TaskRow
from tests.unit.simulation.storm import Storm
from tests.unit.simulation.test_fleet import at_rest


def calm() -> tuple[Storm, Laws]:
    """At rest, with tasks."""
    storm = Storm(3)
    storm.calm()
    laws = Laws(storm)
    for service in storm.active():
        service.desired, service.percent = 4, (100, 200)
    while not at_rest(storm):
        storm.step()
    laws.hold()
    assert len(storm.live) == 12
    return storm, laws


def _task(storm: Storm) -> TaskRow:
    return next(task for task in storm.live.values() if task.healthy_at is not None)


def _host(storm: Storm) -> Host:
    return storm.hosts[_task(storm).host]


def _more(storm: Storm) -> None:
    for number in range(9):
        storm.live[f"x{number}"] = replace(_task(storm), id=f"x{number}")


def _demand(storm: Storm, demand: Demand) -> None:
    for service in storm.services.values():
        for key, revision in service.revisions.items():
            service.revisions[key] = replace(revision, demand=demand)


def _twice(storm: Storm) -> None:
    task = _task(storm)
    other = next(host for host in storm.hosts.values() if host.id != task.host)
    other.containers[task.id, "app"] = Container(task.id, "app", "running")


def _forget(storm: Storm) -> None:
    del storm.live[_task(storm).id]


DOCTORED: list[tuple[str, Callable[[Storm], Any]]] = [
    (r"rule 1: \d+ tasks of", _more),
    (r"rule 2: CPU of", lambda s: setattr(_host(s), "cpu", 1)),
    (r"rule 2: memory of", lambda s: setattr(_host(s), "memory", 1)),
    (r"rule 2: GPUs of", lambda s: _demand(s, Demand(1, 1, frozenset(), 3))),
    (r"rule 2: ports of", lambda s: _demand(s, Demand(1, 1, frozenset({(80, "tcp")})))),
    (r"rule 3: .* went back to PENDING", lambda s: setattr(_task(s), "status", Status.PENDING)),
    (r"a task runs twice", _twice),
    (r"rule 4: the stranger", lambda s: setattr(_host(s).containers["", "stranger"], "status", "exited")),
    (r"rule 4: .* outlives its task", _forget),
    (r"health: .* that crashes, counts as healthy", lambda s: setattr(_task(s), "fate", "crashes")),
]


@pytest.mark.parametrize(("said", "doctor"), DOCTORED, ids=[said for said, _ in DOCTORED])
def test_every_law_can_be_broken(said: str, doctor: Callable[[Storm], Any]) -> None:
    storm, laws = calm()
    doctor(storm)
    with pytest.raises(AssertionError, match=said):
        laws.hold()


NOT_ARRIVED: list[tuple[str, Callable[[Storm], Any]]] = [
    (r"\d of 9 tasks", lambda s: [setattr(one, "desired", 9) for one in s.active()]),
    (r"engines: .* missing", lambda s: _host(s).containers.pop((_task(s).id, "app"))),
    (r"is not steady", lambda s: [setattr(one, "steady", False) for one in s.active()]),
    (r"is not gone", lambda s: setattr(s.active()[0], "status", "DRAINING")),
    (r"rule 8: .* counted as failed", lambda s: _ended(s, failed=True)),
    (r"rule 3: an end without a reason", lambda s: _ended(s, reason="")),
]


def _ended(storm: Storm, **values: Any) -> None:
    task = replace(_task(storm), id="e", status=Status.STOPPED, code="UserInitiated", reason="x", fate="good")
    storm.tasks["e"] = replace(task, **values)


@pytest.mark.parametrize(("said", "doctor"), NOT_ARRIVED, ids=[said for said, _ in NOT_ARRIVED])
def test_what_is_no_arrival(said: str, doctor: Callable[[Storm], Any]) -> None:
    storm, _ = calm()
    arrived(storm)
    doctor(storm)
    with pytest.raises(AssertionError, match=said):
        arrived(storm)
