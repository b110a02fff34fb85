"""The recorder keeps what came, knows what it lost, and never stands in the way of trading."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.bootstrap import Process
from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import Mode, Side, TimeInForce
from app.domain.events import ChildSending, EngineStarted, Fact
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.domain.recorded import RawFrame, RecordedBatch, RecordingGap, SentChild
from app.offline import ReplayBuilder
from app.services.record import GapFinder, Recorder
from app.services.replay import ReplayRequest, replay
from app.settings import Settings
from app.store.recording import ParquetRecording
from tests.services.replay_scene import small_protocol
from tests.worlds import make_order

SYMBOL = "BTC/USDT"


def snapshot(seq: int, received: int = 0, venue: str = "alpha") -> BookSnapshot:
    return BookSnapshot(venue, SYMBOL, seq, 0, received or seq, ((1, 1),), ((2, 1),))


def delta(prev: int, seq: int, received: int = 0, venue: str = "alpha") -> BookDelta:
    return BookDelta(venue, SYMBOL, prev, seq, 0, received or seq, (), ())


@dataclass
class MemorySink:
    """The Parquet folder's twin. `lock` held: the disk does not answer."""

    batches: list[RecordedBatch] = field(default_factory=list)
    gaps: tuple[RecordingGap, ...] = ()
    ended_ts_ns: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_broken: bool = False

    def write(self, batch: RecordedBatch, gaps: Sequence[RecordingGap], flushed_ts_ns: int) -> None:
        with self.lock:
            if self.is_broken:
                raise OSError(28, "No space left on device")
            self.batches.append(batch)
            self.gaps = tuple(gaps)

    def close(self, gaps: Sequence[RecordingGap], ended_ts_ns: int) -> None:
        self.gaps, self.ended_ts_ns = tuple(gaps), ended_ts_ns

    @property
    def books(self) -> list[BookSnapshot | BookDelta]:
        return [event for batch in self.batches for event in batch.books]


class Clock:
    def wall_ns(self) -> int:
        return 77

    def monotonic_ns(self) -> int:
        return 77


CHILD = ChildOrder("chd", "C", "ord", "desk", 1, "alpha", SYMBOL, Side.BUY, TimeInForce.IOC, 2, 1, 1, 1, 9)


async def test_everything_comes_out_in_order_and_the_recording_ends() -> None:
    sink = MemorySink()
    recorder = Recorder(sink, Clock())
    await recorder.start()
    events = [snapshot(1), delta(1, 2), delta(2, 3)]
    report, frame = ExecutionReport(ReportKind.ACKED, "alpha", "C"), RawFrame("alpha", "depth", 5, b"{}")
    for event in events:
        recorder.on_book(event)
    recorder.on_report(report)
    recorder.on_frame(frame)
    recorder.on_facts(
        [Fact(1, 8, 0, EngineStarted("", "r", "paper", 0)), Fact(2, 9, 1, ChildSending("desk", CHILD, 1, 3))]
    )
    await recorder.close()
    (batch,) = sink.batches
    assert (batch.books, batch.reports, batch.frames) == (events, [report], [frame])
    assert batch.sent == [SentChild(9, CHILD)]
    assert sink.ended_ts_ns == 77


async def test_a_full_batch_is_written_at_once() -> None:
    sink = MemorySink()
    recorder = Recorder(sink, Clock(), flush_s=60, flush_items=2)
    await recorder.start()
    recorder.on_book(snapshot(1))
    recorder.on_book(delta(1, 2))
    for _ in range(200):
        await asyncio.sleep(0.005)
        if sink.batches:
            break
    assert len(sink.books) == 2
    await recorder.close()


async def test_a_disk_that_does_not_answer_costs_books_and_says_so_but_never_our_orders() -> None:
    sink = MemorySink()
    recorder = Recorder(sink, Clock(), flush_s=60, flush_items=1, max_waiting_items=2)
    await recorder.start()
    with sink.lock:
        recorder.on_book(snapshot(1))
        await asyncio.sleep(0.05)  # the segment is under way and stuck
        recorder.on_book(delta(1, 2))
        recorder.on_book(delta(2, 3, received=30))
        recorder.on_report(ExecutionReport(ReportKind.ACKED, "alpha", "C"))
    await asyncio.sleep(0.05)
    recorder.on_book(delta(3, 4))
    recorder.on_book(snapshot(9, received=90))
    await recorder.close()
    assert recorder.n_dropped == 1
    assert sink.gaps == (RecordingGap("alpha", SYMBOL, 30, 90, "overflow"),)
    assert sum(len(batch.reports) for batch in sink.batches) == 1
    assert [event.book_seq for event in sink.books] == [1, 2, 4, 9]


async def test_a_disk_that_fails_ends_the_recording_only() -> None:
    sink = MemorySink(is_broken=True)
    recorder = Recorder(sink, Clock())
    recorder.on_book(snapshot(1))
    await recorder.flush()
    assert "No space left" in recorder.failure
    recorder.on_book(delta(1, 2))
    recorder.on_report(ExecutionReport(ReportKind.ACKED, "alpha", "C"))
    await recorder.close()
    assert not sink.batches
    assert sink.ended_ts_ns == 0


@pytest.mark.parametrize(
    ("events", "gaps"),
    [
        ([snapshot(1), delta(1, 2), delta(2, 5)], []),
        ([delta(1, 2), snapshot(3), delta(3, 4)], [(2, 3, "no_snapshot")]),
        ([snapshot(1), delta(2, 3), delta(3, 4), snapshot(5)], [(3, 5, "sequence")]),
        ([snapshot(1), delta(2, 3)], [(3, 0, "sequence")]),
        ([snapshot(5), delta(3, 4), delta(5, 6)], []),  # an old delta is contained already
        ([snapshot(1), delta(4, 5, venue="beta")], [(5, 0, "no_snapshot")]),
    ],
)
def test_gaps_run_from_the_first_lost_message_to_the_next_snapshot(
    events: list[BookSnapshot | BookDelta], gaps: list[tuple[int, int, str]]
) -> None:
    finder = GapFinder()
    for event in events:
        finder.see(event)
    assert [(gap.from_ns, gap.to_ns, gap.reason) for gap in finder.gaps] == gaps


async def test_what_the_gateway_received_and_sent_replays(tmp_path: Path) -> None:
    process = Process(Settings(home=tmp_path / "home", record_to=tmp_path / "recording"))
    services = await process.open()
    await asyncio.sleep(0.5)
    order = make_order(account="demo", qty_units=1_000_000)
    accepted = await services.submit.place(order, Mode.PAPER)
    await asyncio.sleep(5.5)
    filled = services.engine.ledger.parents[accepted.fact.order_id].cum_qty_units
    await process.close()
    recording = ParquetRecording(tmp_path / "recording")
    assert recording.ended_ts_ns > 0
    assert filled > 0
    sent = {item.child.client_id: item.child for item in recording.sent()}
    fills = [r for r in recording.reports() if r.kind is ReportKind.FILLED]
    assert {r.client_id for r in fills} <= set(sent)
    assert sum(r.qty_lots * sent[r.client_id].lot_units for r in fills) == filled
    text = replay(recording, ReplayRequest("BTC/USDT"), small_protocol([20_000]), ReplayBuilder())
    assert "BTC/USDT on 6 recorded venues" in text
    assert "| own | 20,000 | buy | A5 |" in text
