"""Task sizes: "256", "0.25 vCPU", "512", "0.5 GB" and the sizes Fargate knows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services.taskdef.errors import Report
from services.taskdef.schema import INVALID, shorten, sort_of

CPU_MINIMUM, CPU_MAXIMUM = 128, 196608  # CPU units: 0.125 to 192 vCPU
MEMORY_MINIMUM, MEMORY_MAXIMUM = 6, 2**31 - 1  # MiB

_NUMBER = r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_CPU = re.compile(rf"\s*{_NUMBER}\s*(?P<unit>vcpus?)?\s*", re.IGNORECASE | re.ASCII)
_MEMORY = re.compile(rf"\s*{_NUMBER}\s*(?P<unit>gb)?\s*", re.IGNORECASE | re.ASCII)
_LONGEST = 32  # characters: keeps absurd numbers out of the arithmetic


def parse_cpu(text: str) -> int | None:
    """CPU units of "512" or "0.5 vCPU"; None where it is no such size or not a whole number of units."""
    return _parse(_CPU, text)


def parse_memory(text: str) -> int | None:
    """MiB of "1024" or "1 GB"; None where it is no such size or not a whole number of MiB."""
    return _parse(_MEMORY, text)


def _parse(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    number = Decimal(match["number"])
    amount = number * 1024 if match["unit"] else number
    return int(amount) if amount == amount.to_integral_value() else None


@dataclass(frozen=True)
class _Size:
    """A task size given as a string or a number, normalised to a string of whole units as ECS answers it."""

    minimum: int
    maximum: int
    pattern: re.Pattern[str]
    unit: str
    examples: str

    def check(self, value: Any, path: str, report: Report) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int):
            report.add(path, f"must be a string such as {self.examples}, not {sort_of(value)}")
            return INVALID
        amount = value if isinstance(value, int) else _parse(self.pattern, value)
        if amount is None:
            report.add(path, f"{shorten(str(value))} is not a size such as {self.examples}")
            return INVALID
        if not self.minimum <= amount <= self.maximum:
            report.add(path, f"must be between {self.minimum} and {self.maximum} {self.unit}, not {amount}")
            return INVALID
        return str(amount)


class CpuSize(_Size):
    def __init__(self) -> None:
        super().__init__(CPU_MINIMUM, CPU_MAXIMUM, _CPU, "CPU units", '"256" or "0.25 vCPU"')


class MemorySize(_Size):
    def __init__(self) -> None:
        super().__init__(MEMORY_MINIMUM, MEMORY_MAXIMUM, _MEMORY, "MiB", '"512" or "0.5 GB"')


def _steps(first: int, last: int, step: int = 1) -> tuple[int, ...]:
    return tuple(gb * 1024 for gb in range(first, last + 1, step))


# CPU units: the memory sizes (MiB) Fargate offers with them.
FARGATE: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: _steps(1, 4),
    1024: _steps(2, 8),
    2048: _steps(4, 16),
    4096: _steps(8, 30),
    8192: _steps(16, 60, 4),
    16384: _steps(32, 120, 8),
}
