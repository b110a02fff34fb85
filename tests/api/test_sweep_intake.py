"""What an order at once asks for beyond lit books: exact, typed, and refused where it cannot stand."""

from __future__ import annotations

import pytest

from app.api.errors import InvalidRequest
from app.api.intake import parent_order
from app.api.schemas.order import OrderBody
from app.api.sweep_intake import sweep_contradictions, sweep_of
from app.api.validate import validate
from app.domain.sweeps import DEFAULT_WAIT_NS, SweepStyle, SweepTerms
from tests.worlds import BTC_USDT, T0_NS, make_universe

UNIVERSE = make_universe()
DARK = {"sweep_style": "dark_then_lit"}


def body_of(params: object, **members: object) -> OrderBody:
    body = {"symbol": "BTC/USDT", "side": "buy", "type": "market", "qty": "0.1", "time_in_force": "ioc"}
    return validate(OrderBody, body | members | {"strategy_params": params})


def intake(params: object, **members: object) -> SweepTerms | None:
    return parent_order(body_of(params, **members), BTC_USDT, UNIVERSE, "desk", T0_NS).sweep


def culprits(params: object, **members: object) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        intake(params, **members)
    return {error.pointer: error.code for error in caught.value.errors}


@pytest.mark.parametrize("strategy", ["sor", "sweep"])
def test_every_member_is_exact(strategy: str) -> None:
    found = intake(DARK | {"min_qty": "0.05", "wait": "0.5", "dealers": True}, strategy=strategy)
    assert found == SweepTerms(SweepStyle.DARK_THEN_LIT, 1, 5_000, 500_000_000, asks_dealers=True)
    assert intake(DARK, strategy=strategy) == SweepTerms(SweepStyle.DARK_THEN_LIT, 1, 0, DEFAULT_WAIT_NS)


def test_the_strategy_is_the_default_one_where_none_is_named() -> None:
    assert intake(DARK) is not None


def test_a_plain_sweep_is_the_order_that_it_always_was() -> None:
    assert intake({"sweep_style": "sweep"}, strategy="sweep") is None
    assert intake({}) is None


def test_what_cannot_stand_together() -> None:
    assert culprits(DARK, notional="100", qty=None) == {"/notional": "excluded"}
    assert "/time_in_force" in culprits(DARK, time_in_force="fok")
    assert "/require_full_fill" in culprits(DARK, require_full_fill=True)
    pool = {"currencies": ["USDT", "USDC"], "max_basis_bps": "5", "carrier": "desk"}
    assert "/quote_pool" in culprits(DARK, quote_pool=pool)
    assert culprits({"dealers": True, "min_qty": "1"}) == {"/strategy_params/min_qty": "excluded"}
    assert not sweep_contradictions(body_of(DARK))


def test_members_of_another_strategy_are_refused() -> None:
    assert culprits({"strategy": "twap", "end_at": "2099-01-01T00:00:00Z"}) == {"/strategy_params": "excluded"}
    assert culprits(DARK | {"strategy": "sweep"}) == {"/strategy_params": "excluded"}
    assert culprits(DARK | {"version": 2})
    assert culprits({"sweep_style": "somehow"})
    assert culprits(DARK | {"extra": 1})


def test_waits_and_leasts_are_bounded_and_exact() -> None:
    assert culprits(DARK | {"wait": "10.1"}) == {"/strategy_params/wait": "too_long"}
    assert culprits(DARK | {"wait": "0"}) == {"/strategy_params/wait": "zero"}
    assert "/strategy_params/min_qty" in culprits(DARK | {"min_qty": "0.000001"})


def test_terms_need_their_parameters() -> None:
    body = body_of(DARK)
    assert sweep_of(body, BTC_USDT, lambda *_: None, []) == SweepTerms(SweepStyle.DARK_THEN_LIT)
