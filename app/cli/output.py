"""How commands speak: JSON alone on stdout for programs, tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from app.cli.options import Format

PIPE_WIDTH: Final = 120

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def console() -> Console:
    """Standard output; colours and width as the terminal allows, plain and wide in a pipe or a file."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def show_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def show_rows(
    output: Format, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, title: str = "", right: str = ""
) -> None:
    """A list: `columns` are dotted paths into each row; those named in `right` are aligned to the right."""
    if output is Format.JSON:
        show_json(list(rows))
        return
    show_table(console(), rows, columns, title=title, right=right.split())


def show_table(
    screen: Console,
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    title: str = "",
    right: Sequence[str] = (),
) -> None:
    """A table under its title."""
    if title:
        screen.print(f"  {title}", markup=False)
    screen.print(table(rows, columns, right=right))


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, right: Sequence[str] = ()) -> Table:
    """A rich table of `rows`; a missing or null cell is left blank."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = Table(box=SIMPLE_HEAD)
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


def short(text: str | None, places: int = 4) -> str:
    """A decimal for a table: at most `places` decimals, rounded half to even; `-o json` has all of them."""
    if text is None or len(text.partition(".")[2]) <= places:
        return text or ""
    rounded = Decimal(text).quantize(Decimal(1).scaleb(-places))
    return format(rounded, "f").rstrip("0").rstrip(".")
