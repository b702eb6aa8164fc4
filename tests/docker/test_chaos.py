"""The short form of bench/chaos.py: every kind of fault once, on two engines, on both databases in `make test-full`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KINDS = 11


@pytest.mark.slow
def test_every_kind_of_fault_once_and_nothing_is_lost_doubled_or_orphaned() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "bench/chaos.py", "--faults", str(KINDS), "--hosts", "2"),
            *("--services", "3", "--tasks", "3", "--seed", "3", "--minutes", "10"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    said = done.stdout[-6000:] + done.stderr[-3000:]
    assert done.stdout.strip(), said
    tally = json.loads(done.stdout.strip().splitlines()[-1])
    assert tally["faults"] >= KINDS, said
    assert [tally[what] for what in ("lost", "doubled", "orphaned", "unsteady", "violations")] == [0] * 5, (
        said
    )
    assert done.returncode == 0, said


def test_the_tally_imports_nothing_of_the_project() -> None:
    text = (ROOT / "bench/chaotic/tally.py").read_text()
    imported = {
        line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))
    }
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert not imported & rooms
