"""Arms are the plan's own rivals; their error is what plans missed by; their reach is stated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.tca.counterfactuals import CHOSEN, MIN_MISSES, PlanError, arms, plan_error, reach
from app.tca.dossier import Dossier
from app.tca.intervals import t975
from tests.tca.measured_desk import MeasuredDesk
from tests.worlds import BTC_USDT

SYMBOLS = {"BTC/USDT": BTC_USDT}


def test_every_rival_of_the_plan_is_an_arm_and_differs_by_its_objective(measured: MeasuredDesk) -> None:
    record = next(r for r in measured.records if r.routes and r.routes[0][1].plan.alternatives)
    plan = record.routes[0][1].plan
    found = {arm.name: arm for arm in arms(record, BTC_USDT, PlanError(0, None, None))}
    assert set(found) == {CHOSEN} | {a.name for a in plan.alternatives}
    base_nano = BTC_USDT.money_nano(plan.mid_half_units, plan.allocated_qty_units) / 2
    for rival in plan.alternatives:
        arm = found[rival.name]
        if rival.qty_units != plan.allocated_qty_units:
            assert arm.planned_bps is None
            continue
        expected = (rival.cost_nano - plan.certificate.objective_nano) / base_nano * 1e4
        assert arm.saved_bps == pytest.approx(expected, abs=1e-6)
        assert arm.low_bps is None  # no error is known, none is shown


def test_the_cheapest_arm_stands_first_and_others_last(measured: MeasuredDesk) -> None:
    for record in measured.records:
        listed = [arm.planned_bps for arm in arms(record, BTC_USDT, PlanError(0, None, None))]
        known = [bps for bps in listed if bps is not None]
        assert known == sorted(known)
        assert listed[: len(known)] == known


def test_the_error_is_a_prediction_interval() -> None:
    error = PlanError(9, 0.5, 2.0)
    low, high = error.interval_bps(3.0) or (0, 0)
    assert (low + high) / 2 == pytest.approx(3.5)
    assert high - low == pytest.approx(2 * t975(8) * 2.0 * (1 + 1 / 9) ** 0.5)


def test_too_few_misses_give_no_error(dossier: Dossier) -> None:
    assert plan_error([], SYMBOLS) == PlanError(0, None, None)
    found = plan_error(dossier.found.records, SYMBOLS)
    assert (found.mean_bps is None) == (found.n < MIN_MISSES)


def test_an_orders_own_miss_is_not_its_error(measured: MeasuredDesk) -> None:
    alone = [r for r in measured.records if plan_error([r], SYMBOLS).n]
    assert alone
    assert plan_error([alone[0]], SYMBOLS, leave_out=alone[0].order_id).n == 0


def test_reach_says_why_not(measured: MeasuredDesk) -> None:
    record = next(r for r in measured.records if r.interval and r.fills and len(r.routes) == 1)
    assert record.interval is not None
    asked = record.accepted.order.qty_units or 0

    def shown(qty_units: int, life_ns: int = 0):
        interval = replace(record.interval, shown_qty_units=qty_units, end_ts_ns=record.interval.start_ts_ns + life_ns)
        return reach(replace(record, interval=interval))

    assert shown(10 * asked).is_within
    assert not shown(10 * asked - 1).is_within
    assert shown(10 * asked - 1).shown_frac == pytest.approx(0.1, rel=1e-3)
    assert "longer" in shown(10 * asked, life_ns=1_000_000_001).why
    assert shown(10 * asked, life_ns=1_000_000_000).is_within
    assert "nothing displayed" in shown(0).why
    assert "not measured" in reach(replace(record, interval=None)).why
    assert "waves" in reach(replace(record, routes=record.routes * 2)).why
