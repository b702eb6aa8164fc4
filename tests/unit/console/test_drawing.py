"""The geometry of what the server draws."""

from __future__ import annotations

import re

import pytest

from console.web.drawing import host, meter, share, sparkline
from console.web.parts import Block, Cell, Change, Host, Lane, changed


@pytest.mark.parametrize(
    ("part", "whole", "percent"),
    [(1, 4, 25), (5, 4, 100), (-1, 4, 0), (None, 4, 0), (3, 0, 0), (1, 3, 33.33)],
)
def test_a_share_stays_between_0_and_100(part: float | None, whole: float, percent: float) -> None:
    assert share(part, whole) == percent


@pytest.mark.parametrize(
    ("reserved", "level"), [(79, ""), (80, "high"), (99.9, "high"), (100, "full"), (130, "full")]
)
def test_a_meter_warns_from_80_percent(reserved: float, level: str) -> None:
    assert meter(0, 100, reserved)["level"] == level
    assert meter(reserved, 100, None)["level"] == level


def points(path: str) -> list[list[tuple[float, float]]]:
    """The runs of a path, as points."""
    return [
        [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", run)]
        for run in path.split("M")
        if run
    ]


def test_a_sparkline_spans_its_box_and_stays_in_it() -> None:
    [run] = points(sparkline([0, 50, 100, 25], top=100)["line"])
    assert [x for x, _ in run] == [0, 24.7, 49.3, 74]
    assert run[2][1] < run[1][1] < run[3][1] < run[0][1]  # up is smaller
    assert all(0 <= y <= 20 for _, y in run)


def test_a_sparkline_has_gaps_where_nothing_is_known() -> None:
    drawn = sparkline([1, 2, None, 3, 4])
    assert [len(run) for run in points(drawn["line"])] == [2, 2]
    assert drawn["last"] == 4
    assert sparkline([None, 3])["line"] == ""
    assert sparkline([])["last"] is None


def test_flat_and_zero_lines_are_drawn() -> None:
    for values in ([0, 0, 0], [7, 7, 7], [-2, -1]):
        assert all(0 <= y <= 20 for run in points(sparkline(values)["line"]) for _, y in run)


def test_blocks_lie_side_by_side_in_proportion_and_never_outside() -> None:
    blocks = [
        Block("a", "#", 512, 1024, 0),
        Block("b", "#", 256, 0, 1),
        *(Block(f"c{i}", "#", 400, 900) for i in range(9)),
    ]
    drawn = host(Host("h", "#", "ACTIVE", "ok", 2048, 2048, 8192, 4096, blocks=blocks))
    cpu, memory = drawn["kinds"]
    assert [block["width"] for block in cpu["blocks"][:2]] == [25, 12.5]
    assert memory["blocks"][1]["width"] > 0  # reserves nothing, but is there
    for row in (cpu, memory):
        end = 0.0
        for block in row["blocks"]:
            assert block["x"] == pytest.approx(end, abs=0.05)
            end = block["x"] + block["width"]
        assert end <= 100.01


def test_a_lane_of_a_thousand_tasks_is_a_bar() -> None:
    cells = [Cell("healthy", "")] * 750 + [Cell("failed", "")] * 250
    lane = Lane("r", "", "", "new", cells)
    assert lane.as_bar and lane.many
    assert lane.segments == [("healthy", 0.0, 75.0), ("failed", 75.0, 25.0)]
    assert not Lane("r", "", "", "new", cells[:24]).many
    assert Lane("r", "", "", "new").segments == []


def test_only_differences_are_changes() -> None:
    kept, gone = Change("a", "1", "1"), Change("b", "1", None)
    assert changed([kept, gone]) == [gone]
    assert kept.same and not gone.same
