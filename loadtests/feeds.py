"""Books from the socket's bytes to the board: the product's two paths in turns, on the recorded BTC depth.

Both are what a venue process runs (app/venues/cex/books.py): a session of the same profile, its feed, the same board;
both read the same messages from the same process over a real socket and fetch the same whole book. CPU is of the
reading process alone, from the first update to the last. Where messages wait, ccxt gives one book for several, and each
message counts. `as_values`: the direct path as paper venues hear it. `wake_up`: a reader that does nothing.

    python -m loadtests.feeds [--messages 600] [--rounds 4]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import uvloop

from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import ContractKind
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.ports import BookSink
from app.domain.units import PPM
from app.kernels import jit, text
from app.services.replay_protocol import ServedVenue, load_protocol
from app.shm.books import BookBoard
from app.venues.cex.books import BookFeed, DirectBooks
from app.venues.cex.budget import Budgets
from app.venues.cex.direct.feed import Rows
from app.venues.cex.direct.fetch import fetch
from app.venues.cex.direct.wire import Wire
from app.venues.cex.feed import CcxtFeed
from app.venues.cex.health import Health
from app.venues.cex.profile_table import profile_of
from app.venues.cex.session import SessionSettings, make_session
from app.venues.clock import SystemClock
from loadtests import feed, probe
from loadtests.feeds_burst import DirectRun

MESSAGES, ROUNDS = 600, 4
DEPTH = 50
PROFILES = {"spot": "binance", "usdm": "binanceusdm", "okx": "okx"}
WAIT_S = 120.0
BOOKS = 40
BURST_SPEED = 2.0
SCALES = {"spot": (8, 8, 2, 6), "usdm": (2, 3, 2, 3), "okx": (2, 8, 2, 6)}  # the wire's decimals, then the board's


@dataclass(frozen=True, slots=True)
class Played:
    """What the source plays of a market."""

    market: str
    port: int
    last_seq: int
    n_messages: int
    n_rows: int

    @property
    def symbol(self) -> str:
        return "BTC/USDT:USDT" if self.market == "usdm" else "BTC/USDT"

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}".removesuffix("/")


class Session:
    """One of the product's paths on one market: its session, its feed, and the board that it fills."""

    def __init__(
        self, played: Played, make_feed: Callable[..., BookFeed], board: BookBoard, *, is_flooded: bool
    ) -> None:
        self.played, self.board = played, board
        profile, clock = profile_of(PROFILES[played.market]), SystemClock()
        budget = Budgets().of(profile, key_id="", account="")
        health = Health(profile.venue_id, clock, budget)
        self.feed = make_feed(profile, {played.symbol: listing_of(played)}, clock, health)
        settings = SessionSettings(base_url=played.url("flood" if is_flooded else ""), timeout_s=WAIT_S)
        self.exchange: Any = make_session(profile, settings, budget, clock, on_wire=self.feed.on_wire)

    async def open(self, on_book: BookSink) -> None:
        """As adapters do once markets are loaded."""
        exchange = self.exchange
        exchange.open()
        exchange.set_markets([_market(exchange, self.played)])
        exchange.markets_loading = asyncio.get_running_loop().create_future()
        exchange.markets_loading.set_result(exchange.markets)
        exchange.number = str
        self.feed.start(exchange, on_book)

    async def close(self) -> None:
        await self.feed.stop()
        await self.exchange.close()


async def ours(played: Played, *, is_told: bool = False, is_flooded: bool = False) -> tuple[float, BookBoard]:
    """CPU seconds of the direct path for the whole tape, and the board. `is_told`: as values, to paper venues."""
    board = new_board(played)
    is_done, began_s, ended_s, n = asyncio.Event(), 0.0, 0.0, -1  # the first row is the whole book

    def on_row(_symbol: str) -> None:
        nonlocal began_s, ended_s, n
        n += 1
        if n == 1:
            began_s = time.process_time()
        if n == played.n_messages:
            ended_s = time.process_time()
            is_done.set()

    def on_book(book: BookSnapshot | BookDelta) -> None:
        if isinstance(book, BookSnapshot):
            board.write_snapshot(book)
            on_row(book.symbol)
        else:
            assert is_done.is_set(), book  # a feed that stops bars its books

    rows = None if is_told else Rows(board, on_row)
    session = Session(played, partial(DirectBooks, rows=rows), board, is_flooded=is_flooded)
    await session.open(on_book)
    try:
        await asyncio.wait_for(is_done.wait(), WAIT_S)
        return ended_s - began_s, copy_of(board, played)
    finally:
        await session.close()


