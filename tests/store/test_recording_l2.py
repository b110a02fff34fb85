"""Recorded markets rebuild to the tops their venue published, and merging the tops changes nothing but the timing."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.domain.book import BookDelta, BookSnapshot, Level
from app.domain.enums import ContractKind
from app.domain.errors import BadRequest
from app.store.recording_l2 import CLOCK_BEHIND_NS, L2Set

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "public" / "l2" / "binance_3mkt_20240808"
needs_data = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"recorded markets are absent: {FOLDER.name}")
Book = tuple[dict[int, int], dict[int, int]]


def apply(book: Book, event: BookSnapshot | BookDelta) -> None:
    for side, levels in zip(book, (event.bids, event.asks), strict=True):
        if isinstance(event, BookSnapshot):
            side.clear()
        for price, qty in levels:
            side[price] = qty
            if qty == 0:
                del side[price]


def top(book: Book) -> tuple[Level, Level]:
    bid, ask = max(book[0]), min(book[1])
    return (bid, book[0][bid]), (ask, book[1][ask])


@pytest.mark.shared_data
@needs_data
@pytest.mark.parametrize("market_i", range(6))
def test_the_rebuilt_top_is_the_published_one_at_equal_id(market_i: int) -> None:
    source = L2Set(FOLDER)
    market = source.markets[market_i]
    published = {update_id: (bid, ask) for update_id, bid, ask in source.tops(market)}
    book: Book = ({}, {})
    n_equal = 0
    for event in islice(source.depth_events(market), 3000):
        apply(book, event)
        if event.book_seq in published:
            assert top(book) == published[event.book_seq]
            n_equal += 1
    assert n_equal > 100


def deeper(book: Book, than: tuple[Level, Level]) -> Book:
    (bid, _), (ask, _) = than
    return {p: q for p, q in book[0].items() if p < bid}, {p: q for p, q in book[1].items() if p > ask}


@pytest.mark.shared_data
@needs_data
@pytest.mark.parametrize("market_i", range(6))
def test_merged_tops_change_nothing_below_the_top(market_i: int) -> None:
    source = L2Set(FOLDER)
    market = source.markets[market_i]
    merged: Book = ({}, {})
    alone: Book = ({}, {})
    depth = source.depth_events(market)
    apply(alone, next(depth))
    following = next(depth)
    previous: BookSnapshot | BookDelta | None = None
    n_depth = n_equal = 0
    for event in islice(source.events(market), 6000):
        if previous is not None:
            assert isinstance(event, BookDelta)
            assert (event.prev_book_seq, event.book_seq) == (previous.book_seq, previous.book_seq + 1)
            assert event.received_ts_ns >= previous.received_ts_ns
        previous = event
        apply(merged, event)
        assert max(merged[0]) < min(merged[1])
        if (event.received_ts_ns, event.venue_ts_ns) == (following.received_ts_ns, following.venue_ts_ns):
            apply(alone, following)
            following = next(depth)
            n_depth += 1
            n_equal += merged == alone
            if n_depth % 20 == 0:
                assert deeper(merged, top(merged)) == deeper(alone, top(merged))
    assert n_depth > 200
    assert n_equal > n_depth // 2


def write_set(folder: Path, *, second_first_id: int = 13, symbol: str = "BTCUSDT", qty: int = 100_000) -> None:
    """One spot market: a snapshot at id 10, diffs 11-12 and 13-14, a top at id 13 between them."""
    metadata = {
        "source": "test",
        "commit": "0",
        "licence": "none",
        "venue": "binance_spot",
        "symbol": symbol,
        "price_decimals": "2",
        "qty_decimals": "8",
        "snapshot_recv_ns": "1000",
        "last_update_id": "10",
    }

    def write(part: str, columns: dict[str, list[int]]) -> None:
        table = pa.table(columns).replace_schema_metadata(metadata)
        pq.write_table(table, folder / f"binance_spot_{symbol}_{part}.parquet")

    write("snapshot", {"side": [0, 0, 1], "price": [99, 98, 101], "qty": [qty, qty, qty]})
    write(
        "depth",
        {
            "recv_ns": [900, 950, 3000, 3000],
            "exch_ms": [1, 2, 3, 3],
            "first_id": [9, 11, second_first_id, second_first_id],
            "last_id": [10, 12, 14, 14],
            "prev_id": [-1, -1, -1, -1],
            "side": [0, 1, 1, 0],
            "price": [97, 102, 101, 97],
            "qty": [qty, 2 * qty, 0, qty],
        },
    )
    write(
        "bbo",
        {
            "recv_ns": [2000, 3500],
            "exch_ms": [-1, -1],
            "update_id": [13, 15],
            "bid_price": [99, 99],
            "bid_qty": [qty, qty],
            "ask_price": [102, 102],
            "ask_qty": [3 * qty, 3 * qty],
        },
    )


def test_diffs_wait_for_the_snapshot_and_tops_come_between(tmp_path: Path) -> None:
    write_set(tmp_path)
    source = L2Set(tmp_path)
    (market,) = source.markets
    assert market.symbol.fungible.kind is ContractKind.SPOT
    assert list(source.events(market)) == [
        BookSnapshot(
            "binance_spot", "BTC/USDT", 1, 0, CLOCK_BEHIND_NS + 1000, ((99, 1000), (98, 1000)), ((101, 1000),)
        ),
        BookDelta("binance_spot", "BTC/USDT", 1, 2, 2_000_000, CLOCK_BEHIND_NS + 1000, (), ((102, 2000),)),
        BookDelta("binance_spot", "BTC/USDT", 2, 3, 0, CLOCK_BEHIND_NS + 2000, (), ((101, 0), (102, 3000))),
        BookDelta("binance_spot", "BTC/USDT", 3, 4, 3_000_000, CLOCK_BEHIND_NS + 3000, ((97, 1000),), ((101, 0),)),
    ]


def test_a_missing_message_is_never_papered_over(tmp_path: Path) -> None:
    write_set(tmp_path, second_first_id=14)
    source = L2Set(tmp_path)
    with pytest.raises(BadRequest, match="recording_gap"):
        list(source.events(source.markets[0]))


def test_digits_below_the_scale_are_refused(tmp_path: Path) -> None:
    write_set(tmp_path, qty=99)
    source = L2Set(tmp_path)
    with pytest.raises(BadRequest, match="increment"):
        list(source.events(source.markets[0]))


def test_a_market_without_a_listing_is_refused(tmp_path: Path) -> None:
    write_set(tmp_path, symbol="DOGEUSDT")
    with pytest.raises(BadRequest, match="unknown_market"):
        L2Set(tmp_path)


def test_the_digest_changes_with_a_byte(tmp_path: Path) -> None:
    write_set(tmp_path)
    before = L2Set(tmp_path).digest
    assert L2Set(tmp_path).digest == before
    write_set(tmp_path, qty=200_000)
    assert L2Set(tmp_path).digest != before
