"""Strategies in time from the wire: exact, typed, and refused where they cannot stand."""

from __future__ import annotations

import pytest

from app.api.errors import InvalidRequest
from app.api.intake import parent_order
from app.api.schedule_intake import contradictions, schedule_of
from app.api.schemas.order import OrderBody
from app.api.validate import validate
from app.domain.bending import DEFAULT_TILT_PPM
from app.domain.enums import Remainder, Strategy
from app.domain.posting import Peg, PostOnly, RestTerms, Switch
from app.domain.schedule import CostLaw, Disguise, ScheduleUrgency, VolumeBase
from app.domain.scheduled import Schedule
from tests.worlds import BTC_USDT, T0_NS, TICKS, make_universe

UNIVERSE = make_universe()
END = "2099-01-01T00:00:00Z"
SHORTFALL = {
    "impact": {"law": "linear", "bps": "2", "at_rate": "0.5"},
    "volatility_bps": "1.5",
    "risk_aversion": "0.000001",
}


def body_of(strategy: str, params: object = None, **members: object) -> OrderBody:
    body = {"symbol": "BTC/USDT", "side": "buy", "type": "market", "qty": "0.1", "strategy": strategy} | members
    if params is not None:
        body["strategy_params"] = params
    return validate(OrderBody, body)


def intake(strategy: str, params: object = None, **members: object) -> Schedule:
    order = parent_order(body_of(strategy, params, **members), BTC_USDT, UNIVERSE, "desk", T0_NS)
    assert order.remainder is Remainder.NONE
    assert order.schedule is not None
    return order.schedule


def culprits(strategy: str, params: object = None, **members: object) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        intake(strategy, params, **members)
    return {error.pointer: error.code for error in caught.value.errors}


def test_every_member_is_exact() -> None:
    found = intake(
        "twap",
        {
            "start_at": "2098-12-31T23:00:00Z",
            "end_at": END,
            "slice": "2.5",
            "urgency": "urgent",
            "participation_cap": "0.125",
            "would_price": "59000.5",
            "min_clip": "0.001",
        },
    )
    assert (found.slice_ns, found.cap_ppm, found.would_price_units) == (2_500_000_000, 125_000, 5_900_050)
    assert (found.min_clip_units, found.urgency) == (100, ScheduleUrgency.URGENT)
    assert found.end_ns - found.start_ns == 3_600 * 10**9


def test_what_rests_is_said_by_the_order_or_not_at_all() -> None:
    said = {"posting": "on", "post_only": "back_off", "peg": "mid", "display_qty": "0.01"}
    found = intake("pov", {"end_at": END, "rate": "0.1"} | said)
    assert found.resting == RestTerms(Switch.ON, PostOnly.BACK_OFF, Peg.MID, 1_000)
    assert intake("twap", {"end_at": END}).resting is None
    assert culprits("twap", {"end_at": END, "display_qty": "0.000001"}) == {"/strategy_params/display_qty": "increment"}


def test_each_strategy_has_its_own_members() -> None:
    assert intake("vwap", {"end_at": END, "curve": [1, 2, 3]}).weights == (1, 2, 3)
    assert intake("vwap", {"end_at": END}).weights == ()
    assert intake("vwap", {"end_at": END}).disguise is Disguise.NONE
    assert intake("twap", {"end_at": END, "disguise": "on"}).disguise is Disguise.ON
    pov = intake("pov", {"end_at": END, "rate": "0.1", "volume_base": "of_total"})
    assert (pov.rate_ppm, pov.volume_base) == (100_000, VolumeBase.OF_TOTAL)
    impact = {"law": "linear", "bps": "2", "at_rate": "0.5"}
    shortfall = intake(
        "is", {"end_at": END, "impact": impact, "volatility_bps": "1.5", "risk_aversion": "0.000001"}
    ).shortfall
    assert shortfall is not None
    assert (shortfall.law, shortfall.rate_units, shortfall.unit_money) == (CostLaw.LINEAR, "50000", "0.0000001")
    assert shortfall.risk_aversion == "0.000001"


def test_a_member_of_another_strategy_is_unknown_and_pointed_at() -> None:
    assert culprits("twap", {"end_at": END, "rate": "0.1"}) == {"/strategy_params/rate": "unknown_field"}
    assert culprits("pov", {"end_at": END, "curve": [1], "rate": "0.1"}) == {"/strategy_params/curve": "unknown_field"}
    assert culprits("pov", {"end_at": END, "rate": "0.1", "disguise": "on"}) == {
        "/strategy_params/disguise": "unknown_field"
    }
    assert culprits("vwap", {"end_at": END, "curve": [1, -1]}) == {"/strategy_params/curve/1": "too_small"}
    assert culprits("pov", {"end_at": END}) == {"/strategy_params/rate": "missing"}
    assert culprits(
        "is", {"end_at": END, "volatility_bps": "1", "risk_aversion": "1", "impact": {"law": "linear"}}
    ) == {
        "/strategy_params/impact/bps": "missing",
        "/strategy_params/impact/at_rate": "missing",
    }