async def ccxts(played: Played) -> tuple[float, BookBoard]:
    """The same through the product's feed on ccxt."""
    board = new_board(played)
    is_done, began_s, ended_s = asyncio.Event(), 0.0, 0.0

    def on_book(book: BookSnapshot | BookDelta) -> None:
        nonlocal began_s, ended_s
        assert isinstance(book, BookSnapshot), book
        board.write_snapshot(book)
        began_s = began_s or time.process_time()
        if session.exchange.orderbooks[played.symbol]["nonce"] == played.last_seq:
            ended_s = time.process_time()
            is_done.set()

    session = Session(played, CcxtFeed, board, is_flooded=False)
    await session.open(on_book)
    try:
        await asyncio.wait_for(is_done.wait(), WAIT_S)
        return ended_s - began_s, board
    finally:
        await session.close()


async def woken(played: Played) -> float:
    """CPU seconds of a reader that does nothing with what it reads: what waking up for each message costs."""
    is_done, began_s, ended_s, n = asyncio.Event(), 0.0, 0.0, 0

    def on_text(_text: bytes) -> None:
        nonlocal began_s, ended_s, n
        n += 1
        if n == 1:
            began_s = time.process_time()
        if n == played.n_messages:
            ended_s = time.process_time()
            is_done.set()

    url = played.url("stream.binance.com/stream?streams=btcusdt@depth").replace("http", "ws", 1)
    wire = await Wire.connect(url, on_text)
    try:
        await fetch(played.url("api.binance.com/api/v3/depth"))
        await asyncio.wait_for(is_done.wait(), WAIT_S)
        return ended_s - began_s
    finally:
        wire.abort()


def new_board(played: Played) -> BookBoard:
    return BookBoard([(PROFILES[played.market], played.symbol)], DEPTH)


def copy_of(board: BookBoard, played: Played) -> BookBoard:
    """The board as it is now: a feed that stops gaps its rows."""
    copied, book = new_board(played), board.snapshot(PROFILES[played.market], played.symbol)
    assert book is not None
    copied.write_snapshot(book)
    return copied


def listing_of(played: Played) -> tuple[Symbol, Instrument]:
    """The market at the board's scales."""
    kind = ContractKind.LINEAR if played.market == "usdm" else ContractKind.SPOT
    fungible = FungibilityClass("BTC", "USDT", "USDT", kind)
    symbol = Symbol(played.symbol, fungible, *SCALES[played.market][2:])
    return symbol, Instrument(PROFILES[played.market], played.symbol, "BTCUSDT", fungible, 1, 1)


def _market(exchange: Any, played: Played) -> dict[str, Any]:
    is_swap = played.market == "usdm"
    price_places, qty_places, *_ = SCALES[played.market]
    market = {
        "id": "BTC-USDT" if played.market == "okx" else "BTCUSDT",
        "lowercaseId": "btcusdt",
        "symbol": played.symbol,
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT" if is_swap else None,
        "type": "swap" if is_swap else "spot",
        "spot": not is_swap,
        "swap": is_swap,
        "contract": is_swap,
        "linear": is_swap or None,
        "inverse": False if is_swap else None,
        "active": True,
        "precision": {"price": f"1e-{price_places}", "amount": f"1e-{qty_places}"},
        "limits": {},
        "info": {},
    }
    return dict(exchange.safe_market_structure(market))


def same_books(a: BookBoard, b: BookBoard, symbol: str) -> bool:
    """Whether two boards hold the same levels."""
    found = []
    for board in (a, b):
        books = board.read(symbol)
        n_bids, n_asks = books.n_levels[0].tolist()
        levels = np.stack((books.price_units[0], books.qty_units[0]), axis=-1)
        found.append((levels[0, :n_bids].tolist(), levels[1, :n_asks].tolist()))
    return found[0] == found[1]


def read_rows_per_s(played: Played) -> float:
    """Level rows a second of CPU from text in memory to integers, without a socket."""
    from loadtests.feeds_source import read_okx_tape, read_tape  # pyarrow belongs to the extra

    is_okx, n = played.market == "okx", played.n_messages
    tape = read_okx_tape(feed.RECORDING, n) if is_okx else read_tape(feed.RECORDING, played.market, n)
    words = (b'"bids":', b'"asks":') if is_okx else (b'"b":', b'"a":')
    out, raws = np.zeros((6_000, 2), np.int64), []
    for message in tape.messages:
        raw = message.encode()
        raws.append((np.frombuffer(raw, np.uint8), *(raw.index(word) + len(word) for word in words)))
    price_scale, qty_scale, *_ = SCALES[played.market]
    began_s = time.process_time()
    n_rows = 0
    for raw_bytes, bids_at, asks_at in raws:
        n_rows += text.find_levels(raw_bytes, bids_at, price_scale, qty_scale, out)
        n_rows += text.find_levels(raw_bytes, asks_at, price_scale, qty_scale, out)
    spent_s = time.process_time() - began_s
    assert n_rows == tape.n_rows
    return n_rows / spent_s


