"""The design tokens meet WCAG 2.2 AA by arithmetic: 4.5:1 for text, 3:1 for shapes, in both themes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).resolve().parents[3] / "static" / "css" / "tokens.css"
TONES = ("ok", "wait", "bad", "new", "old")


def theme(name: str) -> dict[str, str]:
    """Token -> #rrggbb of one theme."""
    blocks = re.findall(
        r"([^{}]+)\{([^}]*)\}", re.sub(r"/\*.*?\*/", "", TOKENS.read_text("utf-8"), flags=re.DOTALL)
    )
    found: dict[str, str] = {}
    for selector, body in blocks:
        if f'"{name}"' in selector:
            found |= dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", body))
    return found


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_is_readable(name: str) -> None:
    token = theme(name)
    grounds = ("sw-card", "sw-paper", "sw-rail")
    pairs = [
        (text, ground)
        for text in ("sw-ink", "sw-mute", "tblr-link-color")
        for ground in (*grounds, "sw-hover")
    ]
    pairs += [(f"sw-{tone}", ground) for tone in TONES for ground in (*grounds, f"sw-{tone}-bg")]
    pairs += [("sw-ink", f"sw-{tone}-bg") for tone in TONES] + [
        ("sw-mute", "sw-old-bg"),
        ("sw-mute", "sw-new-bg"),
    ]
    pairs += [("sw-on-fill", "sw-new-fill"), ("sw-on-fill", "sw-old-fill"), ("sw-on-fill", "tblr-primary")]
    weak = {
        pair: round(ratio, 2) for pair in pairs if (ratio := contrast(token[pair[0]], token[pair[1]])) < 4.5
    }
    assert weak == {}


@pytest.mark.parametrize("name", ["light", "dark"])
def test_shapes_and_borders_are_seen(name: str) -> None:
    token = theme(name)
    shapes = [f"sw-{tone}-fill" for tone in TONES] + ["sw-edge", *(f"sw-map-{i}" for i in range(8))]
    weak = {
        shape: round(ratio, 2) for shape in shapes if (ratio := contrast(token[shape], token["sw-card"])) < 3
    }
    assert weak == {}
