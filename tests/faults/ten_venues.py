"""The ten protocols as one campaign needs them: a lively exchange, an account with keys, and a service on top of it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from app.bootstrap import make_core, make_universe
from app.domain.enums import Mode, Scope
from app.domain.listing import Listing
from app.domain.units import NANO
from app.domain.universe import Universe
from app.execution.inputs import CreateKey, SetBalance, SetLimits, Start
from app.routing.router import Router
from app.services.accounts import new_key
from app.services.engine import Engine
from app.services.marketdata import MarketData
from app.settings import RELEASE, LiveMarket, RiskSettings, Settings
from app.shm.books import BookBoard
from app.store.journal import SqliteJournal
from app.store.listings import ListingsFile, StoredVenue
from app.venues.clock import SystemClock
from app.venues.live_universe import load_live_universe
from app.venues.vault import Secret, VenueSecrets
from tests.faults.exchange_checker import Allowed, Venue
from tests.venues.exchange.book import BUY, SELL
from tests.venues.exchange.engine import BookChange
from tests.venues.exchange.protocols.tokens import new_es256_key
from tests.venues.exchange.server import LocalExchange
from tests.venues.vaults import ACCOUNT, CANARY, PASSPHRASE, key_row, make_home
from tests.worlds import LIMITS

MARKETS: Final = {
    "binance": "BTCUSDT",
    "okx": "BTC-USDT",
    "bybit": "BTCUSDT",
    "kraken": "XBTUSDT",
    "coinbase": "BTC-USDT",
    "deribit": "BTC_USDT",
    "bitget": "BTCUSDT",
    "kucoin": "BTC-USDT",
    "gate": "BTC_USDT",
    "htx": "btcusdt",
}
SYMBOL: Final = "BTC/USDT"
RICH: Final = {"BTC": "1000", "USDT": "100000000"}
CREDIT: Final = 30_000  # USD at one venue; small enough that a long run meets it on both sides
# The gate holds what is at stake against the mid of its turn, the checker against the price of the child that leaves.
ALLOWED: Final = Allowed(child=1_000 * NANO, venue=CREDIT * NANO * 101 // 100, n_open=LIMITS.max_open_orders)
# What the shipped table of live markets does not list there.
FACTS: Final = {
    "coinbase": ("BTC-USDT", "0.01", "0.000001", "0.00001", "1"),
    "deribit": ("BTC_USDT", "0.01", "0.0001", "0.0001", "0"),
}
_LEVEL_BTC: Final = "0.02"  # about the mean of a level of the crowd: children of 0.016 take one, two or three
_DEPTH: Final = 25
_STATES: Final = 1_500

Side = tuple[tuple[int, int], ...]


@dataclass
class Books:
    """Every state that the exchange's own books had, by sequence: (seq, bids, asks) in units of 0.01 and 0.000001."""

    exchange: LocalExchange
    states: dict[str, deque[tuple[int, Any, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for venue, market in MARKETS.items():
            self.states[venue] = deque(maxlen=_STATES)
            self.exchange.exchanges[venue].listeners.append(self._listener(venue, market))

    def _listener(self, venue: str, market: str) -> Any:
        book, states = self.exchange.exchanges[venue].books[market], self.states[venue]

        def note(event: Any) -> None:
            if isinstance(event, BookChange) and event.market.id == market:
                states.append((book.seq, book.levels(BUY, _DEPTH), book.levels(SELL, _DEPTH)))

        return note

    def lately(self) -> dict[str, list[tuple[int, Any, Any]]]:
        """A copy, by venue, oldest first."""
        return self.exchange.call(lambda: {venue: list(states) for venue, states in self.states.items()})

    def in_units(self, venue: str, state: tuple[int, Any, Any]) -> tuple[Side, Side]:
        """As a router counts them: bids floored, asks ceiled, quantities cut, what is nothing then left out."""
        market = self.exchange.exchanges[venue].markets[MARKETS[venue]]

        def side(levels: list[tuple[int, int]], *, is_up: bool) -> Side:
            found: dict[int, int] = {}
            for ticks, lots in levels:
                price = -(-ticks * market.tick_atoms // 10**16) if is_up else ticks * market.tick_atoms // 10**16
                qty = lots * market.lot_atoms // 10**12
                if qty:
                    found[price] = found.get(price, 0) + qty
            return tuple(found.items())

        return side(state[1], is_up=False), side(state[2], is_up=True)


@contextmanager
def ten_venues(seed: int, beat_s: float) -> Iterator[tuple[LocalExchange, Books]]:
    """The exchange with its crowds awake in one market a venue, quoting in lots of ours."""
    exchange = LocalExchange(list(MARKETS), seed=seed, beat_s=beat_s)
    for (venue, market_id), maker in exchange.makers.items():
        if MARKETS[venue] != market_id:
            maker.frozen = True
            continue
        for order in maker._quotes:
            exchange.exchanges[venue].cancel(order)
        market = exchange.exchanges[venue].markets[market_id]
        # Whole lots of 0.000001 in every quote: what a trade leaves below a lot is not booked (docs/venues.md).
        grain = max(1, 10**12 // market.lot_atoms)
        hundredth = max(1, market.lots(_LEVEL_BTC) // (100 * grain)) * grain
        maker._base_lots = 100 * hundredth
        maker.open()
    books = Books(exchange)
    with exchange:
        yield exchange, books


def open_accounts(exchange: LocalExchange, home: Path) -> None:
    """The account at every venue, and its keys in the vault of `home`."""
    keys = make_home(home)
    for venue in MARKETS:
        text, key_id, granted = CANARY, f"KeyOf{venue}", dict(RICH)
        if venue == "coinbase":
            text, key_id = new_es256_key(), "organizations/local/apiKeys/campaign"
        exchange.control.account(venue, ACCOUNT, key_id, text, PASSPHRASE, balances=granted)
        keys.vault.add(key_row(venue, key_id), VenueSecrets(Secret(text), Secret(PASSPHRASE)))


def environment_of(exchange: LocalExchange) -> dict[str, str]:
    """The service's settings as variables."""
    names = ",".join(f'"{venue}"' for venue in MARKETS)
    return {
        "BESTEX_MODE": "live",
        "BESTEX_MARKET": "live",
        "BESTEX_SHARD": f"ten{os.getpid()}",
        "BESTEX_LIVE__VENUES": f"[{names}]",
        "BESTEX_LIVE__SYMBOLS": f'["{SYMBOL}"]',
        "BESTEX_LIVE__ACCOUNT": ACCOUNT,
        "BESTEX_LIVE__URLS": f'{{"*": "http://127.0.0.1:{exchange.port}"}}',
        "BESTEX_LIVE__VENUES_PER_PROCESS": "4",
        "BESTEX_RISK__ALLOW_UNCERTIFIED": f"[{names}]",
    }


def settings_of(home: Path, exchange: LocalExchange) -> Settings:
    """The same as values."""
    live = LiveMarket(
        venues=tuple(MARKETS),
        symbols=(SYMBOL,),
        urls={"*": f"http://127.0.0.1:{exchange.port}"},
        account=ACCOUNT,
        venues_per_process=4,
    )
    shard, risk = f"ten{os.getpid()}", RiskSettings(allow_uncertified=tuple(MARKETS))
    return Settings(home=home, mode="live", market="live", shard=shard, live=live, risk=risk)


def store_listings(home: Path) -> None:
    """What `bestex venues refresh` would have read of the markets that the shipped table lacks."""
    fungible = load_live_universe(("binance",), (SYMBOL,)).symbols[SYMBOL].fungible
    stored = {}
    for venue, (name, *steps) in FACTS.items():
        listing = Listing(venue, name, SYMBOL, fungible, *(Decimal(step) for step in steps))
        stored[venue] = StoredVenue(SystemClock().wall_ns(), (listing,), ())
    ListingsFile(home / "listings.json").write(stored)


async def first_facts(settings: Settings) -> Universe:
    """The log's first facts: the account's key (its token in demo.key), its balances as at the venues, its limits."""
    store_listings(settings.home)
    universe, clock = make_universe(settings), SystemClock()
    board = BookBoard(list(universe.instruments))

    def fatal(error: BaseException) -> None:
        raise error

    engine = Engine(
        core=make_core(universe, board, Mode.LIVE, Router()),
        clock=clock,
        market=MarketData(board),
        venues={},
        start=Start(settings.shard, "e" * 16, RELEASE, Mode.LIVE),
        on_fatal=fatal,
    )
    journal = SqliteJournal(settings.journal_path, on_durable=engine.on_durable_from_thread, on_fatal=fatal)
    await engine.open(journal)
    key = new_key()
    (settings.home / "demo.key").write_text(key.token)
    scopes = (Scope.READ, Scope.TRADE)
    await engine.ask(CreateKey(ACCOUNT, key.prefix, key.key_sha256, scopes, Mode.LIVE))
    for venue in MARKETS:
        for currency, amount in RICH.items():
            await engine.ask(SetBalance(ACCOUNT, venue, currency, int(amount) * NANO, "as the venue says"))
    await engine.ask(SetLimits(ACCOUNT, replace(LIMITS, venue_credit_nano=CREDIT * NANO), "test"))
    await engine.close(0)
    journal.close()
    return universe


def told(exchange: LocalExchange) -> dict[str, Venue]:
    """What the exchange's ledger says, as the checker takes it."""
    found = {}
    for venue in MARKETS:
        ledger = exchange.control.ledger("", ACCOUNT, venue)
        found[venue] = Venue(
            orders=exchange.control.orders(venue, ACCOUNT),
            refused=[row["data"] for row in ledger if row["kind"] == "refused"],
            fills=[row["data"] for row in ledger if row["kind"] == "fill"],
            balances=exchange.control.balances(venue, ACCOUNT),
        )
    return found