def compare(played: Played, rounds: int) -> dict[str, object]:
    """One market, the paths in turns; medians over the rounds."""
    ways: dict[str, Callable[[Played], Awaitable[tuple[float, BookBoard]]]] = {
        "ours": ours,
        "told": partial(ours, is_told=True),
        "ccxt": ccxts,
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    woken_us = []
    for _ in range(rounds + 1):  # the first is warm-up
        boards = []
        for name, way in ways.items():
            seconds, board = uvloop.run(way(played))
            spent[name].append(seconds / played.n_messages * 1e6)
            boards.append(board)
        assert same_books(boards[0], boards[2], played.symbol), "the two paths end with different books"
        assert same_books(boards[0], boards[1], played.symbol), "the rows as values are other books"
        if played.market == "spot":
            woken_us.append(uvloop.run(woken(played)) / played.n_messages * 1e6)
    ours_us, told_us, ccxt_us = (statistics.median(spent[name][1:]) for name in ways)
    flooded_us = min(uvloop.run(ours(played, is_flooded=True))[0] for _ in range(rounds)) / played.n_messages * 1e6
    ratios = [theirs / mine for mine, theirs in zip(spent["ours"][1:], spent["ccxt"][1:], strict=True)]
    return {
        "what": played.market if played.market == "okx" else f"binance {played.market}",
        "n_updates": played.n_messages,
        "levels_per_update": round(played.n_rows / played.n_messages, 1),
        "ours_us": round(ours_us, 1),
        "wake_up_us": round(statistics.median(woken_us[1:]), 1) if woken_us else "",
        "as_values_us": round(told_us, 1),
        "ccxt_us": round(ccxt_us, 1),
        "ccxt_over_ours": round(statistics.median(ratios), 1),
        "flooded_us": round(flooded_us, 1),
        "rows_per_s": round(played.n_rows / played.n_messages / flooded_us * 1e6),
        "read_rows_per_s": round(read_rows_per_s(played)),
    }


def burst(*, is_quick: bool) -> dict[str, object]:
    """The recorded burst over 40 books by the direct parser, an engine deciding on them meanwhile."""
    served = many(load_protocol().shared, BOOKS // 2)
    (row,) = feed.measure(is_quick=is_quick, speed=BURST_SPEED, served=served, player=DirectRun)
    kept = ("speed", "book_writes_per_s", "n_plans", "oldest_book_ms", "age_limit_ms", "feed_late_ms_p99", "probe_p99")
    return {"what": f"burst over {BOOKS} books"} | {name: row[name] for name in kept}


def many(shared: tuple[ServedVenue, ...], n_venues: int) -> tuple[ServedVenue, ...]:
    """So many venues that share one recorded book, in the proportions of the committed ones."""
    found = []
    for i in range(n_venues):
        one = shared[i % len(shared)]
        found.append(replace(one, venue=f"{one.venue}_{i}", share_ppm=PPM // n_venues))
    return tuple(found)


def measure(*, is_quick: bool = False, messages: int = MESSAGES, rounds: int = ROUNDS) -> list[dict[str, object]]:
    """A row a market and one of the burst; none where the recording is not at hand."""
    if not feed.RECORDING.is_dir():
        return []
    jit.warm()
    if is_quick:
        messages, rounds = messages // 3, 2
    command = [sys.executable, "-m", "loadtests.feeds_source", str(feed.RECORDING), str(messages)]
    source = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert source.stdout is not None
        port = int(source.stdout.readline())
        tapes = json.loads(source.stdout.readline())
        before = probe.look()
        rows = [compare(Played(market, port, *facts), rounds) for market, facts in tapes.items()]
        after = probe.look()
    finally:
        source.kill()
        source.communicate(timeout=10)
    stretch = max(before.stretch_p99, after.stretch_p99)
    return [*(row | {"probe_p99": stretch} for row in rows), burst(is_quick=is_quick)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    print(json.dumps(measure(messages=asked.messages, rounds=asked.rounds), indent=2))
