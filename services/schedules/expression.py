"""cron(...) and rate(...) as EventBridge has them: parsed once, asked for the next time. Standard library only.

    parse("cron(0 10 ? * MON-FRI *)").next_after(moment)     parse("rate(5 minutes)").next_after(moment, since=created)

Times are UTC, to the minute, as EventBridge's. A rate counts from `since`.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LAST_YEAR = 2199
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(r"rate\(\s*([0-9]{1,9})\s+(minute|hour|day)(s?)\s*\)")
_CRON = re.compile(r"cron\(\s*(\S+(?:\s+\S+){5})\s*\)")
_MONTHS = dict(
    zip(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
        range(1, 13),
        strict=True,
    )
)
_DAYS = dict(zip(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], range(1, 8), strict=True))


class ExpressionError(ValueError):
    """What is wrong with a schedule expression, in a sentence."""


@dataclass(frozen=True, slots=True)
class Rate:
    seconds: int

    def next_after(self, moment: datetime, *, since: datetime) -> datetime | None:
        """The first whole number of periods after `since` that is after `moment`."""
        period = timedelta(seconds=self.seconds)
        try:
            return since + period * (max(0, (moment - since) // period) + 1)
        except OverflowError:
            return None


@dataclass(frozen=True, slots=True)
class Cron:
    """`days(year, month)`: the days of that month on which it fires. `of_month`, `of_week`: those fields as they were
    written, in capitals; one of them is `?`."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    years: frozenset[int]
    days: Callable[[int, int], frozenset[int]]
    of_month: str
    of_week: str

    def next_after(self, moment: datetime, *, since: datetime | None = None) -> datetime | None:
        """None: never again. `since` is of no consequence."""
        at = moment.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        for year in range(at.year, LAST_YEAR + 1):
            if year not in self.years:
                continue
            for month in range(at.month if year == at.year else 1, 13):
                if month in self.months and (found := self._in_month(year, month, at)):
                    return found
        return None

    def _in_month(self, year: int, month: int, at: datetime) -> datetime | None:
        for day in sorted(self.days(year, month)):
            if (year, month, day) < (at.year, at.month, at.day):
                continue
            today = (year, month, day) == (at.year, at.month, at.day)
            for hour in self.hours:
                if today and hour < at.hour:
                    continue
                for minute in self.minutes:
                    if not (today and hour == at.hour and minute < at.minute):
                        return datetime(year, month, day, hour, minute, tzinfo=UTC)
        return None


Schedule = Rate | Cron


def next_times(schedule: Schedule, moment: datetime, *, since: datetime, count: int) -> list[datetime]:
    """The next `count` times after `moment`, fewer where there are no more."""
    found: list[datetime] = []
    at = schedule.next_after(moment, since=since)
    while at is not None and len(found) < count:
        found.append(at)
        at = schedule.next_after(at, since=since)
    return found


def parse(text: object) -> Schedule:
    """Raises ExpressionError."""
    if not isinstance(text, str) or len(text) > 256:
        raise ExpressionError("must be cron(…) or rate(…), at most 256 characters")
    if match := _RATE.fullmatch(text.strip()):
        return _rate(int(match[1]), match[2], bool(match[3]))
    if match := _CRON.fullmatch(text.strip()):
        return _cron(match[1].upper().split())
    if text.strip().startswith("cron("):
        raise ExpressionError("cron takes six fields: minutes hours day-of-month month day-of-week year")
    raise ExpressionError("must be cron(…) or rate(…): cron(0 10 ? * MON-FRI *), rate(5 minutes)")


def _rate(value: int, unit: str, plural: bool) -> Rate:
    if value < 1:
        raise ExpressionError("a rate is 1 or more")
    if plural is (value == 1):
        raise ExpressionError(f"write rate({value} {unit}{'' if value == 1 else 's'})")
    return Rate(value * _UNITS[unit])


