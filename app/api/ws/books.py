"""The public book channel: one encoding per symbol and beat, however many read it, and the newest for the slow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from app.api.ws import wire
from app.api.ws.streams import PendingBook, Subscription
from app.services.reads import Reads

# Books are looked at this often: fast enough for eyes and risk, far from every change of every venue.
BEAT_S: Final = 0.1


@dataclass(slots=True)
class _Shown:
    """One symbol at one depth: its readers, and the book that was shown last."""

    symbol: str
    depth: int
    subscriptions: dict[Subscription, None] = field(default_factory=dict)
    seq: int = 0
    content: object = None
    tail: bytes = b""


class BookChannel:
    """Readers of books by symbol and depth. `beat` is called each BEAT_S while there are any."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._shown: dict[tuple[str, int], _Shown] = {}

    def __len__(self) -> int:
        return len(self._shown)

    def add(self, subscription: Subscription) -> None:
        """Begins with a snapshot at once."""
        assert subscription.symbols is not None
        for symbol in sorted(subscription.symbols):
            key = (symbol, subscription.depth)
            shown = self._shown.setdefault(key, _Shown(*key))
            self._refresh(shown)
            shown.subscriptions[subscription] = None
            self._offer(shown, subscription)

    def remove(self, subscription: Subscription) -> None:
        for symbol in subscription.symbols or ():
            key = (symbol, subscription.depth)
            shown = self._shown[key]
            del shown.subscriptions[subscription]
            if not shown.subscriptions:
                del self._shown[key]

    def beat(self) -> None:
        """Offers each book that changed to its readers."""
        for shown in self._shown.values():
            if self._refresh(shown):
                for subscription in shown.subscriptions:
                    self._offer(shown, subscription)

    def _refresh(self, shown: _Shown) -> bool:
        """Takes the book as it is now; whether it is another than the one shown."""
        symbol = self._reads.known_symbol(shown.symbol, "/symbols")
        ladder = self._reads.ladder(symbol, shown.depth, is_all_in=False)
        content = (ladder.bids, ladder.asks)
        if content == shown.content:
            return False
        shown.content = content
        shown.seq += 1
        shown.tail = wire.book_tail(ladder)
        return True

    def _offer(self, shown: _Shown, subscription: Subscription) -> None:
        subscription.connection.offer_book(PendingBook(subscription, shown.tail, shown.seq), shown.symbol)
