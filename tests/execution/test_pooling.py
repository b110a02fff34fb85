"""An order with a quote_pool, from the gate to its cost: rates, reasons, children in own ticks, true currencies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain import events as ev
from app.domain.enums import (
    DoneReason,
    ExclusionCode,
    KillAction,
    KillScope,
    Mode,
    OrderType,
    RefusalCode,
    Remainder,
    Side,
    Strategy,
    TimeInForce,
)
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.domain.plan import RoutePlan
from app.domain.quote_pool import QuotePool
from app.domain.records import ParentRecord
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution.context import remaining_notional_nano
from app.execution.ledger import fold
from app.execution.pooling import convert_levels
from app.execution.taken import Taken
from app.store.codec import decode_fact, encode_fact
from app.store.statehash import ledger_hash
from app.tca.attribution import parts_total_nano
from bestex_verify.judge import verify_receipt
from tests.pool_desk import BPS, BTC_USDC, POOL, PoolDesk, pool_desk, pool_order, put_books, sell, without_pool
from tests.worlds import BTC_USDT, LIMITS, MS, sent


def plan_of(desk: PoolDesk, order: ParentOrder) -> RoutePlan:
    preview = desk.core.preview(order, Mode.PAPER, desk.now_ns)
    assert preview.planned is not None, [c.refusal for c in preview.checks if c.refusal]
    return preview.planned.plan


def reasons(plan: RoutePlan) -> dict[str, tuple[ExclusionCode, int, int]]:
    return {x.venue: (x.code, x.limit, x.value) for x in plan.excluded}


def in_usdc(children: list[ChildOrder]) -> list[ChildOrder]:
    return [child for child in children if child.symbol == "BTC/USDC"]


def test_the_cheaper_dollar_gets_the_order_and_its_children_are_in_their_own_ticks() -> None:
    desk = pool_desk()
    parent, children = desk.accepted(pool_order(qty_units=8_000))
    assert {child.symbol for child in children} == {"BTC/USDC"}
    assert {child.venue for child in children} == {"a", "c"}
    assert sum(child.qty_units for child in children) == 8_000
    for child in children:
        listing = desk.core.world.universe.instruments[(child.venue, child.symbol)]
        assert (child.tick_units, child.lot_units) == (listing.tick_units, listing.lot_units)
        own_price = child.price_units  # 59,9xx.x USDC
        assert 599_900 < own_price < 600_000
    (rate,) = parent.routes[0][1].plan.conversions
    # A buyer gets the other dollar at the lowest ask of the pair: c's 1.00000.
    assert (rate.quote_units, rate.currency_units, rate.pair, rate.is_inverse) == (100_000, 100_000, "USDC/USDT", False)
    assert {quote.venue for quote in rate.quotes} == {"b", "c"}


def test_a_seller_is_paid_at_the_highest_bid_of_the_pair() -> None:
    desk = pool_desk()
    (rate,) = plan_of(desk, sell()).conversions
    assert (rate.quote_units, rate.currency_units) == (99_990, 100_000)


@pytest.mark.parametrize("side", list(Side))
def test_the_inverse_pair_says_the_same(side: Side) -> None:
    desk = pool_desk("USDT/USDC")
    (rate,) = plan_of(desk, pool_order(side=side)).conversions
    # Getting USDC is selling USDT at the highest bid; getting rid of it is buying USDT at the lowest ask.
    assert (rate.quote_units, rate.currency_units) == ((100_000, 100_000) if side is Side.BUY else (100_000, 100_010))
    assert rate.is_inverse


def test_without_a_pool_no_plan_knows_the_other_currency() -> None:
    desk = pool_desk()
    plan = plan_of(desk, without_pool(pool_order()))
    assert {a.venue for a in plan.allocations} | {x.venue for x in plan.excluded} == {"a", "b"}
    assert not plan.conversions


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("qty_units", [100, 900, 4_000, 9_990, 14_000])
def test_a_pool_is_never_dearer_at_its_rate(side: Side, qty_units: int) -> None:
    desk = pool_desk()
    order = pool_order(side=side, qty_units=qty_units)
    alone, pooled = plan_of(desk, without_pool(order)), plan_of(desk, order)
    assert pooled.allocated_qty_units >= alone.allocated_qty_units
    if pooled.allocated_qty_units == alone.allocated_qty_units:
        assert pooled.certificate.objective_nano <= alone.certificate.objective_nano


@pytest.mark.parametrize("side", list(Side))
def test_every_child_keeps_the_orders_limit_after_conversion(side: Side) -> None:
    desk = pool_desk()
    desk.put("b", "USDC/USDT", ((100_012, 10**9),), ((100_013, 10**9),))
    desk.put("c", "USDC/USDT", ((100_011, 10**9),), ((100_014, 10**9),))
    n_judged = 0
    for limit_units in range(5_998_000, 6_002_000, 37):
        desk.core.memory.taken = Taken()  # each on the whole books
        order = pool_order(side=side, order_type=OrderType.LIMIT, limit_price_units=limit_units, qty_units=20_000)
        turn = desk.turn(inp.Submit(order, Mode.PAPER))
        (reply,) = turn.replies
        assert isinstance(reply, inp.Accepted), reply
        parent = desk.core.ledger.parents[reply.fact.order_id]
        for child in in_usdc(sent(turn)):
            conversion = parent.conversion(child)
            assert conversion is not None
            # exact, by cross-multiplication: price x rate against the limit, scales 1 and 2
            over = side.sign * (
                child.price_units * conversion.quote_units * 10 - limit_units * conversion.currency_units
            )
            assert over <= 0, (child, limit_units)
            n_judged += 1
        desk.turn(*[inp.Cancel("desk", parent.order_id, "test", "enough")])
    assert n_judged > 50


def test_a_rate_beyond_the_basis_leaves_the_currency_out_and_says_by_how_much() -> None:
    desk = pool_desk()
    for venue in "bc":
        desk.put(venue, "USDC/USDT", ((99_000, 10**9),), ((99_500, 10**9),))
    found = reasons(plan_of(desk, pool_order()))
    assert found["a:BTC/USDC"] == (ExclusionCode.QUOTE_BASIS, 1_000, 5_000)
    assert found["c:BTC/USDC"] == (ExclusionCode.QUOTE_BASIS, 1_000, 5_000)
    wide = replace(POOL, max_basis_ppm=50 * BPS)
    assert any(a.venue.endswith("USDC") for a in plan_of(desk, pool_order(quote_pool=wide)).allocations)
    narrow = replace(POOL, max_basis_ppm=50 * BPS - 1)
    assert reasons(plan_of(desk, pool_order(quote_pool=narrow)))["c:BTC/USDC"][0] is ExclusionCode.QUOTE_BASIS


def test_a_stale_rate_is_none() -> None:
    desk = pool_desk()
    desk.now_ns += 3_000 * MS
    for venue, symbol in (("a", "BTC/USDT"), ("b", "BTC/USDT"), ("a", "BTC/USDC")):
        row = 6_000_000 if symbol == "BTC/USDT" else 599_900
        desk.put(venue, symbol, ((row - 10, 1_000),), ((row + 10, 1_000),))
    found = reasons(plan_of(desk, pool_order()))
    assert found["a:BTC/USDC"][0] is ExclusionCode.NO_QUOTE_RATE
    assert found["c:BTC/USDC"][0] is ExclusionCode.STALE_BOOK


def test_a_symbol_that_counts_quantities_otherwise_is_left_out() -> None:
    desk = pool_desk(other=replace(BTC_USDC, qty_scale=6))
    assert reasons(plan_of(desk, pool_order()))["a:BTC/USDC"][0] is ExclusionCode.QUOTE_SCALE


def test_an_accounts_allow_list_holds_for_the_other_symbol_too() -> None:
    desk = pool_desk()
    desk.turn(inp.SetLimits("desk", replace(LIMITS, version=2, allowed_symbols=("BTC/USDT",)), "test"))
    plan = plan_of(desk, pool_order())
    assert reasons(plan)["c:BTC/USDC"][0] is ExclusionCode.DISABLED
    assert {a.venue for a in plan.allocations} <= {"a", "b"}


def test_what_is_held_in_the_other_symbol_counts_for_the_position_limit() -> None:
    desk = pool_desk()
    done(desk, pool_order(qty_units=4_000))
    tight = replace(LIMITS, version=2, max_position_nano=5 * NANO // 100)
    desk.turn(inp.SetLimits("desk", tight, "test"))
    assert isinstance(desk.submit(pool_order(qty_units=1_000))[0], inp.Accepted)
    reply, _ = desk.submit(pool_order(qty_units=1_010))
    assert isinstance(reply, inp.Failed)
    assert getattr(reply.error, "code", None) is RefusalCode.MAX_POSITION


@pytest.mark.parametrize("side", list(Side))
def test_a_venues_credit_is_one_for_both_listings(side: Side) -> None:
    """At most 600 at each venue: what its two listings get together stays within that."""
    desk = pool_desk()
    desk.turn(inp.SetLimits("desk", replace(LIMITS, version=2, venue_credit_nano=600 * NANO), "test"))
    _, children = desk.accepted(pool_order(side=side))
    by_venue: dict[str, int] = {}
    for child in children:
        symbol = desk.core.world.universe.symbols[child.symbol]
        spent_nano = symbol.notional_nano(child.price_units, child.qty_units)
        by_venue[child.venue] = by_venue.get(child.venue, 0) + spent_nano
    assert len(by_venue) == 3
    assert max(by_venue.values()) <= 600 * NANO


def test_what_bars_a_venue_bars_its_other_listing_too() -> None:
    desk = pool_desk()
    only_a = pool_order(venues=VenueFilter(include=("a",)))
    assert {a.venue for a in plan_of(desk, only_a).allocations} <= {"a", "a:BTC/USDC"}
    assert reasons(plan_of(desk, only_a))["c:BTC/USDC"][0] is ExclusionCode.NOT_INCLUDED
    desk.turn(inp.SetKillSwitch("", KillScope.VENUE, "c", KillAction.BLOCK, "drill", "ops"))
    assert reasons(plan_of(desk, pool_order()))["c:BTC/USDC"][0] is ExclusionCode.KILLED
    desk.turn(inp.SetKillSwitch("", KillScope.SYMBOL, "BTC/USDC", KillAction.BLOCK, "drill", "ops"))
    assert reasons(plan_of(desk, pool_order()))["a:BTC/USDC"][0] is ExclusionCode.KILLED


def test_a_kill_of_the_orders_symbol_stops_a_child_in_the_other_one() -> None:
    desk = pool_desk()
    _, children = desk.accepted(pool_order())
    assert not desk.core.why_stopped(children[0], desk.now_ns)
    desk.turn(inp.SetKillSwitch("", KillScope.SYMBOL, "BTC/USDT", KillAction.BLOCK, "drill", "ops"))
    assert desk.core.why_stopped(children[0], desk.now_ns) == "kill_switch"


def test_each_currency_pays_only_what_it_has() -> None:
    desk = pool_desk(balances={"USDC": 100})
    parent, children = desk.accepted(pool_order())
    for child in in_usdc(children):
        fee_nano = 300 * 100 * NANO // 1_000_000
        assert BTC_USDC.money_nano(child.price_units, child.qty_units) <= 100 * NANO - fee_nano // 2
    assert {child.symbol for child in children} == {"BTC/USDC", "BTC/USDT"}
    assert sum(child.qty_units for child in children) == 4_000
    assert parent.n_waves == 1


def test_the_other_dollar_alone_can_pay_and_none_is_refused() -> None:
    desk = pool_desk(balances={"USDT": 0})
    _, children = desk.accepted(pool_order())
    assert {child.symbol for child in children} == {"BTC/USDC"}
    reply, _ = desk.submit(without_pool(pool_order()))
    assert isinstance(reply, inp.Failed)
    assert getattr(reply.error, "code", None) is RefusalCode.INSUFFICIENT_BALANCE


def test_two_listings_of_a_venue_never_sell_the_same_coin_twice() -> None:
    """Each venue has 0.02 BTC: a seller of more gets no more than that from one, whatever the currency."""
    desk = pool_desk(balances={"BTC": 0})
    for venue in "abc":
        desk.turn(inp.SetBalance("desk", venue, "BTC", 2 * NANO // 100, "test"))
    _, children = desk.accepted(sell(qty_units=5_000))
    by_venue: dict[str, int] = {}
    for child in children:
        by_venue[child.venue] = by_venue.get(child.venue, 0) + child.qty_units
    assert by_venue
    assert max(by_venue.values()) <= 2_000
    only_a = VenueFilter(include=("a",))
    desk = pool_desk(balances={"BTC": 0})
    desk.turn(inp.SetBalance("desk", "a", "BTC", 2 * NANO // 100, "test"))
    _, children = desk.accepted(sell(qty_units=2_000, venues=only_a))
    assert sum(child.qty_units for child in children) == 2_000
    desk = pool_desk(balances={"BTC": 0})
    desk.turn(inp.SetBalance("desk", "a", "BTC", 2 * NANO // 100, "test"))
    desk.put("a", "BTC/USDT", ((5_999_900, 500),), ((6_000_100, 500),))
    _, children = desk.accepted(sell(qty_units=1_500, venues=only_a))
    assert sorted((child.symbol, child.qty_units) for child in children) == [("BTC/USDC", 1_000), ("BTC/USDT", 500)]
    for balance_units in (600, 1_000, 1_400):
        desk = pool_desk(balances={"BTC": 0})
        desk.turn(inp.SetBalance("desk", "a", "BTC", balance_units * NANO // 100_000, "test"))
        desk.put("a", "BTC/USDT", ((5_999_900, 500),), ((6_000_100, 500),))
        _, children = desk.accepted(sell(qty_units=balance_units, venues=only_a))
        assert sum(child.qty_units for child in children) == balance_units


def test_the_own_listing_and_the_other_one_share_a_venues_coin() -> None:
    """The venue's other listing pays better than the next venue, and still gets none of what its own one may sell."""
    desk = pool_desk(balances={"BTC": 0})
    for venue in "ab":
        desk.turn(inp.SetBalance("desk", venue, "BTC", NANO // 100, "test"))
    desk.put("a", "BTC/USDT", ((6_000_000, 9_000),), ((6_000_100, 500),))
    desk.put("b", "BTC/USDT", ((5_995_000, 9_000),), ((6_005_000, 500),))
    desk.put("a", "BTC/USDC", ((599_950, 9_000),), ((599_960, 9_000),))
    _, children = desk.accepted(sell(qty_units=2_000, max_slippage_ppm=5_000))
    found = sorted((child.venue, child.symbol, child.qty_units) for child in children)
    assert found == [("a", "BTC/USDT", 1_000), ("b", "BTC/USDT", 1_000)]


def done(desk: PoolDesk, order: ParentOrder, better_ticks: int = 0) -> ParentRecord:
    parent, children = desk.accepted(order)
    for child in children:
        desk.fill_at(child, child.price_ticks - child.side.sign * better_ticks, fee_nano=1_000_001)
    assert parent.done_reason is DoneReason.FILLED, parent
    return parent


@pytest.mark.parametrize("side", list(Side))
def test_fills_move_the_true_currency_and_the_parent_counts_at_the_rate(side: Side) -> None:
    desk = pool_desk()
    desk.put("b", "USDC/USDT", ((100_012, 10**9),), ((100_013, 10**9),))
    desk.put("c", "USDC/USDT", ((100_011, 10**9),), ((100_014, 10**9),))
    parent = done(desk, pool_order(side=side))
    rate = 100_013 if side is Side.BUY else 100_012
    expected = 0
    for record in parent.fills:
        fill = record.fill
        own_nano = BTC_USDC.money_nano(fill.price_units, fill.qty_units)
        assert (fill.symbol, fill.money_nano) == ("BTC/USDC", own_nano)
        moves = dict(fill.moves)
        assert moves["USDC"] == -side.sign * own_nano - 1_000_001
        assert "USDT" not in moves
        expected += -(-own_nano * rate // 100_000) if side is Side.BUY else own_nano * rate // 100_000
    assert parent.cum_money_nano == parent.cum_notional_nano == expected
    ledger = desk.core.ledger
    assert sum(units for (_, _, name), units in ledger.positions.items() if name == "BTC/USDC") == side.sign * 4_000
    assert not any(units for (_, _, name), units in ledger.positions.items() if name == "BTC/USDT")
    usdt = {amount for (_, _, currency), amount in ledger.balances.items() if currency == "USDT"}
    assert usdt == {1_000_000 * NANO}
    assert not desk.core.memory.commitments.reserved_nano


@pytest.mark.parametrize("side", list(Side))
def test_the_currencys_own_cost_is_the_basis(side: Side) -> None:
    """A coin at the same price in both dollars, bought with one that costs 5 bps more: 5 bps of basis, nothing else."""
    desk = pool_desk()
    far = 100_050 if side is Side.BUY else 99_950
    for venue in "bc":
        desk.put(venue, "USDC/USDT", ((min(far, 99_999), 10**9),), ((max(far, 100_001), 10**9),))
    # The own class stands where it is for the mid only: nothing of it is within reach.
    desk.put("a", "BTC/USDT", ((5_900_000, 1),), ((6_100_000, 1),))
    desk.put("b", "BTC/USDT", ((5_900_000, 10),), ((6_100_000, 10),))
    for venue in "ac":
        desk.put(venue, "BTC/USDC", ((599_995, 9_000),), ((600_005, 9_000),))
    parent, children = desk.accepted(pool_order(side=side))
    assert {child.symbol for child in children} == {"BTC/USDC"}
    for child in children:
        ticks = (600_005 if side is Side.BUY else 599_995) // child.tick_units
        desk.fill_at(child, ticks, fee_nano=1_000_000, mid_half_units=1_200_000)
    tca = parent.tca
    assert tca is not None
    money = 2_400 * NANO  # 0.04 BTC at 60,000
    assert tca.basis_nano == money * 5 // 10_000
    half_spread = 4 * NANO // 100 // 2  # 0.04 x 0.5
    assert abs(tca.spread_nano - half_spread) <= half_spread // 1_000
    assert tca.impact_nano == tca.timing_nano == tca.delay_nano == 0
    rate = (100_050, 100_000) if side is Side.BUY else (99_950, 100_000)
    n_fills = len(children)
    assert tca.fee_nano == n_fills * -(-1_000_000 * rate[0] // rate[1])
    assert not tca.fee_unconverted
    assert parts_total_nano(tca) == tca.total_nano


def test_the_receipt_holds_the_rate_and_a_stranger_finds_it_right() -> None:
    for order in (pool_order(), sell(), pool_order(qty_units=None, notional_nano=5_000 * NANO)):
        desk = pool_desk()
        turn = desk.turn(inp.Submit(order, Mode.PAPER))
        ((sha256, data),) = turn.receipts
        assert data[:4] == b"BXR3"
        verdict = verify_receipt(data)
        assert verdict.is_valid, verdict.failures
        (plan,) = [f.event.plan for f in turn.facts if isinstance(f.event, ev.RoutePlanned)]
        assert plan.certificate.receipt_sha256 == sha256
        assert verdict.objective_nano == plan.certificate.objective_nano


@pytest.mark.parametrize("side", list(Side))
def test_a_sweep_goes_down_to_the_limit_in_every_currency(side: Side) -> None:
    desk = pool_desk()
    limit_units = 6_000_300 if side is Side.BUY else 5_997_700
    if side is Side.SELL:
        desk.put("c", "BTC/USDC", ((600_500, 5_000),), ((600_600, 5_000),))
    order = pool_order(
        side=side,
        strategy=Strategy.SWEEP,
        order_type=OrderType.LIMIT,
        limit_price_units=limit_units,
        qty_units=9_000,
    )
    turn = desk.turn(inp.Submit(order, Mode.PAPER))
    assert {child.symbol for child in sent(turn)} >= {"BTC/USDC"}
    assert verify_receipt(turn.receipts[0][1]).is_valid
    parent = next(iter(desk.core.ledger.parents.values()))
    for child in in_usdc(sent(turn)):
        conversion = parent.conversion(child)
        assert conversion is not None
        at_limit = conversion.own_ticks(limit_units, 2, side, child.tick_units)
        assert child.price_ticks == at_limit


def test_a_replay_of_the_facts_gives_the_same_state() -> None:
    desk = pool_desk()
    done(desk, pool_order())
    done(desk, sell(qty_units=3_000), better_ticks=-1)
    held = pool_order(
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        remainder=Remainder.HELD,
        limit_price_units=5_999_500,
        qty_units=9_000,
    )
    parent, children = desk.accepted(held)
    desk.fill_at(children[0], children[0].price_ticks, lots=1)
    assert parent.cum_money_nano > 0
    decoded = [decode_fact(encode_fact(fact)[:7]) for fact in desk.facts]
    assert ledger_hash(fold(decoded)) == ledger_hash(desk.core.ledger)


def test_a_held_order_wakes_for_the_other_currency() -> None:
    """Its limit is never met in its own currency; a quarter of a second later the other one comes within it."""
    desk = pool_desk()
    held = pool_order(
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        remainder=Remainder.HELD,
        limit_price_units=5_980_000,
    )
    parent, children = desk.accepted(held)
    assert not children
    desk.now_ns += 250 * MS
    put_books(desk)
    desk.put("c", "BTC/USDC", ((597_000, 10_000),), ((597_500, 10_000),))
    children = sent(desk.turn(inp.Tick()))
    assert [(child.venue, child.symbol, child.wave) for child in children] == [("c", "BTC/USDC", 2)]
    desk.fill_at(children[0], children[0].price_ticks)
    assert parent.done_reason is DoneReason.FILLED


@pytest.mark.parametrize("side", list(Side))
def test_a_notional_is_never_exceeded_at_the_rate(side: Side) -> None:
    desk = pool_desk()
    desk.put("b", "USDC/USDT", ((100_012, 10**9),), ((100_013, 10**9),))
    desk.put("c", "USDC/USDT", ((100_011, 10**9),), ((100_014, 10**9),))
    parent, children = desk.accepted(pool_order(side=side, qty_units=None, notional_nano=1_999 * NANO))
    assert in_usdc(children)
    flying_nano = 0
    for child in children:
        conversion = parent.conversion(child)
        if conversion is None:
            mid_units = 6_000_000 if side is Side.SELL else 0
            flying_nano += BTC_USDT.notional_nano(max(mid_units, child.price_units), child.qty_units)
            continue
        own_mid_nano = 0 if side is Side.BUY else BTC_USDC.notional_nano(599_900, child.qty_units)
        own_nano = max(own_mid_nano, BTC_USDC.notional_nano(child.price_units, child.qty_units))
        flying_nano += conversion.in_quote_nano(own_nano, Side.BUY)
    assert remaining_notional_nano(parent, BTC_USDT) == max(0, 1_999 * NANO - flying_nano)
    for child in children:
        desk.fill_at(child, child.price_ticks)
    if side is Side.BUY:
        assert parent.cum_notional_nano <= 1_999 * NANO
    assert parent.cum_notional_nano > 1_990 * NANO


def test_levels_that_fall_together_are_one_level() -> None:
    desk = pool_desk()
    (rate,) = plan_of(desk, pool_order(side=Side.SELL)).conversions
    fine = replace(rate, price_scale=3)
    bids, asks = convert_levels(([(59_990_009, 5), (59_990_005, 7)], [(59_990_011, 1)]), fine, BTC_USDT.price_scale)
    assert bids == [(5_998_400, 12)]  # 59,990.00x at 0.9999 is 59,984.00, rounded down
    assert asks == [(5_998_402, 1)]


def test_a_pool_of_one_currency_changes_nothing() -> None:
    desk = pool_desk()
    alone = replace(POOL, currencies=("USDT",))
    one, other = plan_of(desk, pool_order(quote_pool=alone)), plan_of(desk, without_pool(pool_order()))
    assert one.allocations == other.allocations
    assert isinstance(alone, QuotePool)
