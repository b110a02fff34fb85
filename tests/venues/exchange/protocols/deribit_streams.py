"""Deribit's subscriptions: books with change ids, trades, and the user's own orders, trades and portfolio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.venues.exchange.book import BUY, SELL, BookChange
from tests.venues.exchange.engine import NS_PER_MS, BalanceChange, Event, OrderChange, PublicTrade
from tests.venues.exchange.markets import Market
from tests.venues.exchange.session import Session

from .deribit_words import is_made, kind_of, number, order_row, trade_row, trigger_row

if TYPE_CHECKING:
    from .deribit import Deribit


class Streams:
    def __init__(self, protocol: Deribit) -> None:
        self._protocol = protocol

    def start(self, session: Session, channels: list[str]) -> None:
        """Snapshots of what was just subscribed; call after the answer to the subscription was queued."""
        for channel in channels:
            parts = channel.split(".")
            market = self._protocol.exchange.markets.get(parts[1]) if len(parts) > 2 else None
            if parts[0] != "book" or market is None:
                continue
            if len(parts) == 5:
                self._grouped(session, channel, market, int(parts[3]))
                continue
            book = self._protocol.exchange.books[market.id]
            levels = {side: dict(book.levels(side)) for side in (BUY, SELL)}
            session.state["books"][channel] = levels
            rows = {side: [["new", *self._level(market, p, q)] for p, q in levels[side].items()] for side in levels}
            self._book(session, channel, market, "snapshot", rows, {"change_id": book.seq})

    def event(self, event: Event) -> None:
        for session in self._protocol.sessions:
            for channel in session.state.get("channels", ()):
                parts = channel.split(".")
                if isinstance(event, BookChange):
                    if parts[0] == "book" and parts[1] == event.market.id:
                        self._changed(session, channel, parts, event)
                elif isinstance(event, PublicTrade):
                    if parts[0] == "trades" and parts[1] == event.market.id:
                        self._notify(session, channel, [self._public(event)], "trades")
                elif isinstance(event, OrderChange) and session.account == event.order.account:
                    self._own(session, channel, parts, event)
                elif isinstance(event, BalanceChange) and session.account == event.account:
                    self._portfolio(session, channel, parts)

    def _portfolio(self, session: Session, channel: str, parts: list[str]) -> None:
        if parts[:2] == ["user", "portfolio"]:
            self._notify(session, channel, self._protocol.summary(session.account, parts[2].upper()), "balance")

    def _own(self, session: Session, channel: str, parts: list[str], change: OrderChange) -> None:
        if parts[0] != "user" or not self._meant(parts[2:], change.order.market):
            return
        is_order = is_made(change.order) and change.what != "triggered"
        row = order_row(change.order) if is_order else trigger_row(change.order)
        if parts[1] == "orders":
            self._notify(session, channel, row if parts[-1] == "raw" else [row], "order")
        elif parts[1] == "trades" and change.fill is not None:
            self._notify(session, channel, [trade_row(change.fill)], "fill")
        elif parts[1] == "changes":
            trades = [trade_row(change.fill)] if change.fill is not None else []
            data = {"instrument_name": change.order.market.id, "trades": trades, "orders": [row], "positions": []}
            self._notify(session, channel, data, "fill" if trades else "order")

    def _meant(self, words: list[str], market: Market) -> bool:
        """BTC-PERPETUAL.raw, or kind.currency.interval with `any` for all."""
        if len(words) == 2:
            return words[0] == market.id
        kind, currency = words[0], words[1].upper()
        return kind in {"any", kind_of(market)} and currency in {"ANY", market.base, market.cash}

    def _changed(self, session: Session, channel: str, parts: list[str], change: BookChange) -> None:
        market = change.market
        if len(parts) == 5:
            self._grouped(session, channel, market, int(parts[3]))
            return
        held = session.state["books"].get(channel)
        if held is None:
            return
        rows: dict[int, list[list[Any]]] = {BUY: [], SELL: []}
        for side, price, lots in change.levels:
            known = price in held[side]
            if not lots and not known:
                continue  # came and went within one act
            action = "delete" if not lots else "change" if known else "new"
            rows[side].append([action, *self._level(market, price, lots)])
            if lots:
                held[side][price] = lots
            else:
                del held[side][price]
        ids = {"change_id": change.last_seq, "prev_change_id": change.prev_seq}
        self._book(session, channel, market, "change", rows, ids)

    def _grouped(self, session: Session, channel: str, market: Market, depth: int) -> None:
        book = self._protocol.exchange.books[market.id]
        rows = {side: [self._level(market, p, q) for p, q in book.levels(side, depth)] for side in (BUY, SELL)}
        data = {"bids": rows[BUY], "asks": rows[SELL], "change_id": book.seq}
        stamp = {"timestamp": self._protocol.now_ms(), "instrument_name": market.id}
        self._notify(session, channel, data | stamp, "book")

    def _book(
        self, session: Session, channel: str, market: Market, kind: str, rows: dict[int, Any], ids: dict[str, int]
    ) -> None:
        data = {"type": kind, "timestamp": self._protocol.now_ms(), "instrument_name": market.id}
        self._notify(session, channel, data | ids | {"bids": rows[BUY], "asks": rows[SELL]}, "book")

    def _level(self, market: Market, price: int, lots: int) -> list[int | float]:
        return [number(price * market.tick_atoms), number(lots * market.lot_atoms)]

    def _public(self, trade: PublicTrade) -> dict[str, Any]:
        market = trade.market
        return {
            "trade_seq": trade.trade_id,
            "trade_id": str(trade.trade_id),
            "timestamp": trade.ts_ns // NS_PER_MS,
            "tick_direction": 0,
            "price": number(trade.price * market.tick_atoms),
            "instrument_name": market.id,
            "direction": "buy" if trade.side == BUY else "sell",
            "amount": number(trade.lots * market.lot_atoms),
        }

    def _notify(self, session: Session, channel: str, data: Any, route: str) -> None:
        params = {"channel": channel, "data": data}
        session.push({"jsonrpc": "2.0", "method": "subscription", "params": params}, route)
