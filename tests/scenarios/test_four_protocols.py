"""One parent split over four protocols through every process there is; afterwards four ledgers and ours are one."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from app.domain.enums import Mode, Side
from app.domain.events import Fact
from app.domain.records import ParentRecord
from app.domain.statement import VenueState
from app.domain.units import NANO
from app.execution.inputs import SetBalance, SetLimits
from app.main import create_app
from app.services.container import Services
from app.services.reconcile import Reconciler
from app.settings import LiveMarket, RiskSettings, Settings
from app.venues.cex.client_ids import wire_client_id
from app.venues.cex.profile_table import profile_of
from tests.venues.exchange.book import BUY
from tests.venues.exchange.engine import Ticket
from tests.venues.exchange.server import LocalExchange
from tests.venues.exchange.settlement import HOUSE
from tests.venues.vaults import ACCOUNT, CANARY, PASSPHRASE, key_row, make_home, secrets
from tests.worlds import LIMITS, make_order

MARKETS: Final = {"binance": "BTCUSDT", "okx": "BTC-USDT", "kraken": "XBTUSDT", "bybit": "BTCUSDT"}
RICH: Final = {"BTC": "10", "USDT": "1000000"}
LEVEL: Final = "0.012"  # what each venue has at its one good price; behind it the price is bad
PARENT_UNITS: Final = 42_000  # 0.042 BTC: more than three of them have
# Raw prices that cost about the same once each venue's own fee is paid, both ways.
ASKS: Final = {"binance": "60001.00", "okx": "60002.0", "kraken": "59906.0", "bybit": "60003.00"}
BIDS: Final = {"binance": "59998.00", "okx": "59997.0", "kraken": "60094.0", "bybit": "59996.00"}


@pytest.fixture(scope="module")
def exchange() -> Iterator[LocalExchange]:
    with LocalExchange(list(MARKETS)) as server:
        for venue in MARKETS:
            server.control.account(venue, ACCOUNT, f"KeyOf{venue}", CANARY, PASSPHRASE, balances=RICH)
        quote(server, ASKS, Side.BUY)
        yield server
        assert not server.control.imbalance()


def quote(exchange: LocalExchange, prices: dict[str, str], side: Side) -> None:
    """One good level a venue on the side that is taken, and bad ones behind it; the other side is close."""
    for venue, market in MARKETS.items():
        good, away = Decimal(prices[venue]), 1 if side is Side.BUY else -1
        taken = [(prices[venue], LEVEL), (str(good + 300 * away), "5")]
        other = [(str(good - away), "5")]
        asks, bids = (taken, other) if side is Side.BUY else (other, taken)
        exchange.control.set_book(venue, market, bids, asks)


@asynccontextmanager
async def running(home: Path, exchange: LocalExchange) -> AsyncIterator[tuple[Services, httpx.AsyncClient]]:
    keys = make_home(home)
    for venue in MARKETS:
        keys.vault.add(key_row(venue, f"KeyOf{venue}"), secrets())
    settings = Settings(
        home=home,
        mode="live",
        market="live",
        shard=f"four{os.getpid()}",
        live=LiveMarket(
            venues=tuple(MARKETS),
            symbols=("BTC/USDT",),
            urls={"*": f"http://127.0.0.1:{exchange.port}"},
            account=ACCOUNT,
        ),
        risk=RiskSettings(allow_uncertified=tuple(MARKETS)),
        drain_s=0,
    )
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        services: Services = app.state.services
        for venue in MARKETS:
            for currency, amount in RICH.items():
                await services.engine.ask(SetBalance(ACCOUNT, venue, currency, int(amount) * NANO, "as the venue says"))
        await services.engine.ask(SetLimits(ACCOUNT, LIMITS, "test"))
        await until(lambda: all(v.health().state is VenueState.UP for v in services.engine.venues.values()))
        http.headers["Authorization"] = f"Bearer {(home / 'operator.key').read_text().strip()}"
        flickering = asyncio.create_task(flicker(exchange))
        yield services, http
        flickering.cancel()
        await asyncio.gather(flickering, return_exceptions=True)


async def test_one_parent_over_four_protocols_ends_with_equal_balances(tmp_path: Path, exchange: LocalExchange) -> None:
    async with running(tmp_path, exchange) as (services, http):
        for side, prices in ((Side.BUY, ASKS), (Side.SELL, BIDS)):
            quote(exchange, prices, side)
            parent = await traded(services, side, prices)
            assert parent.cum_qty_units == PARENT_UNITS
            assert {child.child.venue for child in parent.children.values()} == set(MARKETS)
            assert len(parent.children) == len(MARKETS), "one wave, one child a venue"
        await compare(services, exchange)
        await Reconciler(services.engine, NoFacts(), None).check()
        assert not services.engine.core.memory.suspects
        answer = await http.get("/v1/breaks")
        assert (answer.status_code, answer.json()["data"]) == (200, [])


async def flicker(exchange: LocalExchange) -> None:
    """Far from the touch something always happens: a book that says nothing for seconds is taken for dead."""

    def act() -> None:
        for venue, market in MARKETS.items():
            order = exchange.exchanges[venue].place(HOUSE, Ticket(market, BUY, "1", "50000"))
            exchange.exchanges[venue].cancel(order)

    while True:
        await asyncio.to_thread(exchange.call, act)
        await asyncio.sleep(0.5)


class NoFacts:
    """The reader of a reconciler that compares no database."""

    def read(self, after_seq: int, limit: int) -> list[Fact]:
        return []


async def traded(services: Services, side: Side, prices: dict[str, str]) -> ParentRecord:
    """The parent once it is over. It is sent when every venue's book shows the price that is to be taken."""
    engine = services.engine
    wanted = {int(Decimal(price) * 100) for price in prices.values()}

    def is_shown() -> bool:
        books = engine.books("BTC/USDT")
        tops = set(books.price_units[:, 1 if side is Side.BUY else 0, 0].tolist())
        return tops == wanted and not books.is_gapped.any() and not engine.core.memory.unreachable

    await until(is_shown)
    order = make_order(account=ACCOUNT, side=side, qty_units=PARENT_UNITS)
    accepted = await services.submit.place(order, Mode.LIVE)
    parent = engine.ledger.parents[accepted.fact.order_id]
    await until(lambda: not engine.ledger.open_parents and not engine.ledger.live_children)
    return parent


