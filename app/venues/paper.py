"""Paper venues inside the gateway's own process: the same far side as `bestex venues serve`, without the socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.domain.fills import ExecutionReport
from app.domain.orders import ChildOrder
from app.domain.ports import BookSink, Clock, MarksSink, ReportSink, TradesSink
from app.domain.quotes import Quote, QuoteRequest
from app.domain.statement import VenueHealth, VenueState, VenueStatement
from app.domain.trade import TradePrint
from app.domain.universe import Universe
from app.execution.simulator import Listing
from app.venues.base import VenueBase
from app.venues.dark.make import unlit_market
from app.venues.exchange import PaperExchange
from app.venues.exchange_spec import ExchangeSpec, Flow, Market, TellingMarket
from app.venues.faults import Faults
from app.venues.ledger import ledger_path
from app.venues.registry import SIMULATED, UNLIT, ns_of_ms, read_table
from app.venues.retelling import received
from app.venues.simulated_market import Sides, SimulatedMarket, load_market_spec
from app.venues.simulated_trades import FlowSpec, TradeFlow, load_flow_specs
from app.venues.stop_offers import served_offers


class PaperVenue(VenueBase):
    """One paper venue, in process. Its ledger outlives it."""

    is_prompt = True

    def __init__(self, exchange: PaperExchange, clock: Clock) -> None:
        super().__init__(exchange.venue_id, clock)
        self.exchange = exchange
        self._detach: Callable[[], None] | None = None
        self._on_trades: TradesSink | None = None
        self._on_marks: MarksSink | None = None

    shows_own_trades = False

    def watch_trades(self, on_trades: TradesSink) -> Sequence[str]:
        """Others' trades of every listing that has a flow, from the next start on."""
        self._on_trades = on_trades
        return tuple(self.exchange.flows)

    def watch_marks(self, on_marks: MarksSink) -> Sequence[str]:
        """Its own mark of every contract that it lists, from the next start on."""
        self._on_marks = on_marks
        return self.exchange.marks.symbols()

    async def start(self, on_report: ReportSink, on_book: BookSink) -> None:
        """Opens the far side; raises Unavailable where another process holds its ledger."""

        wall_ns = self._clock.wall_ns

        def stamped(report: ExecutionReport) -> None:
            on_report(received(report, wall_ns()))

        self._detach = self.exchange.attach(stamped, on_book, self._on_trades, self._on_marks)
        self.exchange.open()

    async def stop(self) -> None:
        if self._detach is not None:
            self._detach()
            self._detach = None
        await self.exchange.close()

    async def _transmit(self, child: ChildOrder, limits_version: int, decision_seq: int) -> None:
        self.exchange.submit(child, limits_version, decision_seq)

    async def cancel(self, child: ChildOrder) -> None:
        self.exchange.cancel(child)

    async def query(self, child: ChildOrder) -> None:
        self.exchange.query(child)

    async def open_client_ids(self) -> Sequence[str]:
        return await self.exchange.open_client_ids()

    async def statement(self, account: str) -> VenueStatement:
        return await self.exchange.statement(account)

    async def quote(self, request: QuoteRequest) -> Quote:
        return await self.exchange.quote(request)

    def health(self) -> VenueHealth:
        """Up between start and stop: what was made to go wrong shows only in what the venue does."""
        if self.exchange.is_running:
            return VenueHealth(self.venue_id, VenueState.UP)
        return VenueHealth(self.venue_id, VenueState.DOWN, "not started")


# Books that move and never answer: the simulated market of always.
BASIC: Final = "basic"


