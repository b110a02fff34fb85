"""Adding up: integers exactly, basis points to 1e-12."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.tca.attribution import parts_total_nano
from app.tca.dossier import Dossier
from app.tca.waterfall import STEPS, base_nano, part_nano, waterfalls
from tests.tca.measured_desk import MeasuredDesk
from tests.worlds import BTC_USDT


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), n_orders=st.integers(1, 6))
def test_the_waterfall_adds_up(seed: int, n_orders: int) -> None:
    made = MeasuredDesk(seed)
    for _ in range(n_orders):
        made.order()
        for _ in range(25):
            made.step()
    done = [r for r in made.records if r.tca is not None]
    assert done
    (total,) = waterfalls(done, {"BTC/USDT": BTC_USDT})
    assert sum(total.parts_nano.values()) == total.total_nano
    assert total.total_nano == sum(parts_total_nano(r.tca) for r in done if r.tca)
    for record in done:
        assert record.tca is not None
        base = base_nano(record, BTC_USDT)
        steps = [part_nano(record.tca, step) / base for step in STEPS]
        whole = record.tca.total_nano / base
        scale = sum(abs(step) for step in steps) or 1.0
        assert abs(sum(steps) - whole) <= 1e-12 * scale


def test_only_reported_orders_of_known_symbols_count(measured: MeasuredDesk) -> None:
    assert waterfalls(measured.records, {}) == []
    (found,) = waterfalls(measured.records, {"BTC/USDT": BTC_USDT})
    assert found.n_orders == sum(r.tca is not None for r in measured.records)
    assert found.currency == "USDT"


def test_the_mean_shortfall_is_of_orders_and_has_an_interval(dossier: Dossier) -> None:
    (found,) = dossier.waterfalls
    each = [r.tca.total_nano / base_nano(r, BTC_USDT) * 1e4 for r in dossier.found.records if r.tca]
    assert found.shortfall.mean_bps == pytest.approx(sum(each) / len(each), abs=1e-9)
    assert found.shortfall.low_bps is not None
    assert found.shortfall.low_bps < found.shortfall.mean_bps < found.shortfall.high_bps
    assert found.shortfall.is_underpowered  # 32 parents are not 7,300
