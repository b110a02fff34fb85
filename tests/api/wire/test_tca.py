"""The waterfall on the wire sums exactly, in money and in basis points."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.schemas.tca import Tca
from app.api.wire.tca import order_tca_json
from app.domain.enums import Side
from app.domain.fills import ReportKind
from app.tca.counterfactuals import PlanError
from app.tca.dossier import order_costs
from tests.worlds import BTC_USDT, make_desk, make_order


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 100), st.sampled_from(Side), st.one_of(st.none(), st.integers(5_900_000, 6_100_000)))
def test_parts_sum_to_the_total(lots, side, decision_units):
    desk = make_desk()
    order = make_order(side=side, decision_price_units=decision_units, decision_ts_ns=5 if decision_units else 0)
    record, children = desk.accepted(order)
    for child in children:
        desk.fill(child, min(lots, child.qty_lots))
        if not record.children[child.child_id].state.is_terminal:
            desk.report(child, ReportKind.CANCELED, evidence="x")
    for _ in range(40):
        for child in [c.child for c in record.children.values() if not c.state.is_terminal]:
            desk.report(child, ReportKind.CANCELED, evidence="x")
        desk.wait(500)
        if record.tca is not None:
            break
    assert record.tca is not None
    body = Tca.model_validate(order_tca_json(order_costs(record, BTC_USDT, PlanError(0, None, None)), record.tca))
    assert body.cost_bps is not None
    assert sum(part for _, part in body.cost_bps) == body.total_bps
    assert sum(nano for _, nano in body.cost_nano) == body.total_cost_nano
    assert sum(body.cost.values(), Decimal(0)) == body.total_cost
    assert body.reference == ("decision" if decision_units else "received")
    assert body.base_money >= abs(body.reference_money)
