"""docs/task-definitions.md and the tables of fields say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.taskdef.container_rules import AWSLOGS_LATER, AWSLOGS_OPTIONS, JSON_FILE_OPTIONS
from services.taskdef.fields import ANSWER_ONLY, structures
from services.taskdef.schema import Field, ListOf, Refused, Text, Whole
from services.taskdef.sizes import CPU_MAXIMUM, CPU_MINIMUM, FARGATE, MEMORY_MINIMUM
from services.taskdef.validate import LARGEST

PAGE = (Path(__file__).parents[3] / "docs/task-definitions.md").read_text()
STRUCTURES = dict(structures())


def _sections() -> dict[str, str]:
    """heading: text below it."""
    parts = re.split(r"^##+ (.+)$", PAGE, flags=re.MULTILINE)
    return {heading.strip("`"): text for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def _rows(section: str) -> dict[str, str]:
    """field: the rest of its row."""
    return dict(re.findall(r"^\| `([^`]+)` \|(.*)\|$", section, flags=re.MULTILINE))


def _section_of(path: str) -> str:
    return _sections()[path or "The task"]


@pytest.mark.parametrize("path", STRUCTURES)
def test_every_supported_field_is_documented_and_no_other(path: str) -> None:
    supported = {name for name, member in STRUCTURES[path].fields.items() if isinstance(member, Field)}
    assert set(_rows(_section_of(path))) == supported


def test_every_refused_field_is_documented_and_no_other() -> None:
    refused = {
        f"{path}.{name}" if path else name
        for path, struct in STRUCTURES.items()
        for name, member in struct.fields.items()
        if isinstance(member, Refused) and name not in ANSWER_ONLY
    }
    assert set(_rows(_sections()["Refused"])) == refused


def _numbers(text: str) -> set[int]:
    return {int(number) for number in re.findall(r"-?\b\d+\b|-1", text)}


@pytest.mark.parametrize("path", STRUCTURES)
def test_the_limits_and_words_are_those_that_are_checked(path: str) -> None:
    rows = _rows(_section_of(path))
    for name, member in STRUCTURES[path].fields.items():
        if not isinstance(member, Field):
            continue
        row = rows[name]
        assert member.required is ("Required." in row), name
        kind = member.kind.item if isinstance(member.kind, ListOf) else member.kind
        if isinstance(kind, Whole):
            limits = {kind.minimum, *([kind.maximum] if kind.maximum < 2**31 - 1 else [])}
            assert limits <= _numbers(row), name
        if isinstance(kind, Text):
            assert all(f"`{word}`" in row for word in kind.choices if len(kind.choices) < 20), name
            if (
                kind.max_length is not None
                and kind.pattern is None
                and not kind.choices
                and kind.max_length > 45
            ):
                assert kind.max_length in _numbers(row) or name == "value", name
        if isinstance(member.kind, ListOf) and member.kind.maximum is not None:
            assert member.kind.maximum in _numbers(row), name
        if member.has_default and isinstance(member.default, int) and not isinstance(member.default, bool):
            assert re.search(rf"Default {member.default}\b", row), name


def test_sizes_and_options_are_those_that_are_checked() -> None:
    task = _rows(_section_of(""))
    assert {CPU_MINIMUM, CPU_MAXIMUM} <= _numbers(task["cpu"]) and MEMORY_MINIMUM in _numbers(task["memory"])
    assert LARGEST in _numbers(PAGE)
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", _sections()["Sizes of FARGATE"], flags=re.MULTILINE))
    assert {int(cpu) for cpu in rows} == set(FARGATE)
    for cpu, text in rows.items():
        numbers = [int(number) for number in re.findall(r"\d+", text)]
        sizes = set(range(numbers[0], numbers[1] + 1, numbers[2])) if "steps" in text else set(numbers)
        assert sizes == set(FARGATE[int(cpu)])
    assert all(f"`{option}`" in PAGE for option in (*AWSLOGS_OPTIONS, *AWSLOGS_LATER, *JSON_FILE_OPTIONS))
