"""Recordings become calibrations: costs by hand, flow by hand, and the committed file again from its own recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import Side
from app.domain.errors import BadRequest
from app.domain.recorded import RecordedMarket, RecordedTrade
from app.kernels import slippage as kernel
from app.learning.calibrate import URGENCIES
from app.offline import ReplayBuilder
from app.services import calibrate
from app.services.calibration import load_calibration
from app.store.recording import open_recording
from tests.services.replay_scene import MS, START_NS, MadeUp, recorded_market


class Taped(MadeUp):
    """A made-up recording with a tape: one buy of 1,000 a second."""

    def trades(self, market: RecordedMarket) -> Iterator[RecordedTrade]:
        for second in range(self.seconds):
            yield RecordedTrade(START_NS + second * 1000 * MS + 1, Side.BUY, 1_000 * 10**9)


class Untaped(MadeUp):
    def trades(self, market: RecordedMarket) -> Iterator[RecordedTrade]:
        return iter(())


class Still(Untaped):
    """One book for ever: 3 units a level at each whole price, but for a jump of 600 at second `jump_s`."""

    jump_s = 12.0

    def events(self, market: RecordedMarket) -> Iterator[BookSnapshot | BookDelta]:
        venue, name = market.instrument.venue, market.symbol.name
        bids = tuple((6_000_000 - 60 * i, 3 * 10**5) for i in range(1, 40))
        asks = tuple((6_000_000 + 60 * i, 3 * 10**5) for i in range(1, 40))
        yield BookSnapshot(venue, name, 1, START_NS, START_NS, bids, asks)
        at_ns = START_NS + round(self.jump_s * 1000) * MS
        moved = [tuple((price + 600, qty) for price, qty in side) for side in (bids, asks)]
        gone = [tuple((price, 0) for price, _ in side) for side in (bids, asks)]
        yield BookDelta(venue, name, 1, 2, at_ns, at_ns, *((*old, *new) for old, new in zip(gone, moved, strict=True)))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few parents are enough to test the machine."""
    monkeypatch.setattr(calibrate, "MIN_INSTANTS", 8)
    monkeypatch.setattr(calibrate, "SIZES_USD", (1_000, 5_000))
    monkeypatch.setattr(calibrate, "N_REPLICATIONS", 20)


def spot() -> RecordedMarket:
    return recorded_market("spot", "alpha", 0)


@pytest.mark.usefixtures("small")
def test_costs_of_a_market_that_stands_still_are_its_walk_and_a_jump_is_paid_by_who_arrives_after_it() -> None:
    recording = Still((spot(),), seconds=20)
    measured = calibrate.measure(recording, recording.markets[0], ReplayBuilder())
    samples = measured.samples
    walk = samples.features[:, kernel.WALK_PPM]
    moved = samples.cost_ppm - walk
    jump_s = Still.jump_s - calibrate.FIRST_AFTER_NS / 1e9
    far = (samples.at_s > jump_s) | (samples.at_s < jump_s - 1.3)
    assert walk == pytest.approx(10.0, rel=1e-3)
    assert np.abs(moved[far]) == pytest.approx(0.0, abs=1e-6)
    # Decided half a second before the jump of 100 ppm: an immediate order is done, the later parts of a slow one pay.
    before = np.isclose(samples.at_s, jump_s - 0.5)
    late = samples.cell // len(URGENCIES) == len(calibrate.DELAYS_MS) - 1
    for urgency, paid in ((0, 0.0), (1, 75.0)):
        for side in (1, -1):
            rows = before & late & (samples.cell % len(URGENCIES) == urgency) & (samples.side == side)
            assert rows.sum() == 2
            assert moved[rows] == pytest.approx(side * paid, abs=0.1)


