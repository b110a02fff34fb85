"""Books from the socket's bytes to the board: ccxt's path beside ours, in turns, on the recorded BTC depth.

Both read the same messages from the same process over a real socket, fetch the same whole book, and write the same
board; CPU is of the reading process alone, from the first update to the last. ccxt's path is ccxt.pro's
watch_order_book, its 50 best levels as integers, a whole book a turn; where messages wait, ccxt gives one book for
several, and each message counts.

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
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np
import uvloop

from app.domain.book import BookSnapshot, Level
from app.domain.units import PPM
from app.kernels import jit, text
from app.services.replay_protocol import ServedVenue, load_protocol
from app.shm.books import BookBoard
from app.venues.cex.direct import okx
from app.venues.cex.direct.binance import BinanceEnd, BinanceFeed
from app.venues.cex.direct.depth_book import DepthSpec
from app.venues.cex.direct.okx import OkxFeed
from app.venues.clock import SystemClock
from loadtests import feed, probe

MESSAGES, ROUNDS = 600, 4
DEPTH = 50
VENUE = "binance"
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

    def url(self, scheme: str, path: str) -> str:
        return f"{scheme}://127.0.0.1:{self.port}/{path}"


def our_feed(played: Played, board: BookBoard, *, is_flooded: bool) -> BinanceFeed | OkxFeed:
    """Our feed of one market."""
    scales = SCALES[played.market]
    if played.market == "okx":
        spec = okx.spec(played.symbol, "BTC-USDT", scales[:2], scales[2:])
        path = "flood" if is_flooded else "ws.okx.com"
        return OkxFeed(VENUE, [spec], board, SystemClock(), played.url("ws", f"{path}/ws/v5/public"))
    is_futures = played.market == "usdm"
    host, depth = ("fstream", "fapi/v1/depth") if is_futures else ("stream", "api/v3/depth")
    stream = "depth@0ms" if is_flooded else "depth@100ms"
    end = BinanceEnd(played.url("ws", f"{host}/stream"), played.url("http", depth), is_futures, stream=stream)
    return BinanceFeed(VENUE, [DepthSpec(played.symbol, "BTCUSDT", *scales)], board, SystemClock(), end)


async def ours(played: Played, *, is_flooded: bool = False) -> tuple[float, BookBoard]:
    """CPU seconds of our feed for the whole tape, and its board."""
    board = BookBoard([(VENUE, played.symbol)], DEPTH)
    watched = our_feed(played, board, is_flooded=is_flooded)
    n_whole = int(played.market == "okx")  # OKX's whole book is one of its updates
    is_done = asyncio.Event()
    began_s = ended_s = 0.0

    def on_book(_symbol: str) -> None:
        nonlocal began_s, ended_s
        n = watched.counts.n_updates - n_whole
        if n == 1:
            began_s = time.process_time()
        if n == played.n_messages:
            ended_s = time.process_time()
            is_done.set()

    await watched.start(on_book)
    try:
        await asyncio.wait_for(is_done.wait(), WAIT_S)
    finally:
        counts = replace(watched.counts)
        await watched.stop()
    assert counts.n_gaps + counts.n_bad_texts + counts.n_bad_sums == 0, counts
    return ended_s - began_s, board


async def ccxts(played: Played) -> tuple[float, BookBoard]:
    """The same through ccxt.pro."""
    import ccxt.pro  # of the extra `cex`

    kinds = {"spot": ccxt.pro.binance, "usdm": ccxt.pro.binanceusdm, "okx": ccxt.pro.okx}
    exchange: Any = kinds[played.market]({"enableRateLimit": False})
    exchange.urls["api"] = {name: _local(played, url) for name, url in exchange.urls["api"].items()}
    exchange.set_markets([_market(exchange, played)])
    board = BookBoard([(VENUE, played.symbol)], DEPTH)
    known: tuple[dict[float, int], dict[float, int]] = ({}, {})
    began_s = 0.0
    try:
        n_books = 0
        while True:
            book = await asyncio.wait_for(exchange.watch_order_book(played.symbol), WAIT_S)
            n_books += 1
            began_s = began_s or time.process_time()
            bids = _levels(book["bids"][:DEPTH], played.market, known[0], ROUND_FLOOR)
            asks = _levels(book["asks"][:DEPTH], played.market, known[1], ROUND_CEILING)
            seq, now_ns = book["nonce"], time.time_ns()
            board.write_snapshot(BookSnapshot(VENUE, played.symbol, seq, now_ns, now_ns, bids, asks))
            if seq == played.last_seq:
                return time.process_time() - began_s, board
    finally:
        await exchange.close()


def _levels(raw: Any, market: str, known: dict[float, int], rounding: str) -> tuple[Level, ...]:
    """Levels in the board's units, prices remembered: as the product does with what ccxt gives."""
    *_, price_scale, qty_scale = SCALES[market]
    found = []
    for price, qty in raw:
        units = known.get(price)
        if units is None:
            units = known[price] = int(Decimal(str(price)).scaleb(price_scale).to_integral_value(rounding))
        lots = int(Decimal(str(qty)).scaleb(qty_scale).to_integral_value(ROUND_FLOOR))
        if lots:
            found.append((units, lots))
    return tuple(found)


def _local(played: Played, node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _local(played, value) for name, value in node.items()}
    scheme, _, rest = node.partition("://")
    return played.url("ws" if scheme.startswith("ws") else "http", rest)


def _market(exchange: Any, played: Played) -> dict[str, Any]:
    is_swap = played.market == "usdm"
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
        "precision": {"price": 0.01, "amount": 0.001},
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
        found.append((levels[0, :n_bids].tolist(), levels[1, :n_asks].tolist(), int(books.book_seq[0])))
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
    """One market, both paths in turns; medians over the rounds."""
    ways: dict[str, Callable[[Played], Awaitable[tuple[float, BookBoard]]]] = {"ours": ours, "ccxt": ccxts}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):  # the first is warm-up
        boards = []
        for name, way in ways.items():
            seconds, board = uvloop.run(way(played))
            spent[name].append(seconds / played.n_messages * 1e6)
            boards.append(board)
        assert same_books(*boards, played.symbol), "the two paths end with different books"
    ours_us, ccxt_us = (statistics.median(spent[name][1:]) for name in ("ours", "ccxt"))
    flooded_us = min(uvloop.run(ours(played, is_flooded=True))[0] for _ in range(rounds)) / played.n_messages * 1e6
    ratios = [theirs / mine for mine, theirs in zip(spent["ours"][1:], spent["ccxt"][1:], strict=True)]
    return {
        "what": played.market if played.market == "okx" else f"binance {played.market}",
        "n_updates": played.n_messages,
        "levels_per_update": round(played.n_rows / played.n_messages, 1),
        "ours_us": round(ours_us, 1),
        "ccxt_us": round(ccxt_us, 1),
        "ccxt_over_ours": round(statistics.median(ratios), 1),
        "flooded_us": round(flooded_us, 1),
        "rows_per_s": round(played.n_rows / played.n_messages / flooded_us * 1e6),
        "read_rows_per_s": round(read_rows_per_s(played)),
    }


def burst(*, is_quick: bool) -> dict[str, object]:
    """The recorded burst over 40 books, an engine deciding on them meanwhile."""
    served = many(load_protocol().shared, BOOKS // 2)
    (row,) = feed.measure(is_quick=is_quick, speed=BURST_SPEED, served=served)
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
