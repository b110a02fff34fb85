"""Every limit at limit - 1, limit and limit + 1; every check fails closed on a missing input."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import ContractKind, ExclusionCode, KillScope, OrderType, RefusalCode, Side, TimeInForce
from app.domain.errors import OrderRefused
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.plan import Exclusion
from app.domain.units import NANO
from app.risk import checks
from app.risk.exposure import AccountView, GateView, capacity_nano, price_cap_units
from app.risk.gate import approve
from app.risk.reference import Reference
from tests.worlds import BTC_USDT, LIMITS, make_order, make_universe

MID_HALF = 12_000_000  # 60,000.00
UNIVERSE = make_universe()
VENUES = tuple(UNIVERSE.venues)


def make_view(**changes: object) -> GateView:
    """A rich account on a good market; `order_*` and `account_*` changes go to those parts."""
    order = make_order(**{k[6:]: v for k, v in changes.items() if k.startswith("order_")})
    account = AccountView(
        limits=LIMITS,
        killed=frozenset(),
        free_nano={(v, c): 10_000_000 * NANO for v in VENUES for c in ("USDT", "BTC")},
        position_units={},
        open_buy_units=0,
        open_sell_units=0,
        n_open_orders=0,
        open_notional_nano=0,
        venue_stake_nano={},
    )
    account = replace(account, **{k[8:]: v for k, v in changes.items() if k.startswith("account_")})
    view = GateView(
        order=order,
        mode="paper",  # type: ignore[arg-type]
        now_ns=1_000,
        symbol=BTC_USDT,
        instruments=UNIVERSE.listings("BTC/USDT"),
        taker_fee_ppm={v: UNIVERSE.fees[v].taker_fee_ppm for v in VENUES},
        barred={},
        reference=Reference(MID_HALF, 5_999_900, 6_000_100, {}, dict.fromkeys(VENUES, MID_HALF), True),
        account=account,
        wait_ns=0,
        lookalike_id="",
        eligible=VENUES,
    )
    rest = {k: v for k, v in changes.items() if not k.startswith(("order_", "account_"))}
    return replace(view, **rest)  # type: ignore[arg-type]


def refusal_of(view: GateView) -> RefusalCode | None:
    try:
        approve(view, 1)
    except OrderRefused as refusal:
        assert refusal.hint or refusal.limit
        return refusal.code
    return None


def limited(**changes: object) -> object:
    return replace(LIMITS, **changes)  # type: ignore[arg-type]


def test_a_good_order_is_approved_under_the_limits_version() -> None:
    approved = approve(make_view(), 42)
    assert (approved.limits_version, approved.decision_seq) == (LIMITS.version, 42)


@pytest.mark.parametrize(
    ("scope", "target"), [(KillScope.GLOBAL, ""), (KillScope.ACCOUNT, "desk"), (KillScope.SYMBOL, "BTC/USDT")]
)
def test_trading_halted(scope: KillScope, target: str) -> None:
    assert refusal_of(make_view(account_killed=frozenset({(scope, target)}))) is RefusalCode.TRADING_HALTED
    assert refusal_of(make_view(account_killed=frozenset({(scope, target + "x")}))) is None


def test_not_authorised_without_limits() -> None:
    assert refusal_of(make_view(account_limits=None)) is RefusalCode.NOT_AUTHORISED


def test_restricted_instrument() -> None:
    assert (
        refusal_of(make_view(account_limits=limited(allowed_symbols=("ETH/USDT",))))
        is RefusalCode.RESTRICTED_INSTRUMENT
    )
    assert refusal_of(make_view(account_limits=limited(allowed_symbols=("BTC/USDT",)))) is None


def test_duplicate_order() -> None:
    assert refusal_of(make_view(lookalike_id="ord_1")) is RefusalCode.DUPLICATE_ORDER


@pytest.mark.parametrize(
    ("expire_ts_ns", "code"), [(999, RefusalCode.STALE_REQUEST), (1_000, RefusalCode.STALE_REQUEST), (1_001, None)]
)
def test_stale_request(expire_ts_ns: int, code: RefusalCode | None) -> None:
    assert refusal_of(make_view(order_time_in_force=TimeInForce.GTD, order_expire_ts_ns=expire_ts_ns)) is code


@pytest.mark.parametrize(
    ("qty_units", "code"),
    [
        (0, RefusalCode.INVALID_QUANTITY),
        (-5, RefusalCode.INVALID_QUANTITY),
        (95, RefusalCode.INVALID_QUANTITY),
        (100, None),
    ],
)
def test_invalid_quantity_shows_the_two_nearest(qty_units: int, code: RefusalCode | None) -> None:
    view = make_view(order_qty_units=qty_units, eligible=("ven_b", "ven_c"))
    assert refusal_of(view) is code
    if qty_units == 95:
        refusal = checks.invalid_quantity(view)
        assert refusal is not None
        assert refusal.hint == "Use 0.0009 or 0.001."


@pytest.mark.parametrize(
    ("limit_price", "code"),
    [
        (None, RefusalCode.INVALID_PRICE_INCREMENT),
        (0, RefusalCode.INVALID_PRICE_INCREMENT),
        (6_000_005, RefusalCode.INVALID_PRICE_INCREMENT),
        (6_000_010, None),
    ],
)
def test_invalid_price_increment(limit_price: int | None, code: RefusalCode | None) -> None:
    view = make_view(order_order_type=OrderType.LIMIT, order_limit_price_units=limit_price, eligible=("ven_b", "ven_c"))
    assert refusal_of(view) is code


@pytest.mark.parametrize(("delta", "code"), [(-1, None), (0, None), (1, RefusalCode.MAX_ORDER_QTY)])
def test_max_order_qty(delta: int, code: RefusalCode | None) -> None:
    limits = limited(max_order_qty_nano=500 * 10_000)
    assert refusal_of(make_view(account_limits=limits, order_qty_units=500 + delta)) is code


@pytest.mark.parametrize(("delta", "code"), [(-1, None), (0, None), (1, RefusalCode.MAX_ORDER_NOTIONAL)])
def test_max_order_notional_by_notional(delta: int, code: RefusalCode | None) -> None:
    limits = limited(max_order_notional_nano=1_000 * NANO)
    view = make_view(account_limits=limits, order_qty_units=None, order_notional_nano=1_000 * NANO + delta)
    assert refusal_of(view) is code


def test_max_order_notional_judges_market_orders_at_their_worst_price() -> None:
    at_mid_nano = BTC_USDT.notional_nano(6_000_000, 1_000)
    view = make_view(account_limits=limited(max_order_notional_nano=at_mid_nano), order_qty_units=1_000)
    assert refusal_of(view) is RefusalCode.MAX_ORDER_NOTIONAL


@pytest.mark.parametrize(
    ("notional", "code"), [(5 * NANO - 1, RefusalCode.MIN_NOTIONAL), (5 * NANO, None), (5 * NANO + 1, None)]
)
def test_min_notional(notional: int, code: RefusalCode | None) -> None:
    assert refusal_of(make_view(order_qty_units=None, order_notional_nano=notional)) is code


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(("away", "code"), [(299_999, None), (300_000, None), (300_001, RefusalCode.PRICE_COLLAR)])
def test_price_collar(side: Side, away: int, code: RefusalCode | None) -> None:
    limit = 6_000_000 + side.sign * away  # the collar is 5 %
    view = make_view(order_side=side, order_order_type=OrderType.LIMIT, order_limit_price_units=limit)
    assert refusal_of(view) is code


def test_reference_price_unavailable_and_book_invalid() -> None:
    none = Reference(0, 0, 0, {}, {}, False)
    gone = {v: Exclusion(v, ExclusionCode.NO_BOOK) for v in VENUES}
    assert refusal_of(make_view(reference=none, barred=gone, eligible=())) is RefusalCode.REFERENCE_PRICE_UNAVAILABLE
    stale = {v: Exclusion(v, ExclusionCode.STALE_BOOK) for v in VENUES}
    old = Reference(0, 0, 0, stale, {}, True)
    assert refusal_of(make_view(reference=old, barred=stale, eligible=())) is RefusalCode.BOOK_INVALID


def test_venue_unavailable() -> None:
    off = {v: Exclusion(v, ExclusionCode.DISABLED) for v in VENUES}
    assert refusal_of(make_view(barred=off, eligible=())) is RefusalCode.VENUE_UNAVAILABLE


@pytest.mark.parametrize(("ppm", "code"), [(9_999, None), (10_000, None), (10_001, RefusalCode.MAX_SLIPPAGE)])
def test_max_slippage(ppm: int, code: RefusalCode | None) -> None:
    assert refusal_of(make_view(order_max_slippage_ppm=ppm)) is code


def test_a_market_order_without_any_cap_is_refused() -> None:
    assert refusal_of(make_view(account_limits=limited(default_slippage_ppm=0))) is RefusalCode.MAX_SLIPPAGE


@pytest.mark.parametrize(("n_open", "code"), [(98, None), (99, None), (100, RefusalCode.MAX_OPEN_ORDERS)])
def test_max_open_orders(n_open: int, code: RefusalCode | None) -> None:
    assert refusal_of(make_view(account_n_open_orders=n_open)) is code


@pytest.mark.parametrize(("delta", "code"), [(-1, None), (0, None), (1, RefusalCode.MAX_OPEN_NOTIONAL)])
def test_max_open_notional(delta: int, code: RefusalCode | None) -> None:
    limits = limited(max_open_notional_nano=2_000 * NANO)
    view = make_view(
        account_limits=limits,
        account_open_notional_nano=1_000 * NANO + delta,
        order_qty_units=None,
        order_notional_nano=1_000 * NANO,
    )
    assert refusal_of(view) is code


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(("delta", "code"), [(-1, None), (0, None), (1, RefusalCode.MAX_POSITION)])
def test_max_position_counts_the_worst_case(side: Side, delta: int, code: RefusalCode | None) -> None:
    view = make_view(
        account_limits=limited(max_position_nano=1_000 * 10_000),
        account_position_units={"ven_a": side.sign * 300},
        account_open_buy_units=400,
        account_open_sell_units=400,
        order_side=side,
        order_qty_units=300 + delta,
    )
    assert refusal_of(view) is code


@pytest.mark.parametrize("side", list(Side))
def test_insufficient_balance(side: Side) -> None:
    view = make_view(account_free_nano={("ven_a", "USDT"): 59 * NANO, ("ven_a", "BTC"): 99 * 10_000}, order_side=side)
    assert refusal_of(view) is RefusalCode.INSUFFICIENT_BALANCE
    enough = make_view(
        account_free_nano={("ven_a", "USDT"): 61 * NANO, ("ven_a", "BTC"): 100 * 10_000}, order_side=side
    )
    assert refusal_of(enough) is None


@pytest.mark.parametrize("side", list(Side))
def test_credit_limit(side: Side) -> None:
    """A sale is counted in coin: one nano of it is worth more than one of money."""
    full = {(venue, side): LIMITS.venue_credit_nano for venue in VENUES}
    assert refusal_of(make_view(order_side=side, account_venue_stake_nano=full)) is RefusalCode.CREDIT_LIMIT
    other = Side.SELL if side is Side.BUY else Side.BUY
    assert refusal_of(make_view(order_side=other, account_venue_stake_nano=full)) is None
    full["ven_a", side] -= 60_000
    assert refusal_of(make_view(order_side=side, account_venue_stake_nano=full)) is None


@pytest.mark.parametrize(("wait_ns", "code"), [(0, None), (1, RefusalCode.MESSAGE_RATE)])
def test_message_rate(wait_ns: int, code: RefusalCode | None) -> None:
    assert refusal_of(make_view(wait_ns=wait_ns)) is code


def test_every_check_has_a_refusal_code_of_its_own_name() -> None:
    assert {c.value for c in checks.CHECK_CODES.values()} == {c.__name__ for c in checks.PARENT_CHECKS}


def test_the_tighter_of_limit_and_slippage_caps_wins() -> None:
    buy = {"order_order_type": OrderType.LIMIT, "order_max_slippage_ppm": 1_000}
    assert price_cap_units(make_view(order_limit_price_units=6_001_000, **buy)) == 6_001_000
    assert price_cap_units(make_view(order_limit_price_units=6_100_000, **buy)) == 6_006_000
    sell = {**buy, "order_side": Side.SELL}
    assert price_cap_units(make_view(order_limit_price_units=5_999_000, **sell)) == 5_999_000
    assert price_cap_units(make_view(order_limit_price_units=5_900_000, **sell)) == 5_994_000


def test_inverse_collateral_is_valued_in_quote() -> None:
    fungible = FungibilityClass("BTC", "USD", "BTC", ContractKind.INVERSE, multiplier_nano=100 * NANO)
    symbol = Symbol("BTC/USD:BTC", fungible, price_scale=1, qty_scale=0)
    listing = {"ven_a": Instrument("ven_a", symbol.name, "BTCUSD", fungible, 1, 1)}
    view = make_view(
        symbol=symbol,
        instruments=listing,
        taker_fee_ppm={"ven_a": FeeTier("ven_a", "b", 500, 200, 0, "t", "2026-11-01").taker_fee_ppm},
        eligible=("ven_a",),
        account_free_nano={("ven_a", "BTC"): NANO},
        reference=Reference(1_200_000, 0, 0, {}, {}, True),
        order_qty_units=10,
    )
    assert capacity_nano(view) == {"ven_a": 60_000 * NANO}
