"""Public trades of one venue through ccxt.pro, on a session of their own: a book never waits for a trade.

Each trade is told once, by the venue's own id; one from before the watch began is not told. A venue whose trades ccxt
does not stream tells none, and nobody follows its volume.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.domain.enums import Side
from app.domain.instrument import Instrument, Symbol
from app.domain.ports import Clock, TradesSink
from app.domain.trade import TradePrint
from app.venues.cex.budget import SessionBudget
from app.venues.cex.exact import decimal_of, floor_units
from app.venues.cex.profile import VenueProfile
from app.venues.cex.session import SessionSettings, make_session
from app.venues.cex.streams import Stream, Tasks

_NS_PER_MS: Final = 1_000_000
_IDS_KEPT: Final = 4_096
_SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}


@dataclass(slots=True)
class _Told:
    """The last ids of one market: what a venue repeats after a reconnection is in there."""

    ids: set[str] = field(default_factory=set)
    in_order: deque[str] = field(default_factory=deque)

    def is_new(self, trade_id: str) -> bool:
        if not trade_id:
            return True  # nothing to know it by
        if trade_id in self.ids:
            return False
        self.ids.add(trade_id)
        self.in_order.append(trade_id)
        if len(self.in_order) > _IDS_KEPT:
            self.ids.discard(self.in_order.popleft())
        return True


class CcxtTape:
    """Trades of every listing, for as long as it is started. Needs no key."""

    def __init__(
        self,
        profile: VenueProfile,
        listings: Mapping[str, tuple[Symbol, Instrument]],
        clock: Clock,
        on_trades: TradesSink,
    ) -> None:
        self._profile = profile
        self._symbols = {name: symbol for name, (symbol, _) in listings.items()}
        self._clock = clock
        self._on_trades = on_trades
        self._told = {name: _Told() for name in listings}
        self._tasks = Tasks(profile.venue_id)
        self._since_ms = 0
        self._exchange: Any = None

    async def open(self, settings: SessionSettings, budget: SessionBudget, known: Any) -> None:
        """On a new session that takes over the markets that `known`, another session of the venue, has loaded."""
        exchange = make_session(self._profile, settings, budget, self._clock)
        exchange.open()
        exchange.set_markets(known.markets, known.currencies)
        exchange.markets_loading = asyncio.get_running_loop().create_future()
        exchange.markets_loading.set_result(exchange.markets)
        exchange.number = str
        self.start(exchange)

    def start(self, exchange: Any) -> None:
        """Follows every market of ours that `exchange` has, if it streams trades."""
        self._exchange, self._since_ms = exchange, self._clock.wall_ns() // _NS_PER_MS
        if not exchange.has.get("watchTrades"):
            return
        for name in self._symbols:
            if name in exchange.markets:
                self._tasks.start(self._stream(name).run(), f"trades {name}")

    async def stop(self) -> None:
        await self._tasks.stop()
        if self._exchange is not None:
            await self._exchange.close()
            self._exchange = None

    def _stream(self, name: str) -> Stream:
        async def watched() -> Any:
            return await self._exchange.watch_trades(name)

        return Stream(self._profile.venue_id, f"trades {name}", watched, lambda raw: self._take(name, raw))

    def _take(self, name: str, raw: Iterable[Mapping[str, Any]]) -> None:
        found = [trade for row in raw if (trade := self._trade(name, row)) is not None]
        if found:
            self._on_trades(found)

    def _trade(self, name: str, row: Mapping[str, Any]) -> TradePrint | None:
        """One trade in the symbol's units, cut; None for one that was told, is too old, or has no number."""
        price, qty = decimal_of(row.get("price")), decimal_of(row.get("amount"))
        at_ms = int(row.get("timestamp") or 0)
        if price is None or qty is None or (at_ms and at_ms < self._since_ms):
            return None
        symbol = self._symbols[name]
        price_units, qty_units = floor_units(price, symbol.price_scale), floor_units(qty, symbol.qty_scale)
        if price_units < 1 or qty_units < 1 or not self._told[name].is_new(str(row.get("id") or "")):
            return None
        return TradePrint(
            self._profile.venue_id,
            name,
            price_units,
            qty_units,
            _SIDES.get(str(row.get("side"))),
            at_ms * _NS_PER_MS,
            self._clock.wall_ns(),
        )
