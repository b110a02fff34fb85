"""`bestex version`: what runs here."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version as installed

import typer

from app.cli.options import Format, Output

app = typer.Typer(add_completion=False)


@app.command()
def version(output: Output = Format.TABLE) -> None:
    """Release, Python and platform."""
    facts = {
        "release": installed("bestex"),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
    }
    if output is Format.JSON:
        print(json.dumps(facts))
        return
    print(f"bestex {facts['release']}, {facts['implementation']} {facts['python']}, {facts['platform']}")
