"""One venue of the local exchange with one adapter on it, and everything that the adapter said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from typing import Any

from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import Side, TimeInForce
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.ids import prefixed_ulid
from app.domain.orders import Approved, ChildOrder
from app.domain.statement import VenueState
from app.domain.universe import Universe
from app.venues.cex.adapter import CcxtVenue
from app.venues.cex.books import FeedMaker
from app.venues.cex.budget import Budgets
from app.venues.cex.client_ids import wire_client_id
from app.venues.cex.exact import decimal_of, nano_of, price_text, qty_text
from app.venues.cex.feed import CcxtFeed
from app.venues.cex.profile import VenueProfile
from app.venues.cex.profile_table import profile_of
from app.venues.cex.session import SessionSettings
from app.venues.clock import SystemClock
from tests.venues.cex.markets import universe_of
from tests.venues.cex.signers import LocalSigner
from tests.venues.exchange.server import LocalExchange

R = ReportKind
ENDS = {R.CANCELED, R.EXPIRED, R.REJECTED, R.UNKNOWN, R.NOT_FOUND}
SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
BIDS = [("100.00", "5"), ("99.90", "9"), ("99.50", "20")]
ASKS = [("100.50", "2"), ("100.60", "8"), ("101.00", "20")]
Levels = list[tuple[str, str]]
# Of an answer. Ten venues are at work at once, on a machine that may have other work.
TIMEOUT_S = 3.0
_numbers = count(1)


@dataclass(frozen=True)
class Place:
    """Where the suite trades at one venue: ccxt's symbol, the exchange's own id of it, its tick and lot."""

    venue: str
    symbol: str = "BTC/USDT"
    market: str = "BTCUSDT"
    tick: str = "0.01"
    lot: str = "0.00001"
    passphrase: str = ""
    secret: str = SECRET
    wrong_secret: str = "d3Jvbmd3cm9uZ3dyb25nd3Jvbmd3cm9u"
    key: str = "key-{}"
    multiplier: str = "1"

    def key_of(self, account: str) -> str:
        return self.key.format(f"{self.venue}-{account}")

    def credentials(self, account: str, secret: str = "") -> dict[str, str]:
        found = {"apiKey": self.key_of(account), "secret": secret or self.secret}
        return {**found, "password": self.passphrase} if self.passphrase else found


@dataclass
class Desk:
    """An account of its own at `place`. Its adapter's words are in `reports` and `books`, in the order they came."""

    server: LocalExchange
    place: Place
    account: str = ""
    clock: SystemClock = field(default_factory=SystemClock)
    reports: list[ExecutionReport] = field(default_factory=list)
    books: list[BookSnapshot | BookDelta] = field(default_factory=list)
    venue: CcxtVenue = field(init=False)
    signer: LocalSigner = field(init=False)
    budgets: Budgets = field(default_factory=Budgets)
    make_feed: FeedMaker = CcxtFeed
    bids: Levels = field(default_factory=lambda: BIDS)
    asks: Levels = field(default_factory=lambda: ASKS)

    def __post_init__(self) -> None:
        if not self.account:
            self.account = f"desk{next(_numbers)}"
            base, quote = self.place.symbol.partition(":")[0].split("/")
            rich = {base: "100000", quote: "100000000"}
            place = self.place
            self.server.control.account(
                place.venue, self.account, place.key_of(self.account), place.secret, place.passphrase, balances=rich
            )

    # what it is

    @property
    def name(self) -> str:
        return self.place.venue

    @property
    def profile(self) -> VenueProfile:
        """The venue's own, with budgets so wide that a suite of minutes need not take an hour (test_budget.py)."""
        profile = profile_of(self.name)
        return replace(profile, budgets=tuple(replace(rule, limit=100 * rule.limit) for rule in profile.budgets))

    @property
    def universe(self) -> Universe:
        place = self.place
        return universe_of(self.name, {place.symbol: (place.tick, place.lot)}, place.multiplier)

    async def open(self, *, secret: str = "", has_feed: bool = True, base_url: str = "") -> Desk:
        """An adapter of this account, connected or not."""
        keys = {(self.name, self.account): self.place.credentials(self.account, secret)}
        self.signer = LocalSigner(keys, {self.name: self.profile.ccxt_id})
        settings = SessionSettings(
            self.account, base_url or f"http://127.0.0.1:{self.server.port}", timeout_s=TIMEOUT_S, ping_s=2.0
        )
        self.venue = CcxtVenue(
            self.profile,
            self.universe,
            self.clock,
            settings,
            signer=self.signer,
            budgets=self.budgets,
            has_feed=has_feed,
            make_feed=self.make_feed,
        )
        await self.venue.start(self.reports.append, self.books.append)
        return self

    async def close(self) -> None:
        await self.venue.stop()

    async def another(self, **how: Any) -> Desk:
        """A second adapter of the same account, as after a restart."""
        return await Desk(self.server, self.place, self.account).open(**how)

    async def settle(self) -> None:
        """No faults, nothing open, the suite's own book, the adapter up: how each check begins."""
        control, place = self.server.control, self.place
        control.clear()
        control.cancel_all(place.venue, self.account)
        await self.quoted(lambda: self.venue.health().state is VenueState.UP, self.bids, self.asks, 30)
        control.set_book(place.venue, place.market, self.bids, self.asks)

    async def quoted(
        self, is_true: Callable[[], bool], bids: Levels, asks: Levels, timeout_s: float = 20.0, *, pause_s: float = 0.05
    ) -> float:
        """Waits until `is_true` while the exchange quotes these levels and goes on changing one far from them.

        Some venues' books begin with the deltas that come after the subscription: a dead market has none.
        """
        began_s = time.perf_counter()
        for n in count(1):
            far = [("20.00", str(1 + n % 7))]
            self.server.control.set_book(self.name, self.place.market, [*bids, *far], asks)
            await asyncio.sleep(pause_s)
            took_s = time.perf_counter() - began_s
            if is_true():
                return took_s
            assert took_s < timeout_s, f"not within {timeout_s} s; {self.venue.health()}; {self.books[-1:]}"
        raise AssertionError

    # what it does

    def child(
        self, price: str, qty: str, side: Side = Side.BUY, tif: TimeInForce = TimeInForce.IOC, **changes: Any
    ) -> ChildOrder:
        symbol, instrument = self.listing()
        n = next(_numbers)
        child = ChildOrder(
            child_id=f"chd_{n}",
            client_id=prefixed_ulid("chd", self.clock.wall_ns(), self.account, n).partition("_")[2],
            order_id="ord_1",
            account=self.account,
            wave=1,
            venue=self.name,
            symbol=self.place.symbol,
            side=side,
            time_in_force=tif,
            price_ticks=int(Decimal(price).scaleb(symbol.price_scale) / instrument.tick_units),
            qty_lots=int(Decimal(qty).scaleb(symbol.qty_scale) / instrument.lot_units),
            tick_units=instrument.tick_units,
            lot_units=instrument.lot_units,
            deadline_ts_ns=self.clock.wall_ns() + 1_500_000_000,
        )
        return replace(child, **changes)

    def listing(self):
        return self.universe.symbols[self.place.symbol], self.universe.instruments[(self.name, self.place.symbol)]

    async def send(self, child: ChildOrder) -> ChildOrder:
        await self.venue.send(Approved(child, 1, 1))
        return child

    async def sent(self, *args: Any, **named: Any) -> ChildOrder:
        return await self.send(self.child(*args, **named))

    async def resting(self, price: str = "99.00", qty: str = "1") -> ChildOrder:
        child = await self.sent(price, qty, tif=TimeInForce.GTC)
        await self.until(lambda: R.ACKED in self.kinds(child))
        return child

    # what was said

    def of(self, child: ChildOrder) -> list[ExecutionReport]:
        return [report for report in self.reports if report.client_id == child.client_id]

    def kinds(self, child: ChildOrder) -> list[ReportKind]:
        return [report.kind for report in self.of(child)]

    def fills(self, child: ChildOrder) -> list[ExecutionReport]:
        return [report for report in self.of(child) if report.kind is R.FILLED]

    def filled_lots(self, child: ChildOrder) -> int:
        return sum({report.venue_trade_id: report.qty_lots for report in self.fills(child)}.values())

    async def ended(self, child: ChildOrder, timeout_s: float = 20.0) -> list[ExecutionReport]:
        """Waits for the last word on `child`: its whole quantity, or an end."""
        await self.until(
            lambda: self.filled_lots(child) == child.qty_lots or bool(ENDS & set(self.kinds(child))), timeout_s
        )
        return self.of(child)

    async def asked(self, child: ChildOrder) -> list[ExecutionReport]:
        """The answer to a query alone."""
        n_before = len(self.of(child))
        await self.venue.query(child)
        return self.of(child)[n_before:]

    async def until(self, is_true: Callable[[], bool], timeout_s: float = 20.0) -> float:
        """Waits until `is_true`; how long it took."""
        began_s = time.perf_counter()
        while not is_true():
            took_s = time.perf_counter() - began_s
            assert took_s < timeout_s, f"not within {timeout_s} s; {self.venue.health()}; {self.reports[-4:]}"
            await asyncio.sleep(0.01)
        return time.perf_counter() - began_s

    # what the exchange knows

    def switch(self, fault: str, **where: Any) -> int:
        return self.server.control.switch(fault, venue=self.name, **where)

    def theirs(self, child: ChildOrder) -> list[dict[str, str]]:
        """The exchange's own orders under the child's id."""
        wire_id = wire_client_id(self.profile.client_id, child.client_id)
        orders = self.server.control.orders(self.name, self.account)
        return [order for order in orders if order["client_id"] == wire_id]

    def ledger_fills(self, child: ChildOrder) -> list[dict[str, Any]]:
        wire_id = wire_client_id(self.profile.client_id, child.client_id)
        entries = self.server.control.ledger("fill", self.account, self.name)
        return [entry["data"] for entry in entries if entry["data"]["client_id"] == wire_id]

    def agrees_with_ledger(self, child: ChildOrder) -> None:
        """The exchange's ledger and ours name the same fills: price, quantity and currency; and all the fees.

        A fee that is finer than a nano goes on to the next fill, so each is right to a nano, and all of them together.
        """
        symbol, instrument = self.listing()
        told = {report.venue_trade_id: report for report in self.fills(child)}.values()
        ours = sorted(
            (price_text(symbol, instrument, f.price_ticks), qty_text(symbol, instrument, f.qty_lots), f.fee_currency)
            for f in told
        )
        ledger = self.ledger_fills(child)
        assert ours == sorted((plain(f["price"]), plain(f["qty"]), f["fee_currency"]) for f in ledger), (told, ledger)
        fees = sorted(Decimal(fill["fee"]) for fill in ledger)
        for fee_nano, fee in zip(sorted(f.fee_nano for f in told), fees, strict=True):
            assert abs(fee_nano - nano(str(fee))) <= 1, (told, ledger)
        assert sum(f.fee_nano for f in told) == nano(str(sum(fees))), (told, ledger)


def plain(text: str) -> str:
    return format(Decimal(text).normalize(), "f")


def nano(text: str) -> int:
    value = decimal_of(text)
    assert value is not None
    return nano_of(value)
