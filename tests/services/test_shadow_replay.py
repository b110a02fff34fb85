"""The shadow on recorded books: nothing is invented where the incumbent is us, what is planted is found."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.domain.enums import Side
from app.domain.errors import BadRequest
from app.domain.recorded import RecordedBatch, RecordingGap
from app.domain.shadow import DeskParent, Excluded, Execution, OwnOutcome, ShadowExclusion
from app.domain.units import decimal_text
from app.domain.universe import Universe
from app.offline import ReplayBuilder
from app.services.replay_protocol import load_protocol
from app.services.shadow_files import DeskFiles
from app.services.shadow_replay import (
    ShadowRequest,
    ShadowRun,
    ShadowTerms,
    shadow_recording,
    shadow_text,
)
from app.store.recording import RecordingWriter, open_recording
from tests.services.replay_scene import CLASSES, MS, START_NS, MadeUp, recorded_market

SPOT = CLASSES["spot"]
MARKETS = (recorded_market("spot", "alpha", 0), recorded_market("spot", "beta", 1))
SCENE = MadeUp(MARKETS, seconds=20)
PROTOCOL = load_protocol()
TERMS = ShadowTerms()
S = 1000 * MS


def desk_parents(n: int = 24, seed: int = 3) -> list[DeskParent]:
    """Parents small enough for the reach, at odd instants, some of them at work together."""
    rng = random.Random(seed)
    times = sorted(START_NS + 1 * S + rng.randrange(17 * S) for _ in range(n))
    return [
        DeskParent(f"p{i:03}", SPOT.name, rng.choice(list(Side)), rng.randrange(1_000, 20_000) * 10, at_ns)
        for i, at_ns in enumerate(times)
    ]


def outcomes_of(parents: list[DeskParent], scene: MadeUp = SCENE) -> dict[str, OwnOutcome | Excluded]:
    return ShadowRun(scene, MARKETS, TERMS, PROTOCOL, ReplayBuilder()).run(parents)


def incumbent(parents: list[DeskParent], found: Mapping[str, OwnOutcome | Excluded]) -> DeskFiles:
    """An incumbent whose fills are exactly ours."""
    fills = {name: list(own.executions) for name, own in found.items() if isinstance(own, OwnOutcome)}
    return DeskFiles(parents=parents, fills=fills)


def dearer(fill: Execution, side: Side, ppm: int) -> Execution:
    """The same fill with a fee that is larger by so much of its money."""
    money = SPOT.money_nano(fill.price_units, fill.qty_units)
    return replace(fill, fee_nano=fill.fee_nano + money * ppm // 1_000_000)


def test_an_incumbent_whose_fills_are_ours_differs_by_exactly_nothing() -> None:
    parents = desk_parents()
    report = shadow_recording(SCENE, incumbent(parents, outcomes_of(parents)), TERMS, PROTOCOL, ReplayBuilder())
    assert report.rows
    for row in report.rows:
        assert (row.difference.mean, row.difference.q95, row.loss.cvar95) == (0.0, 0.0, 0.0)
        assert row.low_bps in (None, 0.0)
        assert not row.is_loser
    assert report.rows[0].is_equivalent
    assert report.rows[0].own.mean > 0, "the shadow pays spread and fees: nothing is compared with nothing"
    assert not report.worst
    assert all(own == theirs for _, theirs, own in report.prices)


@pytest.mark.parametrize(("planted_ppm", "bps"), [(50, 0.5), (-50, -0.5)])
def test_a_planted_half_basis_point_is_found_with_its_sign(planted_ppm: int, bps: float) -> None:
    parents = desk_parents()
    files = incumbent(parents, outcomes_of(parents))
    for parent in parents:
        own = files.fills.get(parent.parent_id, [])
        files.fills[parent.parent_id] = [dearer(fill, parent.side, planted_ppm) for fill in own]
    report = shadow_recording(SCENE, files, TERMS, PROTOCOL, ReplayBuilder())
    row = report.rows[0]
    assert row.difference.mean == pytest.approx(bps, abs=0.001)
    assert row.low_bps is not None
    assert row.high_bps is not None
    assert row.low_bps - 0.001 <= bps <= row.high_bps + 0.001
    assert row.verdict == ("Bestex cheaper" if bps > 0 else "Bestex DEARER")
    assert len(report.worst) == (0 if bps > 0 else 10)


def test_overlapping_parents_do_not_touch_each_other() -> None:
    parents = desk_parents()
    together = outcomes_of(parents)
    for parent in parents[::6]:
        assert outcomes_of([parent])[parent.parent_id] == together[parent.parent_id]


def test_the_past_alone_decides_and_the_delay_costs() -> None:
    """What is recorded after the last child has arrived changes nothing; another delay meets another book."""
    parent = desk_parents(1)[0]
    own = outcomes_of([parent])[parent.parent_id]
    assert isinstance(own, OwnOutcome)
    assert all(fill.ts_ns > parent.decision_ts_ns for fill in own.executions)
    assert min(f.ts_ns for f in own.executions) >= parent.decision_ts_ns + TERMS.think_ns + 2 * 5 * MS
    slow = ShadowRun(SCENE, MARKETS, replace(TERMS, think_ns=400 * MS), PROTOCOL, ReplayBuilder()).run([parent])
    late = slow[parent.parent_id]
    assert isinstance(late, OwnOutcome)
    assert late.executions != own.executions


def test_what_is_beyond_the_reach_is_in_no_claim() -> None:
    parents = [replace(parent, qty_units=parent.qty_units * 20) for parent in desk_parents(8)]
    report = shadow_recording(SCENE, incumbent(parents, outcomes_of(parents)), TERMS, PROTOCOL, ReplayBuilder())
    beyond = report.n_by_reason[ShadowExclusion.EXTRAPOLATED.value]
    assert beyond > 0
    assert report.rows[-1].size == "extrapolated"
    assert report.rows[-1].verdict == "extrapolated"
    assert report.rows[-1].n == beyond


def test_what_cannot_be_played_is_excluded_with_its_reason() -> None:
    scene = replace(SCENE, gaps=(RecordingGap("beta", SPOT.name, START_NS + 5 * S, START_NS + 6 * S, "sequence"),))
    parent = desk_parents(1)[0]
    cases = {
        "early": replace(parent, parent_id="early", decision_ts_ns=START_NS - 1),
        "late": replace(parent, parent_id="late", decision_ts_ns=START_NS + 20 * S),
        "gap": replace(parent, parent_id="gap", decision_ts_ns=START_NS + 5 * S),
        "limit": replace(parent, parent_id="limit", side=Side.BUY, limit_price_units=1),
        "none": replace(parent, parent_id="none", decision_ts_ns=START_NS + 2 * S),
        "bad": replace(parent, parent_id="bad", decision_ts_ns=START_NS + 3 * S),
    }
    files = DeskFiles(parents=list(cases.values()), suspect={"bad"})
    found = {e.parent_id: e for e in shadow_recording(scene, files, TERMS, PROTOCOL, ReplayBuilder()).excluded}
    assert found["early"].reason is found["late"].reason is ShadowExclusion.OUTSIDE_RECORDING
    assert (found["gap"].reason, found["gap"].detail) == (ShadowExclusion.RECORDING_GAP, "beta sequence")
    assert found["none"].reason is ShadowExclusion.NO_FILLS
    assert found["bad"].reason is ShadowExclusion.BAD_LINE
    assert found["limit"].reason in (ShadowExclusion.REFUSED, ShadowExclusion.NO_FILLS)
    assert set(found) == set(cases)


def test_a_venue_without_a_known_fee_is_refused_and_the_desks_own_is_used() -> None:
    blind = recorded_market("spot", "alpha", 0, knows_terms=False)
    scene, parents = MadeUp((blind,), seconds=20), desk_parents(2)
    with pytest.raises(BadRequest, match="alpha"):
        ShadowRun(scene, (blind,), TERMS, PROTOCOL, ReplayBuilder())
    terms = ShadowTerms(fee_ppm={"alpha": 123}, latency_ns=1 * MS)
    found = ShadowRun(scene, (blind,), terms, PROTOCOL, ReplayBuilder()).run(parents)
    for own in found.values():
        assert isinstance(own, OwnOutcome)
        for fill in own.executions:
            money = SPOT.money_nano(fill.price_units, fill.qty_units)
            assert fill.fee_nano == pytest.approx(money * 123 / 1e6, abs=2)


def written(folder: Path) -> Path:
    """The scene as the product's own recorder writes it."""
    universe = Universe(
        venues={m.venue.venue_id: m.venue for m in MARKETS if m.venue},
        symbols={SPOT.name: SPOT},
        instruments={(m.instrument.venue, SPOT.name): m.instrument for m in MARKETS},
        fees={m.fee.venue: m.fee for m in MARKETS if m.fee},
    )
    writer = RecordingWriter(folder, universe, START_NS, "test")
    events = sorted((e for m in MARKETS for e in SCENE.events(m)), key=lambda e: e.received_ts_ns)
    writer.write(RecordedBatch(books=events), (), START_NS + 20 * S)
    writer.close((), START_NS + 20 * S)
    return folder


