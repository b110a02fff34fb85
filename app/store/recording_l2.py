"""Reads event-level order book sets: `<market>_<symbol>_{snapshot,depth,bbo}.parquet`, one folder per set.

Depth diffs come in batches (spot 100 ms, USD-M 50 ms, COIN-M about 7 ms); best bid and ask come at once, each with the
venue's update id. Both are merged: a top of id u deletes every level better than it and sets its own, and the next
diff that covers u brings the final word on those levels, so the book is exact again there.
Sequence numbers given out are a running count per market. Receive times are the capture machine's clock moved by a
constant, because that clock was 1.27 s behind the exchange's; differences of receive times are untouched.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from app.domain.book import BookDelta, BookSnapshot, Level
from app.domain.enums import ContractKind, Side
from app.domain.errors import BadRequest
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.recorded import RecordedMarket, RecordedTrade, RecordingGap
from app.domain.units import NANO

Int64Array = npt.NDArray[np.int64]

# Exchange event time minus receive time was 1,268 to 1,274 ms: this makes the quickest message arrive at once.
CLOCK_BEHIND_NS: Final = 1_274_000_000
_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class _Listing:
    """What the files do not say: which symbol of ours a market is, and its tick, lot and least order."""

    symbol: Symbol
    tick_units: int
    lot_units: int
    min_notional_nano: int


def _spot(base: str, lot_units: int) -> _Listing:
    fungible = FungibilityClass(base, "USDT", "USDT", ContractKind.SPOT)
    # Displayed sizes carry remainders of 1e-6 below the lot.
    return _Listing(Symbol(f"{base}/USDT", fungible, price_scale=2, qty_scale=6), 1, lot_units, 5 * NANO)


def _linear(base: str, tick_units: int, min_notional: int) -> _Listing:
    fungible = FungibilityClass(base, "USDT", "USDT", ContractKind.LINEAR)
    symbol = Symbol(f"{base}/USDT:USDT", fungible, price_scale=2, qty_scale=3)
    return _Listing(symbol, tick_units, 1, min_notional * NANO)


def _inverse(base: str, price_scale: int, contract_usd: int) -> _Listing:
    fungible = FungibilityClass(base, "USD", base, ContractKind.INVERSE, multiplier_nano=contract_usd * NANO)
    return _Listing(Symbol(f"{base}/USD:{base}", fungible, price_scale=price_scale, qty_scale=0), 1, 1, 0)


# Binance's filters of August 2024; contract sizes are also in the files' metadata.
_LISTINGS: Final[dict[tuple[str, str], _Listing]] = {
    ("binance_spot", "BTCUSDT"): _spot("BTC", 10),
    ("binance_spot", "ETHUSDT"): _spot("ETH", 100),
    ("binance_usdm", "BTCUSDT"): _linear("BTC", 10, 100),
    ("binance_usdm", "ETHUSDT"): _linear("ETH", 1, 20),
    ("binance_coinm", "BTCUSD_PERP"): _inverse("BTC", 1, 100),
    ("binance_coinm", "ETHUSD_PERP"): _inverse("ETH", 2, 10),
}


@dataclass(frozen=True, slots=True)
class _Messages:
    """Rows grouped by message: `start[i]:start[i + 1]` are message i's rows."""

    recv_ns: list[int]
    venue_ts_ns: list[int]
    first_id: list[int]
    last_id: list[int]
    prev_id: list[int]
    start: list[int]
    side: list[int]
    price_units: list[int]
    qty_units: list[int]


@dataclass(frozen=True, slots=True)
class _Tops:
    """Best bid and ask by update id; each of `bids`, `asks` is (price_units, qty_units)."""

    recv_ns: list[int]
    venue_ts_ns: list[int]
    update_id: list[int]
    bids: list[Level]
    asks: list[Level]


