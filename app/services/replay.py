"""`bestex replay`: recorded markets through the same gate, router, core, log and judge, in virtual time.

Each market is its own instrument and its own run. One market is served as several venues only where that was asked
for, and says so; products of different classes meet only in the labelled experiment of replay_basis.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.domain.enums import ContractKind, Mode
from app.domain.errors import BadRequest
from app.domain.fees import FeeTier
from app.domain.instrument import Instrument, Symbol
from app.domain.recorded import RecordedMarket, Recording
from app.domain.universe import Universe
from app.domain.venue import Venue
from app.services.replay_basis import Product, run_basis
from app.services.replay_market import Books, Market, SharedBooks
from app.services.replay_protocol import OWN_ARM, FeeTable, Protocol, ServedVenue
from app.services.replay_report import render_run
from app.services.replay_run import Builder, Run, RunResult, RunSpec

MAX_BOOK_AGE_NS = 1_000_000_000
REQUEST_DEADLINE_NS = 5_000_000_000
_KIND_ORDER = (ContractKind.SPOT, ContractKind.LINEAR, ContractKind.INVERSE)


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What was asked: `symbol` is a base currency or a symbol's name, empty for all; `window_ns` 0 is everything."""

    symbol: str = ""
    is_shared_out: bool = False
    is_merging_products: bool = False
    window_ns: int = 0


def replay(recording: Recording, request: ReplayRequest, protocol: Protocol, builder: Builder) -> str:
    """The whole result as Markdown; raises BadRequest where nothing in the recording fits the request."""
    markets = [m for m in recording.markets if request.symbol in ("", m.symbol.name, m.symbol.fungible.base)]
    if not markets:
        names = ", ".join(sorted({m.symbol.name for m in recording.markets}))
        raise BadRequest("unknown_symbol", f"{request.symbol} is not recorded; there are {names}")
    by_symbol: dict[str, list[RecordedMarket]] = {}
    for market in markets:
        by_symbol.setdefault(market.symbol.name, []).append(market)
    merged = _merged_products(markets) if request.is_merging_products else []
    sections = [_preamble(recording, markets, request, protocol)]
    for symbol in sorted(by_symbol, key=lambda name: _KIND_ORDER.index(by_symbol[name][0].symbol.fungible.kind)):
        spec = make_spec(recording, by_symbol[symbol], request, protocol, builder)
        sections.append(render_run(Run(spec, protocol, builder).run(), protocol))
    for chosen in merged:
        products = [Product(m.symbol, _market(recording, [m], builder)) for m in chosen]
        sections.append(run_basis(products, _span(recording, chosen, request), protocol))
    return "\n".join(sections)


def make_spec(
    recording: Recording,
    markets: Sequence[RecordedMarket],
    request: ReplayRequest,
    protocol: Protocol,
    builder: Builder,
) -> RunSpec:
    """One symbol's run: its recorded venues as they are, or one of them served as several."""
    symbol = markets[0].symbol
    market = _market(recording, markets, builder)
    span_ns = _span(recording, markets, request)
    if len(markets) > 1:
        return _recorded_venues(markets, market, protocol, span_ns)
    served = protocol.shared if request.is_shared_out else (replace(protocol.alone, venue=markets[0].instrument.venue),)
    instruments = tuple(_served_instrument(markets[0].instrument, venue) for venue in served)
    books: Books = market
    title = f"{symbol.name} on {markets[0].instrument.venue}"
    if request.is_shared_out:
        books = SharedBooks(market, served, markets[0].instrument.lot_units)
        title += f", one recorded market served as {len(served)} venues (no such venues exist)"
    else:
        title += ", alone: with one venue every arm sends the same order"
    venues = {v.venue: _venue(v) for v in served}
    universes = {
        table.tier: _universe(symbol, instruments, venues, _fees(table, symbol, served)) for table in protocol.tiers
    }
    arms = protocol.arms if request.is_shared_out else (OWN_ARM,)
    return RunSpec(title, symbol, instruments, universes, market, books, arms, span_ns)


def run_symbol(
    recording: Recording, symbol: str, request: ReplayRequest, protocol: Protocol, builder: Builder
) -> RunResult:
    """One symbol's run without its report."""
    markets = [m for m in recording.markets if m.symbol.name == symbol]
    return Run(make_spec(recording, markets, request, protocol, builder), protocol, builder).run()


def _market(recording: Recording, markets: Sequence[RecordedMarket], builder: Builder) -> Market:
    symbol = markets[0].symbol.name
    board = builder.board([(m.instrument.venue, symbol) for m in markets])
    return Market(symbol, [recording.events(m) for m in markets], board)


def _span(recording: Recording, markets: Sequence[RecordedMarket], request: ReplayRequest) -> tuple[int, int]:
    """From when every market has a book until the first of them ends, cut to the request's window."""
    spans = [recording.span_ns(market) for market in markets]
    first_ns, last_ns = max(first for first, _ in spans), min(last for _, last in spans)
    return first_ns, min(last_ns, first_ns + request.window_ns) if request.window_ns else last_ns


