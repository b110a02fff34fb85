"""What an account has at stake is never told too small: by side, by notional, by kind of contract."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain import events as ev
from app.domain.enums import ContractKind, FeeStatus, KillAction, KillScope, MarketKind, Mode, Side
from app.domain.fills import ReportKind
from app.domain.orders import VenueFilter
from app.domain.records import ChildRecord
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution.commitments import reservation
from app.execution.context import Context, Memory
from app.execution.inputs import Turn
from app.execution.parent import accept, approve_and_plan
from app.execution.stakes import account_view, free_nano, gate_view, ground_of
from app.risk.exposure import order_notional_nano
from tests.worlds import BTC_USDT, LIMITS, Desk, contract_world, held_order, make_desk, make_order

USD = NANO


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def look(desk: Desk) -> Context:
    return Context(desk.core.world, desk.core.ledger, Memory(), desk.now_ns, Turn())


def live(desk: Desk, side: Side) -> ChildRecord:
    """A live child, 25 bps through the mid of 60,000."""
    desk.accepted(make_order(side=side, qty_units=100, max_slippage_ppm=2_500))
    record = next(iter(desk.core.ledger.live_children.values()))
    far_ticks = (6_000_000 + side.sign * 15_000) // record.child.tick_units
    record.child = replace(record.child, price_ticks=far_ticks)
    return record


def test_a_sale_in_the_open_counts_at_no_less_than_the_mid(desk: Desk) -> None:
    """As the gate judged it when it let the order in."""
    order = held_order(side=Side.SELL, qty_units=100_000, limit_price_units=6_100_000, max_slippage_ppm=10_000)
    judged = order_notional_nano(gate_view(look(desk), order, Mode.PAPER))
    desk.accepted(order)
    assert account_view(look(desk), "desk", BTC_USDT).open_notional_nano == judged == 61_000 * USD
    market = make_order(side=Side.SELL, qty_units=100, max_slippage_ppm=10_000)
    more = order_notional_nano(gate_view(look(desk), market, Mode.PAPER))
    desk.accepted(market)
    assert account_view(look(desk), "desk", BTC_USDT).open_notional_nano == judged + more == 61_060 * USD


def test_an_open_notional_order_counts_what_it_buys_at_the_mid(desk: Desk) -> None:
    desk.accepted(held_order(qty_units=None, notional_nano=6_000 * USD, limit_price_units=6_100_000))
    for record in list(desk.core.ledger.live_children.values()):
        assert record.leaves_qty_units
    assert account_view(look(desk), "desk", BTC_USDT).open_buy_units >= 10_000


@pytest.mark.parametrize(
    ("kind", "side", "price_units"),
    [
        (ContractKind.LINEAR, Side.BUY, 6_015_000),
        (ContractKind.LINEAR, Side.SELL, 6_000_000),  # it may fill at the mid, far above its own limit
        (ContractKind.INVERSE, Side.BUY, 6_000_000),  # it may fill at the mid: fewer dollars a coin, more coins
        (ContractKind.INVERSE, Side.SELL, 5_985_000),
    ],
)
def test_a_contract_reserves_its_most_expensive_outcome(
    desk: Desk, kind: ContractKind, side: Side, price_units: int
) -> None:
    record = live(desk, side)
    contract_world(desk, kind)
    symbol = desk.core.world.universe.symbols[BTC_USDT.name]
    universe = look(desk).world.universe
    venue, currency, amount_nano = reservation(universe, record, universe.fees[record.child.venue])
    money_nano = symbol.money_nano(price_units, record.leaves_qty_units)
    fee_ppm = desk.core.world.universe.fees[venue].taker_fee_ppm
    assert currency == symbol.money_currency
    assert 0 <= amount_nano - money_nano - money_nano * fee_ppm // 1_000_000 <= 1


def test_a_spot_sale_reserves_its_base_and_a_purchase_its_limit_with_the_fee(desk: Desk) -> None:
    sale = live(desk, Side.SELL)
    universe = look(desk).world.universe
    assert reservation(universe, sale, universe.fees[sale.child.venue])[1:] == ("BTC", sale.leaves_qty_units * 10_000)


def test_free_money_is_the_accounts_own_at_the_listings_of_the_symbol(desk: Desk) -> None:
    desk.turn(inp.SetBalance("other", "ven_a", "USDT", 5, "test"), inp.SetBalance("desk", "ven_a", "DOGE", 5, "test"))
    _, children = desk.accepted(make_order(qty_units=100))
    free = free_nano(look(desk), "desk", BTC_USDT)
    assert set(free) == {(v, c) for v in desk.core.world.universe.venues for c in ("BTC", "USDT")}
    taken = {c.venue for c in children}
    for (venue, currency), amount_nano in free.items():
        is_reserved = venue in taken and currency == "USDT"
        assert (amount_nano < 1_000_000 * NANO) == is_reserved


def test_an_orders_own_zero_slippage_is_a_cap_at_the_mid(desk: Desk) -> None:
    parent, children = desk.accepted(held_order(limit_price_units=6_100_000, max_slippage_ppm=0))
    assert parent.accepted.price_cap_units == 6_000_000
    assert not children


def test_what_is_at_stake_at_a_venue_is_the_worst_case_of_each_side(desk: Desk) -> None:
    """Long 600; a live buy of 60 makes it 660, a live sale of 120 leaves 480 on that side: they do not add up."""
    desk.turn(inp.SetLimits("desk", replace(LIMITS, version=2, default_slippage_ppm=0), "test"))
    only = VenueFilter(include=("ven_a",))
    _, (first,) = desk.accepted(make_order(qty_units=1_000, max_slippage_ppm=10_000, venues=only))
    desk.fill(first)
    _, (buy,) = desk.accepted(make_order(qty_units=100, max_slippage_ppm=10_000, venues=only))
    _, (sale,) = desk.accepted(make_order(side=Side.SELL, qty_units=200, max_slippage_ppm=10_000, venues=only))
    stakes = account_view(look(desk), "desk", BTC_USDT).venue_stake_nano
    held = 600 * USD
    assert stakes["ven_a", Side.BUY] == held + BTC_USDT.notional_nano(buy.price_units, 100)
    assert stakes["ven_a", Side.SELL] == 120 * USD - held
    assert stakes["ven_b", Side.BUY] == stakes["ven_b", Side.SELL] == 0
    desk.report(sale, ReportKind.UNKNOWN)
    assert account_view(look(desk), "desk", BTC_USDT).venue_stake_nano == stakes


@pytest.mark.parametrize("side", list(Side))
def test_credit_binds_both_sides_and_never_what_closes(desk: Desk, side: Side) -> None:
    """With credit of 900, orders of 600 a side: the first goes, of the second what is left, back all and on as far."""
    desk.turn(inp.SetLimits("desk", replace(LIMITS, version=2, venue_credit_nano=900 * NANO), "test"))
    other = Side.SELL if side is Side.BUY else Side.BUY

    def traded(side: Side, qty_units: int) -> int:
        _, children = desk.submit(
            make_order(side=side, qty_units=qty_units, max_slippage_ppm=10_000, venues=VenueFilter(include=("ven_a",)))
        )
        for child in children:
            desk.fill(child)
        return sum(child.qty_units for child in children)

    assert traded(side, 1_000) == 1_000
    assert 400 <= traded(side, 1_000) <= 500
    assert traded(side, 1_000) == 0
    assert traded(other, 1_000) == 1_000
    while traded(other, 1_000):
        pass
    held = other.sign * desk.core.ledger.positions["desk", "ven_a", "BTC/USDT"]
    assert 1_400 <= held <= 1_500


def test_a_view_of_the_same_turn_follows_every_fact(desk: Desk) -> None:
    """What a turn has looked up once is what a fresh turn would see, whichever facts came between."""
    ctx = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, Turn())
    order = make_order(qty_units=100, max_slippage_ppm=2_500)
    seen = [gate_view(ctx, order, Mode.PAPER)]
    facts = (
        ev.BalanceSet("desk", "ven_a", "USDT", 7 * NANO, "correction"),
        ev.KillSwitchSet("desk", KillScope.VENUE, "ven_b", KillAction.BLOCK, "test", "op"),
        ev.VenueSet("", "ven_c", False, "op"),
        ev.VenueSet("", "ven_c", True, "op"),
        ev.KillSwitchCleared("desk", KillScope.VENUE, "ven_b", "op"),
    )
    for fact in facts:
        ctx.emit(fact)
        seen.append(gate_view(ctx, order, Mode.PAPER))
        assert seen[-1] == gate_view(look(desk), order, Mode.PAPER)
        assert seen[-1] != seen[-2]
    named = replace(order, venues=VenueFilter(exclude=("ven_a",)))
    assert "ven_a" in gate_view(ctx, named, Mode.PAPER).barred
    assert "ven_a" not in gate_view(ctx, order, Mode.PAPER).barred


def test_orders_of_one_turn_see_what_those_before_them_took(desk: Desk) -> None:
    ctx = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, Turn())
    order = make_order(client_order_id="first", qty_units=100, max_slippage_ppm=2_500)
    before = gate_view(ctx, order, Mode.PAPER)
    accept(ctx, order, Mode.PAPER, approve_and_plan(ctx, order, before))
    (child,) = (fact.event.child for fact in ctx.turn.facts if isinstance(fact.event, ev.ChildSending))
    after = gate_view(ctx, order, Mode.PAPER)
    slot = (child.venue, "USDT")
    assert after.account.free_nano[slot] < before.account.free_nano[slot]
    assert after.account.open_buy_units == before.account.open_buy_units + 100
    assert after.account == account_view(look(desk), "desk", BTC_USDT)


def cheap_tier(venue: str) -> ev.FeeTierSet:
    at = "desk", venue, MarketKind.SPOT, "one"
    return ev.FeeTierSet(*at, 7, 0, 7, 0, 0, 0, False, "test", "2026-01-01", FeeStatus.VERIFIED)


def test_what_bounds_are_made_of_once_follows_limits_fees_and_venues(desk: Desk) -> None:
    """Each change is seen by the next order of the same memory as by one that has remembered nothing."""
    ctx = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, Turn())
    order = make_order(qty_units=100, max_slippage_ppm=2_500)
    facts = (
        ev.LimitsSet("desk", replace(LIMITS, version=2, max_order_qty_nano=NANO), "op"),
        ev.BalanceSet("desk", "ven_a", "USDT", 7 * NANO, "correction"),
        *[cheap_tier(venue) for venue in ("ven_a", "ven_b", "ven_c")],
        ev.VenueSet("", "ven_c", False, "op"),
    )
    seen = [ground_of(ctx, order, Mode.PAPER)]
    for fact in facts:
        ctx.emit(fact)
        seen.append(ground_of(ctx, order, Mode.PAPER))
        assert seen[-1] == ground_of(look(desk), order, Mode.PAPER)
        assert seen[-1] != seen[-2]
    first, last = (ground.bounds for ground in (seen[0], seen[-1]) if ground is not None)
    assert (last.limits.version, last.most_order_units, last.fee_ppm, len(last.rooms)) == (2, 100_000, 7, 2)
    assert (first.most_order_units, len(first.rooms)) != (100_000, 2)
