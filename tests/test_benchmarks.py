"""Benchmarks are run by hand, and seldom: what they take from ttc must be there all the same."""

import ast
import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("path", sorted(BENCHMARKS.rglob("*.py")), ids=lambda path: str(path.relative_to(BENCHMARKS)))
def test_what_a_benchmark_imports_of_ttc_is_there(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "ttcli":
            try:
                module = importlib.import_module(str(node.module))
            except ModuleNotFoundError as error:
                if str(error.name).partition(".")[0] == "ttcli":
                    raise
                pytest.skip(f"{error.name} is not installed")  # of an extra
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")
