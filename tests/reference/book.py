"""Slow twin of the board: one book as two dictionaries."""

from __future__ import annotations

from app.domain.book import BookDelta, BookSnapshot, Level


class DictBook:
    """A book that forgets nothing within its depth and says when it can no longer be trusted."""

    def __init__(self) -> None:
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.book_seq, self.is_gapped = 0, False

    def take_snapshot(self, snapshot: BookSnapshot) -> None:
        self.sides = (dict(snapshot.bids), dict(snapshot.asks))
        self.book_seq, self.is_gapped = snapshot.book_seq, False

    def take_delta(self, delta: BookDelta) -> bool:
        if self.is_gapped:
            return False
        if self.book_seq and delta.book_seq <= self.book_seq:
            return True
        if not self.book_seq or delta.prev_book_seq != self.book_seq:
            self.is_gapped = True
            return False
        for side, levels in zip(self.sides, (delta.bids, delta.asks), strict=True):
            for price, qty in levels:
                side.pop(price, None)
                if qty:
                    side[price] = qty
        bids, asks = self.levels()
        if bids and asks and bids[0][0] >= asks[0][0]:
            self.is_gapped = True
            return False
        self.book_seq = delta.book_seq
        return True

    def levels(self) -> tuple[list[Level], list[Level]]:
        bids, asks = self.sides
        return sorted(bids.items(), reverse=True), sorted(asks.items())
