"""The shadow's statistics: intervals that cover, claims only where EVIDENCE lets one be made, losers named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.domain.enums import Side
from app.domain.shadow import PRICE_NAMES, Excluded, ShadowExclusion
from app.domain.units import NANO
from app.services.shadow_judge import SIZES, judge, needed_sentence, size_of
from app.tca.shadow import Compared

DAY_NS = 86_400 * 10**9
T0_NS = 1_772_323_200 * 10**9


def parent(i: int, bps: float, *, ts_ns: int = 0, notional: int = 20_000, side: Side = Side.BUY) -> Compared:
    """A parent whose incumbent was `bps` dearer than the shadow."""
    reference = notional * NANO
    own = reference * 3 // 10_000
    theirs = own + round(reference * bps / 1e4)
    return Compared(
        parent_id=f"p{i}",
        symbol="BTC/USDT",
        side=side,
        ts_ns=ts_ns or T0_NS + i * 10**9,
        qty_units=100,
        parent_qty_units=100,
        notional_nano=reference,
        reference_nano=reference,
        incumbent_nano=theirs,
        own_nano=own,
        prices_nano=tuple((name, theirs, own) for name in PRICE_NAMES),
        n_late_fills=0,
        is_extrapolated=False,
    )


def test_noise_is_covered_and_a_shift_is_found() -> None:
    n_covered = 0
    for seed in range(60):
        noise = np.random.default_rng(seed).normal(0.0, 1.0, 80)
        row = judge([parent(i, float(x)) for i, x in enumerate(noise)], ()).rows[0]
        assert row.low_bps is not None
        assert row.high_bps is not None
        n_covered += row.low_bps <= 0 <= row.high_bps
        assert row.is_underpowered
    assert n_covered >= 50
    noise = np.random.default_rng(7).normal(0.5, 0.3, 200)
    assert judge([parent(i, float(x)) for i, x in enumerate(noise)], ()).rows[0].verdict.startswith("Bestex cheaper")


def test_few_parents_are_underpowered_and_have_no_interval() -> None:
    row = judge([parent(i, 5.0) for i in range(3)], ()).rows[0]
    assert (row.low_bps, row.high_bps, row.p_holm, row.n_needed) == (None, None, 1.0, None)
    assert row.verdict == "underpowered"


def test_a_bad_day_is_one_draw() -> None:
    """Thirty parents of each of eight days that share one shock a day: eight draws, not two hundred and forty."""
    shocks = np.random.default_rng(3).normal(0.0, 1.0, 8)
    items = [
        parent(d * 30 + i, float(shock), ts_ns=T0_NS + d * DAY_NS + i * 10**9)
        for d, shock in enumerate(shocks)
        for i in range(30)
    ]
    row = judge(items, ()).rows[0]
    assert row.n_days == 8
    assert row.high_bps is not None
    assert row.low_bps is not None
    assert row.high_bps - row.low_bps > 1.0


def test_equivalence_is_tested_and_not_inferred() -> None:
    quiet = np.random.default_rng(1).normal(0.0, 0.1, 200)
    loud = np.random.default_rng(1).normal(0.0, 5.0, 200)
    assert judge([parent(i, float(x)) for i, x in enumerate(quiet)], ()).rows[0].is_equivalent
    noisy = judge([parent(i, float(x)) for i, x in enumerate(loud)], ()).rows[0]
    assert noisy.p_holm > 0.05
    assert not noisy.is_equivalent


def test_losers_are_named_with_their_worst_parents() -> None:
    items = [parent(i, -1.0 - i * 17 % 40 / 100) for i in range(40)] + [
        parent(100 + i, 2.0, notional=80_000) for i in range(40)
    ]
    report = judge(items, ())
    by_size = {row.size: row for row in report.rows}
    assert by_size["10,000 to 50,000"].is_loser
    assert by_size["10,000 to 50,000"].verdict.startswith("Bestex DEARER")
    assert by_size["50,000 to 250,000"].verdict.startswith("Bestex cheaper")
    dearest = sorted(range(40), key=lambda i: -(i * 17 % 40))[:10]
    assert [item.parent_id for item in report.worst] == [f"p{i}" for i in dearest]
    assert by_size["10,000 to 50,000"].loss.cvar95 == pytest.approx(1.385, abs=0.01)


def test_rows_are_sizes_and_sides_and_holm_is_over_them() -> None:
    items = [parent(i, 0.2 * (-1) ** i + 0.05, side=side) for i in range(40) for side in Side]
    report = judge([replace(item, parent_id=f"{item.parent_id}{item.side}") for item in items], ())
    assert [(row.size, row.side) for row in report.rows] == [
        ("all", "all"),
        ("10,000 to 50,000", "buy"),
        ("10,000 to 50,000", "sell"),
    ]


def test_what_is_extrapolated_is_shown_apart_and_in_no_claim() -> None:
    beyond = [replace(parent(500 + i, 100.0), is_extrapolated=True) for i in range(20)]
    report = judge([parent(i, 0.0) for i in range(20)] + beyond, [Excluded("x", ShadowExclusion.NO_FILLS)])
    assert report.rows[0].difference.mean == 0
    assert (report.rows[-1].size, report.rows[-1].verdict) == ("extrapolated", "extrapolated")
    assert report.n_by_reason == {"no_fills": 1, "extrapolated": 20}
    assert report.n_told == 41
    assert all(incumbent == own for _, incumbent, own in report.prices)


def test_twenty_days_are_needed_for_evidence() -> None:
    items = [parent(i, 0.0, ts_ns=T0_NS + i * DAY_NS) for i in range(20)]
    assert judge(items, ()).evidence == "n = 20 UTC days"
    assert judge(items[:19], ()).evidence == "n = 19 UTC days of 20, not evidence: no saving may be claimed"


def test_the_needed_number_is_said() -> None:
    text = needed_sentence(judge([parent(i, float((-1) ** i)) for i in range(40)], ()))
    assert "7,300 parents an arm" in text
    assert "underpowered" in text
    assert "unknown" in needed_sentence(judge([], ()))


def test_sizes_change_at_their_edges() -> None:
    edges = [9_999, 10_000, 49_999, 50_000, 250_000, 999_999, 1_000_000]
    found = [SIZES.index(size_of(parent(0, 0.0, notional=notional))) for notional in edges]
    assert found == [0, 1, 1, 2, 3, 3, 4]
