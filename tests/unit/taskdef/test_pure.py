"""services/taskdef stands on the standard library, the cluster query language (which does too) and itself alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import services.taskdef as package

OURS = ("services.taskdef", "clusters.cql")


def test_it_imports_the_standard_library_and_itself_only() -> None:
    folder = Path(package.__path__[0])
    files = sorted(folder.glob("*.py"))
    assert len(files) > 10
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] in sys.stdlib_module_names or name.startswith(OURS), file
