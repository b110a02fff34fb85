"""One parent order over four protocols: the four exchanges' ledgers and ours agree to the last unit of 1e-9."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from app.domain.enums import ContractKind, DoneReason, Mode, OrderType, ParentState, Scope, Side
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.records import ParentRecord
from app.domain.statement import VenueState
from app.domain.universe import Universe
from app.domain.venue import Venue
from app.execution import inputs as inp
from app.services.engine import Engine
from app.services.marketdata import MarketData
from app.shm.books import BookBoard
from app.store.memory import MemoryJournal
from app.venues.cex.adapter import CcxtVenue
from app.venues.cex.budget import Budgets
from app.venues.cex.profile_table import profile_of
from app.venues.cex.session import SessionSettings
from app.venues.clock import SystemClock
from tests.venues.cex.conformance.desks import nano
from tests.venues.cex.conformance.suite import PLACES, spoken
from tests.venues.cex.signers import LocalSigner
from tests.venues.exchange.server import LocalExchange
from tests.worlds import LIMITS, make_core, make_order

VENUES = ("binance", "okx", "bybit", "bitget")
BTC_USDT = Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), 2, 6)
# (tick, lot) in units of 0.01 and 1e-6; OKX's own lot is finer.
STEPS = {"binance": (1, 10), "okx": (10, 1), "bybit": (1, 1), "bitget": (1, 1)}
RICH = {"BTC": "100", "USDT": "10000000"}
pytestmark = pytest.mark.skipif(not set(VENUES) <= set(spoken()), reason="the local exchange lacks one of the four")


def universe() -> Universe:
    return Universe(
        venues={v: Venue(v, v, Mode.PAPER, True, 5_000_000, 60_000_000_000, 1_500_000_000) for v in VENUES},
        symbols={"BTC/USDT": BTC_USDT},
        instruments={
            (v, "BTC/USDT"): Instrument(v, "BTC/USDT", PLACES[v].market, BTC_USDT.fungible, tick, lot)
            for v, (tick, lot) in STEPS.items()
        },
        fees={v: FeeTier(v, "test", 1_000, 1_000, 0, "test", "2026-11-26") for v in VENUES},
    )


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(VENUES) as running:
        for venue in VENUES:
            place = PLACES[venue]
            running.control.account(venue, "desk", place.key_of("desk"), place.secret, place.passphrase, balances=RICH)
        yield running


@dataclass
class Rig:
    """An engine with an adapter of each of the four, all in one loop."""

    engine: Engine
    server: LocalExchange

    async def until(self, is_true, timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not is_true():  # noqa: ASYNC110 - the condition lives in the engine's memory
                await asyncio.sleep(0.01)

    async def done(self, side: Side, qty_units: int) -> ParentRecord:
        """A market order, waited for to its end."""
        order = make_order(side=side, qty_units=qty_units, order_type=OrderType.MARKET)
        reply = await self.engine.ask(inp.Submit(order, Mode.PAPER))
        assert isinstance(reply, inp.Accepted), reply
        parent = self.engine.ledger.parents[reply.fact.order_id]
        await self.until(lambda: parent.state is ParentState.DONE)
        return parent

    def balances(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(ours, theirs) in nano, by venue and currency."""
        found = {}
        for venue in VENUES:
            theirs = self.server.control.balances(venue, "desk")
            for currency in RICH:
                ours = self.engine.ledger.balances[("desk", venue, currency)]
                found[(venue, currency)] = (ours, nano(theirs[currency]))
        return found


@pytest.fixture
async def rig(server: LocalExchange) -> AsyncIterator[Rig]:
    world, clock, budgets = universe(), SystemClock(), Budgets()
    keys = {(v, "desk"): PLACES[v].credentials("desk") for v in VENUES}
    signer = LocalSigner(keys, {v: profile_of(v).ccxt_id for v in VENUES})
    settings = SessionSettings("desk", f"http://127.0.0.1:{server.port}", timeout_s=2.0)
    for venue in VENUES:
        asks = [("60010.0", "0.5"), ("60100.0", "5")]
        server.control.set_book(venue, PLACES[venue].market, [("60000.0", "0.5"), ("59900.0", "5")], asks)
    venues = {v: CcxtVenue(profile_of(v), world, clock, settings, signer=signer, budgets=budgets) for v in VENUES}
    board = BookBoard(list(world.instruments))
    fatal: list[BaseException] = []
    engine = Engine(
        core=make_core(world, board),
        clock=clock,
        market=MarketData(board),
        venues=venues,
        start=inp.Start("s0", "epoch", "test", Mode.PAPER),
        on_fatal=fatal.append,
    )
    journal = MemoryJournal(on_durable=engine.on_durable)
    await engine.open(journal)
    await engine.ask(inp.CreateKey("desk", "abcdefgh", "0" * 64, (Scope.TRADE,), Mode.PAPER))
    await engine.ask(inp.SetLimits("desk", LIMITS, "test"))
    for venue in VENUES:
        for currency, amount in RICH.items():
            await engine.ask(inp.SetBalance("desk", venue, currency, nano(amount), "test"))
    made = Rig(engine, server)
    await made.until(lambda: all(board.touch(v, "BTC/USDT") != (0, 0) for v in VENUES))
    # As the engine last saw them: it asks now and then, and nothing new goes where a venue is not up.
    await made.until(lambda: [engine.venue_health[v].state for v in VENUES] == [VenueState.UP] * len(VENUES))
    yield made
    await engine.close(1.0)
    assert not fatal


async def test_one_parent_over_four_protocols_ends_equal_in_five_ledgers(rig: Rig) -> None:
    bought = await rig.done(Side.BUY, 1_700_010)
    assert bought.done_reason is DoneReason.FILLED
    assert {record.child.venue for record in bought.children.values()} == set(VENUES)
    sold = await rig.done(Side.SELL, 1_200_000)
    assert sold.done_reason is DoneReason.FILLED
    for (venue, currency), (ours, theirs) in rig.balances().items():
        assert ours == theirs, (venue, currency)
    for venue in VENUES:
        # Every order there is a child of ours, under its own id, and each was sent once.
        theirs = [order["client_id"] for order in rig.server.control.orders(venue, "desk")]
        children = [r.child.client_id for p in (bought, sold) for r in p.children.values() if r.child.venue == venue]
        assert sorted(theirs) == sorted(children)
    assert rig.engine.ledger.live_children == {}
