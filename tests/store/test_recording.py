"""A recording gives back what was written, says where it has holes, and shows when it was touched."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import ContractKind, Liquidity, Mode, Side, TimeInForce
from app.domain.errors import BadRequest
from app.domain.fees import FeeTier
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.orders import ChildOrder
from app.domain.recorded import RawFrame, RecordedBatch, RecordingGap, SentChild
from app.domain.universe import Universe
from app.domain.venue import Evidence, EvidenceLevel, Venue
from app.domain.venue_stops import StopSource, VenueStop
from app.store.recording import MANIFEST, ParquetRecording, RecordingWriter, open_recording

SPOT = FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT)
SYMBOL = Symbol("BTC/USDT", SPOT, 2, 5)
VENUES = ("alpha", "beta")


def universe() -> Universe:
    return Universe(
        venues={v: Venue(v, v.title(), Mode.PAPER, True, 5, 10**9, 10**9) for v in VENUES},
        symbols={SYMBOL.name: SYMBOL},
        instruments={(v, SYMBOL.name): Instrument(v, SYMBOL.name, "BTCUSDT", SPOT, 1, 10) for v in VENUES},
        fees={v: FeeTier(v, "base", 1000, 1000, 0, "simulated", "2026-01-01") for v in VENUES},
    )


def child(number: int) -> ChildOrder:
    return ChildOrder(
        child_id=f"chd_{number}",
        client_id=f"C{number}",
        order_id="ord_1",
        account="desk",
        wave=1,
        venue="alpha",
        symbol=SYMBOL.name,
        side=Side.SELL,
        time_in_force=TimeInForce.IOC,
        price_ticks=6_400_000,
        qty_lots=3,
        tick_units=1,
        lot_units=10,
        deadline_ts_ns=2**60,
    )


REPORT = ExecutionReport(
    kind=ReportKind.FILLED,
    venue="alpha",
    client_id="C1",
    venue_order_id="v1",
    venue_trade_id="t1",
    price_ticks=6_400_000,
    qty_lots=3,
    cum_qty_lots=3,
    fee_nano=-7,
    fee_currency="USDT",
    liquidity=Liquidity.MAKER,
    venue_ts_ns=11,
    received_ts_ns=12,
    mid_half_units=12_800_001,
    text="naïve ☃",
    evidence="e",
)

units = st.integers(0, 2**62)
levels = st.lists(st.tuples(units, units), max_size=4).map(tuple)
venues = st.sampled_from(VENUES)
snapshots = st.builds(BookSnapshot, venues, st.just(SYMBOL.name), units, units, units, levels, levels)
deltas = st.builds(BookDelta, venues, st.just(SYMBOL.name), units, units, units, units, levels, levels)
frames = st.builds(RawFrame, venues, st.sampled_from(["depth", "trades"]), units, st.binary(max_size=40))


@settings(deadline=None, max_examples=20)
@given(batches=st.lists(st.tuples(st.lists(st.one_of(snapshots, deltas), max_size=6), st.lists(frames, max_size=3))))
def test_books_and_frames_come_back_as_they_came(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[tuple[list[BookSnapshot | BookDelta], list[RawFrame]]],
) -> None:
    folder = tmp_path_factory.mktemp("recording")
    writer = RecordingWriter(folder, universe(), 1, "0.1.0")
    for books, raw in batches:
        writer.write(RecordedBatch(books=books, frames=raw), (), 2)
    writer.close((), 3)
    recording = ParquetRecording(folder)
    written = [event for books, _ in batches for event in books]
    for market in recording.markets:
        venue = market.instrument.venue
        assert list(recording.events(market)) == [event for event in written if event.venue == venue]
    assert {m.instrument.venue for m in recording.markets} == {event.venue for event in written}
    assert list(recording.frames()) == [frame for _, raw in batches for frame in raw]


def written(folder: Path) -> ParquetRecording:
    writer = RecordingWriter(folder, universe(), 1, "0.1.0")
    gap = RecordingGap("alpha", SYMBOL.name, 5, 0, "sequence")
    snapshot = BookSnapshot("alpha", SYMBOL.name, 1, 4, 5, ((1, 2),), ((3, 4),))
    sent = [SentChild(9, child(1)), SentChild(10, child(2))]
    writer.write(RecordedBatch(books=[snapshot], sent=sent), (gap,), 11)
    writer.write(RecordedBatch(reports=[REPORT, replace(REPORT, kind=ReportKind.ACKED)]), (replace(gap, to_ns=8),), 12)
    return ParquetRecording(folder)


def test_our_orders_reports_gaps_and_reference_data_come_back(tmp_path: Path) -> None:
    recording = written(tmp_path)
    assert list(recording.sent()) == [SentChild(9, child(1)), SentChild(10, child(2))]
    assert list(recording.reports()) == [REPORT, replace(REPORT, kind=ReportKind.ACKED)]
    assert recording.gaps == (RecordingGap("alpha", SYMBOL.name, 5, 8, "sequence"),)
    assert recording.universe == universe()
    (market,) = recording.markets
    assert market.symbol == SYMBOL
    assert market.fee == universe().fees["alpha"]
    assert market.venue == universe().venues["alpha"]


def test_a_recorder_that_was_killed_leaves_what_it_had_flushed(tmp_path: Path) -> None:
    assert written(tmp_path).ended_ts_ns == 0
    (tmp_path / ".books-000003.parquet.tmp").write_bytes(b"torn")
    assert len(list(ParquetRecording(tmp_path).sent())) == 2


def test_a_changed_segment_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    path = tmp_path / "sent-000001.parquet"
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(BadRequest, match="recording_damaged"):
        ParquetRecording(tmp_path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | {"version": 2}))
    with pytest.raises(BadRequest, match="unknown_format"):
        open_recording(tmp_path)


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(BadRequest, match="recording_exists"):
        RecordingWriter(tmp_path, universe(), 1, "0.1.0")


def test_the_same_input_has_the_same_digest(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a"), written(tmp_path / "b")
    assert first.digest == second.digest


def test_a_folder_without_a_recording_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="not_a_recording"):
        open_recording(tmp_path)
    with pytest.raises(BadRequest, match="not_a_recording"):
        open_recording(tmp_path / "absent")


def test_what_proved_a_real_venues_adapter_is_in_its_recordings(tmp_path):
    proven = Evidence(EvidenceLevel.L1, "2026-11-26", "2021")
    recorded = universe()
    venues = {name: replace(venue, evidence=proven) for name, venue in recorded.venues.items()}
    RecordingWriter(tmp_path / "day", replace(recorded, venues=venues), 1, "0.1.0").close((), 2)
    assert {venue.evidence for venue in ParquetRecording(tmp_path / "day").universe.venues.values()} == {proven}


def test_a_stop_comes_back_as_the_stop_that_it_was(tmp_path: Path) -> None:
    stop = replace(child(1), rest_until_ns=7, stop=VenueStop(6_300_000, StopSource.MARK, "C0"))
    writer = RecordingWriter(tmp_path, universe(), 1, "0.1.0")
    writer.write(RecordedBatch(sent=[SentChild(9, stop), SentChild(10, child(2))]), (), 11)
    assert list(ParquetRecording(tmp_path).sent()) == [SentChild(9, stop), SentChild(10, child(2))]
