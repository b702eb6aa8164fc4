"""README.md names every variable that can be set, with its real default, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Ours alone: which process this is, and what only tests and benchmarks set.
INTERNAL = {"SLIPWAY_ROLE", "SLIPWAY_EXTRA_ENGINE_SCHEMES"}
# Read by the installer, the engine's own libraries and uvicorn, not by the settings.
ELSEWHERE = {"DOCKER_HOST", "FORWARDED_ALLOW_IPS", "SLIPWAY_HOME"}


def read_by_the_settings() -> dict[str, str]:
    """Variable -> its default as written in the code."""
    source = (ROOT / "console" / "settings.py").read_text()
    found = re.findall(r'env\.\w+\(\s*"([A-Z_]+)",\s*default=([^\n,)]+)', source)
    return {name: default.strip().strip('"').replace("_", "") for name, default in found}


def documented() -> dict[str, list[str]]:
    """Variable -> the defaults in its row."""
    rows: dict[str, list[str]] = {}
    for line in (ROOT / "README.md").read_text().splitlines():
        if line.startswith("| `"):
            names, defaults = line.split("|")[1:3]
            for name in re.findall(r"`([A-Z_]+)`", names):
                rows[name] = re.findall(r"`([^`]+)`", defaults)
    return rows


def test_every_variable_is_documented_and_no_other() -> None:
    assert set(documented()) == (set(read_by_the_settings()) - INTERNAL) | ELSEWHERE


FIGURES = {
    name: text for name, text in read_by_the_settings().items() if re.fullmatch(r"[0-9.]+|us-east-1", text)
}


def test_the_figures_are_found() -> None:
    assert {
        "PORT",
        "SLIPWAY_BIND",
        "SLIPWAY_ACCOUNT_ID",
        "SLIPWAY_THROTTLE_CAP",
        "SLIPWAY_KEEP_LOGS_DAYS",
    } <= set(FIGURES)


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_a_documented_default_is_the_real_one(name: str) -> None:
    said, real = documented()[name], FIGURES[name]
    assert {real, real.removesuffix(".0")} & set(said), said


def test_the_readmes_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text())):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_what_works_of_awss_apis_is_documented() -> None:
    from console.aws.compatibility import page

    told = (ROOT / "docs" / "aws-compatibility.md").read_text()
    assert told == page(), "run: python manage.py aws_compatibility > docs/aws-compatibility.md"
