"""Orders on the wire: the shape, the promise of the ack, the numbers of fills."""

from __future__ import annotations

from decimal import Decimal

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.schemas import order as schema
from app.api.wire.order import ack_json, child_json, execution_json, order_json
from app.domain.fills import ReportKind
from app.store.codec import decode_fact, encode_fact
from tests.worlds import BTC_USDT, make_desk, make_order


def test_the_ack_is_a_pure_function_of_its_fact():
    """Whatever happened since, and after a round trip through the log's bytes."""
    desk = make_desk()
    record, children = desk.accepted(make_order(tags=(("a", "1"),)))
    first = orjson.dumps(ack_json(record.accepted, record.accepted_account_seq, BTC_USDT))
    for child in children:
        desk.fill(child)
    (fact,) = [f for f in desk.facts if f.event.KIND == "order_accepted"]
    stored = encode_fact(fact)
    reread = decode_fact(stored)
    again = orjson.dumps(ack_json(reread.event, reread.account_seq, BTC_USDT))
    assert first == again
    schema.PlacedOrder.model_validate_json(first)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=4), st.booleans())
def test_an_order_adds_up_at_every_step(lots, is_ended):
    desk = make_desk()
    record, children = desk.accepted(make_order(qty_units=400))
    child = children[0]
    for n_lots in lots:
        if child.qty_lots - record.children[child.child_id].cum_qty_units // child.lot_units >= n_lots:
            desk.fill(child, n_lots)
    if is_ended:
        desk.report(child, ReportKind.CANCELED, evidence="x")
    body = schema.Order.model_validate(order_json(record, BTC_USDT))
    fills = [schema.Execution.model_validate(execution_json(f, record, BTC_USDT)) for f in record.fills]
    kids = [schema.ChildOrder.model_validate(child_json(c, BTC_USDT)) for c in record.children.values()]
    assert body.cum_qty == sum((f.last_qty for f in fills), Decimal(0)) == sum((k.cum_qty for k in kids), Decimal(0))
    assert body.leaves_qty == (0 if body.done_reason else body.qty - body.cum_qty)
    assert sum((f.fee for f in fills), Decimal(0)) == sum((fee.amount for fee in body.fees), Decimal(0))
    assert body.cum_notional == sum((f.last_notional for f in fills), Decimal(0))
    if body.cum_qty:
        assert body.avg_price is not None
        assert abs(body.avg_price * body.cum_qty - body.cum_notional) < Decimal("0.000001")


def test_a_refused_end_says_why():
    desk = make_desk()
    record, _ = desk.accepted()
    for _ in range(10):
        for child in [c.child for c in record.children.values() if not c.state.is_terminal]:
            desk.report(child, ReportKind.REJECTED, code="no", text="closed", evidence="m")
        desk.wait(1_000)
    body = order_json(record, BTC_USDT)
    assert body["done_reason"] in ("canceled", "rejected")
    assert body["reject"]["text"]


def test_an_order_by_notional_has_no_leaves_in_quantity():
    desk = make_desk()
    record, _ = desk.accepted(make_order(qty_units=None, notional_nano=500 * 10**9))
    body = schema.Order.model_validate(order_json(record, BTC_USDT))
    assert (body.qty, body.leaves_qty) == (None, None)
    assert body.leaves_notional == body.notional == 500