# ---- cron --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    words: dict[str, int]

    def number(self, text: str) -> int:
        value = self.words.get(text)
        if value is None:
            if not (text.isascii() and text.isdigit() and len(text) <= 4):
                raise self.wrong(text)
            value = int(text)
        if not self.low <= value <= self.high:
            raise ExpressionError(f"{self.name}: {text} is not from {self.low} to {self.high}")
        return value

    def wrong(self, text: str) -> ExpressionError:
        return ExpressionError(f"{self.name}: {text!r} is not understood")

    def values(self, text: str) -> frozenset[int]:
        """Of `*`, `1,3`, `1-5`, `0/15`, `*/5`, `10-20/2`."""
        found: set[int] = set()
        for part in text.split(","):
            span, slash, step = part.partition("/")
            low, dash, high = span.partition("-")
            if span == "*":
                first, last = self.low, self.high
            elif dash:
                first, last = self.number(low), self.number(high)
            else:
                first = self.number(low)
                last = self.high if slash else first
            if last < first:
                raise ExpressionError(f"{self.name}: {span} goes backwards")
            if slash and (not step.isdigit() or not 1 <= int(step) <= self.high):
                raise self.wrong(part)
            found.update(range(first, last + 1, int(step) if slash else 1))
        return frozenset(found)


_MINUTE, _HOUR = _Field("minutes", 0, 59, {}), _Field("hours", 0, 23, {})
_OF_MONTH, _MONTH = _Field("day-of-month", 1, 31, {}), _Field("month", 1, 12, _MONTHS)
_OF_WEEK, _YEAR = _Field("day-of-week", 1, 7, _DAYS), _Field("year", 1970, LAST_YEAR, {})


def _cron(fields: list[str]) -> Cron:
    minute, hour, of_month, month, of_week, year = fields
    if (of_month == "?") == (of_week == "?"):
        raise ExpressionError("exactly one of day-of-month and day-of-week must be ?")
    return Cron(
        tuple(sorted(_MINUTE.values(minute))),
        tuple(sorted(_HOUR.values(hour))),
        _MONTH.values(month),
        _YEAR.values(year),
        _days_of_month(of_month) if of_week == "?" else _days_of_week(of_week),
        of_month,
        of_week,
    )


def month_days(text: str) -> frozenset[int]:
    """Of a day-of-month without L and W. Raises ExpressionError."""
    return _OF_MONTH.values(text)


def week_days(text: str) -> frozenset[int]:
    """Of a day-of-week without L and #; 1 is Sunday. Raises ExpressionError."""
    return _OF_WEEK.values(text)


def _length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _days_of_month(text: str) -> Callable[[int, int], frozenset[int]]:
    """`L`: the last day; `15W`: the weekday nearest to the 15th, in the same month; `LW`: the last weekday."""
    if text == "L":
        return lambda year, month: frozenset({_length(year, month)})
    if text == "LW":
        return lambda year, month: frozenset({_nearest_weekday(year, month, _length(year, month))})
    if text.endswith("W"):
        wanted = _OF_MONTH.number(text[:-1])

        def nearest(year: int, month: int) -> frozenset[int]:
            if wanted > _length(year, month):
                return frozenset()
            return frozenset({_nearest_weekday(year, month, wanted)})

        return nearest
    values = _OF_MONTH.values(text)
    return lambda year, month: frozenset(day for day in values if day <= _length(year, month))


def _nearest_weekday(year: int, month: int, day: int) -> int:
    weekday = calendar.weekday(year, month, day)  # Monday is 0
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < _length(year, month) else day - 2
    return day


def _days_of_week(text: str) -> Callable[[int, int], frozenset[int]]:
    """`3#2`: the second Tuesday; `5L`: the last Thursday; `L`: Saturday. 1 is Sunday."""
    if "#" in text:
        name, _, count = text.partition("#")
        if count not in ("1", "2", "3", "4", "5"):
            raise _OF_WEEK.wrong(text)
        wanted, nth = _OF_WEEK.number(name), int(count)
        return lambda year, month: frozenset(_all(year, month, {wanted})[nth - 1 : nth])
    if text.endswith("L") and text != "L":
        last = _OF_WEEK.number(text[:-1])
        return lambda year, month: frozenset(_all(year, month, {last})[-1:])
    values = frozenset({7}) if text == "L" else _OF_WEEK.values(text)
    return lambda year, month: frozenset(_all(year, month, values))


def _all(year: int, month: int, weekdays: frozenset[int] | set[int]) -> list[int]:
    first = (calendar.weekday(year, month, 1) + 1) % 7 + 1  # of the 1st; Sunday is 1
    return [day for day in range(1, _length(year, month) + 1) if (first - 1 + day - 1) % 7 + 1 in weekdays]
