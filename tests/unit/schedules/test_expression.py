"""cron and rate: EventBridge's own examples, what it refuses, and the next time held to a slow reference."""

from __future__ import annotations

import ast
import calendar
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.schedules import expression
from services.schedules.expression import Cron, ExpressionError, parse

T = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)  # a Saturday


def nexts(text: str, count: int = 3, after: datetime = T) -> list[str]:
    schedule = parse(text)
    found = []
    for _ in range(count):
        following = schedule.next_after(after, since=T)
        if following is None:
            break
        after = following
        found.append(after.strftime("%Y-%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cron(0 10 * * ? *)", ["2026-03-14 10:00", "2026-03-15 10:00", "2026-03-16 10:00"]),
        ("cron(15 12 * * ? *)", ["2026-03-14 12:15", "2026-03-15 12:15", "2026-03-16 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-03-16 18:00", "2026-03-17 18:00", "2026-03-18 18:00"]),
        ("cron(0 8 1 * ? *)", ["2026-04-01 08:00", "2026-05-01 08:00", "2026-06-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["2026-03-14 09:30", "2026-03-14 09:45", "2026-03-14 10:00"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", ["2026-03-16 08:00", "2026-03-16 08:05", "2026-03-16 08:10"]),
        ("cron(0 9 ? * 2#1 *)", ["2026-04-06 09:00", "2026-05-04 09:00", "2026-06-01 09:00"]),
        ("cron(0 9 ? * 6L *)", ["2026-03-27 09:00", "2026-04-24 09:00", "2026-05-29 09:00"]),
        ("cron(0 9 ? * L *)", ["2026-03-21 09:00", "2026-03-28 09:00", "2026-04-04 09:00"]),
        ("cron(0 0 L * ? *)", ["2026-03-31 00:00", "2026-04-30 00:00", "2026-05-31 00:00"]),
        ("cron(0 0 LW * ? *)", ["2026-03-31 00:00", "2026-04-30 00:00", "2026-05-29 00:00"]),
        ("cron(0 0 1W * ? *)", ["2026-04-01 00:00", "2026-05-01 00:00", "2026-06-01 00:00"]),
        ("cron(0 0 15W 8,11 ? *)", ["2026-08-14 00:00", "2026-11-16 00:00", "2027-08-16 00:00"]),
        ("cron(0 0 31 2 ? *)", []),
        ("cron(0 0 29 2 ? *)", ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00"]),
        ("cron(30 9 14 3 ? 2026)", ["2026-03-14 09:30"]),
        ("cron(26 9 14 3 ? 2026)", []),
        ("cron(0 0 ? JAN,jul sun 2027-2199)", ["2027-01-03 00:00", "2027-01-10 00:00", "2027-01-17 00:00"]),
        ("rate(5 minutes)", ["2026-03-14 09:31", "2026-03-14 09:36", "2026-03-14 09:41"]),
        ("rate(1 hour)", ["2026-03-14 10:26", "2026-03-14 11:26", "2026-03-14 12:26"]),
        ("rate(7 days)", ["2026-03-21 09:26", "2026-03-28 09:26", "2026-04-04 09:26"]),
    ],
)
def test_the_next_times(text: str, expected: list[str]) -> None:
    assert nexts(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must be cron"),
        (None, "must be cron"),
        ("every day", "must be cron"),
        ("cron(0 10 * * ?)", "six fields"),
        ("cron(0 10 * * * *)", "exactly one"),
        ("cron(0 10 ? * ? *)", "exactly one"),
        ("cron(60 10 * * ? *)", "minutes: 60 is not from 0 to 59"),
        ("cron(0 24 * * ? *)", "hours: 24"),
        ("cron(0 0 0 * ? *)", "day-of-month: 0"),
        ("cron(0 0 1 13 ? *)", "month: 13"),
        ("cron(0 0 ? * 8 *)", "day-of-week: 8"),
        ("cron(0 0 ? * 2#6 *)", "day-of-week"),
        ("cron(0 0 1 * ? 1969)", "year: 1969"),
        ("cron(5-1 0 1 * ? *)", "goes backwards"),
        ("cron(0/0 0 1 * ? *)", "minutes"),
        ("cron(x 0 1 * ? *)", "minutes: 'X' is not understood"),
        ("cron(0 0 ²,1 * ? *)", "not understood"),
        ("rate(0 minutes)", "1 or more"),
        ("rate(1 minutes)", "write rate(1 minute)"),
        ("rate(2 hour)", "write rate(2 hours)"),
        ("rate(5 seconds)", "must be cron"),
        ("rate(1.5 hours)", "must be cron"),
    ],
)
def test_what_is_refused_and_why(text: object, says: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert says in str(caught.value)


# ---- against a reference that looks at every minute --------------------------------------------


def _one(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    return st.one_of(
        st.just("*"),
        number.map(str),
        st.lists(number, min_size=1, max_size=3).map(lambda xs: ",".join(map(str, xs))),
        st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}"),
        st.tuples(number, st.integers(1, high)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    )


def _has(text: str, value: int, low: int, high: int) -> bool:
    """Whether a field of numbers holds a value, said once more."""
    for part in text.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        elif "-" in span:
            first, last = map(int, span.split("-"))
        else:
            first, last = int(span), high if step else int(span)
        if first <= value <= last and (value - first) % int(step or 1) == 0:
            return True
    return False


@st.composite
def crons(draw: st.DrawFn) -> tuple[str, ...]:
    by_week = draw(st.booleans())
    return (
        draw(_one(0, 59)),
        draw(_one(0, 23)),
        "?" if by_week else draw(_one(1, 31)),
        draw(_one(1, 12)),
        draw(_one(1, 7)) if by_week else "?",
        "*",
    )


@given(crons(), st.datetimes(datetime(2024, 1, 1), datetime(2031, 1, 1)))
@settings(max_examples=150, deadline=None)
def test_the_next_time_is_the_first_that_matches(fields: tuple[str, ...], naive: datetime) -> None:
    minute, hour, of_month, month, of_week, _ = fields
    after = naive.replace(tzinfo=UTC)
    found = parse(f"cron({' '.join(fields)})").next_after(after)

    def day_matches(day: datetime) -> bool:
        weekday = (calendar.weekday(day.year, day.month, day.day) + 1) % 7 + 1
        right = _has(of_month, day.day, 1, 31) if of_week == "?" else _has(of_week, weekday, 1, 7)
        return right and _has(month, day.month, 1, 12)

    midnight = after.replace(hour=0, minute=0, second=0, microsecond=0)
    for days in range(9 * 366):
        day = midnight + timedelta(days=days)
        if not day_matches(day):
            continue
        for hours in range(24):
            if not _has(hour, hours, 0, 23):
                continue
            for minutes in range(60):
                moment = day + timedelta(hours=hours, minutes=minutes)
                if moment > after and _has(minute, minutes, 0, 59):
                    assert found == moment
                    return
    assert found is None or found > after + timedelta(days=8 * 365)


@given(st.integers(1, 10_000), st.sampled_from(["minutes", "hours", "days"]), st.integers(0, 10**9))
def test_a_rate_fires_at_whole_periods_and_never_twice(value: int, unit: str, later: int) -> None:
    schedule = parse(f"rate({value} {unit if value > 1 else unit[:-1]})")
    assert not isinstance(schedule, Cron)
    moment = T + timedelta(seconds=later)
    following = schedule.next_after(moment, since=T)
    assert following is not None and following > moment
    assert (following - T).total_seconds() % schedule.seconds == 0
    assert following - moment <= timedelta(seconds=schedule.seconds)


@given(st.text(max_size=60))
def test_no_text_is_too_strange(text: str) -> None:
    for given_text in (text, f"cron({text})", f"rate({text})", f"cron({' '.join(text[:6])})"):
        try:
            parse(given_text).next_after(T, since=T)
        except ExpressionError as error:
            assert str(error)


def test_it_is_of_the_standard_library_alone() -> None:
    tree = ast.parse(Path(expression.__file__).read_text("utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert modules == {"__future__", "calendar", "collections.abc", "dataclasses", "datetime", "re"}
