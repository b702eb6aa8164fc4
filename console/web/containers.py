"""Template tags with a body: cards, notes, timeline entries, dialogs, and the fragments that follow the live stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from console.web import words
from console.web.icons import TONE_ICONS
from console.web.icons import icon as draw_icon


def render(partial: str, context: Context, /, **values: Any) -> SafeString:
    """A partial with `values`, the request and the CSRF token, and nothing else of the page's context."""
    inner = {"request": context.get("request"), "csrf_token": context.get("csrf_token"), **values}
    return mark_safe(render_to_string(f"components/{partial}.html", inner).strip())  # noqa: S308 (a template's output)


def badge_of(status: str, label: str = "", tone: str = "", live: bool | None = None) -> SafeString:
    """A badge for a status of ECS's; `label`, `tone` and `live` overrule what the status implies."""
    known_tone, moving, known_label = words.state(str(status))
    pulse = " live" if (moving if live is None else live) else ""
    return format_html('<span class="st {}{}">{}</span>', tone or known_tone, pulse, label or known_label)


def card(
    context: Context,
    content: str,
    title: str = "",
    aside: str = "",
    id: str = "",
    cls: str = "",
    pad: bool = True,
) -> SafeString:
    """A card with a heading; `pad=False` for tables and lists that reach the edges."""
    return render("card", context, content=content, title=title, aside=aside, id=id, cls=cls, pad=pad)


def note(content: str, tone: str = "", icon: str = "") -> SafeString:
    """A sentence that explains: what is waited for, what will happen, what went wrong."""
    sign = draw_icon(icon or TONE_ICONS.get(tone, "info-circle"))
    role = mark_safe(' role="alert"') if tone == "bad" else ""
    return format_html('<div class="note {}"{}>{}<div class="body">{}</div></div>', tone, role, sign, content)


def moment(
    content: str,
    title: str,
    tone: str = "",
    badge: str = "",
    status: str = "",
    live: bool = False,
    took: str = "",
) -> SafeString:
    """One entry of a `<ol class="tl">`; the body is the line under the title, `{% act %}` in it goes to the right."""
    detail, _, actions = content.partition("<!--act-->")
    sign = badge_of(status, badge) if status else (badge_of("", badge, tone or "old") if badge else "")
    values = {
        "title": title,
        "tone": tone or (words.state(status)[0] if status else "old"),
        "sign": sign,
        "live": live or (bool(status) and words.state(status)[1]),
        "took": took,
    }
    # Both halves are the body of the tag, rendered and escaped already.
    values |= {"detail": mark_safe(detail.strip()), "actions": mark_safe(actions.strip())}  # noqa: S308
    return mark_safe(render_to_string("components/moment.html", values))  # noqa: S308


def act() -> SafeString:
    """Inside `{% moment %}`: what follows are its buttons."""
    return mark_safe("<!--act-->")


def confirm(
    context: Context,
    content: str,
    id: str,
    title: str,
    action: str,
    label: str,
    tone: str = "",
    name: str = "",
    values: Mapping[str, str] | None = None,
) -> SafeString:
    """A dialog that says what will happen and posts to `action`. With `name`, that text must be typed first: only for
    what nothing can bring back."""
    kind = "danger btn-solid" if tone == "danger" else "primary"
    return render(
        "confirm",
        context,
        content=content,
        id=id,
        title=title,
        action=action,
        label=label,
        kind=kind,
        name=name,
        values=values or {},
    )


def empty(
    context: Context, content: str, title: str, icon: str = "box", cli: str = "", slim: bool = False
) -> SafeString:
    """An empty list that teaches the next step: a sentence, buttons, and the AWS CLI command that does the same."""
    text, _, actions = content.partition("<!--act-->")
    return render(
        "empty",
        context,
        title=title,
        icon=icon,
        cli=cli,
        slim=slim,
        text=mark_safe(text.strip()),  # noqa: S308 (rendered and escaped already)
        actions=mark_safe(actions.strip()),  # noqa: S308
    )


def fragment(parser: template.base.Parser, token: template.base.Token) -> FragmentNode:
    """`{% fragment "name" topics="a b" %}…{% endfragment %}`: a part of the page that follows its topics live.

    A request that names other fragments in X-Fragments gets nothing here, and what is inside is not even computed.
    """
    bits = token.split_contents()[1:]
    if not bits:
        raise template.TemplateSyntaxError("fragment needs a name")
    options = dict(bit.split("=", 1) for bit in bits[1:])
    nodes = parser.parse(("endfragment",))
    parser.delete_first_token()
    return FragmentNode(
        parser.compile_filter(bits[0]),
        {key: parser.compile_filter(value) for key, value in options.items()},
        nodes,
    )


class FragmentNode(template.Node):
    """See the tag. Options: topics (space-separated), tag (div), cls."""

    def __init__(
        self,
        name: template.base.FilterExpression,
        options: dict[str, template.base.FilterExpression],
        nodelist: template.base.NodeList,
    ) -> None:
        self.name = name
        self.options = options
        self.nodelist = nodelist

    def render(self, context: Context) -> SafeString:
        name = str(self.name.resolve(context))
        options = {key: value.resolve(context) for key, value in self.options.items()}
        request = context.get("request")
        wanted = request.headers.get("X-Fragments", "") if request is not None else ""
        if wanted and name not in wanted.split(","):
            return mark_safe("")
        element = conditional_escape(options.get("tag", "div"))
        return format_html(
            '<{tag} id="{id}" class="fragment {cls}" data-live="{topics}">{inner}</{tag}>',
            tag=element,
            id=name,
            cls=options.get("cls", ""),
            topics=options.get("topics", ""),
            inner=self.nodelist.render(context),
        )
