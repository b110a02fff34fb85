"""A stop asked for over HTTP rests at a local exchange that speaks a venue's protocol, through every process there is.

The exchange's own ledger is the oracle. It is a local exchange, and called so: no venue was asked.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from app.domain.conditional_records import ConditionalRecord
from app.domain.enums import ChildState, ContractKind, DoneReason, Mode, Scope
from app.domain.instrument import FungibilityClass
from app.domain.listing import Listing
from app.domain.records import ChildRecord
from app.domain.statement import VenueState
from app.domain.units import NANO
from app.execution.inputs import CreateKey, SetBalance, SetLimits
from app.execution.ledger import fold
from app.main import create_app
from app.services.accounts import new_key
from app.services.container import Services
from app.settings import LiveMarket, RiskSettings, Settings
from app.store.journal import JournalReader
from app.store.listings import ListingsFile, StoredVenue
from app.store.statehash import ledger_hash
from tests.venues.exchange.book import BUY
from tests.venues.exchange.engine import Ticket
from tests.venues.exchange.server import LocalExchange
from tests.venues.exchange.settlement import HOUSE
from tests.venues.vaults import ACCOUNT, CANARY, PASSPHRASE, key_row, make_home, secrets
from tests.worlds import LIMITS

MARKETS: Final = {"binance": "BTCUSDT", "kraken": "XBTUSDT", "okx": "BTC-USDT", "deribit": "BTC_USDT"}
RICH: Final = {"BTC": "10", "USDT": "1000000"}
QTY: Final = Decimal("0.04")
CALM: Final = ([("59999.00", "5")], [("60001.00", "5")], "60000.00")
FALLEN: Final = ([("58990.00", "5")], [("59010.00", "5")], "58999.00")


# What is not in the shipped table, as `bestex venues refresh` would have read it.
SPOT: Final = FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT)
READ: Final = Listing("deribit", "BTC_USDT", "BTC/USDT", SPOT, Decimal("0.01"), Decimal("0.0001"), Decimal("0.0001"))


@pytest.fixture
def exchange(request: pytest.FixtureRequest) -> Iterator[LocalExchange]:
    venue = request.param
    with LocalExchange([venue]) as server:
        server.control.account(venue, ACCOUNT, f"KeyOf{venue}", CANARY, PASSPHRASE, balances=RICH)
        server.control.move(venue, MARKETS[venue], *CALM)
        yield server
        assert not server.control.imbalance()


def settings_of(home: Path, exchange: LocalExchange, venue: str) -> Settings:
    return Settings(
        home=home,
        mode="live",
        market="live",
        shard=f"stop{os.getpid()}",
        live=LiveMarket(
            venues=(venue,),
            symbols=("BTC/USDT",),
            urls={"*": f"http://127.0.0.1:{exchange.port}"},
            account=ACCOUNT,
            trades=True,
        ),
        risk=RiskSettings(allow_uncertified=(venue,)),
        drain_s=0,
    )


@asynccontextmanager
async def running(settings: Settings, exchange: LocalExchange) -> AsyncIterator[tuple[Services, httpx.AsyncClient]]:
    """The whole service with its signer and watchdog; a second start finds the balances of the first."""
    (venue,) = settings.live.venues
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        services: Services = app.state.services
        if not services.engine.ledger.balances:
            for currency, amount in RICH.items():
                await services.engine.ask(SetBalance(ACCOUNT, venue, currency, int(amount) * NANO, "as the venue says"))
            await services.engine.ask(SetLimits(ACCOUNT, LIMITS, "test"))
        await until(lambda: all(v.health().state is VenueState.UP for v in services.engine.venues.values()))
        key = new_key()
        scopes = (Scope.TRADE, Scope.READ)
        await services.engine.ask(CreateKey(ACCOUNT, key.prefix, key.key_sha256, scopes, Mode.LIVE))
        http.headers["Authorization"] = f"Bearer {key.token}"
        flickering = asyncio.create_task(flicker(exchange, venue))
        try:
            yield services, http
        finally:
            flickering.cancel()
            await asyncio.gather(flickering, return_exceptions=True)


async def flicker(exchange: LocalExchange, venue: str) -> None:
    """Far from the touch something always happens: a book that says nothing for seconds is taken for dead."""

    def act() -> None:
        order = exchange.exchanges[venue].place(HOUSE, Ticket(MARKETS[venue], BUY, "1", "50000"))
        exchange.exchanges[venue].cancel(order)

    while True:
        await asyncio.to_thread(exchange.call, act)
        await asyncio.sleep(0.3)


async def until(is_true: Callable[[], Any], timeout_s: float = 30.0) -> None:
    deadline_s = asyncio.get_running_loop().time() + timeout_s
    while not is_true():
        assert asyncio.get_running_loop().time() < deadline_s, "it did not happen in time"
        await asyncio.sleep(0.02)


def number_of(venue_trade_id: str) -> str:
    """The exchange's own number of a trade: Kraken writes it as a code."""
    return re.sub(r"\D", "", venue_trade_id).lstrip("0")


async def hear_a_trade(services: Services, exchange: LocalExchange, venue: str) -> None:
    """The stop's own price is known here, too: until then nothing could watch it while it is away."""
    volumes = services.engine.core.world.volumes
    assert volumes is not None
    while venue not in volumes.lasts("BTC/USDT"):
        await asyncio.to_thread(exchange.control.move, venue, MARKETS[venue], *CALM)
        await asyncio.sleep(0.2)


