"""What a service waits for, in the reader's language. The scheduler says it in English (services.scheduler.waiting);
a sentence that is not known here is shown as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

Facts = dict[str, Any]
_TASKS = r"Waiting for (?P<count>\d+) tasks? to "


def in_words(sentence: str) -> str:
    """`sentence` translated, with its numbers and reasons as they are."""
    if (get_language() or "en").startswith("en"):
        return sentence
    for pattern, text in _SENTENCES:
        found = pattern.fullmatch(sentence)
        if found is not None:
            facts: Facts = {**found.groupdict(), "count": int(found.groupdict().get("count") or 1)}
            return text(facts) % facts
    return sentence


def _throttled(facts: Facts) -> str:
    facts["because"] = f" ({facts['reason']})" if facts["reason"] else ""
    if facts["early"]:
        return _("Waiting %(time)s before trying again: a task ended before it was healthy%(because)s.")
    return ngettext(
        "Waiting %(time)s before trying again: the last task failed to start%(because)s.",
        "Waiting %(time)s before trying again: the last %(count)d tasks failed to start%(because)s.",
        facts["count"],
    )


# Pattern of the English sentence -> the text in the reader's language.
_KNOWN: tuple[tuple[str, Callable[[Facts], str]], ...] = (
    (
        rf"{_TASKS}start\.",
        lambda f: ngettext(
            "Waiting for %(count)d task to start.", "Waiting for %(count)d tasks to start.", f["count"]
        ),
    ),
    (
        rf"{_TASKS}pass (?:its|their) health checks\.",
        lambda f: ngettext(
            "Waiting for %(count)d task to pass its health checks.",
            "Waiting for %(count)d tasks to pass their health checks.",
            f["count"],
        ),
    ),
    (
        rf"{_TASKS}run for (?P<seconds>[\d.]+) s\.",
        lambda f: ngettext(
            "Waiting for %(count)d task to run for %(seconds)s s.",
            "Waiting for %(count)d tasks to run for %(seconds)s s.",
            f["count"],
        ),
    ),
    (
        rf"{_TASKS}stop\.",
        lambda f: ngettext(
            "Waiting for %(count)d task to stop.", "Waiting for %(count)d tasks to stop.", f["count"]
        ),
    ),
    (
        r"Waiting for the protection of (?P<count>\d+) tasks? to end\.",
        lambda f: ngettext(
            "Waiting for the protection of %(count)d task to end.",
            "Waiting for the protection of %(count)d tasks to end.",
            f["count"],
        ),
    ),
    (
        r"Waiting (?P<time>\d+ (?:s|min)) before trying again: (?:(?P<early>a task ended before it was healthy)"
        r"|the last (?:(?P<count>\d+) tasks|task) failed to start)(?: \((?P<reason>.*)\))?\.",
        _throttled,
    ),
    (
        r"Waiting for a new deployment: none has completed yet, .*",
        lambda f: _(
            "Waiting for a new deployment: none has completed yet, so there is nothing to start tasks from."
        ),
    ),
    (
        r"Waiting for a task set: .*",
        lambda f: _("Waiting for a task set: there is none yet, so there is nothing to start tasks from."),
    ),
    (r"Waiting for room: (?P<reason>.*)", lambda f: _("Waiting for room: %(reason)s")),
    (
        r"Waiting for another minimumHealthyPercent or maximumPercent: .*",
        lambda f: _(
            "Waiting for another minimumHealthyPercent or maximumPercent: with these no task can be stopped before "
            "another is started, nor started before another is stopped."
        ),
    ),
    (
        r"Waiting for an approval: the deployment is paused at (?P<stage>\w+)\.",
        lambda f: _("Waiting for an approval: the deployment is paused at %(stage)s."),
    ),
    (
        r"Waiting for the images of (?P<name>\S+) to be resolved\.",
        lambda f: _("Waiting for the images of %(name)s to be resolved."),
    ),
    (
        r"Waiting for the images of (?P<name>\S+): (?P<reason>.*)",
        lambda f: _("Waiting for the images of %(name)s: %(reason)s"),
    ),
    (r"Pulling (?P<image>\S+): (?P<progress>.*)\.", lambda f: _("Pulling %(image)s: %(progress)s.")),
)
_SENTENCES = [(re.compile(pattern, re.DOTALL), text) for pattern, text in _KNOWN]
