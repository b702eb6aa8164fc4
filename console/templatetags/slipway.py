"""The console's components as template tags: `{% load slipway %}`. How to use each: docs/console-components.md.

Tags that take a body are block tags; the others include a partial of templates/components/.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django import template
from django.contrib.messages.storage.base import Message
from django.core.paginator import Page
from django.forms import BoundField, CheckboxInput, Select, Textarea
from django.template import Context
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import json_script
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.utils.translation import gettext as _

from console.web import containers, drawing, links, words
from console.web import tags as tags_page
from console.web.context import strings as page_strings
from console.web.icons import TONE_ICONS
from console.web.icons import icon as draw_icon
from console.web.page import address
from console.web.page import may as may_do
from console.web.parts import Change, Crumb, Host, Lane, LogSource, May, Stage, Tab
from console.web.places import place

register = template.Library()

register.simple_tag(draw_icon, name="icon")


# --- words and figures ---------------------------------------------------------------------------------


register.simple_tag(containers.badge_of, name="state")


@register.inclusion_tag("components/count.html")
def count(value: int | None, total: int | None = None, label: str = "") -> dict[str, Any]:
    """`4 of 6`, coloured when short of the total; `label` follows ("healthy")."""
    short = "" if total is None or value is None or value >= total else ("none" if value == 0 else "short")
    return {"value": value, "total": total, "label": label, "short": short}


@register.inclusion_tag("components/arn.html")
def arn(value: str, text: str = "") -> dict[str, str]:
    """An ARN or id that copies itself on a click; shown as `text`, or its part after the last slash."""
    shown = text or (value.rsplit("/", 1)[-1].rsplit(":", 1)[-1] if value.startswith("arn:") else value)
    return {"value": value, "text": shown}


@register.inclusion_tag("components/copy.html")
def copy(value: str, label: str = "") -> dict[str, str]:
    """A button that copies `value`, without showing it."""
    return {"value": value, "label": label}


@register.inclusion_tag("components/time.html")
def when(moment: datetime | None, style: str = "ago", empty: str = "–") -> dict[str, Any]:
    """A moment: style "ago" (live), "fine" (live, two units), "clock" (14:03:41), "date", or "since" (live, a
    duration without "ago"). The absolute time shows on hover."""
    if moment is None:
        return {"empty": empty}
    seconds = (timezone.now() - moment).total_seconds()
    local = timezone.localtime(moment)
    text = {
        "ago": lambda: words.ago(moment),
        "fine": lambda: words.ago(moment, parts=2),
        "clock": lambda: local.strftime("%H:%M:%S"),
        "date": lambda: local.strftime("%Y-%m-%d %H:%M"),
        "since": lambda: words.duration(int(seconds)),
    }[style]()
    return {"moment": moment.isoformat(), "title": words.absolute(moment), "style": style, "text": text}


@register.simple_tag
def took(start: datetime | None, end: datetime | None, empty: str = "") -> str:
    """The duration between two moments; up to now when there is no end yet."""
    if start is None:
        return empty
    return words.duration(((end or timezone.now()) - start).total_seconds())


@register.filter
def duration(seconds: float | None) -> str:
    return "" if seconds is None else words.duration(float(seconds))


@register.filter
def bytes(amount: float | None) -> str:
    return "" if amount is None else words.plain_bytes(amount)


@register.filter
def mib(amount: float | None) -> str:
    """An amount in MiB, in the unit that reads best."""
    return "" if amount is None else words.plain_bytes(float(amount) * 1024 * 1024)


@register.filter
def unlocalized(value: float) -> str:
    """A number as SVG wants it, whatever the reader's language."""
    return f"{value:g}"


@register.filter
def tone_of(status: str) -> str:
    return words.state(str(status))[0]


@register.inclusion_tag("components/tags_card.html", takes_context=True)
def tags_card(context: Context, arn: str, tags: Mapping[str, str], owner: str = "") -> dict[str, Any]:
    """The tags of a resource with the way to change them; `owner`: the ARN of a task's service."""
    owners = [owner] if owner else []
    return {
        "tags": tags,
        "href": address(place("tags"), arn=arn),
        "may": may_do(context["request"], tags_page.permission(arn), arn, owners),
    }


# --- structures ------------------------------------------------------------------------------------------


@register.inclusion_tag("components/crumbs.html")
def crumbs(*steps: Crumb | str) -> dict[str, Any]:
    """The path above the title. Strings are plain last steps; a list of Crumb may be given instead."""
    flat: list[Crumb] = []
    for step in steps:
        flat.extend(
            [Crumb(step)] if isinstance(step, str) else [step] if isinstance(step, Crumb) else list(step)
        )
    return {"steps": flat}


@register.inclusion_tag("components/tabs.html")
def tabs(items: Sequence[Tab], current: str, label: str = "") -> dict[str, Any]:
    return {"items": items, "current": current, "label": label}