def body(venue: str, **changes: Any) -> dict[str, Any]:
    stop = {
        "symbol": "BTC/USDT",
        "account": ACCOUNT,
        "side": "sell",
        "type": "stop",
        "qty": str(QTY),
        "stop_price": "59000",
        "max_slippage_bps": "100",
        "time_in_force": "gtc",
        "trigger": {"source": "last", "location": "venue"},
        "venues": {"include": [venue]},
    }
    return {**stop, **changes}


async def placed(services: Services, http: httpx.AsyncClient, exchange: LocalExchange, venue: str) -> ConditionalRecord:
    """The definition, its stops resting at the exchange: an uncertified venue gets 1,000 dollars a child."""
    await hear_a_trade(services, exchange, venue)
    answer = await http.post("/v1/orders", json=body(venue))
    assert answer.status_code in (201, 202), answer.text
    control = exchange.control
    await until(lambda: sum(Decimal(order["qty"]) for order in control.orders(venue, ACCOUNT)) == QTY)
    orders = control.orders(venue, ACCOUNT)
    assert len(orders) == 3
    assert {(o["stop"], o["side"], o["state"]) for o in orders} == {("59000", "sell", "open")}
    assert {Decimal(order["price"]) for order in orders} == {58410}, "1 % below the trigger: what the order allows"
    record = services.engine.ledger.definitions.all[answer.json()["conditional_id"]]
    parents = services.engine.ledger.parents

    def standing() -> list[ChildRecord]:
        """Two that leave at once may overtake each other: Kraken turns one down for its nonce, and it leaves anew."""
        children = [c for name in record.legs[0].order_ids for c in parents[name].children.values()]
        return [child for child in children if child.state is not ChildState.REJECTED]

    await until(lambda: [bool(child.acked_ts_ns) for child in standing()] == [True] * 3)
    assert (await services.conditionals.view(record)).legs[0].is_at_venue
    return record


def booked_once(services: Services, exchange: LocalExchange, venue: str, record: ConditionalRecord) -> None:
    """The exchange's ledger and ours name the same trades, and the same balances."""
    control, ledger = exchange.control, services.engine.ledger
    fills = [entry["data"] for entry in control.ledger("fill", ACCOUNT, venue)]
    assert sum(Decimal(fill["qty"]) for fill in fills) == QTY
    assert len(control.orders(venue, ACCOUNT)) == 3, "nothing was sent twice"
    parents = [ledger.parents[order_id] for order_id in record.legs[0].order_ids]
    assert sum(parent.cum_qty_units for parent in parents) == 40_000
    booked = sorted(number_of(fill.fill.venue_trade_id) for parent in parents for fill in parent.fills)
    assert booked == sorted(fill["trade_id"] for fill in fills)
    held = {c: amount for (a, v, c), amount in ledger.balances.items() if (a, v) == (ACCOUNT, venue)}
    assert held == {c: int(Decimal(text) * NANO) for c, text in control.balances(venue, ACCOUNT).items()}


@pytest.mark.parametrize("exchange", ["binance", "kraken", "deribit"], indirect=True)
async def test_a_stop_rests_there_goes_off_and_is_booked_once(tmp_path: Path, exchange: LocalExchange) -> None:
    (venue,) = exchange.exchanges
    make_home(tmp_path).vault.add(key_row(venue, f"KeyOf{venue}"), secrets())
    settings = settings_of(tmp_path, exchange, venue)
    if venue == READ.venue:
        ListingsFile(settings.listings_path).write({venue: StoredVenue(1, (READ,), ())})
    async with running(settings, exchange) as (services, http):
        refused = await http.post("/v1/orders", json=body(venue, trigger={"source": "mid", "location": "venue"}))
        assert (refused.status_code, refused.json()["code"]) == (422, "trigger_location_unavailable"), refused.text
        record = await placed(services, http, exchange, venue)
        exchange.control.move(venue, MARKETS[venue], *FALLEN)
        await until(lambda: record.is_done)
        shown = (await http.get(f"/v1/conditional-orders/{record.conditional_id}")).json()
        assert (shown["status"], shown["done_reason"]) == ("filled", "filled"), shown
        booked_once(services, exchange, venue, record)
    assert ledger_hash(fold(JournalReader(settings.journal_path).replay())) == ledger_hash(services.engine.ledger)


@pytest.mark.parametrize("exchange", ["okx"], indirect=True)
async def test_one_that_goes_off_while_we_are_down_is_booked_at_the_next_start(
    tmp_path: Path, exchange: LocalExchange
) -> None:
    """An orderly stop leaves it there, and what came of it has another id, which nobody here has heard of."""
    (venue,) = exchange.exchanges
    make_home(tmp_path).vault.add(key_row(venue, f"KeyOf{venue}"), secrets())
    settings = settings_of(tmp_path, exchange, venue)
    async with running(settings, exchange) as (services, http):
        record = await placed(services, http, exchange, venue)
    assert {order["state"] for order in exchange.control.orders(venue, ACCOUNT)} == {"open"}
    exchange.control.move(venue, MARKETS[venue], *FALLEN)
    assert {order["state"] for order in exchange.control.orders(venue, ACCOUNT)} == {"filled"}
    async with running(settings, exchange) as (services, _):
        record = services.engine.ledger.definitions.all[record.conditional_id]
        await until(lambda: record.is_done)
        assert (record.legs[0].is_triggered, record.done_reason) == (True, DoneReason.FILLED)
        booked_once(services, exchange, venue, record)
