"""What an engine says of itself."""

from __future__ import annotations

from app.services.health import health_of
from tests.worlds import held_order, make_desk


def test_health_counts_what_is_open_in_the_ledger_and_what_came_in_vain() -> None:
    desk = make_desk()
    desk.accepted(held_order(limit_price_units=5_900_000))
    _, children = desk.accepted()
    desk.core.memory.n_foreign_reports, desk.core.ledger.n_overfills = 3, 2
    health = health_of(desk.core, 4, 5, {("ven_a", "BTC/USDT"): 6}, is_draining=True)
    assert (health.seq, health.durable_seq, health.n_waiting_inputs) == (desk.core.ledger.seq, 4, 5)
    assert (health.n_open_orders, health.n_live_children) == (2, len(children))
    assert (health.n_foreign_reports, health.n_overfills, health.n_late_fills, health.n_duplicate_fills) == (3, 2, 0, 0)
    assert health.is_draining
    assert health.book_age_ns == {("ven_a", "BTC/USDT"): 6}