@register.inclusion_tag("components/stages.html")
def stages(items: Sequence[Stage]) -> dict[str, Any]:
    return {"items": items}


@register.inclusion_tag("components/lanes.html")
def lanes(items: Sequence[Lane]) -> dict[str, Any]:
    return {"items": items}


@register.inclusion_tag("components/diff.html")
def diff(changes: Iterable[Change], show_same: bool = False) -> dict[str, Any]:
    """Differences as before → after; equal ones are left out unless `show_same`."""
    return {"changes": [change for change in changes if show_same or not change.same]}


@register.inclusion_tag("components/meter.html")
def meter(
    used: float | None, total: float, label: str = "", reserved: float | None = None, caption: str = ""
) -> dict[str, Any]:
    """A bar of what is reserved and used of a total. Amber from 80 % reserved or used, red when full."""
    return drawing.meter(used, total, reserved) | {"label": label, "caption": caption}


@register.inclusion_tag("components/progress.html")
def progress(done: float, total: float, label: str, tone: str = "") -> dict[str, Any]:
    """Long work in numbers: `2 of 5 pulled`."""
    return {"percent": drawing.share(done, total), "done": done, "total": total, "label": label, "tone": tone}


@register.inclusion_tag("components/sparkline.html")
def sparkline(
    values: Sequence[float | None], tone: str = "new", label: str = "", top: float | None = None
) -> dict[str, Any]:
    """A small line drawn by the server. `label` says what it shows; `top` fixes the scale's end."""
    return drawing.sparkline(values, top) | {"tone": tone, "label": label}


@register.inclusion_tag("components/hosts.html")
def hosts(items: Sequence[Host]) -> dict[str, Any]:
    """The map of instances with their tasks in proportion."""
    return {"items": [drawing.host(item) for item in items]}


@register.inclusion_tag("components/chart.html")
def chart(source: str, title: str, height: int = 190, group: str = "page") -> dict[str, Any]:
    """A chart that loads `source` (JSON, see parts.ChartData) when it comes into view. Charts of one `group` share
    their cursor and time range."""
    return {"source": source, "title": title, "height": height, "group": group}


@register.inclusion_tag("components/log.html")
def log(source: LogSource, label: str = "") -> dict[str, Any]:
    return {"source": source, "label": label, "id": f"log-{slugify(source.name)}"}


@register.inclusion_tag("components/cli.html")
def cli(command: str) -> dict[str, str]:
    """The equivalent AWS CLI command, copied with one click."""
    return {"command": command}


# --- actions and forms -------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def button(
    context: Context,
    label: str,
    *,
    href: str = "",
    post: str = "",
    dialog: str = "",
    submit: bool = False,
    icon: str = "",
    kind: str = "",
    size: str = "",
    may: May | None = None,
    values: Mapping[str, str] | None = None,
    name: str = "",
    value: str = "",
) -> SafeString:
    """A button that goes to `href`, posts to `post` (with `values`), opens `dialog`, or submits its form. When
    `may` refuses, it is shown disabled with the missing permission or the reason. `kind`: primary, undo, danger,
    quiet; `size`: sm, lg."""
    classes = " ".join(
        part for part in ("btn", f"btn-{kind}" if kind else "", f"btn-{size}" if size else "") if part
    )
    return containers.render(
        "button",
        context,
        label=label,
        href=href,
        post=post,
        dialog=dialog,
        submit=submit,
        icon=icon,
        classes=classes,
        refused=may is not None and not may.allowed,
        may=may,
        values=values or {},
        name=name,
        value=value,
    )


@register.simple_tag
def field(bound: BoundField, hint: str = "", placeholder: str = "", mono: bool = False) -> SafeString:
    """A form field with label, widget, help and errors, tied together for screen readers."""
    widget = bound.field.widget
    checkbox = isinstance(widget, CheckboxInput)
    css = "form-check-input" if checkbox else "form-select" if isinstance(widget, Select) else "form-control"
    attrs: dict[str, str | bool] = {
        "class": " ".join([css, "mono" if mono else "", "is-invalid" if bound.errors else ""]).strip()
    }
    if placeholder:
        attrs["placeholder"] = placeholder
    if isinstance(widget, Textarea):
        attrs.setdefault("rows", str(widget.attrs.get("rows", 6)))
        attrs["spellcheck"] = "false"
    described = [f"{bound.auto_id}_helptext"] if (hint or bound.help_text) else []
    described += [f"{bound.auto_id}_errors"] if bound.errors else []
    if described:
        attrs["aria-describedby"] = " ".join(described)
    if bound.errors:
        attrs["aria-invalid"] = "true"
    drawn = bound.as_widget(attrs=attrs)
    values = {"bound": bound, "drawn": drawn, "hint": hint or bound.help_text, "checkbox": checkbox}
    return mark_safe(render_to_string("components/field.html", values))  # noqa: S308


