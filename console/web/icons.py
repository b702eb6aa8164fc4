"""One icon of the sprite static/vendor/icons.svg as markup. The names are listed in static/icons.txt."""

from __future__ import annotations

from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

# The sign of each tone, so that colour is never the only one.
TONE_ICONS = {
    "ok": "circle-check",
    "wait": "clock",
    "bad": "alert-triangle",
    "new": "info-circle",
    "old": "info-circle",
    "": "info-circle",
}


def icon(name: str, extra: str = "", label: str = "") -> SafeString:
    """`label` makes it an image with a name; without one it is decoration that screen readers skip."""
    classes = f"icon {extra}".strip()
    address = f"{static('vendor/icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}"></use></svg>', classes, label, address
        )
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"></use></svg>', classes, address)
