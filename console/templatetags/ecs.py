"""Filters for ECS's own words: `{% load ecs %}`."""

from __future__ import annotations

import re
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from console.web import links, service_words
from console.web import waiting as waiting_words

register = template.Library()

_TASK = re.compile(r"\(task ([0-9a-f]{32})\)")


@register.filter
def person(arn: str) -> str:
    """`amina` of a user's ARN."""
    return service_words.person(arn)


@register.filter
def short_image(image: str) -> str:
    return service_words.short_image(image)


@register.filter
def waiting(sentence: str) -> str:
    """What a service waits for, in the reader's language."""
    return waiting_words.in_words(sentence)


@register.filter
def event_text(message: str, service: str) -> SafeString:
    """An event of a service or daemon without what its page says already; tasks are cut to the ids that lists show."""
    text = message.removeprefix(f"(service {service}) ").removeprefix(f"(daemon {service}) ")
    shortened = _TASK.sub(
        lambda found: format_html("<code>{}</code>", found[1][:8]), conditional_escape(text)
    )
    return mark_safe(shortened)  # noqa: S308 (escaped above)


@register.simple_tag
def to_target(target: str) -> dict[str, str]:
    """What a button posts to name a rule's target."""
    return {"target": target}


@register.inclusion_tag("components/role_link.html")
def role_link(arn: str) -> dict[str, str]:
    """A role by its name, with the way to its page."""
    return {"name": arn.rpartition("/")[2], "url": links.of_arn(arn)}


@register.simple_tag
def text_field(
    state: Any,
    name: str,
    label: str,
    hint: str = "",
    rows: int = 0,
    placeholder: str = "",
    number: bool = False,
    mono: bool = False,
) -> SafeString:
    """A field of the task definition's form, whose names are not known beforehand: label, input, hint, mistakes.
    `rows` makes it a text area. `state` has `value(name)` and `problems`."""
    problems = list(state.problems.get(name, []))
    values = {
        "name": name,
        "id": f"id_{name}",
        "label": label,
        "hint": hint,
        "rows": rows,
        "placeholder": placeholder,
        "number": number,
        "mono": mono or bool(rows),
        "value": state.value(name),
        "problems": problems,
        "described": " ".join(
            [*([f"id_{name}_hint"] if hint else []), *([f"id_{name}_errors"] if problems else [])]
        ),
    }
    return mark_safe(render_to_string("components/text_field.html", values).strip())  # noqa: S308 (a template's output)


@register.simple_tag
def container_field(state: Any, container: Any, name: str, label: str, **options: Any) -> SafeString:
    """`text_field` for a field of one container."""
    return text_field(state, f"{container.prefix}{name}", label, **options)


@register.simple_tag
def value_of(state: Any, prefix: str, name: str) -> str:
    return str(state.value(f"{prefix}{name}"))
