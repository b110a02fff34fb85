"""The stage of the scenarios: a running server, one venue's case on it, accounts, ccxt clients and what waits."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from .localise import localise
from .server import LocalExchange

BIDS = (("100.00", "5"), ("99.90", "9"), ("99.50", "20"))
ASKS = (("100.50", "2"), ("100.60", "8"), ("101.00", "20"))
RICH = {"BTC": "50", "ETH": "500", "USDT": "200000", "USD": "200000", "USDC": "200000"}
WAIT_S = 20.0

NUMBERS = itertools.count(1)  # for names and client ids that nobody used before


@dataclass(frozen=True)
class Case:
    """One venue as its tests need it. `client_id` makes an id that the venue takes from a number."""

    venue: str
    symbol: str = "BTC/USDT"
    market: str = "BTCUSDT"
    secret: str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
    wrong_secret: str = "d3Jvbmd3cm9uZ3dyb25nd3Jvbmd3cm9u"
    passphrase: str = ""
    one_try: bool = False  # turn off aiohttp's own repetition of GET and DELETE
    options: dict[str, Any] = field(default_factory=dict)
    key: Callable[[str], str] | None = None  # the API key of an account, where the venue's have a shape of their own
    client_id: Callable[[int], str] = lambda n: f"bx{n:08d}"
    client_param: str = "clientOrderId"  # the parameter by which ccxt passes it on
    read_client_id: Callable[[dict[str, Any]], str] = lambda order: order["clientOrderId"]
    duplicates: str = "refused"  # "refused" | "same" (answers with the old order) | "allowed"
    post_only: str = "refused"  # "refused" | "canceled"
    wrong_signature: str = "AuthenticationError"
    closes_as: str = "canceled"  # what ccxt calls an order that is canceled after it filled in part
    uid: str = ""
    watches: tuple[str, ...] = ("orders", "trades")
    depth: int | None = None
    swap: str = ""
    swap_market: str = ""
    swap_qty: float = 10  # in ccxt's contracts
    swap_params: dict[str, Any] = field(default_factory=dict)  # for fetch_balance and the like
    fetches_by_client_id: bool = True
    trade_id: Callable[[str], str] = str  # how ccxt's REST spells the ledger's trade id
    told_trade_id: Callable[[str], str] = str  # how its stream does
    tells_partials: bool = True  # whether ccxt's watch_orders learns a partial fill
    tells_client_id: bool = True  # and the client id
    params: dict[str, Any] = field(default_factory=dict)  # for every private call of ccxt


class World:
    """A running server and one venue's case on it."""

    def __init__(self, server: LocalExchange, case: Case) -> None:
        self.server, self.case, self.control = server, case, server.control
        self._markets: list[Any] = []
        self._accounts: list[str] = []

    def open_account(self, *permissions: str) -> str:
        """A rich account of its own; its name, which is part of its key. May read and trade when nothing is said."""
        name, case = f"acct{next(NUMBERS)}", self.case
        self._accounts.append(name)
        key, granted = self.key(name), permissions or ("read", "trade")
        self.control.account(case.venue, name, key, case.secret, case.passphrase, granted, dict(RICH))
        return name

    def key(self, name: str) -> str:
        return self.case.key(name) if self.case.key else f"{self.case.venue}-{name}"

    def quote_book(self) -> None:
        """The levels above and nothing else: what earlier scenarios left resting is canceled."""
        for name in self._accounts:
            self.control.cancel_all(self.case.venue, name)
        self.control.set_book(self.case.venue, self.case.market, BIDS, ASKS)

    def ledger(self, account: str, kind: str = "") -> list[dict[str, Any]]:
        return self.control.ledger(kind, account, self.case.venue)

    @contextlib.asynccontextmanager
    async def client(self, name: str = "", secret: str = "") -> AsyncIterator[Any]:
        """A ccxt.pro client of the account, closed at the end; without a name it has no keys."""
        import ccxt.pro

        case = self.case
        settings: dict[str, Any] = {"enableRateLimit": False, "timeout": 4000, "options": dict(case.options)}
        if name:
            settings |= {"apiKey": self.key(name), "secret": secret or case.secret, "uid": case.uid}
            if case.passphrase:
                settings["password"] = case.passphrase
        client = localise(getattr(ccxt.pro, case.venue)(settings), self.server.port)
        if case.one_try:
            client.open()
            client.session._retry_connection = False
        try:
            yield client
        finally:
            await client.close()

    async def load(self, client: Any) -> None:
        """Markets for a client, asked for once: without keys, as a stranger would."""
        if not self._markets:
            async with self.client() as stranger:
                await stranger.load_markets()
                self._markets = list(stranger.markets.values())
        client.set_markets(self._markets)
        client.open()  # KuCoin's client spawns a task before its first request


async def until(check: Callable[[], bool], what: str, limit_s: float = WAIT_S) -> None:
    """Wait for a condition that other tasks bring about."""
    try:
        async with asyncio.timeout(limit_s):
            while not check():  # noqa: ASYNC110 - the condition lives in another thread
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"{what} did not come within {limit_s} s")


async def refused(call: Awaitable[Any], *names: str) -> Exception:
    """The ccxt error that the call ended with, which must be of one of the classes named."""
    import ccxt

    with pytest.raises(tuple(getattr(ccxt, name) for name in names)) as caught:
        await call
    return caught.value


def exact(value: Any) -> Decimal:
    return Decimal(str(value)).normalize()


def levels(rows: Any) -> list[tuple[Decimal, Decimal]]:
    return [(exact(row[0]), exact(row[1])) for row in rows]


async def first_book(client: Any, symbol: str, depth: int | None, nudge: Callable[[], None]) -> Any:
    """The watched book once it stands. Some clients fetch the snapshot only after a change: `nudge` makes one."""
    watching = asyncio.create_task(client.watch_order_book(symbol, depth))
    async with asyncio.timeout(WAIT_S):
        while not (await asyncio.wait({watching}, timeout=0.05))[0]:
            nudge()
    return await watching
