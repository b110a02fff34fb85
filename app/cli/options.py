"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_URL = "http://127.0.0.1:8080"
DEFAULT_HOME = Path("~/.bestex")


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


Output = Annotated[Format, typer.Option("--output", "-o", help="table for people, json (alone on stdout) for programs")]
Url = Annotated[str, typer.Option("--url", envvar="BESTEX_URL", help="where the service listens")]
Key = Annotated[
    str, typer.Option("--key", envvar="BESTEX_API_KEY", help="API key; by default the one that demo or up left at home")
]
Home = Annotated[Path, typer.Option("--home", envvar="BESTEX_HOME", help="folder of data and keys")]


def key_or_stored(key: str, home: Path) -> str:
    """The key given, else the one that `bestex up` or `bestex demo` stored under `home`, else nothing."""
    if key:
        return key
    base = home.expanduser()
    for path in (base / "key", base / "demo" / "key"):
        try:
            return path.read_text().strip()
        except OSError:
            continue
    return ""