@pytest.mark.usefixtures("small")
def test_later_parts_find_what_earlier_ones_took_still_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "SIZES_USD", (720_000,))  # 12 units of 60,000: four levels
    recording = Still((spot(),), seconds=16)
    samples = calibrate.measure(recording, recording.markets[0], ReplayBuilder()).samples
    slow = (samples.cell % len(URGENCIES) == 1) & (samples.at_s < 4)
    assert samples.cost_ppm[slow] == pytest.approx(samples.features[slow, kernel.WALK_PPM], abs=1e-6)
    assert samples.cost_ppm[slow].mean() > 10.5


@pytest.mark.usefixtures("small")
def test_flow_is_of_the_tape_or_else_of_the_touch() -> None:
    for kind, says in ((Taped, "trades"), (Untaped, "order flow at the touch")):
        recording = kind((spot(),), seconds=14)
        found = calibrate.measure(recording, recording.markets[0], ReplayBuilder())
        assert found.flow.flow_kind == says
        assert np.abs(found.flow.flow_nano).sum() > 0
        assert found.flow.move_ppm.size == found.flow.flow_nano.size
    taped = Taped((spot(),), seconds=14)
    flow = calibrate.measure(taped, taped.markets[0], ReplayBuilder()).flow.flow_nano
    assert set(flow[flow != 0].tolist()) == {1_000.0 * 10**9}


def test_flow_at_the_touch_by_hand() -> None:
    touch = np.array(
        [
            (100.0, 5.0, 101.0, 5.0),
            (100.0, 8.0, 101.0, 5.0),  # 3 more bid
            (101.0, 2.0, 102.0, 4.0),  # a better bid of 2, and an ask of 5 gone
            (100.0, 6.0, 102.0, 7.0),  # the bid of 2 gone, 3 more asked
        ]
    )
    assert calibrate._touch_flow(touch).tolist() == [3.0, 7.0, -5.0]


@pytest.mark.usefixtures("small")
def test_a_whole_calibration_has_every_market_bucket_and_rival() -> None:
    markets = (spot(), recorded_market("inverse", "beta", 0))
    found = calibrate.calibrate(Taped(markets, seconds=40), ReplayBuilder())
    assert [s.symbol for s in found.symbols] == ["BTC/USDT", "BTC/USD:BTC"]
    for symbol in found.symbols:
        assert symbol.evidence == "n = 1 day, not evidence"
        assert {row.dimension for row in symbol.coverage} == {
            "all", "reach", "size", "side", "delay", "urgency", "spread", "volatility",
        }  # fmt: skip
        whole = next(row for row in symbol.coverage if row.dimension == "all")
        assert whole.n == symbol.n_parents
        assert 0 < whole.n_eff <= whole.n
        assert {(row.rival, row.scope) for row in symbol.skill} >= {("constant", "all"), ("constant_by_cell", "all")}
        assert all(row.low_frac <= row.high_frac for row in symbol.skill)


@pytest.mark.usefixtures("small")
def test_the_same_recording_gives_the_same_calibration() -> None:
    recording = Taped((spot(),), seconds=20)
    once, again = (calibrate.calibrate(recording, ReplayBuilder()) for _ in range(2))
    assert once == again


class Holed(Still):
    """As Still, but a message is missing for three seconds."""

    def events(self, market: RecordedMarket) -> Iterator[BookSnapshot | BookDelta]:
        snapshot = next(iter(super().events(market)))
        assert isinstance(snapshot, BookSnapshot)
        yield snapshot
        venue, name = market.instrument.venue, market.symbol.name
        for second, jump in ((8, None), (11, 600)):
            at_ns = START_NS + second * 1000 * MS
            if jump is None:
                yield BookDelta(venue, name, 7, 8, at_ns, at_ns, ((5_999_940, 1),), ())
            else:
                bids, asks = (tuple((p + jump, q) for p, q in side) for side in (snapshot.bids, snapshot.asks))
                yield BookSnapshot(venue, name, 9, at_ns, at_ns, bids, asks)


class TapedHole(Holed):
    trades = Taped.trades


