"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_HOME = Path("~/.bestex")


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


Output = Annotated[Format, typer.Option("--output", "-o", help="table for people, json (alone on stdout) for programs")]
Url = Annotated[
    str, typer.Option("--url", envvar="BESTEX_URL", help="where the service listens; by default the last one started")
]
Key = Annotated[
    str, typer.Option("--key", envvar="BESTEX_API_KEY", help="API key; by default the one in the home folder")
]
Home = Annotated[Path, typer.Option("--home", envvar="BESTEX_HOME", help="folder of data and keys")]
