"""The house as a list of parsed files, read once for all its laws."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Source:
    """One file of `app/`: `path` is relative to it, as in `risk/gate.py`."""

    path: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.path.split("/")[0] if "/" in self.path else ""

    def calls(self) -> Iterator[tuple[int, str]]:
        """Every call as (line, dotted text of what is called)."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node.lineno, ast.unparse(node.func)

    def imports(self) -> Iterator[tuple[int, str]]:
        """Every imported name as (line, dotted name), lazy imports included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


@pytest.fixture(scope="session")
def house() -> list[Source]:
    app = REPOSITORY / "app"
    paths = sorted(path for path in app.rglob("*.py") if "__pycache__" not in path.parts)
    sources = []
    for path in paths:
        text = path.read_text()
        sources.append(Source(path.relative_to(app).as_posix(), text, ast.parse(text)))
    assert len(sources) > 20, "the tests look at the wrong folder"
    return sources