def time_text(ts_ns: int) -> str:
    second, ns = divmod(ts_ns, 10**9)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{ns:09d}Z"


def as_csv(files: DeskFiles) -> tuple[bytes, bytes]:
    """Both files as docs/shadow.md describes them."""
    parents = ["parent_id,symbol,side,qty,decision_at"]
    fills = ["parent_id,fill_id,at,price,qty,fee,fee_currency,venue"]
    for p in files.parents:
        qty = decimal_text(p.qty_units, SPOT.qty_scale)
        parents.append(f"{p.parent_id},BTC-USDT,{p.side.value},{qty},{time_text(p.decision_ts_ns)}")
        for n, f in enumerate(files.fills.get(p.parent_id, ())):
            price, qty = decimal_text(f.price_units, SPOT.price_scale), decimal_text(f.qty_units, SPOT.qty_scale)
            fee = decimal_text(f.fee_nano, 9)
            fills.append(f"{p.parent_id},f{n},{time_text(f.ts_ns)},{price},{qty},{fee},{f.fee_currency},{f.venue}")
    return "\n".join(parents).encode(), "\n".join(fills).encode()


def test_from_files_and_a_recording_of_ours_to_the_printed_result(tmp_path: Path) -> None:
    recording = open_recording(written(tmp_path / "recorded"))
    parents = desk_parents()
    found = ShadowRun(recording, recording.markets, TERMS, PROTOCOL, ReplayBuilder()).run(parents)
    told = as_csv(incumbent(parents, found))
    request = ShadowRequest(("parents.csv", told[0]), ("fills.csv", told[1]))
    text = shadow_text(recording, request, PROTOCOL, ReplayBuilder())
    assert text == shadow_text(recording, request, PROTOCOL, ReplayBuilder())
    assert "24 parents told" in text
    assert "n = 1 UTC day of 20, not evidence" in text
    row = next(line for line in text.splitlines() if line.startswith("| all | all | "))
    assert " | 0.000 | [0.000, 0.000] | 0.000 | 0.000 | 0.000 | " in row
    assert "equivalent" in row
    moved = replace(request, clock_offset_ns=-3600 * S)
    assert "outside_recording 24" in shadow_text(recording, moved, PROTOCOL, ReplayBuilder())


