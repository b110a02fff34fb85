"""Markouts against an independent computation: polars over the journal's facts and the samples, nothing of ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import Side
from app.domain.events import ChildFilled, MarkoutsMeasured, StillMeasured
from app.domain.markouts import HORIZONS_NS, PathKind
from app.tca.markouts import HORIZON_NAMES, mark_all, summarise
from tests.tca.measured_desk import MeasuredDesk
from tests.worlds import BTC_USDT

pl = pytest.importorskip("polars")
SYMBOLS = {"BTC/USDT": BTC_USDT}
KEYS = ["venue", "hour", "third"]


def mids_at(measured: MeasuredDesk, asked):
    """`asked` (id, venue, at) with the leave-one-out mid of the last sample at or before `at`."""
    looks = pl.DataFrame(
        [
            {"at": sample.ts_ns, "venue": venue, "mid": mid}
            for sample in measured.samples
            for venue, mid in sample.without_half_units.items()
        ]
    ).sort("at")
    joined = asked.sort("at").join_asof(looks, on="at", by="venue", strategy="backward", check_sortedness=False)
    return joined.with_columns(pl.col("mid").cast(pl.Float64) / 2)


def still_means(measured: MeasuredDesk, edges):
    """Mean drift of the journal's still instants by venue, hour, third and horizon, a buyer's."""
    instants = [
        {"id": f"{path.start_ts_ns}", "venue": venue, "start": path.start_ts_ns, "move": path.move_ubps}
        for fact in measured.desk.facts
        if isinstance(fact.event, StillMeasured)
        for path in fact.event.paths
        for venue, _, _ in path.venues
    ]
    table = pl.DataFrame(instants)
    first = mids_at(measured, table.with_columns(at=pl.col("start"))).select("id", "venue", start_mid="mid")
    parts = []
    for name, horizon_ns in zip(HORIZON_NAMES, HORIZONS_NS, strict=True):
        later = mids_at(measured, table.with_columns(at=pl.col("start") + horizon_ns)).join(first, on=["id", "venue"])
        parts.append(later.with_columns(drift=(pl.col("mid") / pl.col("start_mid") - 1) * 1e4, horizon=pl.lit(name)))
    return strata(pl.concat(parts), edges).group_by([*KEYS, "horizon"]).agg(control=pl.col("drift").mean())


def strata(table, edges):
    low, high = edges
    return table.with_columns(
        hour=pl.col("start") // 3_600_000_000_000 % 24,
        third=pl.when(pl.col("move") <= low).then(0).when(pl.col("move") <= high).then(1).otherwise(2),
    )


def test_markouts_equal_an_independent_polars_computation(measured: MeasuredDesk) -> None:
    facts = measured.desk.facts
    moves = {p.ref_id: p.move_ubps for r in measured.records for p in r.paths if p.kind is PathKind.FILL}
    fills = pl.DataFrame(
        [
            {
                "id": fact.event.exec_id,
                "venue": fact.event.venue,
                "start": fact.ts_ns,
                "price": fact.event.price_units,
                "sign": 1 if fact.event.signed_qty_units > 0 else -1,
                "move": moves[fact.event.exec_id],
            }
            for fact in facts
            if isinstance(fact.event, ChildFilled)
        ]
    )
    ordered = pl.Series(
        [p.move_ubps for f in facts if isinstance(f.event, StillMeasured) for p in f.event.paths]
    ).sort()
    n = len(ordered)
    edges = (ordered[(n - 1) // 3], ordered[2 * (n - 1) // 3])
    controls = still_means(measured, edges)
    first = mids_at(measured, fills.with_columns(at=pl.col("start"))).select("id", start_mid="mid")
    expected = {}
    for name, horizon_ns in zip(HORIZON_NAMES, HORIZONS_NS, strict=True):
        later = mids_at(measured, fills.with_columns(at=pl.col("start") + horizon_ns)).join(first, on="id")
        later = strata(later, edges).with_columns(horizon=pl.lit(name))
        later = later.join(controls, on=[*KEYS, "horizon"], how="left").with_columns(
            markout=pl.col("sign") * (pl.col("mid") - pl.col("price")) / pl.col("price") * 1e4,
            drift=pl.col("sign") * (pl.col("mid") - pl.col("start_mid")) / pl.col("start_mid") * 1e4,
            control=pl.col("sign") * pl.col("control"),
        )
        expected |= {(row["id"], name): row for row in later.iter_rows(named=True)}
    marked = mark_all(measured.records, SYMBOLS, list(measured.desk.core.ledger.still))
    ours = [m for m in marked if m.kind is PathKind.FILL]
    assert len(ours) == len(fills) > 15
    for found in ours:
        for i, name in enumerate(HORIZON_NAMES):
            row = expected[found.ref_id, name]
            assert found.markout_bps[i] == pytest.approx(row["markout"], abs=1e-9)
            assert found.drift_bps[i] == pytest.approx(row["drift"], abs=1e-9)
            assert found.control_bps[i] == pytest.approx(row["control"], abs=1e-9)
    assert sum(m.net_bps(1) is not None for m in ours) > 10


def test_every_fill_and_every_child_is_measured(measured: MeasuredDesk) -> None:
    paths = [p for f in measured.desk.facts if isinstance(f.event, MarkoutsMeasured) for p in f.event.paths]
    fills = [p.ref_id for p in paths if p.kind is PathKind.FILL]
    children = [p.ref_id for p in paths if p.kind is PathKind.CHILD]
    assert sorted(fills) == sorted(f.fill.exec_id for r in measured.records for f in r.fills)
    assert sorted(children) == sorted(child_id for r in measured.records for child_id in r.children)


def test_a_child_that_never_filled_counts(measured: MeasuredDesk) -> None:
    marked = mark_all(measured.records, SYMBOLS, [])
    empty = [
        m
        for m in marked
        if m.kind is PathKind.CHILD
        and not any(f.fill.child_id == m.ref_id for f in measured.desk.core.ledger.parents[m.order_id].fills)
    ]
    assert empty
    assert all(value is not None for m in empty for value in m.markout_bps)
    # It is cleaned up at the far touch of its deadline, and judged by the mid of the others a tenth of a second later.
    for m in empty:
        child = measured.desk.core.ledger.parents[m.order_id].children[m.ref_id].child
        far = last_look(measured, child.deadline_ts_ns)
        touch_units = far.best_ask_units if child.side is Side.BUY else far.best_bid_units
        mid = last_look(measured, child.deadline_ts_ns + HORIZONS_NS[0]).without_half_units[child.venue] / 2
        assert m.markout_bps[0] == pytest.approx(child.side.sign * (mid - touch_units) / touch_units * 1e4, abs=1e-9)


def last_look(measured: MeasuredDesk, ts_ns: int):
    return [sample for sample in measured.samples if sample.ts_ns <= ts_ns][-1]


def test_the_same_path_is_worth_the_opposite_to_the_other_side(measured: MeasuredDesk) -> None:
    record = next(r for r in measured.records if r.fills and r.paths)
    marked = [m for m in mark_all([record], SYMBOLS, []) if m.kind is PathKind.FILL]
    turned = replace(
        record,
        fills=[replace(f, fill=replace(f.fill, signed_qty_units=-f.fill.signed_qty_units)) for f in record.fills],
    )
    for one, other in zip(marked, [m for m in mark_all([turned], SYMBOLS, []) if m.kind is PathKind.FILL], strict=True):
        assert one.drift_bps == tuple(-d for d in other.drift_bps)
        assert one.side is not other.side


def test_without_still_instants_nothing_is_net(measured: MeasuredDesk) -> None:
    rows = summarise(mark_all(measured.records, SYMBOLS, []), "venue", lambda m: m.venue)
    assert rows
    assert all(row.net.n == 0 and row.net.mean_bps is None and row.n_unmatched == row.markout.n for row in rows)
    assert all(row.net.is_underpowered for row in rows)


def test_groups_are_by_name_kind_and_horizon(measured: MeasuredDesk) -> None:
    rows = summarise(
        mark_all(measured.records, SYMBOLS, list(measured.desk.core.ledger.still)), "side", lambda m: m.side
    )
    assert {row.name for row in rows} == {Side.BUY, Side.SELL}
    assert len(rows) == 2 * 2 * 4
    assert {row.horizon for row in rows} == set(HORIZON_NAMES)
