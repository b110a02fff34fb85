"""`bestex journal verify`: is the log what was written? Reads the file; the service may be running."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.exits import CommandError, Exit
from app.cli.options import DEFAULT_HOME, Format, Home, Output
from app.cli.output import console, show_json, show_table
from app.cli.session import recall

app = typer.Typer(help="The log of facts.", no_args_is_help=True, rich_markup_mode=None, add_completion=False)


@app.callback()
def journal() -> None:
    """The log of facts."""


@app.command()
def verify(
    path: Annotated[Path | None, typer.Argument(help="a journal file; by default the one of this home")] = None,
    head: Annotated[str, typer.Option(help="an exported head kept elsewhere, `SEQ HASH`")] = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Finds any changed, removed, reordered or cut-off record and any receipt that does not fit; exit 1 if so."""
    from app.domain.errors import InvariantBroken
    from app.store.head import parse_head
    from app.store.verify import verify as check

    journal_path = path or recall(home).data / "journal.db"
    try:
        exported = parse_head(head.strip().encode() + b"\n") if head else None
        report = check(journal_path, exported)
    except FileNotFoundError as error:
        raise CommandError(Exit.USAGE, f"no journal at {journal_path}") from error
    except InvariantBroken as error:
        raise CommandError(Exit.USAGE, f"not a head: {error}") from error
    if output is Format.JSON:
        show_json(
            {
                "path": str(journal_path),
                "is_intact": report.is_intact,
                "n_facts": report.n_facts,
                "n_receipts": report.n_receipts,
                "head_seq": report.head_seq,
                "head_hash": report.head_hash.hex(),
                "n_heads": report.n_heads,
                "findings": [{"seq": f.seq, "code": f.code.value, "detail": f.detail} for f in report.findings],
            }
        )
    else:
        rows = [{"seq": f.seq, "code": f.code.value, "detail": f.detail} for f in report.findings]
        if rows:
            show_table(console(), rows, ("seq", "code", "detail"))
        verdict = "intact" if report.is_intact else f"{len(rows)} findings"
        print(f"{journal_path}: {report.n_facts} facts, {report.n_receipts} receipts, {verdict}")
        print(f"head {report.head_seq:020d} {report.head_hash.hex()}")
        if report.n_heads == 0:
            print("no exported head was found: a cut-off end would not have been seen")
    if not report.is_intact:
        raise SystemExit(int(Exit.CHECK_FAILED))
