"""Asks of a feed's board: does it hold the venue's book, is it barred, and within what time."""

import asyncio
import time
from decimal import Decimal

from app.shm.books import BookBoard

DEPTH = 20
PRICE_SCALE, QTY_SCALE = 2, 4


def new_board(venue, symbols):
    return BookBoard([(venue, symbol) for symbol in symbols], DEPTH)


def row(board, symbol):
    """(sequence, is gapped, bids, asks) of the only venue's book."""
    books = board.read(symbol)
    sides = []
    for side_i in range(2):
        n = int(books.n_levels[0, side_i])
        pairs = zip(books.price_units[0, side_i, :n], books.qty_units[0, side_i, :n], strict=True)
        sides.append([(int(price), int(qty)) for price, qty in pairs])
    return int(books.book_seq[0]), bool(books.is_gapped[0]), *sides


def units_of(book):
    """The scripted book's best levels in the board's units, quantities floored as the board's law says."""
    sides = []
    for side in book.best():
        levels = [(int(Decimal(price).scaleb(PRICE_SCALE)), int(Decimal(qty).scaleb(QTY_SCALE))) for price, qty in side]
        sides.append([level for level in levels if level[1]][:DEPTH])
    return sides


def holds(board, symbol, book):
    seq, is_gapped, bids, asks = row(board, symbol)
    return seq == book.seq and not is_gapped and [bids, asks] == units_of(book)


async def until(is_so, within_s=1.0):
    """Seconds until `is_so()`; fails after `within_s`."""
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() - started < within_s, "it did not happen in time"
        await asyncio.sleep(0.002)
    return time.monotonic() - started