def make_exchanges(
    universe: Universe,
    clock: Clock,
    directory: Path,
    seed: int,
    *,
    family: str = BASIC,
    market: Market | None = None,
    faults: Mapping[str, Faults] | None = None,
) -> dict[str, PaperExchange]:
    """The far sides of every venue of `universe`, on one simulated market of `seed`, ledgers in `directory`.

    `family`: BASIC, or one of venues/markets/families.py; raises BadRequest for another name. `market` stands in for
    the simulated one in tests. Nothing runs before each is opened.
    """
    shared = market or _simulated(family, universe, seed, clock.wall_ns())
    tables = (read_table(SIMULATED), read_table(UNLIT))
    rows: dict[str, dict[str, Any]] = {row["venue_id"]: row for table in tables for row in table["venues"]}
    # A family's worlds tell their own trades; a market that never answers has those of the recorded flow beside it.
    flows = load_flow_specs() if market is None and family == BASIC else {}
    made = {}
    for venue_id in universe.venues:
        spec = _spec(universe, rows[venue_id], directory, seed)
        behind = shared if spec.venue.is_lit else unlit_market(universe, rows[venue_id], shared, seed)
        own = _told_flows(behind, spec) or _flows(spec, flows, clock)
        made[venue_id] = PaperExchange(spec, behind, clock, _faults(faults, venue_id), own)
    return made


@dataclass(frozen=True, slots=True)
class ToldFlow:
    """The trades that a market tells of one book, ours left out."""

    market: TellingMarket
    venue: str
    symbol: str

    def since_last(self, _sides: Sides, now_ns: int) -> list[TradePrint]:
        """What has traded there since the call before."""
        return self.market.prints(self.venue, self.symbol, now_ns)


def _told_flows(market: Market, spec: ExchangeSpec) -> Mapping[str, Flow]:
    if not isinstance(market, TellingMarket):
        return {}
    return {name: ToldFlow(market, spec.venue.venue_id, name) for name in spec.listings}


def _flows(spec: ExchangeSpec, flows: Mapping[tuple[str, str], FlowSpec], clock: Clock) -> Mapping[str, Flow]:
    """The flows of one exchange's listings; none on standing books of tests."""
    venue_id, now_ns = spec.venue.venue_id, clock.wall_ns()
    return {
        name: TradeFlow(flows[venue_id, name], listing.symbol, listing.instrument, spec.seed, now_ns)
        for name, listing in spec.listings.items()
        if (venue_id, name) in flows
    }


def make_paper_venues(
    universe: Universe,
    clock: Clock,
    directory: Path,
    seed: int,
    *,
    family: str = BASIC,
    market: Market | None = None,
    faults: Mapping[str, Faults] | None = None,
) -> dict[str, PaperVenue]:
    """Every venue of `universe` as an in-process port."""
    exchanges = make_exchanges(universe, clock, directory, seed, family=family, market=market, faults=faults)
    return {venue_id: PaperVenue(exchange, clock) for venue_id, exchange in exchanges.items()}


def _simulated(family: str, universe: Universe, seed: int, epoch_ns: int) -> Market:
    if family == BASIC:
        return SimulatedMarket(load_market_spec(universe), seed, epoch_ns)
    from app.venues.markets.answering import FamilyMarket  # its kernels are not loaded where nobody asks for them

    return FamilyMarket(family, universe, seed, epoch_ns)


def _faults(faults: Mapping[str, Faults] | None, venue_id: str) -> Faults:
    return (faults or {}).get(venue_id, Faults())


def _spec(universe: Universe, row: Mapping[str, Any], directory: Path, seed: int) -> ExchangeSpec:
    venue_id = row["venue_id"]
    return ExchangeSpec(
        venue=universe.venues[venue_id],
        listings={
            symbol: Listing(universe.symbols[symbol], instrument, universe.fees[venue_id])
            for (venue, symbol), instrument in universe.instruments.items()
            if venue == venue_id
        },
        schedules={market: s for (venue, market), s in universe.schedules.items() if venue == venue_id},
        ledger_path=ledger_path(directory, venue_id),
        processing_ns=ns_of_ms(row["processing_ms"]),
        publish_ns=ns_of_ms(row["publish_ms"]),
        seed=seed,
        stops=served_offers().get(venue_id),
        index_venues={
            symbol: tuple(venue for venue, listed in universe.instruments if listed == symbol)
            for symbol in universe.symbols
        },
    )
