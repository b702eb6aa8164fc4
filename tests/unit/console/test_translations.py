"""Every sentence that is marked for translation has its French, and the compiled catalogue is the one of the source."""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FRENCH = ROOT / "locale" / "fr" / "LC_MESSAGES"
MARKERS = {"_", "gettext", "gettext_lazy", "ngettext"}
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def entries() -> list[dict[str, str]]:
    """The entries of the source, each keyword with its text."""
    found: list[dict[str, str]] = []
    for block in (FRENCH / "django.po").read_text("utf-8").split("\n\n"):
        entry: dict[str, str] = {}
        keyword = ""
        for line in block.splitlines():
            if line.startswith("#"):
                entry["flags"] = entry.get("flags", "") + (line if line.startswith("#,") else "")
                continue
            head = re.match(r"(msg\w+(?:\[\d\])?) ", line)
            keyword = head[1] if head else keyword
            entry[keyword] = entry.get(keyword, "") + "".join(
                ast.literal_eval(text) for text in _QUOTED.findall(line)
            )
        if entry.get("msgid"):
            found.append(entry)
    return found


def test_nothing_is_left_in_english() -> None:
    missing = [
        entry["msgid"]
        for entry in entries()
        if "fuzzy" in entry.get("flags", "")
        or not all(text for keyword, text in entry.items() if keyword.startswith("msgstr"))
    ]
    assert missing == []
    assert len(entries()) > 300


def test_every_marked_sentence_is_in_the_catalogue() -> None:
    known = {entry["msgid"] for entry in entries()}
    marked: dict[str, str] = {}
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for text in re.findall(r'{%\s*translate "([^"]+)"', path.read_text("utf-8")):
            marked[text] = path.name
    for path in sorted((ROOT / "console").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in MARKERS
                and node.args
            ):
                text = node.args[0]
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    marked[text.value] = path.name
    assert len(marked) > 200
    assert {text: where for text, where in marked.items() if text not in known} == {}


def test_the_compiled_catalogue_is_current() -> None:
    with (FRENCH / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in entries():
        context = f"{entry['msgctxt']}\x04" if "msgctxt" in entry else ""
        if "msgid_plural" in entry:
            for amount, index in ((1, 0), (2, 1)):
                said = compiled.ngettext(context + entry["msgid"], entry["msgid_plural"], amount)
                assert said == entry[f"msgstr[{index}]"]
        else:
            assert compiled.gettext(context + entry["msgid"]) == entry["msgstr"]


def test_placeholders_survive_translation() -> None:
    names = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
    for entry in entries():
        for keyword, text in entry.items():
            if not keyword.startswith("msgstr"):
                continue
            source = entry.get("msgid_plural", entry["msgid"]) if keyword.endswith("[1]") else entry["msgid"]
            assert set(names.findall(text)) == set(names.findall(source)), entry["msgid"]
