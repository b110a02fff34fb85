"""The only maker of Approved: parents by every check, children again at the turn that makes the intent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import KillScope, RefusalCode
from app.domain.errors import OrderRefused
from app.domain.orders import ChildOrder
from app.domain.records import ParentRecord
from app.domain.units import NANO
from app.risk import gate
from tests.risk.test_checks import make_view
from tests.worlds import BTC_USDT, make_desk, make_order


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
