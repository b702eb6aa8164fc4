#!/usr/bin/env python3
"""Bring the browser assets into static/vendor/, from the pinned npm packages.

Standard library only, so that `make run` can call it before anything else is installed. It runs
`npm ci --ignore-scripts` when node_modules does not match package-lock.json, copies the few files the
console serves, and builds one icon sprite from the names listed in static/icons.txt. Nothing it writes is
committed. A second run with nothing changed does nothing and takes milliseconds.

Usage: python scripts/vendor_assets.py [--with-dev] [--check]
  --with-dev  also copies what only the browser tests need (axe-core) to static/vendor/dev/
  --check     exit 1 if static/vendor/ is missing or out of date, without writing
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"
LOCK = ROOT / "package-lock.json"
ICON_LIST = ROOT / "static" / "icons.txt"
STAMP = VENDOR / ".stamp"

FILES: dict[str, str] = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "uplot/dist/uPlot.iife.min.js": "uplot.min.js",
    "uplot/dist/uPlot.min.css": "uplot.min.css",
    # Pages with a terminal only.
    "@xterm/xterm/lib/xterm.mjs": "xterm.mjs",
    "@xterm/xterm/css/xterm.css": "xterm.css",
    "@xterm/addon-fit/lib/addon-fit.mjs": "xterm-fit.mjs",
}
DEV_FILES: dict[str, str] = {"axe-core/axe.min.js": "dev/axe.min.js"}

_INNER = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
_BLANK_PATH = re.compile(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>')
_SOURCE_MAP = re.compile(rb"/[*/][#@] sourceMappingURL=[^\n*]*(\*/)?\n?")


class AssetError(Exception):
    """Something a person must mend: npm is missing, an icon name is wrong, a download failed."""


def icon_names(text: str) -> list[str]:
    """The names in static/icons.txt: one a line, `#` starts a comment, a leading `filled/` picks that style."""
    names = [line.split("#")[0].strip() for line in text.splitlines()]
    return sorted({name for name in names if name})


def build_sprite(names: list[str], icons: Path) -> str:
    """One SVG document with a <symbol> per name; `filled/circle` becomes the symbol `circle-filled`.

    Raises AssetError naming every icon that the package does not have.
    """
    symbols: list[str] = []
    missing: list[str] = []
    for name in names:
        style, _, bare = name.rpartition("/")
        path = icons / (style or "outline") / f"{bare}.svg"
        if not path.is_file():
            missing.append(name)
            continue
        match = _INNER.search(path.read_text("utf-8"))
        inner = _BLANK_PATH.sub("", match.group(1) if match else "")
        inner = re.sub(r">\s+<", "><", inner).strip()
        paint = (
            'fill="currentColor" stroke="none"'
            if style == "filled"
            else 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'
        )
        symbol_id = f"{bare}-filled" if style == "filled" else bare
        symbols.append(f'<symbol id="{symbol_id}" viewBox="0 0 24 24" {paint}>{inner}</symbol>')
    if missing:
        raise AssetError(
            f"static/icons.txt names icons that @tabler/icons does not have: {', '.join(missing)}"
        )
    return '<svg xmlns="http://www.w3.org/2000/svg">' + "".join(symbols) + "</svg>\n"


def fingerprint(with_dev: bool) -> str:
    """Changes whenever the lock file, the icon list or this script changes."""
    digest = hashlib.sha256(b"dev" if with_dev else b"")
    for path in (LOCK, ICON_LIST, Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def up_to_date(with_dev: bool) -> bool:
    """True if static/vendor/ was built from the present inputs (a build with dev files satisfies both)."""
    if not STAMP.is_file():
        return False
    stamp = STAMP.read_text("utf-8").strip()
    wanted = {fingerprint(True)} if with_dev else {fingerprint(True), fingerprint(False)}
    files = FILES | (DEV_FILES if with_dev else {})
    return stamp in wanted and all((VENDOR / target).is_file() for target in [*files.values(), "icons.svg"])


def installed_matches_lock(with_dev: bool) -> bool:
    """True if node_modules holds the versions that package-lock.json pins."""
    packages: dict[str, dict[str, object]] = json.loads(LOCK.read_text("utf-8"))["packages"]
    for location, facts in packages.items():
        if not location or (facts.get("dev") and not with_dev):
            continue
        manifest = ROOT / location / "package.json"
        if (
            not manifest.is_file()
            or json.loads(manifest.read_text("utf-8")).get("version") != facts["version"]
        ):
            return False
    return True


def install(with_dev: bool) -> None:
    """Run npm ci. Raises AssetError with npm's own last lines if it fails."""
    npm = shutil.which("npm")
    if npm is None:
        raise AssetError("npm was not found; install it (Debian: apt-get install npm), then run this again")
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    if not with_dev:
        command.append("--omit=dev")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise AssetError(f"npm ci failed:\n{tail}")


def copy(with_dev: bool) -> None:
    """Copy the served files and write the sprite. Source-map comments go: the maps are not served."""
    for source, target in (FILES | (DEV_FILES if with_dev else {})).items():
        path = VENDOR / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_SOURCE_MAP.sub(b"", (MODULES / source).read_bytes()))
    sprite = build_sprite(icon_names(ICON_LIST.read_text("utf-8")), MODULES / "@tabler/icons/icons")
    (VENDOR / "icons.svg").write_text(sprite, "utf-8")
    STAMP.write_text(fingerprint(with_dev) + "\n", "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--with-dev", action="store_true", help="also copy what the browser tests need")
    parser.add_argument("--check", action="store_true", help="report only, write nothing")
    options = parser.parse_args()
    if up_to_date(options.with_dev):
        return 0
    if options.check:
        print("static/vendor/ is out of date: run python scripts/vendor_assets.py", file=sys.stderr)
        return 1
    try:
        if not installed_matches_lock(options.with_dev):
            print("Installing browser packages with npm ...", flush=True)
            install(options.with_dev)
        copy(options.with_dev)
    except AssetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(
        f"static/vendor/ is ready ({len(FILES)} files, {len(icon_names(ICON_LIST.read_text('utf-8')))} icons)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
