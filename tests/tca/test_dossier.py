"""A dossier says the same everywhere, and says what it does not know."""

from __future__ import annotations

from dataclasses import replace

from app.domain.markouts import PathKind
from app.tca.counterfactuals import PlanError
from app.tca.dossier import Dossier, compile_dossier, order_costs
from tests.tca.measured_desk import MeasuredDesk
from tests.worlds import BTC_USDT, make_desk


def test_it_is_a_function_of_what_was_found(dossier: Dossier) -> None:
    assert compile_dossier(dossier.found) == dossier


def test_fills_that_were_never_looked_at_are_counted(dossier: Dossier) -> None:
    blind = [replace(r, paths=[]) for r in dossier.found.records]
    found = compile_dossier(replace(dossier.found, records=blind))
    assert dossier.n_measured == dossier.n_fills > 0
    assert (found.n_measured, found.n_fills) == (0, dossier.n_fills)


def test_a_venue_narrows_what_is_shown(dossier: Dossier) -> None:
    venue = dossier.cards[0].venue
    found = compile_dossier(replace(dossier.found, wanted=replace(dossier.found.wanted, venue=venue)))
    assert [card.venue for card in found.cards] == [venue]
    assert {m.venue for m in found.marked} == {venue}
    assert found.n_fills < dossier.n_fills


def test_each_benchmark_is_the_fills_against_its_price(measured: MeasuredDesk, dossier: Dossier) -> None:
    costs = next(c for c in dossier.orders if c.record.fills and c.record.interval)
    report, interval = costs.record.tca, costs.record.interval
    assert report is not None
    assert interval is not None
    named = {b.name: b for b in costs.benchmarks}
    assert list(named) == ["arrival", "decision", "twap", "vwap", "close", "opportunity"]
    sign = 1 if costs.record.accepted.order.side.value == "buy" else -1
    at_twap = BTC_USDT.money_nano(interval.twap_half_units, report.filled_qty_units) / 2
    assert abs(named["twap"].cost_nano - sign * (report.filled_money_nano - at_twap)) <= 1
    assert named["vwap"].missing == "unavailable: no public trades were seen"
    assert named["decision"].missing == "the client gave no decision price"
    assert named["opportunity"].cost_nano == report.opportunity_nano


def test_an_order_at_work_has_no_costs_yet() -> None:
    record, _ = make_desk().accepted()
    costs = order_costs(record, BTC_USDT, PlanError(0, None, None))
    assert (costs.benchmarks, costs.arms) == ((), ())
    assert not costs.reach.is_within


def test_paths_are_of_both_kinds(dossier: Dossier) -> None:
    assert {m.kind for m in dossier.marked} == set(PathKind)
