"""Scorecards against plain counting over the log."""

from __future__ import annotations

import pytest

from app.domain.enums import ChildState
from app.domain.fills import ReportKind
from app.tca.dossier import Dossier
from app.tca.scorecards import scorecards
from tests.tca.measured_desk import MeasuredDesk
from tests.worlds import BTC_USDT, make_desk, make_order

SYMBOLS = {"BTC/USDT": BTC_USDT}


def test_counts_and_ratios_are_those_of_the_log(measured: MeasuredDesk, dossier: Dossier) -> None:
    children = [c for r in measured.records for c in r.children.values()]
    assert {card.venue for card in dossier.cards} == {c.child.venue for c in children}
    for card in dossier.cards:
        mine = [c for c in children if c.child.venue == card.venue]
        assert card.n_children == len(mine)
        assert card.n_fills == sum(f.fill.venue == card.venue for r in measured.records for f in r.fills)
        ratios = [c.cum_qty_units / c.child.qty_units for c in mine]
        assert card.fill_ratio.mean_bps == pytest.approx(sum(ratios) / len(ratios) * 1e4)
        assert card.fade.mean_bps == pytest.approx(1e4 - card.fill_ratio.mean_bps)
        assert card.reject_rate.mean_bps == 0
        assert card.latency.n == len(mine)


def test_price_variation_counts_both_ways(dossier: Dossier) -> None:
    varied = [card for card in dossier.cards if card.price_variation.n]
    assert varied
    for card in varied:
        assert card.improved_frac is not None
        assert card.worse_frac is not None
        assert 0 <= card.improved_frac + card.worse_frac <= 1
        assert card.price_variation.n == card.n_fills


def test_a_rejection_is_a_rejection_and_no_fade() -> None:
    desk = make_desk()
    record, children = desk.accepted(make_order(qty_units=1_000))
    for child in children:
        desk.report(child, ReportKind.REJECTED, code="no", text="no", evidence="e")
    cards = scorecards([record], SYMBOLS, [])
    rejected = [c for c in record.children.values() if c.state is ChildState.REJECTED]
    assert sum(card.n_rejected for card in cards) == len(rejected) > 0
    card = next(card for card in cards if card.n_rejected)
    assert card.reject_rate.mean_bps == 10_000
    assert card.fade.n == 0
    assert card.price_variation.mean_bps is None
    assert card.improved_frac is None


def test_a_child_still_alive_is_not_judged() -> None:
    desk = make_desk()
    record, children = desk.accepted(make_order(qty_units=1_000))
    assert children
    assert scorecards([record], SYMBOLS, []) == []
