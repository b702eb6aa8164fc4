"""The shapes that the component templates draw. Views fill them from queries; no part touches a database.

Tones are the five of the design system: "ok", "wait", "bad", "new", "old".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Tone = Literal["ok", "wait", "bad", "new", "old", ""]
StageState = Literal["done", "now", "todo", "failed"]
CellState = Literal["healthy", "starting", "failed", "stopping", "empty"]

MANY_CELLS = 24
MOST_CELLS = 96


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of the path above a page's title; the last one has no address."""

    label: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab of a page. `count` is shown beside the label; None hides it."""

    key: str
    label: str
    url: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a deployment, drawn by components/stages.html. `detail` is a short line under it."""

    label: str
    state: StageState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One task in a lane. `text` replaces the state's sign ("2/3"); `title` is read out and shown on hover."""

    state: CellState
    title: str
    text: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """The tasks of one revision during a deployment. `tone` is "new" or "old"."""

    title: str
    note: str
    summary: str
    tone: Literal["new", "old"]
    cells: Sequence[Cell] = ()

    @property
    def many(self) -> bool:
        """Small squares instead of labelled cells."""
        return len(self.cells) > MANY_CELLS

    @property
    def as_bar(self) -> bool:
        """Too many to draw one by one: a bar in proportion."""
        return len(self.cells) > MOST_CELLS

    @property
    def segments(self) -> list[tuple[str, float, float]]:
        """(state, x, width) in percent, for the bar."""
        total = len(self.cells) or 1
        at = 0.0
        found: list[tuple[str, float, float]] = []
        for state in ("healthy", "starting", "failed", "stopping", "empty"):
            share = sum(cell.state == state for cell in self.cells) * 100 / total
            if share:
                found.append((state, round(at, 3), round(share, 3)))
                at += share
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: None means "not set". Equal sides are drawn once, as unchanged."""

    label: str
    before: str | None
    after: str | None
    group: str = ""

    @property
    def same(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True, slots=True)
class May:
    """Whether the person may do something, and what to say if not.

    `reason` explains a refusal that is not about permissions ("No deployment is in progress.").
    """

    allowed: bool
    action: str = ""
    resource: str = ""
    reason: str = ""

    def __bool__(self) -> bool:
        return self.allowed


YES = May(True)


@dataclass(frozen=True, slots=True)
class Choice:
    """One filter chip or option: `value` goes to the URL; `count` may be None."""

    value: str
    label: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """One instance on the map. Numbers share a unit per kind: CPU units, MiB, GPUs. `gpu_blocks`: of each taken GPU."""

    name: str
    url: str
    status: str
    tone: Tone
    cpu_total: int
    cpu_reserved: int
    memory_total: int
    memory_reserved: int
    cpu_used: float | None = None
    memory_used: float | None = None
    note: str = ""
    blocks: Sequence[Block] = ()
    gpus: int = 0
    gpu_blocks: Sequence[Block] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """One task on the map. `colour` is 0 to 7, one per service; used figures are None when unknown."""

    title: str
    url: str
    cpu: int
    memory: int
    colour: int = 0
    cpu_used: float | None = None
    memory_used: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One result of the command palette."""

    kind: str
    label: str
    url: str
    icon: str
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        return {"kind": self.kind, "label": self.label, "url": self.url, "icon": self.icon, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class ChartData:
    """What static/js/chart.js draws. `x` in Unix seconds; every series has as many values as `x` (None: no data).

    `markers` are deployments; `limits` are horizontal lines.
    """

    x: Sequence[float]
    series: Sequence[Series]
    unit: str = ""
    markers: Sequence[Marker] = ()
    limits: Sequence[tuple[str, float]] = ()
    maximum: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "x": list(self.x),
            "series": [{"label": s.label, "tone": s.tone, "values": list(s.values)} for s in self.series],
            "unit": self.unit,
            "markers": [{"at": m.at, "label": m.label, "tone": m.tone} for m in self.markers],
            "limits": [{"label": label, "value": value} for label, value in self.limits],
            "max": self.maximum,
        }


@dataclass(frozen=True, slots=True)
class Series:
    label: str
    values: Sequence[float | None]
    tone: Tone = "new"


@dataclass(frozen=True, slots=True)
class Marker:
    at: float
    label: str
    tone: Tone = "new"


@dataclass(frozen=True, slots=True)
class LogSource:
    """Where a log viewer reads, and what may be chosen in it.

    `url` answers JSON (docs/console-components.md); `topic` wakes it; choices are (value, label).
    """

    url: str
    topic: str = ""
    tasks: Sequence[tuple[str, str]] = ()
    containers: Sequence[tuple[str, str]] = ()
    name: str = "log"
    extra: dict[str, str] = field(default_factory=dict)


def changed(changes: Iterable[Change]) -> list[Change]:
    """Only the differences."""
    return [change for change in changes if not change.same]
