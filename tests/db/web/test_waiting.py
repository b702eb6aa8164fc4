"""Everything the scheduler says it waits for has its French, with the same numbers in it."""

from __future__ import annotations

import re

import pytest
from django.utils.translation import override

from console.web.waiting import in_words
from services.control.task_sets import NONE_YET
from services.scheduler import wording

SENTENCES = [
    wording.waiting_for(1, "start"),
    wording.waiting_for(7, "start"),
    wording.waiting_for(1, "pass their health checks", "pass its health checks"),
    wording.waiting_for(2, "pass their health checks", "pass its health checks"),
    wording.waiting_for(3, "run for 40 s"),
    wording.waiting_for(4, "stop"),
    "Waiting for the protection of 5 tasks to end.",
    "Waiting 95 s before trying again: the last 6 tasks failed to start (Essential container in task exited).",
    "Waiting 10 min before trying again: the last task failed to start.",
    "Waiting 2 s before trying again: a task ended before it was healthy (OutOfMemoryError).",
    "Waiting for a new deployment: none has completed yet, so there is nothing to start tasks from.",
    NONE_YET,
    "Waiting for room: 3 instances have insufficient CPU units available.",
    "Waiting for another minimumHealthyPercent or maximumPercent: with these no task can be stopped before "
    "another is started, nor started before another is stopped.",
    "Waiting for the images of web:13 to be resolved.",
    "Waiting for the images of web:13: no such image.",
    "Pulling web:4f1c9e2: 61 %.",
]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_it_is_said_in_french(sentence: str) -> None:
    assert in_words(sentence) == sentence
    with override("fr"):
        said = in_words(sentence)
    assert said != sentence and not re.search(r"Waiting|Pulling|%\(", said)
    assert re.findall(r"\d+", said) == re.findall(r"\d+", sentence)


def test_what_is_not_known_stays() -> None:
    with override("fr"):
        assert in_words("Something new.") == "Something new."