class L2Set:
    """A folder of one capture; see the module. `events` merges tops, `depth_events` gives diffs alone by venue id."""

    def __init__(self, folder: Path) -> None:
        """Raises BadRequest for a folder without a known market."""
        self.name = folder.name
        self.gaps: tuple[RecordingGap, ...] = ()  # checked while reading: a broken chain raises
        self._folder = folder
        self._stems: dict[str, str] = {}
        markets = []
        for path in sorted(folder.glob("*_snapshot.parquet")):
            stem = path.name.removesuffix("_snapshot.parquet")
            metadata = _metadata(path)
            listing = _LISTINGS.get((metadata["venue"], metadata["symbol"]))
            if listing is None:
                raise BadRequest("unknown_market", f"{path.name} is of {metadata['venue']} {metadata['symbol']}")
            market = _market(metadata, listing)
            self._stems[market.instrument.venue + "\x1f" + market.symbol.name] = stem
            markets.append(market)
        if not markets:
            raise BadRequest("not_a_recording", f"{folder.name} holds no *_snapshot.parquet")
        self.markets = tuple(markets)
        self.digest = _digest(sorted(folder.glob("*.parquet")))

    def span_ns(self, market: RecordedMarket) -> tuple[int, int]:
        """Receive times of the snapshot and of the last depth message."""
        first_ns = int(_metadata(self._path(market, "snapshot"))["snapshot_recv_ns"]) + CLOCK_BEHIND_NS
        last = pq.read_table(self._path(market, "depth"), columns=["recv_ns"]).column("recv_ns")[-1].as_py()
        return first_ns, int(last) + CLOCK_BEHIND_NS

    def events(self, market: RecordedMarket) -> Iterator[BookSnapshot | BookDelta]:
        """Snapshot, then depth and best bid and ask merged by receive time; raises BadRequest for a broken chain."""
        return _merged_events(market, *self._tables(market), _read_tops(self._path(market, "bbo"), market.symbol))

    def depth_events(self, market: RecordedMarket) -> Iterator[BookSnapshot | BookDelta]:
        """Snapshot, then depth diffs alone; `book_seq` is the venue's own last update id."""
        return _merged_events(market, *self._tables(market), None)

    def tops(self, market: RecordedMarket) -> Iterator[tuple[int, Level, Level]]:
        """(update id, best bid, best ask) as the venue published them: what rebuilt books are checked against."""
        tops = _read_tops(self._path(market, "bbo"), market.symbol)
        return zip(tops.update_id, tops.bids, tops.asks, strict=True)

    def trades(self, market: RecordedMarket) -> Iterator[RecordedTrade]:
        """The tape, where its file is there: the maker's flag says who took."""
        path = self._path(market, "trades")
        return _read_trades(path, market.symbol) if path.exists() else iter(())

    def _tables(self, market: RecordedMarket) -> tuple[BookSnapshot, _Messages]:
        snapshot = _read_snapshot(self._path(market, "snapshot"), market)
        return snapshot, _read_messages(self._path(market, "depth"), market.symbol)

    def _path(self, market: RecordedMarket, part: str) -> Path:
        stem = self._stems[market.instrument.venue + "\x1f" + market.symbol.name]
        return self._folder / f"{stem}_{part}.parquet"


class _Side:
    """One side of a book as sorted keys (ascending from the best) and quantities."""

    def __init__(self, levels: tuple[Level, ...], sign: int) -> None:
        self.sign = sign  # +1 asks, -1 bids: the key is sign x price
        self.qty = dict(levels)
        self.keys = sorted(sign * price for price in self.qty)

    def set(self, price: int, qty: int) -> None:
        key = self.sign * price
        if qty == 0:
            if self.qty.pop(price, None) is not None:
                del self.keys[bisect_left(self.keys, key)]
        else:
            if price not in self.qty:
                insort(self.keys, key)
            self.qty[price] = qty

    def show_top(self, top: Level) -> dict[int, int]:
        """Makes `top` the best level; returns what changed by price."""
        price, qty = top
        changed = {self.sign * key: 0 for key in self.keys[: bisect_left(self.keys, self.sign * price)]}
        if self.qty.get(price) != qty:
            changed[price] = qty
        for level_price, level_qty in changed.items():
            self.set(level_price, level_qty)
        return changed


