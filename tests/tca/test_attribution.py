"""The waterfall adds up, mirrors between the sides, and gives the figures a person would compute."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import (
    ChildState,
    ContractKind,
    DoneReason,
    Liquidity,
    Mode,
    OrderType,
    ParentState,
    Remainder,
    Side,
    Strategy,
    TimeInForce,
)
from app.domain.events import ChildFilled, OrderAccepted
from app.domain.fees import fee_nano
from app.domain.instrument import FungibilityClass, Symbol
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.domain.records import ChildRecord, FillRecord, ParentRecord
from app.domain.units import NANO
from app.tca.attribution import attribute, parts_total_nano
from app.tca.benchmarks import mid_money_nano

SPOT = Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), 2, 5)
LINEAR = Symbol(
    "BTC/USDT:USDT",
    FungibilityClass("BTC", "USDT", "USDT", ContractKind.LINEAR, multiplier_nano=10**6),
    1,
    0,
)
INVERSE = Symbol(
    "BTC/USD:BTC",
    FungibilityClass("BTC", "USD", "BTC", ContractKind.INVERSE, multiplier_nano=100 * NANO),
    1,
    0,
)
SYMBOLS = (SPOT, LINEAR, INVERSE)


def order_of(symbol: Symbol, side: Side, qty_units: int | None, **changes: object) -> ParentOrder:
    order = ParentOrder(
        account="desk",
        client_order_id="c1",
        symbol=symbol.name,
        side=side,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        strategy=Strategy.SOR,
        remainder=Remainder.NONE,
        qty_units=qty_units,
        notional_nano=None,
        limit_price_units=None,
        max_slippage_ppm=1000,
        expire_ts_ns=0,
        venues=VenueFilter(),
        is_full_fill_required=False,
        decision_ts_ns=0,
        decision_price_units=None,
        received_ts_ns=1,
        body_hash="",
    )
    return replace(order, **changes)


def record_of(order: ParentOrder, received_half: int, approved_half: int, fills: list[ChildFilled]) -> ParentRecord:
    accepted = OrderAccepted(
        account=order.account,
        order_id="ord_1",
        order=order,
        mode=Mode.PAPER,
        limits_version=1,
        price_cap_units=0,
        arrival_bid_units=0,
        arrival_ask_units=0,
        received_mid_half_units=received_half,
        approved_mid_half_units=approved_half,
        approved_ts_ns=2,
    )
    record = ParentRecord(
        accepted=accepted,
        mode=Mode.PAPER,
        state=ParentState.DONE,
        done_reason=DoneReason.FILLED,
        done_detail="",
        cum_qty_units=sum(f.qty_units for f in fills),
        cum_money_nano=sum(f.money_nano for f in fills),
        cum_notional_nano=sum(f.notional_nano for f in fills),
        fees_nano={},
        is_canceling=False,
        n_waves=1,
        route_id="",
        created_ts_ns=2,
        updated_ts_ns=3,
        accepted_account_seq=1,
        last_seq=9,
        last_account_seq=9,
        version=1,
    )
    record.fills = [FillRecord(i + 1, i + 1, 3, f) for i, f in enumerate(fills)]
    return record


def fill_of(symbol: Symbol, price_units: int, qty_units: int, **changes: object) -> ChildFilled:
    money = symbol.money_nano(price_units, qty_units)
    fill = ChildFilled(
        account="desk",
        order_id="ord_1",
        child_id="chd_1",
        exec_id="exe_1",
        venue="alpha",
        symbol=symbol.name,
        venue_trade_id="t1",
        price_units=price_units,
        qty_units=qty_units,
        qty_lots=qty_units,
        money_nano=money,
        notional_nano=symbol.notional_nano(price_units, qty_units),
        fee_nano=0,
        fee_currency=symbol.money_currency,
        liquidity=Liquidity.TAKER,
        venue_ts_ns=3,
        received_ts_ns=3,
        venue_mid_half_units=0,
        class_mid_half_units=0,
        is_late=False,
        signed_qty_units=qty_units,
        moves=(),
    )
    return replace(fill, **changes)


def test_a_spot_buy_by_hand() -> None:
    # 2 BTC wanted at a decision price of 64,000.00; approved at 64,001.00; the class stands at 64,002.00 when
    # 1.5 BTC fill at alpha (own mid 64,002.50): 1 BTC at its touch 64,003.00 and 0.5 at 64,004.00; fee 5 bps.
    order = order_of(SPOT, Side.BUY, 200_000, decision_price_units=6_400_000)
    common = {"class_mid_half_units": 2 * 6_400_200, "venue_mid_half_units": 2 * 6_400_250}
    money_1, money_2 = 64_003 * NANO, 32_002 * NANO
    fills = [
        fill_of(SPOT, 6_400_300, 100_000, fee_nano=fee_nano(money_1, 500), **common),
        fill_of(SPOT, 6_400_400, 50_000, fee_nano=fee_nano(money_2, 500), **common),
    ]
    report = attribute(record_of(order, 2 * 6_400_050, 2 * 6_400_100, fills), SPOT, 2 * 6_401_000)
    assert report.reference == "decision"
    assert report.reference_money_nano == 96_000 * NANO
    assert report.filled_money_nano == money_1 + money_2
    assert report.delay_nano == 1_500_000_000  # 1.5 BTC x 1.00
    assert report.timing_nano == 1_500_000_000
    assert report.basis_nano == 750_000_000  # 1.5 x 0.50
    assert report.spread_nano == 750_000_000
    assert report.impact_nano == 500_000_000  # 0.5 x 1.00
    assert report.fee_nano == 48_002_500_000
    assert report.gas_nano == 0
    assert report.opportunity_nano == 5 * NANO  # 0.5 BTC x 10.00
    assert report.total_nano == 58_002_500_000


def test_an_inverse_buy_pays_in_coin() -> None:
    # 100 contracts of 100 USD bought 10.0 above a mid of 50,000.0: the claim is 0.2 BTC less 10,000 / 50,010.
    order = order_of(INVERSE, Side.BUY, 100)
    report = attribute(record_of(order, 1_000_000, 1_000_000, [fill_of(INVERSE, 500_100, 100)]), INVERSE, 1_000_000)
    assert report.reference == "received"
    assert report.reference_money_nano == 200_000_000
    assert report.filled_money_nano == 199_960_008
    assert report.spread_nano == 39_992
    assert report.total_nano == 39_992


def test_the_unfilled_part_of_a_notional_order_is_priced_at_the_close() -> None:
    order = order_of(SPOT, Side.SELL, None, notional_nano=64_000 * NANO)
    report = attribute(record_of(order, 2 * 6_400_000, 2 * 6_400_000, []), SPOT, 2 * 6_390_000)
    assert report.filled_qty_units == 0
    assert report.opportunity_nano == 100 * NANO  # one coin was not sold while the price fell by 100
    assert report.total_nano == 100 * NANO


def test_the_unfilled_part_of_an_inverse_notional_order_is_whole_contracts() -> None:
    order = order_of(INVERSE, Side.BUY, None, notional_nano=10_000 * NANO)
    report = attribute(record_of(order, 1_000_000, 1_000_000, []), INVERSE, 1_000_200)
    assert report.opportunity_nano == 200_000_000 - 199_960_008


def test_without_a_closing_mid_the_unfilled_part_is_priced_at_the_approved_mid() -> None:
    report = attribute(record_of(order_of(SPOT, Side.BUY, 100_000), 12_800_000, 12_800_200, []), SPOT, 0)
    assert report.closing_mid_half_units == 0
    assert report.opportunity_nano == NANO


def test_a_rebate_lowers_the_cost() -> None:
    fill = fill_of(SPOT, 6_400_000, 100_000, fee_nano=-5)
    report = attribute(record_of(order_of(SPOT, Side.BUY, 100_000), 12_800_000, 12_800_000, [fill]), SPOT, 12_800_000)
    assert (report.fee_nano, report.total_nano) == (-5, -5)


def test_gas_is_the_fixed_part_of_the_charge_and_no_fee() -> None:
    fills = [
        fill_of(SPOT, 6_400_000, 50_000, fee_nano=1_200, gas_nano=1_000),
        fill_of(SPOT, 6_400_000, 50_000, fee_nano=200),
        fill_of(SPOT, 6_400_000, 50_000, fee_nano=40, gas_nano=30, fee_currency="BNB"),
    ]
    report = attribute(record_of(order_of(SPOT, Side.BUY, 150_000), 12_800_000, 12_800_000, fills), SPOT, 12_800_000)
    assert (report.fee_nano, report.gas_nano, report.total_nano) == (400, 1_000, 1_400)
    assert report.fee_unconverted == (("BNB", 40),)


def test_fees_in_another_currency_stand_apart() -> None:
    fills = [
        fill_of(SPOT, 6_400_000, 100_000, fee_nano=7, fee_currency="BNB"),
        fill_of(SPOT, 6_400_000, 100_000, fee_nano=3, fee_currency="BTC"),
        fill_of(SPOT, 6_400_000, 100_000, fee_nano=4, fee_currency="BNB"),
        fill_of(SPOT, 6_400_000, 100_000, fee_nano=9),
    ]
    report = attribute(record_of(order_of(SPOT, Side.BUY, 400_000), 12_800_000, 12_800_000, fills), SPOT, 12_800_000)
    assert report.fee_nano == 9
    assert report.fee_unconverted == (("BNB", 11), ("BTC", 3))


def test_a_fill_without_own_mid_has_no_basis_and_takes_the_mid_of_its_sending() -> None:
    order = order_of(SPOT, Side.BUY, 100_000)
    record = record_of(order, 12_800_000, 12_800_000, [fill_of(SPOT, 6_400_300, 100_000)])
    child = ChildOrder(
        child_id="chd_1",
        client_id="x",
        order_id="ord_1",
        account="desk",
        wave=1,
        venue="alpha",
        symbol=SPOT.name,
        side=Side.BUY,
        time_in_force=TimeInForce.IOC,
        price_ticks=6_400_300,
        qty_lots=100_000,
        tick_units=1,
        lot_units=1,
        deadline_ts_ns=0,
    )
    record.children["chd_1"] = ChildRecord(
        child=child,
        state=ChildState.FILLED,
        venue_order_id="",
        cum_qty_units=100_000,
        cum_money_nano=0,
        is_canceling=False,
        code="",
        text="",
        sent_ts_ns=0,
        acked_ts_ns=0,
        updated_ts_ns=0,
        last_seq=0,
        mid_half_units=12_800_200,
    )
    report = attribute(record, SPOT, 12_800_000)
    assert report.basis_nano == 0
    assert report.timing_nano == NANO
    assert report.spread_nano == 2 * NANO


def test_an_overfill_leaves_nothing_unfilled() -> None:
    record = record_of(order_of(SPOT, Side.BUY, 1), 12_800_000, 12_800_000, [fill_of(SPOT, 6_400_000, 2)])
    assert attribute(record, SPOT, 13_000_000).opportunity_nano == 0


mids = st.integers(900_000, 1_100_000)
fill_values = st.tuples(
    st.integers(450_000, 550_000),
    st.integers(1, 10**6),
    st.sampled_from(["chd_1", "chd_2", "chd_3"]),
    st.one_of(st.just(0), mids),
    st.one_of(st.just(0), mids),
    st.integers(-(10**9), 10**9),
    st.sampled_from(["USDT", "BTC", "BNB"]),
)


def fills_of(symbol: Symbol, values: list[tuple[int, int, str, int, int, int, str]]) -> list[ChildFilled]:
    return [
        fill_of(
            symbol,
            price,
            qty,
            child_id=child,
            class_mid_half_units=class_half,
            venue_mid_half_units=venue_half,
            fee_nano=fee,
            fee_currency=currency,
        )
        for price, qty, child, class_half, venue_half, fee, currency in values
    ]


@pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda s: s.fungible.kind.value)
@settings(deadline=None)
@given(
    side=st.sampled_from(Side),
    values=st.lists(fill_values, max_size=8),
    extra_units=st.integers(0, 10**6),
    decision=st.one_of(st.none(), st.integers(450_000, 550_000)),
    received=mids,
    approved=mids,
    closing=st.one_of(st.just(0), mids),
)
def test_the_parts_sum_exactly_to_the_shortfall(
    symbol: Symbol,
    side: Side,
    values: list[tuple[int, int, str, int, int, int, str]],
    extra_units: int,
    decision: int | None,
    received: int,
    approved: int,
    closing: int,
) -> None:
    fills = fills_of(symbol, values)
    wanted = sum(f.qty_units for f in fills) + extra_units
    order = order_of(symbol, side, wanted, decision_price_units=decision)
    report = attribute(record_of(order, received, approved, fills), symbol, closing)
    sign = symbol.fungible.cost_sign(side)
    reference_half = 2 * decision if decision else received
    shortfall = sign * sum(f.money_nano - mid_money_nano(symbol, reference_half, f.qty_units) for f in fills)
    shortfall += sum(f.fee_nano for f in fills if f.fee_currency == symbol.money_currency)
    close_half = closing or approved
    left = mid_money_nano(symbol, close_half, extra_units) - mid_money_nano(symbol, reference_half, extra_units)
    assert report.total_nano == shortfall + sign * left
    assert parts_total_nano(report) == report.total_nano
    assert report.impact_nano >= 0  # no fill of a child is better than its best fill


def reflected(price: int, around: int) -> int:
    return 2 * around - price


@pytest.mark.parametrize("symbol", [SPOT, LINEAR], ids=lambda s: s.fungible.kind.value)
@settings(deadline=None)
@given(values=st.lists(fill_values, min_size=1, max_size=6), received=mids, approved=mids, closing=mids)
def test_a_sale_in_the_mirrored_market_costs_what_the_buy_costs(
    symbol: Symbol,
    values: list[tuple[int, int, str, int, int, int, str]],
    received: int,
    approved: int,
    closing: int,
) -> None:
    centre = 500_000
    buys = fills_of(symbol, values)
    sells = [
        fill_of(
            symbol,
            reflected(f.price_units, centre),
            f.qty_units,
            child_id=f.child_id,
            fee_nano=f.fee_nano,
            fee_currency=f.fee_currency,
            class_mid_half_units=f.class_mid_half_units and reflected(f.class_mid_half_units, 2 * centre),
            venue_mid_half_units=f.venue_mid_half_units and reflected(f.venue_mid_half_units, 2 * centre),
        )
        for f in buys
    ]
    wanted = sum(f.qty_units for f in buys) + 17
    buy = attribute(
        record_of(order_of(symbol, Side.BUY, wanted), received, approved, buys),
        symbol,
        closing,
    )
    sell = attribute(
        record_of(
            order_of(symbol, Side.SELL, wanted),
            reflected(received, 2 * centre),
            reflected(approved, 2 * centre),
            sells,
        ),
        symbol,
        reflected(closing, 2 * centre),
    )
    for part in ("delay", "timing", "basis", "spread", "impact", "fee", "opportunity", "total"):
        assert getattr(buy, f"{part}_nano") == getattr(sell, f"{part}_nano"), part


@settings(deadline=None)
@given(price_units=st.integers(450_000, 550_000), mid_units=st.integers(450_000, 550_000), qty=st.integers(1, 10**6))
def test_paying_above_the_mid_costs_the_buyer_of_every_kind(price_units: int, mid_units: int, qty: int) -> None:
    for symbol in SYMBOLS:
        record = record_of(
            order_of(symbol, Side.BUY, qty), 2 * mid_units, 2 * mid_units, [fill_of(symbol, price_units, qty)]
        )
        total = attribute(record, symbol, 2 * mid_units).total_nano
        assert total * (price_units - mid_units) >= 0
