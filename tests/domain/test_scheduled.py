"""A scheduled order as it is written down, and the parameters that it means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import Side, Strategy
from app.domain.errors import BadRequest, InvariantBroken
from app.domain.schedule import CostLaw, PovParameters, ShortfallParameters, TwapParameters, VwapParameters
from app.domain.scheduled import ADAPTIVE, Schedule, ShortfallAsk, default_slice_ns, parameters_of

S = 10**9
BASE = Schedule(Strategy.TWAP, 1, 0, 600 * S, 10 * S)
ASK = ShortfallAsk(CostLaw.LINEAR, "2", "100000", "0.0000001", "1.5", "0.000001")


def test_each_strategy_has_its_own_parameters_and_a_version() -> None:
    made = {
        Strategy.TWAP: BASE,
        Strategy.VWAP: replace(BASE, strategy=Strategy.VWAP, weights=(1, 2)),
        Strategy.POV: replace(BASE, strategy=Strategy.POV, rate_ppm=100_000),
        Strategy.SHORTFALL: replace(BASE, strategy=Strategy.SHORTFALL, shortfall=ASK),
    }
    kinds = [type(parameters_of(s, Side.BUY, 0, 1, 12_000_000)) for s in made.values()]
    assert kinds == [TwapParameters, VwapParameters, PovParameters, ShortfallParameters]
    assert set(made) == {s for s in Strategy if s.is_scheduled} > ADAPTIVE
    assert all(not s.is_adaptive and replace(s, version=2).is_adaptive for s in made.values())


def test_prices_stay_units_and_clips_become_whole_lots() -> None:
    asked = replace(BASE, would_price_units=5_900_000, min_clip_units=21)
    terms = parameters_of(asked, Side.BUY, 6_100_000, 10, 12_000_000).terms
    assert (terms.limit_price_ticks, terms.would_price_ticks, terms.min_clip_lots) == (6_100_000, 5_900_000, 3)
    assert parameters_of(BASE, Side.BUY, 0, 10, 12_000_000).terms.limit_price_ticks is None


def test_aversion_to_money_becomes_aversion_to_lots() -> None:
    """At 60,000 a lot of 0.001 is worth 60: one ppm of it is 6e-5, so 1e-6 a unit of variance becomes 6e-11."""
    asked = replace(BASE, strategy=Strategy.SHORTFALL, shortfall=ASK)
    found = parameters_of(asked, Side.BUY, 0, 100, 12_000_000)
    assert isinstance(found, ShortfallParameters)
    assert found.aversion_per_ppm_lots == pytest.approx(1e-6 * 1e-6 * 60, rel=1e-12)
    assert found.sigma_ppm_sqrt_s == pytest.approx(150.0)
    assert found.belief.impact_ppm == pytest.approx(200.0)
    assert found.belief.rate_lots_per_s == pytest.approx(1_000.0)


def test_what_cannot_be_meant_points_at_its_culprit() -> None:
    with pytest.raises(BadRequest) as caught:
        parameters_of(replace(BASE, cap_ppm=0), Side.BUY, 0, 1, 0)
    assert caught.value.pointer == "/strategy_params/participation_cap"
    with pytest.raises(InvariantBroken):
        parameters_of(replace(BASE, strategy=Strategy.SHORTFALL), Side.BUY, 0, 1, 0)


def test_a_plan_without_slices_has_sixty_of_whole_seconds() -> None:
    assert default_slice_ns(600 * S) == 10 * S
    assert default_slice_ns(30 * S) == S
    assert default_slice_ns(S // 2) == S // 2
    assert BASE.needs_volume is False
    assert replace(BASE, cap_ppm=1).needs_volume
    assert replace(BASE, strategy=Strategy.VWAP).needs_curve