def _merged_events(
    market: RecordedMarket, snapshot: BookSnapshot, depth: _Messages, tops: _Tops | None
) -> Iterator[BookSnapshot | BookDelta]:
    book = (_Side(snapshot.bids, -1), _Side(snapshot.asks, +1))
    first = _first_message(depth, snapshot.book_seq)
    venue_id, top_i, seq = snapshot.book_seq, 0, 1
    if tops is None:
        yield snapshot
    else:
        top_i = bisect_left(tops.recv_ns, snapshot.received_ts_ns)
        yield _counted(snapshot)
    for i in range(first, len(depth.last_id)):
        # Diffs that came before the snapshot's answer were waiting for it.
        recv_ns = max(depth.recv_ns[i], snapshot.received_ts_ns)
        while tops is not None and top_i < len(tops.recv_ns) and tops.recv_ns[top_i] <= recv_ns:
            if tops.update_id[top_i] > venue_id:
                changes = book[0].show_top(tops.bids[top_i]), book[1].show_top(tops.asks[top_i])
                if any(changes):
                    stamps = (tops.venue_ts_ns[top_i], tops.recv_ns[top_i])
                    yield _delta(market, (seq, seq + 1), stamps, changes)
                    seq += 1
            top_i += 1
        _check_chain(market, depth, i, venue_id, is_first=i == first)
        changes = _changes(depth, i)
        for side, changed in zip(book, changes, strict=True):
            for price, qty in changed.items():
                side.set(price, qty)
        last_top_id = tops.update_id[top_i - 1] if tops is not None and top_i else 0
        if tops is not None and last_top_id > depth.last_id[i]:
            # The diff is older than the newest top: put that top back.
            changes[0].update(book[0].show_top(tops.bids[top_i - 1]))
            changes[1].update(book[1].show_top(tops.asks[top_i - 1]))
        seqs = (venue_id, depth.last_id[i]) if tops is None else (seq, seq + 1)
        yield _delta(market, seqs, (depth.venue_ts_ns[i], recv_ns), changes)
        venue_id, seq = depth.last_id[i], seq + 1


def _first_message(depth: _Messages, snapshot_id: int) -> int:
    return next((i for i, last_id in enumerate(depth.last_id) if last_id > snapshot_id), len(depth.last_id))


def _changes(depth: _Messages, i: int) -> tuple[dict[int, int], dict[int, int]]:
    """(bids, asks) of message i, quantity by price; a later row of one price wins."""
    changes: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for row in range(depth.start[i], depth.start[i + 1]):
        if depth.side[row] < 2:  # 2 is an empty diff
            changes[depth.side[row]][depth.price_units[row]] = depth.qty_units[row]
    return changes


def _check_chain(market: RecordedMarket, depth: _Messages, i: int, venue_id: int, *, is_first: bool) -> None:
    """Each diff must follow on the one before: by its previous id (futures), or by its first id (spot)."""
    if depth.prev_id[i] < 0:
        is_next = depth.first_id[i] <= venue_id + 1
    else:
        # The snapshot may fall inside the first diff: futures ids have holes between one message and the next.
        is_next = depth.prev_id[i] <= venue_id if is_first else depth.prev_id[i] == venue_id
    if not is_next:
        where = f"{market.instrument.venue} at id {depth.first_id[i]} after {venue_id}"
        raise BadRequest("recording_gap", f"a depth message is missing: {where}")


def _delta(
    market: RecordedMarket,
    seqs: tuple[int, int],
    stamps: tuple[int, int],
    changes: tuple[dict[int, int], dict[int, int]],
) -> BookDelta:
    """`seqs`: previous and new sequence; `stamps`: venue and receive time in ns; `changes`: (bids, asks)."""
    bids, asks = (tuple(side.items()) for side in changes)
    return BookDelta(market.instrument.venue, market.symbol.name, *seqs, *stamps, bids, asks)


def _counted(snapshot: BookSnapshot) -> BookSnapshot:
    return BookSnapshot(
        snapshot.venue,
        snapshot.symbol,
        1,
        snapshot.venue_ts_ns,
        snapshot.received_ts_ns,
        snapshot.bids,
        snapshot.asks,
    )


def _market(metadata: dict[str, str], listing: _Listing) -> RecordedMarket:
    instrument = Instrument(
        venue=metadata["venue"],
        symbol=listing.symbol.name,
        venue_symbol=metadata["symbol"],
        fungible=listing.symbol.fungible,
        tick_units=listing.tick_units,
        lot_units=listing.lot_units,
        min_notional_nano=listing.min_notional_nano,
    )
    source = f"{metadata['source']} {metadata['commit']} ({metadata['licence']})"
    return RecordedMarket(listing.symbol, instrument, source)


def _metadata(path: Path) -> dict[str, str]:
    raw = pq.read_schema(path).metadata or {}
    return {key.decode(): value.decode() for key, value in raw.items()}


def _column(table: Any, name: str) -> Int64Array:
    column: Int64Array = table.column(name).to_numpy().astype(np.int64)
    return column