@pytest.mark.shared_data
def test_on_really_recorded_books_the_identity_holds_and_half_a_basis_point_is_found(shared: Path) -> None:
    folder = shared / "data" / "public" / "l2" / "binance_3mkt_20240808"
    if not folder.is_dir():
        pytest.skip(f"no recorded markets: {folder.name}/ is absent")
    recording = open_recording(folder)
    markets = [m for m in recording.markets if m.symbol.name == "ETH/USDT"]
    first_ns = recording.span_ns(markets[0])[0]
    unit = 10 ** markets[0].symbol.qty_scale
    parents = [
        DeskParent(f"p{i:02}", "ETH/USDT", list(Side)[i % 2], unit, first_ns + (5 + 2 * i) * S) for i in range(20)
    ]
    terms = ShadowTerms(fee_ppm={"binance_spot": 1_000})
    found = ShadowRun(recording, markets, terms, PROTOCOL, ReplayBuilder()).run(parents)
    files = incumbent(parents, found)
    same = shadow_recording(recording, files, terms, PROTOCOL, ReplayBuilder()).rows[0]
    assert (same.n, same.difference.mean, same.loss.cvar95) == (20, 0.0, 0.0)
    symbol = markets[0].symbol
    for name, fills in files.fills.items():
        files.fills[name] = [
            replace(f, fee_nano=f.fee_nano + symbol.money_nano(f.price_units, f.qty_units) * 50 // 1_000_000)
            for f in fills
        ]
    worse = shadow_recording(recording, files, terms, PROTOCOL, ReplayBuilder()).rows[0]
    assert worse.difference.mean == pytest.approx(0.5, abs=0.001)
    assert worse.verdict == "Bestex cheaper"