def _recorded_venues(
    markets: Sequence[RecordedMarket], market: Market, protocol: Protocol, span_ns: tuple[int, int]
) -> RunSpec:
    """Several venues of one class, as recorded: their own delays, and their own fees beside none."""
    symbol = markets[0].symbol
    instruments = tuple(m.instrument for m in markets)
    venues = {m.instrument.venue: m.venue for m in markets if m.venue is not None}
    fees = {m.instrument.venue: m.fee for m in markets if m.fee is not None}
    if len(venues) < len(markets) or len(fees) < len(markets):
        raise BadRequest("no_reference_data", f"{symbol.name}: the recording does not tell every venue's terms")
    venues = {name: replace(venue, mode=Mode.PAPER) for name, venue in venues.items()}
    free = {name: replace(fee, tier="zero", taker_fee_ppm=0, maker_fee_ppm=0) for name, fee in fees.items()}
    universes = {
        "zero": _universe(symbol, instruments, venues, free),
        "own": _universe(symbol, instruments, venues, fees),
    }
    title = f"{symbol.name} on {len(markets)} recorded venues"
    return RunSpec(title, symbol, instruments, universes, market, market, protocol.arms, span_ns)


def _served_instrument(instrument: Instrument, served: ServedVenue) -> Instrument:
    return replace(instrument, venue=served.venue, lot_units=instrument.lot_units * served.lot_multiple)


def _venue(served: ServedVenue) -> Venue:
    return Venue(
        venue_id=served.venue,
        title=served.venue,
        mode=Mode.PAPER,
        is_simulated=True,
        latency_ns=served.latency_ns,
        max_book_age_ns=MAX_BOOK_AGE_NS,
        request_deadline_ns=REQUEST_DEADLINE_NS,
    )


def _fees(table: FeeTable, symbol: Symbol, served: Sequence[ServedVenue]) -> dict[str, FeeTier]:
    ppm = table.taker_fee_ppm[symbol.fungible.kind]
    return {
        v.venue: FeeTier(v.venue, table.tier, ppm[v.fee_index], ppm[v.fee_index], 0, table.source, table.as_of)
        for v in served
    }


def _universe(
    symbol: Symbol, instruments: Sequence[Instrument], venues: Mapping[str, Venue], fees: Mapping[str, FeeTier]
) -> Universe:
    return Universe(
        venues=dict(venues),
        symbols={symbol.name: symbol},
        instruments={(i.venue, i.symbol): i for i in instruments},
        fees=dict(fees),
    )


def _merged_products(markets: Sequence[RecordedMarket]) -> list[list[RecordedMarket]]:
    """Per coin its products, spot first; raises BadRequest for a coin without spot and a contract."""
    merged = []
    for base in sorted({m.symbol.fungible.base for m in markets}):
        kinds = {m.symbol.fungible.kind: m for m in markets if m.symbol.fungible.base == base}
        chosen = [kinds[kind] for kind in _KIND_ORDER if kind in kinds]
        if len(chosen) < 2 or chosen[0].symbol.fungible.kind is not ContractKind.SPOT:
            raise BadRequest("not_three_products", f"{base} needs spot and a contract to be merged")
        merged.append(chosen)
    return merged


def _preamble(
    recording: Recording, markets: Sequence[RecordedMarket], request: ReplayRequest, protocol: Protocol
) -> str:
    served = "; ".join(
        f"{v.venue}: {v.share_ppm / 10_000:g} % of each level, lot x{v.lot_multiple}, {v.latency_ns / 1e6:g} ms one way"
        for v in protocol.shared
    )
    window = f"the first {request.window_ns / 1e9:g} s of each run" if request.window_ns else "everything"
    lines = [
        f"# Replay of {recording.name}",
        "",
        f"Input SHA-256 `{recording.digest}`. Protocol SHA-256 `{protocol.sha256}`.",
        f"Replayed: {window}. Sources: {'; '.join(sorted({m.source for m in markets}))}.",
        "",
        f"Decided at t on books received by t, filled on the book at t + delay, reported after another delay; "
        f"parents every {protocol.every_ns / 1e9:g} s; cap {protocol.max_slippage_ppm / 100:g} bp; rest cleaned up "
        f"{protocol.clean_up_ns / 1e6:g} ms after arrival. A lone market is "
        f"{protocol.alone.latency_ns / 1e6:g} ms away, one way.",
    ]
    if request.is_shared_out:
        lines.append(f"Served venues: {served}.")
    own_fees = {m.instrument.venue: m.fee for m in markets if m.fee is not None}
    for venue, fee in own_fees.items():
        lines.append(f"Recorded fee of {venue}: {fee.taker_fee_ppm} ppm ({fee.source}; {fee.as_of}).")
    for table in protocol.tiers if not own_fees else ():
        fees = ", ".join(f"{kind.value} {'/'.join(map(str, table.taker_fee_ppm[kind]))}" for kind in _KIND_ORDER)
        lines.append(f"Taker fees in ppm, {table.tier}: {fees} ({table.source}; {table.as_of}).")
    lines += ["", *(f"Gap: {gap.venue} {gap.symbol} {gap.from_ns}-{gap.to_ns} {gap.reason}." for gap in recording.gaps)]
    return "\n".join(lines)
