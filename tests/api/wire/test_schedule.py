"""Schedules on the wire: what was asked, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.api.schemas.schedule import RestAnswer, ScheduleAnswer
from app.api.wire.schedule import foreseen_json, schedule_json
from app.domain.enums import Strategy
from app.domain.posting import Peg, PostOnly, RestTerms, Switch
from app.domain.schedule import CostLaw, Progress
from app.domain.scheduled import Schedule, ScheduleState, ShortfallAsk
from tests.worlds import BTC_USDT, T0_NS, make_order

S = 10**9
ASKED = Schedule(Strategy.POV, 1, 0, T0_NS + 60 * S, 10 * S, cap_ppm=250_000, min_clip_units=100, rate_ppm=100_000)


def told(asked: Schedule | None, state: ScheduleState | None = None) -> ScheduleAnswer:
    return ScheduleAnswer.model_validate(schedule_json(asked, state, BTC_USDT)["schedule"])


def test_what_was_asked_is_told_in_decimals() -> None:
    plain = schedule_json(ASKED, None, BTC_USDT)["schedule"]
    assert (plain["participation_cap"], plain["min_clip"], plain["rate"]) == ("0.25", "0.001", "0.1")
    assert (plain["slice"], plain["start_at"], plain["released_qty"], plain["curve"]) == ("10", None, "0", None)
    assert told(ASKED).urgency == "normal"


def test_where_it_stands_comes_from_its_state() -> None:
    begun = replace(ASKED, start_ns=T0_NS, strategy=Strategy.VWAP, weights=(1, 2))
    state = ScheduleState(begun, 10, 12_000_000, Progress(100, T0_NS, 0, 0, 25, 0, is_paused=True))
    found = told(ASKED, state)
    assert (str(found.released_qty), found.is_paused, found.curve, found.rate) == ("0.0025", True, [1, 2], None)


def test_a_done_order_has_released_what_it_filled_and_a_slice_is_not_told_before_it_is_known() -> None:
    begun = replace(ASKED, start_ns=T0_NS)
    state = ScheduleState(begun, 10, 12_000_000, Progress(100, T0_NS, 0, 0, 25, 0))
    assert schedule_json(ASKED, state, BTC_USDT, done_units=200)["schedule"]["released_qty"] == "0.002"
    assert told(replace(ASKED, slice_ns=0)).slice is None


def test_a_shortfall_tells_its_belief_in_base() -> None:
    ask = ShortfallAsk(CostLaw.LINEAR, "2", "50000", "0.0000001", "1.5", "0.000001")
    found = told(replace(ASKED, strategy=Strategy.SHORTFALL, shortfall=ask))
    assert found.impact is not None
    assert (str(found.impact.at_rate), str(found.impact.bps), str(found.risk_aversion)) == ("0.5", "2", "0.000001")


def test_what_rests_is_told_as_it_was_said() -> None:
    plain = schedule_json(ASKED, None, BTC_USDT)["schedule"]
    assert [plain[name] for name in ("posting", "post_only", "peg", "display_qty")] == [None, None, "none", None]
    said = replace(ASKED, resting=RestTerms(Switch.OFF, PostOnly.CONVERT, Peg.NEAR, 1_000))
    plain = schedule_json(said, None, BTC_USDT)["schedule"]
    assert [plain[name] for name in ("posting", "post_only", "peg", "display_qty")] == [
        "off",
        "convert",
        "near",
        "0.01",
    ]


def test_an_order_at_once_has_no_such_member() -> None:
    assert schedule_json(None, None, BTC_USDT) == {}


@dataclass(frozen=True)
class Child:
    venue: str = "ven_a"
    price_units: int = 6_000_050
    qty_units: int = 250
    ahead_qty_units: int = 1_000
    rest_until_ns: int = T0_NS


def test_what_would_rest_is_told_in_decimals_and_only_of_orders_in_time() -> None:
    order = make_order(schedule=ASKED)
    (rests,) = foreseen_json(order, None, ((), (Child(),)), BTC_USDT)["resting"]
    told_rest = RestAnswer.model_validate(rests)
    assert (str(told_rest.price), str(told_rest.qty), str(told_rest.ahead_qty)) == ("60000.5", "0.0025", "0.01")
    assert foreseen_json(make_order(), None, ((), ()), BTC_USDT) == {}
