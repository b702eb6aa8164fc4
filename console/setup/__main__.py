"""Make this machine ready: `python3 -m console.setup`. Standard library only; a second run does nothing, quickly.

`make run` calls it as it is; `make test` with --dev, which adds what the tests and linters need.
"""

from __future__ import annotations

import argparse
import sys

from console.setup import assets, debian, engine, python
from console.setup.report import Problem, say


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m console.setup", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--dev", action="store_true", help="also what the tests and linters need")
    options = parser.parse_args()
    try:
        python.check_version()
        debian.install_missing(dev=options.dev)
        engine.ensure_running()
        python.ensure_environment(dev=options.dev)
        assets.ensure(dev=options.dev)
    except Problem as problem:
        say(f"cannot go on: {problem}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; run it again to go on from here")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