async def compare(services: Services, exchange: LocalExchange) -> None:
    """Orders, fills with their fees and their currencies, balances, and the venues' statements: all exactly."""
    engine = services.engine
    children = [c for parent in engine.ledger.parents.values() for c in parent.children.values()]
    fills = [fill.fill for parent in engine.ledger.parents.values() for fill in parent.fills]
    fee_currencies = defaultdict(set)
    for venue in MARKETS:
        rule = profile_of(venue).client_id
        ours = {wire_client_id(rule, c.child.client_id): c for c in children if c.child.venue == venue}
        theirs = exchange.control.orders(venue, ACCOUNT)
        assert sorted(order["client_id"] for order in theirs) == sorted(ours)
        told = {
            (ours[f["client_id"]].child.child_id, nano(f["price"]), nano(f["qty"]), nano(f["fee"]), f["fee_currency"])
            for f in (entry["data"] for entry in exchange.control.ledger("fill", ACCOUNT, venue))
        }
        booked = {
            (fill.child_id, fill.price_units * 10**7, fill.qty_units * 10**3, fill.fee_nano, fill.fee_currency)
            for fill in fills
            if fill.venue == venue
        }
        assert told == booked
        fee_currencies[venue] = {row[-1] for row in told}
        balances = {currency: nano(text) for currency, text in exchange.control.balances(venue, ACCOUNT).items()}
        held = {c: amount for (a, v, c), amount in engine.ledger.balances.items() if (a, v) == (ACCOUNT, venue)}
        statement = await engine.venues[venue].statement(ACCOUNT)
        assert held == balances == {b.currency: b.total_nano for b in statement.balances}
        assert statement.open_orders == ()
    assert fee_currencies["kraken"] == {"USDT"}
    assert all(fee_currencies[venue] == {"BTC", "USDT"} for venue in ("binance", "okx", "bybit"))


def nano(text: str) -> int:
    scaled = Decimal(text) * NANO
    assert scaled == int(scaled), f"{text} is finer than a unit"
    return int(scaled)


async def until(is_true: Callable[[], Any], timeout_s: float = 30.0) -> None:
    deadline_s = asyncio.get_running_loop().time() + timeout_s
    while not is_true():
        assert asyncio.get_running_loop().time() < deadline_s, "it did not happen in time"
        await asyncio.sleep(0.01)