def test_decimals_are_strings_and_fit_their_steps() -> None:
    number = {"end_at": END, "participation_cap": "0.1234567"}
    assert culprits("twap", number) == {"/strategy_params/participation_cap": "increment"}
    assert culprits("twap", {"end_at": END, "slice": "0"}) == {"/strategy_params/slice": "zero"}
    assert culprits("twap", {"end_at": "tomorrow"}) == {"/strategy_params/end_at": "time_form"}
    assert culprits("twap", {"end_at": END, "version": 3}) == {"/strategy_params/version": "unknown_value"}


def test_version_two_of_a_strategy_of_the_clock_has_a_tilt() -> None:
    for strategy, more in (("twap", {}), ("vwap", {}), ("is", SHORTFALL)):
        plain = intake(strategy, {"end_at": END} | more)
        assert (plain.version, plain.max_tilt_ppm, plain.is_adaptive) == (1, 0, False)
        bent = intake(strategy, {"end_at": END, "version": 2} | more)
        assert (bent.version, bent.max_tilt_ppm, bent.is_adaptive) == (2, DEFAULT_TILT_PPM, True)
    assert intake("twap", {"end_at": END, "version": 2, "max_tilt": "0.25"}).max_tilt_ppm == 250_000
    assert culprits("twap", {"end_at": END, "max_tilt": "0.25"}) == {"/strategy_params/max_tilt": "excluded"}
    assert culprits("twap", {"end_at": END, "version": 2, "max_tilt": "0"}) == {"/strategy_params/max_tilt": "zero"}
    assert culprits("pov", {"end_at": END, "rate": "0.1", "version": 2}) == {
        "/strategy_params/version": "unknown_value"
    }


def test_what_cannot_stand_with_a_strategy_in_time() -> None:
    good = {"end_at": END}
    assert culprits("twap") == {"/strategy_params": "missing"}
    assert culprits("sor", good | {"strategy": "twap"}) == {"/strategy_params": "excluded"}
    assert culprits("twap", good | {"strategy": "vwap"}) == {"/strategy_params/strategy": "contradiction"}
    assert culprits("twap", good, time_in_force="ioc") == {"/time_in_force": "excluded"}
    assert culprits("twap", good, require_full_fill=True) == {"/require_full_fill": "excluded"}
    assert culprits("twap", good, qty=None, notional="100") == {"/notional": "excluded"}
    found = {e.pointer for e in contradictions(body_of("twap", good, remainder="none"))}
    assert found == {"/remainder"}


def test_discretion_counts_in_the_finest_tick_of_the_symbols_listings() -> None:
    params = {"end_at": END, "discretion_ticks": 7}
    found = intake("twap", params)
    assert (found.discretion_units, found.past_limit_units) == (7 * min(TICKS.values()), 0)
    more = {"type": "limit", "limit_price": "60000", "time_in_force": "gtc"}
    past = intake("twap", params | {"discretion_past_limit": True}, **more)
    assert past.past_limit_units == 7 * min(TICKS.values())
    assert culprits("twap", {"end_at": END, "discretion_past_limit": True}) == {
        "/strategy_params/discretion_past_limit": "excluded"
    }
    assert culprits("twap", {"end_at": END, "discretion_ticks": 0}) == {
        "/strategy_params/discretion_ticks": "too_small"
    }


def test_a_strategy_in_time_takes_a_quote_pool() -> None:
    pool = {"currencies": ["USDT", "USDC"], "max_basis_bps": "5", "carrier": "desk"}
    assert contradictions(body_of("twap", {"end_at": END}, quote_pool=pool)) == []


def test_an_order_at_once_has_no_schedule() -> None:
    body = body_of("sor")
    assert contradictions(body) == []
    assert schedule_of(body, BTC_USDT, lambda *_: None) is None
    assert [s for s in Strategy if not s.is_scheduled] == [Strategy.SOR, Strategy.SWEEP]


IMPACT = {"law": "linear", "bps": "5", "at_rate": "0.1"}


@pytest.mark.parametrize("member", [{"decay_s": "10"}, {"stays": "0.5"}, {"decay_power": "0.5"}, {"decay": "power"}])
def test_members_of_the_transient_law_are_refused_beside_another(member: dict[str, str]) -> None:
    params = {"end_at": END, "volatility_bps": "1", "risk_aversion": "0"}
    (name,) = member
    assert culprits("is", params | {"impact": IMPACT | member}) == {f"/strategy_params/impact/{name}": "excluded"}
    intake("is", params | {"impact": IMPACT | member | {"law": "transient"}})
    intake("is", params | {"impact": IMPACT | {"decay": "exponential", "decay_s": None}})