@register.inclusion_tag("components/errors.html")
def errors(messages: Iterable[str], id: str = "") -> dict[str, Any]:
    """A field's errors, or those of a whole form."""
    return {"messages": list(messages), "id": id}


@register.simple_tag(takes_context=True)
def pagination(context: Context, page: Page[Any], noun: str = "") -> SafeString:
    """Previous, next and where one is; keeps the rest of the query string. Nothing for a single page."""
    return containers.render("pagination", context, page=page, noun=noun)


@register.simple_tag(takes_context=True)
def sort(context: Context, key: str, label: str, cls: str = "", default: bool | str = False) -> SafeString:
    """A table heading that sorts by `?sort=key`, then `-key`. `default`: the order without `?sort=`, True or "desc"."""
    request = context["request"]
    current = request.GET.get("sort", f"-{key}" if default == "desc" else key if default else "")
    direction = {key: "ascending", f"-{key}": "descending"}.get(current, "")
    query = request.GET.copy()
    query.pop("page", None)
    query["sort"] = f"-{key}" if direction == "ascending" else key
    return containers.render(
        "sort", context, label=label, direction=direction, query=query.urlencode(), cls=cls
    )


@register.simple_tag(takes_context=True)
def chips(context: Context, name: str, choices: Sequence[Any], label: str) -> SafeString:
    """Filter chips for `?name=`; `choices` are parts.Choice; the empty value means all."""
    request = context["request"]
    current = request.GET.get(name, "")
    drawn = []
    for choice in choices:
        query = request.GET.copy()
        for gone in ("page", "before", name):
            query.pop(gone, None)
        if choice.value:
            query[name] = choice.value
        drawn.append({"choice": choice, "query": query.urlencode(), "current": choice.value == current})
    return containers.render("chips", context, items=drawn, label=label)


@register.simple_tag(takes_context=True)
def search_box(context: Context, placeholder: str, name: str = "q") -> SafeString:
    """A search form for `?q=` that keeps the other filters and searches while one types."""
    request = context["request"]
    kept = [(key, value) for key, value in request.GET.items() if key not in {name, "page", "before"}]
    return containers.render(
        "search_box", context, placeholder=placeholder, name=name, kept=kept, query=request.GET.get(name, "")
    )


# --- containers: see console/web/containers.py -------------------------------------------------------------

register.simple_block_tag(containers.card, takes_context=True)
register.simple_block_tag(containers.note)
register.simple_block_tag(containers.moment)
register.simple_tag(containers.act)
register.simple_block_tag(containers.confirm, takes_context=True)
register.simple_block_tag(containers.empty, takes_context=True)
register.tag("fragment", containers.fragment)


@register.simple_tag
def page_url(name: str, *args: object) -> str:
    """The address of a page; empty where this release has none."""
    return links.to(name, *args)


@register.simple_tag
def percent(part: float | None, whole: float) -> str:
    """`40 %`."""
    return f"{drawing.share(part, whole):.0f} %"


@register.filter
def face_word(face: str) -> str:
    """Through which face something was done, in words."""
    return {"console": _("console"), "rest": "REST", "aws": "AWS API", "system": "Slipway"}.get(face, face)


@register.filter
def result_word(result: str) -> str:
    """An audit record's result, in words."""
    return {"success": _("done"), "denied": _("denied"), "failed": _("failed")}.get(result, result)


@register.filter
def action_service(action: str) -> str:
    """`ecs` of `ecs:UpdateService`."""
    return action.partition(":")[0]


@register.simple_tag
def to_state(status: str) -> dict[str, str]:
    """What a button posts to put something into `status`."""
    return {"status": status}


@register.simple_tag
def to_driver(driver: str) -> dict[str, str]:
    """What a button posts to let `driver` carry a network."""
    return {"driver": driver}


@register.simple_tag
def service_cli(cluster: str) -> str:
    """The command that creates a first service, for empty lists."""
    return f"aws ecs create-service --cluster {cluster} --service-name web --task-definition web --desired-count 2"


@register.filter
def split(text: str) -> list[str]:
    """The words of `text`."""
    return text.split()


@register.filter
def toast_tone(message: Message) -> str:
    """The tone of one of Django's messages."""
    return {"success": "ok", "warning": "wait", "error": "bad"}.get(message.level_tag, "new")


@register.simple_tag
def tone_icon(tone: str) -> SafeString:
    return draw_icon(TONE_ICONS.get(tone, "info-circle"))


@register.simple_tag
def strings() -> SafeString:
    """The sentences that scripts say, as a JSON element of the page."""
    return json_script(page_strings(), "strings")


@register.filter
def as_json(value: object) -> str:
    """Readable JSON, for configuration shown as text."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
