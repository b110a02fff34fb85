"""Sums that follow the facts are the sums that one would add up anew, after every turn of any life."""

from __future__ import annotations

from random import Random

import pytest

from app.domain.enums import ContractKind, Mode, Side
from app.domain.events import FeeTierSet
from app.domain.fees import FeeStatus, market_of
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution.commitments import (
    Commitments,
    cheap_price_units,
    flying_notional_nano,
    leaves,
    reservation,
)
from app.execution.context import Context
from tests.worlds import BTC_USDT, Desk, contract_world, held_order, make_desk, make_order

_WORDS = (ReportKind.ACKED, ReportKind.CANCELED, ReportKind.REJECTED, ReportKind.UNKNOWN, ReportKind.EXPIRED)


def anew(desk: Desk) -> Commitments:
    return Commitments().at(desk.core.ledger, desk.core.world.universe)


def some_turn(desk: Desk, chance: Random, children: list[ChildOrder]) -> inp.Turn:
    """A new order of some kind, a venue's word about some child, a cancel, or time."""
    what = chance.random()
    if what < 0.3 or not children:
        side = chance.choice((Side.BUY, Side.SELL))
        orders = (
            make_order(side=side, qty_units=chance.randrange(100, 5_000)),
            make_order(side=side, qty_units=None, notional_nano=chance.randrange(100, 90_000) * NANO),
            held_order(side=side, qty_units=400, limit_price_units=5_000_000 if side is Side.BUY else 7_000_000),
        )
        return desk.turn(inp.Submit(chance.choice(orders), Mode.PAPER))
    child = chance.choice(children)
    if what < 0.6:
        return desk.fill(child, lots=chance.randint(1, max(1, child.qty_lots)))
    if what < 0.85:
        return desk.report(child, chance.choice(_WORDS))
    if what < 0.95:
        return desk.turn(inp.Cancel(child.account, child.order_id, "desk/key"))
    return desk.wait(chance.choice((1, 150, 3_000)))


@pytest.mark.parametrize("seed", range(6))
def test_following_each_fact_gives_what_adding_up_anew_gives(seed: int) -> None:
    desk, chance = make_desk(), Random(seed)
    children: list[ChildOrder] = []
    followed = desk.core.memory.commitments
    followed.at(desk.core.ledger, desk.core.world.universe)
    n_reserved = 0
    for _ in range(60):
        turn = some_turn(desk, chance, children)
        children += [c.approved.value for c in turn.commands if isinstance(c, inp.SendChild)]
        assert followed.seq == desk.core.ledger.seq
        assert followed == anew(desk)
        n_reserved += bool(followed.reserved_nano)
    assert n_reserved


def test_facts_that_were_not_noted_are_caught_up_with() -> None:
    desk = make_desk()
    stale = Commitments()
    stale.at(desk.core.ledger, desk.core.world.universe)
    desk.accepted(make_order(qty_units=300))
    stale.note(desk.core.ledger, desk.core.world.universe, desk.facts[-1].event)
    assert not stale.open_units
    assert stale.at(desk.core.ledger, desk.core.world.universe) == anew(desk)
    assert stale.open_units == {("desk", "BTC/USDT", Side.BUY): 300}


def test_an_account_with_nothing_open_has_committed_nothing() -> None:
    desk = make_desk()
    _, children = desk.accepted(make_order(qty_units=300))
    for child in children:
        desk.fill(child)
    left = desk.core.memory.commitments.at(desk.core.ledger, desk.core.world.universe)
    assert not (left.open_units or left.open_notional_nano or left.reserved_nano or left.flying_nano)
    assert left == Commitments(seq=desk.core.ledger.seq)


def test_what_one_order_and_its_child_count_for() -> None:
    desk = make_desk()
    parent, children = desk.accepted(make_order(qty_units=300, max_slippage_ppm=2_500))
    universe = desk.core.world.universe
    units, nano = leaves(universe, parent)
    assert units == 300
    assert nano == BTC_USDT.notional_nano(parent.accepted.price_cap_units, 300)
    record = parent.children[children[0].child_id]
    venue, currency, reserved_nano = reservation(universe, record, universe.fees[children[0].venue])
    assert (venue, currency) == (children[0].venue, "USDT")
    assert reserved_nano > BTC_USDT.money_nano(children[0].price_units, children[0].qty_units)
    assert cheap_price_units(record) == 6_000_000 < children[0].price_units


def told_anew(desk: Desk) -> tuple[dict[object, int], dict[object, int]]:
    """What live children hold, added up child by child by the rule itself."""
    ledger, universe = desk.core.ledger, desk.core.world.universe
    reserved: dict[object, int] = {}
    flying: dict[object, int] = {}
    for record in ledger.live_children.values():
        child, name = record.child, record.child.symbol
        tier = ledger.fees.tiers.get((child.account, child.venue, market_of(name))) or universe.fees[child.venue]
        venue, currency, amount_nano = reservation(universe, record, tier)
        key = child.account, venue, currency
        reserved[key] = reserved.get(key, 0) + amount_nano
        place = child.account, venue, name, child.side
        flying[place] = flying.get(place, 0) + flying_notional_nano(universe.symbols[name], record)
    return {k: v for k, v in reserved.items() if v}, {k: v for k, v in flying.items() if v}


@pytest.mark.parametrize("kind", list(ContractKind))
def test_live_children_hold_what_the_rule_says_whatever_is_traded(kind: ContractKind) -> None:
    desk, chance = make_desk(), Random(kind.value)
    followed = desk.core.memory.commitments.at(desk.core.ledger, desk.core.world.universe)
    children: list[ChildOrder] = []
    for n in range(50):
        if n == 10 and kind is not ContractKind.SPOT and not desk.core.ledger.live_children:
            contract_world(desk, kind)
        turn = some_turn(desk, chance, children)
        children += [c.approved.value for c in turn.commands if isinstance(c, inp.SendChild)]
        assert (followed.reserved_nano, followed.flying_nano) == told_anew(desk)
    assert children


def test_a_new_tier_counts_for_what_is_live_and_for_what_comes() -> None:
    desk = make_desk()
    followed = desk.core.memory.commitments.at(desk.core.ledger, desk.core.world.universe)
    _, (first, *_) = desk.accepted(make_order(qty_units=300))
    before = dict(followed.reserved_nano)
    context = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, inp.Turn())
    market = market_of(first.symbol)
    status = next(iter(FeeStatus))
    told = FeeTierSet(
        "desk",
        first.venue,
        market,
        "dear",
        9_000,
        9_000,
        9_000,
        9_000,
        0,
        0,
        is_discounted=False,
        source="",
        as_of="",
        status=status,
    )
    context.emit(told)
    assert followed.reserved_nano != before
    assert (followed.reserved_nano, followed.flying_nano) == told_anew(desk)
    desk.accepted(make_order(qty_units=300))
    assert (followed.reserved_nano, followed.flying_nano) == told_anew(desk)
