"""Bandit and Django's `check --deploy`, held to docs/security-checks.md; with --audit pip-audit too.

    python scripts/security.py [--audit]

Every finding must be in that page's table, with the reason why it stands; every line of the table must still have a
finding. What pip-audit cannot look up is told, not counted as clean.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "security-checks.md"
CODE = ("base", "access", "vault", "telemetry", "clusters", "services", "console", "scripts", "manage.py")
# As behind a proxy with TLS, which is what the checks are about.
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "console.settings",
    "SLIPWAY_URL": "https://slipway.example.org",
    "DEBUG": "false",
}


@dataclass(frozen=True)
class Finding:
    check: str
    where: str
    text: str


@dataclass
class Exceptions:
    """The table: (checks, patterns of files) of each row, and which rows were needed."""

    rows: list[tuple[tuple[str, ...], tuple[str, ...]]]
    used: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def read(cls) -> Exceptions:
        rows = []
        for line in PAGE.read_text().splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if line.startswith("| `") and len(cells) == 3:
                checks, where = (tuple(re.findall(r"`([^`]+)`", cell)) for cell in cells[:2])
                rows.append((checks, where))
        return cls(rows)

    def argue(self, finding: Finding) -> bool:
        for checks, patterns in self.rows:
            for pattern in patterns:
                if finding.check in checks and fnmatch.fnmatch(finding.where, pattern):
                    self.used |= {(finding.check, pattern)}
                    return True
        return False

    def idle(self) -> list[str]:
        """Rows, or parts of rows, that nothing needs any more."""
        found = []
        for checks, patterns in self.rows:
            found += [check for check in checks if not any(check == used for used, _ in self.used)]
            found += [pattern for pattern in patterns if not any(pattern == used for _, used in self.used)]
        return found


def bandit() -> list[Finding]:
    code = [part for part in CODE if (ROOT / part).exists()]
    done = _run(sys.executable, "-m", "bandit", "-q", "-r", *code, "-f", "json")
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise SystemExit(f"bandit failed:\n{done.stdout}{done.stderr}") from None
    if answer["errors"]:
        raise SystemExit(f"bandit could not read: {answer['errors']}")
    return [
        Finding(
            one["test_id"],
            one["filename"].removeprefix("./"),
            f"line {one['line_number']}: {one['issue_text']}",
        )
        for one in answer["results"]
    ]


def deploy() -> list[Finding]:
    with tempfile.TemporaryDirectory(prefix="slipway-check-") as home:
        done = _run(sys.executable, "manage.py", "check", "--deploy", SLIPWAY_HOME=home, **PRODUCTION)
    said = done.stdout + done.stderr
    found = [
        Finding(check, "settings", text) for check, text in re.findall(r"^\?: \(([\w.]+)\) (.*)$", said, re.M)
    ]
    if done.returncode or (not found and "no issues" not in said):
        raise SystemExit(f"check --deploy failed:\n{said}")
    return found


def audit() -> bool:
    """Whether nothing known is wrong with the pinned libraries. Says what could not be looked up."""
    done = _run(
        sys.executable, "-m", "pip_audit", "-r", "requirements.txt", "--progress-spinner", "off", "-f", "json"
    )
    try:
        libraries = json.loads(done.stdout)["dependencies"]
    except ValueError:
        print(f"pip-audit: skipped; its own words: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
        return True
    skipped = [one for one in libraries if "skip_reason" in one]
    wrong = [one for one in libraries if one.get("vulns")]
    print(f"pip-audit: {len(libraries) - len(skipped)} of {len(libraries)} libraries looked up")
    for one in skipped:
        print(f"  skipped {one['name']}: {one['skip_reason']}")
    for one in wrong:
        known = ", ".join(vulnerability["id"] for vulnerability in one["vulns"])
        print(f"  WRONG {one['name']} {one['version']}: {known}")
    return not wrong


def _run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--audit", action="store_true", help="pip-audit too: needs the network")
    options = parser.parse_args()
    exceptions = Exceptions.read()
    findings = [*bandit(), *deploy()]
    open_ones = [one for one in findings if not exceptions.argue(one)]
    for one in open_ones:
        print(f"{one.check} {one.where} {one.text}")
    idle = exceptions.idle()
    for name in idle:
        print(f"docs/security-checks.md: {name} is argued, but nothing is found of it any more")
    print(f"bandit and check --deploy: {len(findings)} findings, {len(open_ones)} without a reason")
    clean = not open_ones and not idle
    if options.audit:
        clean = audit() and clean
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
