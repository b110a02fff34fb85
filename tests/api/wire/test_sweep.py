"""The member `sweep` of an order."""

from __future__ import annotations

from app.api.schemas.sweep import SweepAnswer
from app.api.wire.sweep import sweep_json
from app.domain.sweeps import SweepStyle, SweepTerms
from tests.worlds import BTC_USDT, make_order


def test_an_order_without_one_has_no_such_member() -> None:
    assert sweep_json(make_order(), BTC_USDT) == {}


def test_it_reads_as_it_was_asked() -> None:
    terms = SweepTerms(SweepStyle.DARK_THEN_LIT, min_qty_units=5_000, wait_ns=500_000_000)
    told = sweep_json(make_order(sweep=terms), BTC_USDT)["sweep"]
    assert SweepAnswer.model_validate(told)
    assert told == {"sweep_style": "dark_then_lit", "version": 1, "min_qty": "0.05", "wait": "0.5", "dealers": False}
    bare = sweep_json(make_order(sweep=SweepTerms(SweepStyle.SWEEP_POST)), BTC_USDT)["sweep"]
    assert (bare["min_qty"], bare["wait"]) == (None, "0.25")
