"""The only maker of Approved: parents by every check, children again at the turn that makes the intent."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from app.domain.enums import ChildState, KillScope, RefusalCode, Side
from app.domain.errors import InvariantBroken, OrderRefused
from app.domain.orders import ChildOrder
from app.domain.records import ParentRecord
from app.domain.units import NANO
from app.risk import gate
from tests.risk.test_checks import make_view
from tests.worlds import BTC_USDT, make_desk, make_order

DESKS = {side: make_desk().accepted(make_order(side=side, qty_units=1_000)) for side in Side}
A_RECORD = next(iter(DESKS[Side.BUY][0].children.values()))


@pytest.fixture
def sent() -> tuple[ParentRecord, ChildOrder]:
    """A parent with one child in flight for all of it."""
    parent, children = make_desk().accepted(make_order(qty_units=100))
    return parent, children[0]


def next_child(child: ChildOrder) -> ChildOrder:
    return replace(child, child_id="chd_next", client_id="next")


def refused(child: ChildOrder, parent: ParentRecord, killed: frozenset[tuple[KillScope, str]]) -> RefusalCode:
    with pytest.raises(OrderRefused) as refusal:
        gate.approve_child(child, parent, BTC_USDT, killed, gate.Place(1, 99))
    return refusal.value.code


def test_a_child_beyond_the_parents_quantity_never_leaves(sent: tuple[ParentRecord, ChildOrder]) -> None:
    parent, child = sent
    assert refused(next_child(child), parent, frozenset()) is RefusalCode.PARENT_OVERSEND


def test_a_child_beyond_a_buyers_notional_never_leaves() -> None:
    parent, children = make_desk().accepted(make_order(qty_units=None, notional_nano=6_000 * NANO))
    assert refused(next_child(children[0]), parent, frozenset()) is RefusalCode.PARENT_OVERSEND


def test_a_child_of_what_is_left_leaves_with_its_proof(sent: tuple[ParentRecord, ChildOrder]) -> None:
    parent, child = sent
    parent.children.clear()
    approved = gate.approve_child(next_child(child), parent, BTC_USDT, frozenset(), gate.Place(7, 99))
    assert (approved.limits_version, approved.decision_seq) == (7, 99)


def test_every_scope_of_kill_switch_stops_a_child(sent: tuple[ParentRecord, ChildOrder]) -> None:
    parent, child = sent
    parent.children.clear()
    for target in gate.kill_targets(child):
        assert refused(next_child(child), parent, frozenset({target})) is RefusalCode.TRADING_HALTED


def test_a_child_past_the_price_cap_never_leaves(sent: tuple[ParentRecord, ChildOrder]) -> None:
    parent, child = sent
    parent.children.clear()
    cap_ticks = parent.accepted.price_cap_units // child.tick_units
    at_cap = replace(next_child(child), price_ticks=cap_ticks)
    assert gate.approve_child(at_cap, parent, BTC_USDT, frozenset(), gate.Place(1, 99))
    past = replace(at_cap, price_ticks=cap_ticks + 1)
    assert refused(past, parent, frozenset()) is RefusalCode.PRICE_COLLAR


def word_of_each(
    children: list[ChildOrder], parent: ParentRecord, killed: frozenset[tuple[KillScope, str]]
) -> list[tuple[object, ...]]:
    """What `approve_child` says of each in turn, those before it in flight; it ends at the first no."""
    flying = replace(parent, children=dict(parent.children))
    said: list[tuple[object, ...]] = []
    record = A_RECORD
    for seq, child in enumerate(children, 99):
        try:
            approved = gate.approve_child(child, flying, BTC_USDT, killed, gate.Place(1, seq))
        except OrderRefused as no:
            return [*said, (no.code, no.limit, no.value)]
        said.append((approved.value, approved.limits_version, approved.decision_seq))
        flying.children[child.child_id] = replace(record, child=child, state=ChildState.SENDING, cum_qty_units=0)
    return said


def word_of_wave(
    children: list[ChildOrder], parent: ParentRecord, killed: frozenset[tuple[KillScope, str]]
) -> list[tuple[object, ...]]:
    try:
        approved = gate.approve_wave(children, parent, killed, 1, 99)
    except OrderRefused as no:
        return [(no.code, no.limit, no.value)]
    return [(each.value, each.limits_version, each.decision_seq) for each in approved]


def test_a_wave_is_approved_as_its_children_are_one_by_one() -> None:
    """Or refused by the same rule with the same numbers."""
    chance, codes, n_approved = Random(5), set[object](), 0
    for _ in range(3_000):
        side = chance.choice((Side.BUY, Side.SELL))
        parent, (first, *_) = DESKS[side]
        parent = replace(parent, children={}, cum_qty_units=chance.choice((0, 0, 50, 500)))
        cap_ticks = parent.accepted.price_cap_units // first.tick_units
        children = [
            replace(
                first,
                child_id=f"chd_{i}",
                client_id=f"{i}",
                venue=chance.choice(("alpha", first.venue)),
                qty_lots=chance.choice((0, 1, 9, 40, 200, 400)) if chance.random() < 0.5 else chance.randint(1, 20),
                price_ticks=chance.choice((cap_ticks, cap_ticks, cap_ticks - side.sign, cap_ticks + side.sign, 0)),
            )
            for i in range(chance.randint(0, 4))
        ]
        killed = frozenset({(KillScope.VENUE, "alpha")}) if chance.random() < 0.1 else frozenset()
        each, whole = word_of_each(children, parent, killed), word_of_wave(children, parent, killed)
        is_refused = bool(each) and isinstance(each[-1][0], RefusalCode)
        assert whole == (each[-1:] if is_refused else each)
        n_approved += bool(each) and not is_refused
        codes.update(word[0] for word in each[-1:] if is_refused)
    assert codes >= {
        RefusalCode.TRADING_HALTED,
        RefusalCode.PRICE_COLLAR,
        RefusalCode.PARENT_OVERSEND,
        RefusalCode.INVALID_QUANTITY,
    }
    assert n_approved > 100


def test_no_wave_of_money_is_approved_as_one() -> None:
    money, children = make_desk().accepted(make_order(qty_units=None, notional_nano=6_000 * NANO))
    with pytest.raises(InvariantBroken):
        gate.approve_wave([next_child(children[0])], money, frozenset(), 1, 99)


def test_a_wave_of_another_side_or_symbol_never_leaves(sent: tuple[ParentRecord, ChildOrder]) -> None:
    parent, child = sent
    parent.children.clear()
    for changes in ({"side": Side.SELL}, {"symbol": "BTC/USDC"}):
        with pytest.raises(OrderRefused):
            gate.approve_wave([replace(next_child(child), **changes)], parent, frozenset(), 1, 99)


@pytest.mark.parametrize("change", [{"qty_lots": 0}, {"price_ticks": 0}])
def test_a_child_of_nothing_never_leaves(sent: tuple[ParentRecord, ChildOrder], change: dict[str, int]) -> None:
    parent, child = sent
    parent.children.clear()
    assert refused(replace(next_child(child), **change), parent, frozenset()) is RefusalCode.INVALID_QUANTITY


def test_a_preview_tells_every_check_up_to_the_first_no() -> None:
    fine = gate.preview(make_view())
    assert [c.refusal for c in fine] == [None] * len(fine)
    halted = gate.preview(make_view(account_killed=frozenset({(KillScope.GLOBAL, "")})))
    assert [c.code for c in halted] == [RefusalCode.TRADING_HALTED]


def test_readopting_keeps_the_limits_version_of_acceptance(sent: tuple[ParentRecord, ChildOrder]) -> None:
    parent, _ = sent
    assert gate.readopt(parent).limits_version == parent.accepted.limits_version
