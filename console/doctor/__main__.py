"""`make doctor`: what is wrong with this machine, and how to mend it. Exits with 1 if anything must be mended."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from console.doctor import finding, home, machine
from console.doctor.finding import Finding
from console.setup import python

_MARKS = {"ok": "ok      ", "warning": "warning ", "problem": "PROBLEM "}


def findings() -> Iterator[Finding]:
    yield from finding.run(machine.CHECKS)
    yield from finding.run(home.CHECKS)
    try:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
        from console.doctor import (
            installation,
        )  # the packages may not be there: that is a finding, not a crash

        installation.load()
    except ImportError as error:
        yield finding.problem(f"the database was not checked: {error}", "make setup")
        return
    except Exception as error:  # settings that do not load: the operator's own variables, most likely
        text = f"the settings do not load: {type(error).__name__}: {error}"
        yield finding.problem(text, "correct the environment variable it names (README.md lists them)")
        return
    yield from finding.run(installation.CHECKS)


def main() -> int:
    _use_virtual_environment()
    problems = 0
    for found in findings():
        print(_MARKS[found.level] + found.text)
        if found.mend:
            print(f"         mend: {found.mend}")
        problems += found.level == "problem"
    print(f"\n{problems} to mend" if problems else "\nAll is well.")
    return 1 if problems else 0


def _use_virtual_environment() -> None:
    """Started by any Python, go on in .venv's, where the packages are."""
    if python.PROGRAM.exists() and sys.prefix == sys.base_prefix:
        os.execv(python.PROGRAM, [str(python.PROGRAM), "-m", "console.doctor"])  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
