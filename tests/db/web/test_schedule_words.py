"""Schedule expressions in words."""

from __future__ import annotations

import pytest
from django.utils import translation

from console.web.schedule_words import in_words


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("rate(1 minute)", "every minute"),
        ("rate(5 minutes)", "every 5 minutes"),
        ("rate(60 minutes)", "every hour"),
        ("rate(36 hours)", "every 36 hours"),
        ("rate(1 day)", "every day"),
        ("rate(7 days)", "every 7 days"),
        ("cron(0 3 * * ? *)", "every day at 03:00 UTC"),
        ("cron(0 10 ? * MON-FRI *)", "Monday to Friday at 10:00 UTC"),
        ("cron(0/30 8,9 ? * SAT,SUN *)", "on Saturday and Sunday at 08:00, 08:30, 09:00 and 09:30 UTC"),
        ("cron(* * * * ? *)", "every minute"),
        ("cron(0/15 * * * ? *)", "every 15 minutes"),
        ("cron(0/15 8-17 ? * 2-6 *)", "every 15 minutes from 08:00 to 17:59 UTC, Monday to Friday"),
        ("cron(30 * * * ? *)", "every hour at minute 30"),
        ("cron(5,20 * * * ? *)", "every hour at minutes 5 and 20"),
        ("cron(0 */2 * * ? *)", "every 2 hours at minute 0 UTC"),
        ("cron(0 1,2,4,8,16 * * ? *)", "at minute 0 in the hours 1, 2, 4, 8 and 16 UTC"),
        ("cron(0 0 1,15 * ? *)", "on days 1 and 15 of the month at 00:00 UTC"),
        ("cron(0 0 L * ? *)", "on the last day of the month at 00:00 UTC"),
        ("cron(0 0 LW 1,7 ? *)", "on the last weekday of the month at 00:00 UTC, in January and July"),
        ("cron(0 0 15W * ? *)", "on the weekday nearest to day 15 of the month at 00:00 UTC"),
        ("cron(0 0 ? * 3#2 *)", "on the second Tuesday of the month at 00:00 UTC"),
        ("cron(0 0 ? * FRIL *)", "on the last Friday of the month at 00:00 UTC"),
        ("cron(0 0 ? * L *)", "on Saturday at 00:00 UTC"),
        ("cron(0 0 1 1 ? 2030)", "on day 1 of the month at 00:00 UTC, in January, 2030"),
        ("cron(0 0 1 * ? 2030-2199)", "on day 1 of the month at 00:00 UTC, from 2030 on"),
        ("cron(0 0 1 * ? 2030-2050)", "on day 1 of the month at 00:00 UTC, in some years only"),
        ("hourly", ""),
    ],
)
def test_an_expression_is_said_in_words(expression: str, said: str) -> None:
    with translation.override("en"):
        assert in_words(expression) == said
