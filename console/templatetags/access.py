"""Tags of the pages of access: `{% load access %}`."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from django import template
from django.template import Context
from django.utils.safestring import SafeString

from console.web import containers, links
from console.web.parts import May

register = template.Library()


@register.filter
def resource_part(arn: str) -> str:
    """`service/default/web` of an ARN; anything else as it is."""
    parts = arn.split(":", 5)
    return parts[5] if len(parts) == 6 else arn


@register.simple_tag
def named(**values: str) -> dict[str, str]:
    """Values that a button posts."""
    return values


@register.simple_tag
def explain_url(action: str, resource: str = "") -> str:
    """The page that explains why an action is not allowed."""
    where = links.to("access-explain")
    return f"{where}?{urlencode({'action': action, 'resource': resource or '*'})}" if where and action else ""


@register.simple_tag(takes_context=True)
def icon_button(
    context: Context,
    label: str,
    icon: str,
    post: str,
    may: May,
    values: Mapping[str, str] | None = None,
) -> SafeString:
    """A small button in a row that shows its icon only; `label` is read out and shown on hover. Nothing at all where
    it is not allowed: a list of locks tells nobody more than the one on the list's own button."""
    return containers.render(
        "icon_button", context, label=label, icon=icon, post=post, may=may, values=values or {}
    )
