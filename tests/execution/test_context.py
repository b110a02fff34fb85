"""Ids that rise, what may still be sent, and what a child may still come to."""

from __future__ import annotations

import pytest

from app.domain.enums import Side
from app.domain.fills import ReportKind
from app.domain.units import NANO
from app.execution.commitments import dear_price_units, flying_notional_nano
from app.execution.context import (
    Context,
    remaining_notional_nano,
    remaining_qty_units,
    side_price,
)
from app.execution.inputs import Turn
from tests.worlds import BTC_USDT, MS, Desk, make_desk, make_order


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def look(desk: Desk) -> Context:
    return Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, Turn())


def test_ids_rise_within_and_across_milliseconds(desk: Desk) -> None:
    ids = []
    for _ in range(3):
        ids += [look(desk).next_order_id("ord") for _ in range(50)]
        desk.now_ns += MS
    assert ids == sorted(ids)
    assert len(set(ids)) == 150


@pytest.mark.parametrize("kind", [ReportKind.ACKED, ReportKind.UNKNOWN])
def test_what_is_in_flight_is_never_sent_again_known_or_not(desk: Desk, kind: ReportKind) -> None:
    parent, children = desk.accepted(make_order(qty_units=300))
    for child in children:
        desk.report(child, kind)
    assert remaining_qty_units(parent) == 300 - sum(c.qty_units for c in children)
    assert remaining_notional_nano(parent, BTC_USDT) is None


def test_a_buyers_notional_in_flight_counts_at_the_limit(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=None, notional_nano=6_000 * NANO))
    worst = sum(BTC_USDT.notional_nano(c.price_units, c.qty_units) for c in children)
    assert remaining_notional_nano(parent, BTC_USDT) == 6_000 * NANO - worst
    assert remaining_qty_units(parent) is None


def test_a_sellers_child_counts_at_no_less_than_the_mid_of_its_sending(desk: Desk) -> None:
    parent, _ = desk.accepted(make_order(side=Side.SELL, qty_units=100))
    for record in parent.children.values():
        assert record.child.price_units < 6_000_000 == dear_price_units(record)
        assert flying_notional_nano(BTC_USDT, record) == BTC_USDT.notional_nano(6_000_000, record.child.qty_units)


def test_a_taker_meets_the_far_touch(desk: Desk) -> None:
    reference = look(desk).market("BTC/USDT")[1]
    assert side_price(reference, Side.BUY) > 6_000_000 > side_price(reference, Side.SELL)