@pytest.mark.usefixtures("small")
def test_nothing_is_priced_or_moved_across_a_hole() -> None:
    recording = TapedHole((spot(),), seconds=20)
    measured = calibrate.measure(recording, recording.markets[0], ReplayBuilder())
    samples = measured.samples
    assert not measured.flow.move_ppm.any()
    inside = (samples.at_s > 3.0) & (samples.at_s < 6.0)  # parents start five seconds in
    assert samples.n
    assert not inside.any()
    assert samples.cost_ppm == pytest.approx(samples.features[:, kernel.WALK_PPM], abs=1e-6)


@pytest.mark.usefixtures("small")
def test_a_market_without_any_flow_is_refused() -> None:
    recording = Holed((spot(),), seconds=20)
    with pytest.raises(BadRequest) as refused:
        calibrate.calibrate(recording, ReplayBuilder())
    assert refused.value.code == "no_flow"


def test_what_cannot_be_calibrated_is_refused() -> None:
    recording = Taped((spot(),), seconds=20)
    with pytest.raises(BadRequest) as refused:
        calibrate.calibrate(recording, ReplayBuilder(), "DOGE")
    assert refused.value.code == "unknown_symbol"
    with pytest.raises(BadRequest) as refused:
        calibrate.calibrate(recording, ReplayBuilder(), "BTC")
    assert refused.value.code == "recording_too_short"


@pytest.mark.shared_data
def test_the_committed_calibration_is_what_its_recording_gives(shared: Path) -> None:
    recording = open_recording(shared / "data" / "public" / "l2" / "binance_3mkt_20240808")
    shipped = load_calibration()
    assert shipped.digest == recording.digest
    (again,) = calibrate.calibrate(recording, ReplayBuilder(), "ETH/USDT").symbols
    kept = next(s for s in shipped.symbols if s.symbol == "ETH/USDT")
    assert (again.n_days, again.n_parents, again.venue) == (kept.n_days, kept.n_parents, kept.venue)
    assert near(fields_of(again.impact), fields_of(kept.impact))
    ours, theirs = fields_of(again.slippage), fields_of(kept.slippage)
    for (urgency, table), (name, other) in zip(ours.pop("tables"), theirs.pop("tables"), strict=True):
        assert urgency == name
        assert np.array(table) == pytest.approx(np.array(other), rel=1e-4, abs=1e-6)
    assert near(ours, theirs)
    for row, other in zip((*again.coverage, *again.skill), (*kept.coverage, *kept.skill), strict=True):
        assert near(fields_of(row), fields_of(other))


@pytest.mark.shared_data
def test_the_tape_of_a_recorded_market_has_sides_and_notionals(shared: Path) -> None:
    recording = open_recording(shared / "data" / "public" / "l2" / "binance_3mkt_20240808")
    sizes: dict[str, Sequence[RecordedTrade]] = {
        m.symbol.name: list(recording.trades(m)) for m in recording.markets if m.symbol.fungible.base == "BTC"
    }
    assert {name: len(trades) for name, trades in sizes.items()} == {
        "BTC/USDT": 9_757, "BTC/USDT:USDT": 21_313, "BTC/USD:BTC": 2_286,
    }  # fmt: skip
    first = sizes["BTC/USDT"][0]
    assert (first.side, first.notional_nano) == (Side.SELL, 61_837_630_000 * 20)  # 0.02 BTC at 61,837.63
    assert sizes["BTC/USD:BTC"][0].notional_nano == 400 * 10**9  # 4 contracts of 100 USD


def fields_of(row: object) -> dict[str, Any]:
    return {name: getattr(row, name) for name in type(row).__dataclass_fields__}


def near(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Equal, floats to the six digits that a file keeps."""
    return ours == {
        name: pytest.approx(value, rel=1e-4, abs=1e-5) if isinstance(value, float | tuple) else value
        for name, value in theirs.items()
    }


def test_a_longer_recording_is_sampled_wider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "MIN_INSTANTS", 8)
    monkeypatch.setattr(calibrate, "MAX_INSTANTS", 10)
    recording = replace(Untaped((spot(),)), seconds=30)
    samples = calibrate.measure(recording, recording.markets[0], ReplayBuilder()).samples
    assert len(np.unique(samples.parent)) <= 14
