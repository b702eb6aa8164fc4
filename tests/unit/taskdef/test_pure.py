"""services/taskdef stands on the standard library, itself, and two modules of clusters that stand on no more."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import services.taskdef as package

OURS = ("services.taskdef", "clusters.cql", "clusters.capabilities")


def test_it_imports_the_standard_library_and_itself_only() -> None:
    folder = Path(package.__path__[0])
    files = sorted(folder.glob("*.py"))
    assert len(files) > 10
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                assert name.split(".")[0] in sys.stdlib_module_names or name.startswith(OURS), file
