"""The geometry of what the server draws as SVG. Attributes only: the Content-Security-Policy allows no inline style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from console.web.parts import Block, Host

WIDTH, HEIGHT = 74.0, 20.0
LINKED_TWICE = 12


def share(part: float | None, whole: float) -> float:
    """A percentage between 0 and 100, two decimals; 0 of nothing is 0."""
    if not part or whole <= 0:
        return 0.0
    return round(max(0.0, min(100.0, part * 100 / whole)), 2)


def meter(used: float | None, total: float, reserved: float | None) -> dict[str, Any]:
    """Widths in percent and how full: "", "high" from 80 %, "full" from 100 %."""
    fullest = max(share(used, total), share(reserved, total))
    level = "full" if fullest >= 100 else "high" if fullest >= 80 else ""
    return {"used": share(used, total), "reserved": share(reserved, total), "level": level}


def sparkline(values: Sequence[float | None], top: float | None = None) -> dict[str, Any]:
    """`line` and `area` as SVG path data in a 74 by 20 box; gaps where a value is None; empty for under two values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return {"line": "", "area": "", "last": known[-1] if known else None}
    highest = max(top or 0.0, max(known)) or 1.0
    lowest = 0.0 if top is not None else min(0.0, min(known)) if min(known) < 0 else min(known) * 0.9
    span = (highest - lowest) or 1.0
    step = WIDTH / (len(values) - 1)
    runs: list[list[tuple[float, float]]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        y = HEIGHT - 1.5 - (value - lowest) / span * (HEIGHT - 3)
        runs[-1].append((round(index * step, 1), round(y, 1)))
    drawn = [run for run in runs if len(run) > 1]
    line = "".join("M" + "L".join(f"{x:g} {y:g}" for x, y in run) for run in drawn)
    area = "".join(
        f"M{run[0][0]:g} {HEIGHT:g}L"
        + "L".join(f"{x:g} {y:g}" for x, y in run)
        + f"L{run[-1][0]:g} {HEIGHT:g}Z"
        for run in drawn
    )
    return {"line": line, "area": area, "last": known[-1]}


def host(item: Host) -> dict[str, Any]:
    """A Host with its blocks laid side by side, for CPU, for memory and for GPUs where it has any; x and width in
    percent of the instance."""
    gpus = [(block, 1, None) for block in item.gpu_blocks]
    return {
        "host": item,
        "kinds": [
            _row("CPU", item.cpu_total, item.cpu_reserved, [(b, b.cpu, b.cpu_used) for b in item.blocks]),
            _row(
                "memory",
                item.memory_total,
                item.memory_reserved,
                [(b, b.memory, b.memory_used) for b in item.blocks],
            ),
            *([_row("GPU", item.gpus, len(gpus), gpus)] if item.gpus else []),
        ],
    }


def _row(
    kind: str, total: int, reserved: int, parts: Sequence[tuple[Block, int, float | None]]
) -> dict[str, Any]:
    at = 0.0
    drawn: list[dict[str, Any]] = []
    for block, amount, used in parts:
        # What reserves nothing still runs here: a sliver keeps it on the map.
        width = max(share(amount, total), 1.2)
        if at >= 100:
            break
        width = min(width, 100 - at)
        drawn.append(
            {
                "block": block,
                "x": round(at, 2),
                "width": round(width, 2),
                "used": round(width * share(used, amount) / 100, 2) if used is not None and amount else 0,
            }
        )
        at += width
    return {
        "kind": kind,
        "total": total,
        "reserved": reserved,
        "blocks": drawn,
        "percent": round(share(reserved, total)),
        # The second row shows the same tasks again: where they are many, they are linked and named once.
        "linked": kind in ("CPU", "GPU") or len(parts) <= LINKED_TWICE,
    }
