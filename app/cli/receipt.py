"""`bestex receipt verify ID`: an order's routes recomputed offline, by code that shares nothing with the router.

The receipt is read from the journal of this home (or from a file), recomputed, and compared with what the order's own
fact says of objective, bound and gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.exits import CommandError, Exit
from app.cli.options import DEFAULT_HOME, Format, Home, Output
from app.cli.output import show_json
from app.cli.session import recall

if TYPE_CHECKING:
    from app.domain.events import RoutePlanned

app = typer.Typer(help="Receipts of routes.", no_args_is_help=True, rich_markup_mode=None, add_completion=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """A receipt's bytes and the fact that names them; a file brings no fact."""

    name: str
    body: bytes
    planned: RoutePlanned | None


@app.callback()
def receipt() -> None:
    """Receipts of routes."""


@app.command()
def verify(
    target: Annotated[str, typer.Argument(metavar="ID|FILE", help="an order id, a route id, or a receipt's file")],
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Recomputes cost, bound, gap, constraints and rivals; exit 1 where anything does not hold."""
    path = Path(target)
    stored = [Stored(target, path.read_bytes(), None)] if path.is_file() else list(_of_journal(target, home))
    if not stored:
        raise CommandError(Exit.USAGE, f"no route of {target} in the journal of {recall(home).data}")
    verdicts = [_judge(each) for each in stored]
    if output is Format.JSON:
        show_json(verdicts)
    else:
        for verdict in verdicts:
            _print(verdict)
    if not all(verdict["is_valid"] for verdict in verdicts):
        raise SystemExit(int(Exit.CHECK_FAILED))


def _of_journal(target: str, home: Path) -> Iterator[Stored]:
    """Every route of an order (or the one route) with its receipt, oldest first."""
    from app.domain.events import RoutePlanned
    from app.store.journal import JournalReader

    path = recall(home).data / "journal.db"
    try:
        reader = JournalReader(path)
    except OSError as error:
        raise CommandError(Exit.USAGE, f"no journal at {path}") from error
    try:
        for fact in reader.facts_naming(target.encode()):
            planned = fact.event
            if isinstance(planned, RoutePlanned) and target in (planned.order_id, planned.plan.route_id):
                body = reader.receipt(planned.plan.certificate.receipt_sha256, fact.seq)
                yield Stored(planned.plan.route_id, body or b"", planned)
    finally:
        reader.close()


def _judge(stored: Stored) -> dict[str, Any]:
    """The verdict as plain values, the fact's own claims compared with it."""
    from bestex_verify.decode import BadReceipt
    from bestex_verify.judge import verify_receipt

    try:
        verdict = verify_receipt(stored.body)
    except BadReceipt as error:
        return {"route_id": stored.name, "is_valid": False, "failures": [f"unreadable: {error}"]}
    failures = list(verdict.failures)
    if stored.planned is not None:
        claimed = stored.planned.plan.certificate
        for name in ("objective_nano", "bound_nano", "gap_ubps"):
            recomputed, said = getattr(verdict, name), getattr(claimed, name)
            if recomputed != said:
                failures.append(f"{name}: the order says {said}, recomputed {recomputed}")
        if verdict.route_id != stored.planned.plan.route_id:
            failures.append(f"the receipt is of another route, {verdict.route_id}")
    return {
        "route_id": verdict.route_id,
        "is_valid": not failures,
        "objective_nano": verdict.objective_nano,
        "bound_nano": verdict.bound_nano,
        "gap_ubps": verdict.gap_ubps,
        "status": verdict.status,
        "n_levels": verdict.n_levels,
        "rivals": dict(verdict.rivals),
        "failures": failures,
    }


def _print(verdict: dict[str, Any]) -> None:
    print(f"{verdict['route_id']}  {'VALID' if verdict['is_valid'] else 'INVALID'}")
    if "objective_nano" in verdict:
        print(f"  objective {verdict['objective_nano']} nano, bound {verdict['bound_nano']} nano")
        print(f"  gap {verdict['gap_ubps'] / 1_000_000:.6f} bps, {verdict['status']}, {verdict['n_levels']} levels")
        for name, cost_nano in verdict["rivals"].items():
            print(f"  {name}: {cost_nano} nano")
    for failure in verdict["failures"]:
        print(f"  FAILS {failure}")
