"""Files and functions grow one harmless line at a time; what is over the limit is listed here and may only shrink."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

from .conftest import REPOSITORY

FILE_LINES, FUNCTION_LINES, KERNEL_LINES = 500, 60, 80
TABLE = tomllib.loads((Path(__file__).parent / "sizes.toml").read_text())


def measured(path: Path):
    """(name, lines, limit) of a file and of each of its functions, docstrings and comments not counted out."""
    text = path.read_text()
    name = path.relative_to(REPOSITORY).as_posix()
    yield name, text.count("\n"), FILE_LINES
    limit = KERNEL_LINES if name.startswith("app/kernels/") else FUNCTION_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            yield f"{name}::{node.name}", node.end_lineno - node.lineno + 1, limit


def everything():
    for folder in ("app", "bestex_verify", "loadtests", "tests"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            yield from measured(path)


def test_nothing_new_is_oversized():
    over = {name: lines for name, lines, limit in everything() if lines > limit}
    grown = {name: lines for name, lines in over.items() if lines > TABLE.get(name, 0)}
    assert not grown, "split it: one noun a file, one thing a function"


def test_the_table_only_shrinks():
    """An entry that is longer than its file is a gain someone could take back: lower it, or delete it."""
    sizes = {}
    for name, lines, limit in everything():
        sizes[name] = max(sizes.get(name, 0), lines if lines > limit else 0)
    slack = {name: (lines, sizes.get(name, 0)) for name, lines in TABLE.items() if sizes.get(name, 0) < lines}
    assert not slack
