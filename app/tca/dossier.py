"""Everything that is said about a set of orders, worked out once: what the API, the files and the report all show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.enums import Side
from app.domain.instrument import Symbol
from app.domain.markouts import PathKind, StillPath
from app.domain.records import ParentRecord
from app.tca.benchmarks import Benchmark, benchmarks
from app.tca.counterfactuals import Arm, PlanError, Reach, arms, plan_error, reach
from app.tca.markouts import Marked, MarkoutRow, mark_all, summarise
from app.tca.scorecards import Scorecard, scorecards
from app.tca.waterfall import Waterfall, waterfalls


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which orders: accepted in [start, end), of a symbol, a side, with a child at a venue; empty is every one."""

    start_ts_ns: int
    end_ts_ns: int
    symbol: str = ""
    side: Side | None = None
    venue: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Done orders, oldest first, and what is needed to judge them. `is_cut`: there were more, older ones are left out.

    `is_simulated`: some venue of theirs is.
    """

    account: str
    wanted: Wanted
    records: Sequence[ParentRecord]
    symbols: Mapping[str, Symbol]
    still: Sequence[StillPath]
    is_cut: bool
    is_simulated: bool


@dataclass(frozen=True, slots=True)
class OrderCosts:
    """One order: its benchmarks, arms and reach; empty while it has no cost report."""

    record: ParentRecord
    symbol: Symbol
    benchmarks: Sequence[Benchmark]
    arms: Sequence[Arm]
    reach: Reach
    plan_error: PlanError


@dataclass(frozen=True, slots=True)
class Dossier:
    """`n_fills` of the orders, `n_measured` of them with a mid path; the rest was never looked at, and says so."""

    found: Found
    orders: Sequence[OrderCosts]
    waterfalls: Sequence[Waterfall]
    marked: Sequence[Marked]
    by_venue: Sequence[MarkoutRow]
    by_side: Sequence[MarkoutRow]
    by_size: Sequence[MarkoutRow]
    cards: Sequence[Scorecard]
    plan_error: PlanError
    n_fills: int
    n_measured: int


def compile_dossier(found: Found) -> Dossier:
    """Judges `found`; a function of it alone."""
    records, symbols, venue = found.records, found.symbols, found.wanted.venue
    marked = [m for m in mark_all(records, symbols, found.still) if venue in ("", m.venue)]
    error = plan_error(records, symbols)
    fills = [f.fill for record in records for f in record.fills if venue in ("", f.fill.venue)]
    return Dossier(
        found=found,
        orders=[order_costs(record, symbols[record.accepted.order.symbol], error) for record in records],
        waterfalls=waterfalls(records, symbols),
        marked=marked,
        by_venue=summarise(marked, "venue", lambda m: m.venue),
        by_side=summarise(marked, "side", lambda m: m.side.value),
        by_size=summarise(marked, "size", lambda m: m.size),
        cards=[card for card in scorecards(records, symbols, marked) if venue in ("", card.venue)],
        plan_error=error,
        n_fills=len(fills),
        n_measured=sum(m.kind is PathKind.FILL for m in marked),
    )


def order_costs(record: ParentRecord, symbol: Symbol, error: PlanError) -> OrderCosts:
    """What is known of one order's cost beside its waterfall."""
    if record.tca is None:
        return OrderCosts(record, symbol, (), (), reach(record), error)
    return OrderCosts(record, symbol, benchmarks(record, symbol), arms(record, symbol, error), reach(record), error)