def _scaled(values: Int64Array, decimals: int, scale: int, what: str) -> list[int]:
    """Integers at `decimals` re-expressed at `scale`; raises BadRequest where digits would be lost."""
    if scale >= decimals:
        up: list[int] = (values * 10 ** (scale - decimals)).tolist()
        return up
    divisor = 10 ** (decimals - scale)
    if np.any(values % divisor):
        raise BadRequest("increment", f"{what} has digits below 1e-{scale}")
    down: list[int] = (values // divisor).tolist()
    return down


def _prices_and_qtys(path: Path, table: Any, symbol: Symbol, names: tuple[str, str]) -> tuple[list[int], list[int]]:
    metadata = _metadata(path)
    prices = _scaled(_column(table, names[0]), int(metadata["price_decimals"]), symbol.price_scale, "price")
    return prices, _scaled(_column(table, names[1]), int(metadata["qty_decimals"]), symbol.qty_scale, "qty")


def _received(table: Any) -> list[int]:
    received: list[int] = (_column(table, "recv_ns") + CLOCK_BEHIND_NS).tolist()
    return received


def _venue_times(exch_ms: Int64Array) -> list[int]:
    times: list[int] = np.where(exch_ms < 0, 0, exch_ms * _MS).tolist()
    return times


def _read_snapshot(path: Path, market: RecordedMarket) -> BookSnapshot:
    table = pq.read_table(path)
    metadata = _metadata(path)
    prices, qtys = _prices_and_qtys(path, table, market.symbol, ("price", "qty"))
    sides: list[int] = _column(table, "side").tolist()
    rows = list(zip(sides, prices, qtys, strict=True))
    return BookSnapshot(
        venue=market.instrument.venue,
        symbol=market.symbol.name,
        book_seq=int(metadata["last_update_id"]),
        venue_ts_ns=0,
        received_ts_ns=int(metadata["snapshot_recv_ns"]) + CLOCK_BEHIND_NS,
        bids=tuple(sorted(((p, q) for side, p, q in rows if side == 0), reverse=True)),
        asks=tuple(sorted((p, q) for side, p, q in rows if side == 1)),
    )


def _read_messages(path: Path, symbol: Symbol) -> _Messages:
    table = pq.read_table(path)
    prices, qtys = _prices_and_qtys(path, table, symbol, ("price", "qty"))
    last_id = _column(table, "last_id")
    starts = np.flatnonzero(np.diff(last_id, prepend=-1))

    def first_of(name: str) -> Int64Array:
        return _column(table, name)[starts]

    return _Messages(
        recv_ns=(first_of("recv_ns") + CLOCK_BEHIND_NS).tolist(),
        venue_ts_ns=_venue_times(first_of("exch_ms")),
        first_id=first_of("first_id").tolist(),
        last_id=last_id[starts].tolist(),
        prev_id=first_of("prev_id").tolist(),
        start=[*starts.tolist(), len(last_id)],
        side=_column(table, "side").tolist(),
        price_units=prices,
        qty_units=qtys,
    )


def _read_tops(path: Path, symbol: Symbol) -> _Tops:
    table = pq.read_table(path)
    bid_prices, bid_qtys = _prices_and_qtys(path, table, symbol, ("bid_price", "bid_qty"))
    ask_prices, ask_qtys = _prices_and_qtys(path, table, symbol, ("ask_price", "ask_qty"))
    return _Tops(
        recv_ns=_received(table),
        venue_ts_ns=_venue_times(_column(table, "exch_ms")),
        update_id=_column(table, "update_id").tolist(),
        bids=list(zip(bid_prices, bid_qtys, strict=True)),
        asks=list(zip(ask_prices, ask_qtys, strict=True)),
    )


def _read_trades(path: Path, symbol: Symbol) -> Iterator[RecordedTrade]:
    table, metadata, fungible = pq.read_table(path), _metadata(path), symbol.fungible
    price_scale, qty_scale = 10 ** int(metadata["price_decimals"]), 10 ** int(metadata["qty_decimals"])
    columns = (_received(table), *(_column(table, name).tolist() for name in ("price", "qty", "buyer_is_maker")))
    for received_ts_ns, price, qty, is_sell in zip(*columns, strict=True):
        notional = qty * fungible.multiplier_nano // qty_scale
        if not fungible.is_inverse:
            notional = notional * price // price_scale
        yield RecordedTrade(received_ts_ns, Side.SELL if is_sell else Side.BUY, notional)


def _digest(paths: list[Path]) -> str:
    """SHA-256 over names and bytes of the files, in name order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\x00" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
