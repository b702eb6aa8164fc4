"""A schedule expression in words: `every 5 minutes`, `every day at 03:00 UTC`."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from services.schedules.expression import LAST_YEAR, Cron, ExpressionError, Rate, month_days, parse, week_days

_MOST_TIMES = 4
_NTH = (
    gettext_lazy("first"),
    gettext_lazy("second"),
    gettext_lazy("third"),
    gettext_lazy("fourth"),
    gettext_lazy("fifth"),
)


def in_words(expression: str) -> str:
    """Empty for what is no schedule."""
    try:
        schedule = parse(expression)
    except ExpressionError:
        return ""
    return _rate(schedule) if isinstance(schedule, Rate) else _cron(schedule)


def _rate(rate: Rate) -> str:
    if rate.seconds % 86400 == 0:
        return _every_days(rate.seconds // 86400)
    if rate.seconds % 3600 == 0:
        return _every_hours(rate.seconds // 3600)
    return _every_minutes(rate.seconds // 60)


def _every_days(count: int) -> str:
    return ngettext("every day", "every %(days)s days", count) % {"days": count}


def _every_hours(count: int) -> str:
    return ngettext("every hour", "every %(count)d hours", count) % {"count": count}


def _every_minutes(count: int) -> str:
    return ngettext("every minute", "every %(count)d minutes", count) % {"count": count}


def _listed(items: Sequence[object]) -> str:
    return get_text_list([str(item) for item in items], _("and"))


def _cron(cron: Cron) -> str:
    days = _days(cron)
    if len(cron.minutes) * len(cron.hours) <= _MOST_TIMES:
        times = [f"{hour:02}:{minute:02}" for hour in cron.hours for minute in cron.minutes]
        at = _("at %(times)s UTC") % {"times": _listed(times)}
        said = f"{days or _every_days(1)} {at}"
    else:
        said = _often(cron)
        said = f"{said}, {days}" if days else said
    if len(cron.months) < 12:
        said += ", " + _("in %(months)s") % {"months": _listed([MONTHS[one] for one in sorted(cron.months)])}
    if len(cron.years) <= _MOST_TIMES:
        said += ", " + _listed(sorted(cron.years))
    elif (first := min(cron.years)) > 1970 and len(cron.years) == LAST_YEAR + 1 - first:
        said += ", " + _("from %(year)d on") % {"year": first}
    elif len(cron.years) < LAST_YEAR + 1 - 1970:
        said += ", " + _("in some years only")
    return said


def _often(cron: Cron) -> str:
    """`every 15 minutes from 08:00 to 17:59 UTC`, `every 2 hours at minute 30`."""
    step = _step(cron.minutes, 60)
    if step:
        minutes = _every_minutes(step)
    else:
        minutes = ngettext("at minute %(listed)s", "at minutes %(listed)s", len(cron.minutes)) % {
            "listed": _listed(cron.minutes)
        }
    hours = _step(cron.hours, 24)
    if hours == 1:
        return minutes if step else f"{_every_hours(1)} {minutes}"
    if hours and not step:
        return f"{_every_hours(hours)} {minutes} UTC"
    first, last = cron.hours[0], cron.hours[-1]
    if len(cron.hours) == last - first + 1:
        span = {"first": f"{first:02}:00", "last": f"{last:02}:59"}
        return f"{minutes} " + _("from %(first)s to %(last)s UTC") % span
    return f"{minutes} " + _("in the hours %(listed)s UTC") % {"listed": _listed(cron.hours)}


def _step(values: Sequence[int], whole: int) -> int:
    """How far apart, where they fill the whole evenly from 0 on; else 0."""
    if whole % len(values):
        return 0
    step = whole // len(values)
    return step if list(values) == list(range(0, whole, step)) and len(values) > 1 else 0


def _days(cron: Cron) -> str:
    """Empty for every day."""
    return _of_month(cron.of_month) if cron.of_week == "?" else _of_week(cron.of_week)


def _of_month(text: str) -> str:
    if text == "L":
        return _("on the last day of the month")
    if text == "LW":
        return _("on the last weekday of the month")
    if text.endswith("W"):
        return _("on the weekday nearest to day %(day)s of the month") % {"day": text[:-1]}
    days = sorted(month_days(text))
    if len(days) == 31:
        return ""
    return ngettext("on day %(days)s of the month", "on days %(days)s of the month", len(days)) % {
        "days": _listed(days)
    }


def _of_week(text: str) -> str:
    if "#" in text:
        name, nth = text.split("#")
        return _("on the %(nth)s %(day)s of the month") % {"nth": _NTH[int(nth) - 1], "day": _name(name)}
    if text.endswith("L") and text != "L":
        return _("on the last %(day)s of the month") % {"day": _name(text[:-1])}
    days = sorted((day + 5) % 7 for day in (week_days(text) if text != "L" else {7}))  # Monday is 0
    if len(days) == 7:
        return ""
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return _("%(first)s to %(last)s") % {"first": WEEKDAYS[days[0]], "last": WEEKDAYS[days[-1]]}
    return _("on %(days)s") % {"days": _listed([WEEKDAYS[day] for day in days])}


def _name(text: str) -> object:
    [day] = week_days(text)
    return WEEKDAYS[(day + 5) % 7]
