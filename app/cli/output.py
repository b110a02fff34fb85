"""How commands speak: JSON alone on stdout for programs, tables for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.cli.options import Format

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def console() -> Console:
    """Standard output; colours and width as the terminal allows, plain text in a pipe."""
    from rich.console import Console

    return Console(highlight=False)


def show_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def show_rows(
    output: Format, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, title: str = "", right: str = ""
) -> None:
    """A list: `columns` are dotted paths into each row; those named in `right` are aligned to the right."""
    if output is Format.JSON:
        show_json(list(rows))
        return
    console().print(table(rows, columns, title=title, right=right.split()))


def table(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, title: str = "", right: Sequence[str] = ()
) -> Table:
    """A rich table of `rows`; a missing or null cell is left blank."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        header = column.rsplit(".", 1)[-1].replace("_", " ")
        made.add_column(header, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell(row, column)) for column in columns))
    return made


def show_fields(output: Format, value: Mapping[str, Any], fields: Sequence[str]) -> None:
    """One object: the named fields line by line, or the whole of it as JSON."""
    if output is Format.JSON:
        show_json(value)
        return
    width = max(len(name) for name in fields)
    for name in fields:
        text = cell(value, name)
        if text:
            console().print(f"{name.replace('_', ' '):<{width}}  {text}", markup=False)


def cell(row: Mapping[str, Any], path: str) -> str:
    """The value at a dotted `path` of `row` as text: lists joined by spaces, null and missing as nothing."""
    value: Any = row
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in value)
    return str(value)
