"""What a process asks: the shipped law, or a desk's own from its log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.errors import BadRequest
from app.domain.pretrade import Basis
from app.learning import pretrade_fit
from app.learning.pretrade import CostEstimator
from app.learning.pretrade_artifact import parse_pretrade, pretrade_text
from app.services.pretrade import cost_record, fit_own, load_pretrade
from tests.learning.costs import made_law
from tests.worlds import Desk, make_desk, make_order


def test_the_shipped_law_is_simulated_and_says_so() -> None:
    law = load_pretrade()
    assert law.basis is Basis.SIMULATED
    assert "simulated" in law.source
    assert law.name.startswith("pretrade-simulated-")


def test_a_desks_own_file_is_taken_and_a_broken_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(pretrade_text(made_law(Basis.OWN)))
    assert load_pretrade(path) == made_law(Basis.OWN)
    path.write_text("format = 1")
    with pytest.raises(BadRequest):
        load_pretrade(path)


def worked(n_orders: int) -> Desk:
    desk = make_desk()
    desk.core.world = replace(desk.core.world, costs=CostEstimator(made_law()))
    for i in range(n_orders):
        _, children = desk.accepted(make_order(qty_units=100 + 10 * i))
        for child in children:
            desk.fill(child)
        desk.wait(1_000)
    return desk


def test_a_log_becomes_a_law_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrade_fit, "LEAST_PARENTS", 8)
    desk = worked(24)
    report, law = fit_own(desk.facts, "own")
    assert law.basis is Basis.OWN
    assert law.laws[0].n_parents == 24
    assert law.as_of == "2025-10-09"
    assert "n = 1 day, not evidence" in report
    assert "judged on the rest" in report
    assert parse_pretrade(pretrade_text(law)) == law


def test_a_log_of_few_orders_is_no_law() -> None:
    with pytest.raises(BadRequest):
        fit_own(worked(2).facts, "own")


class Engine:
    """As much of an engine as the record reads."""

    def __init__(self, desk: Desk) -> None:
        self.core, self.ledger = desk.core, desk.core.ledger


async def test_the_record_is_of_finished_orders_by_the_law_that_is_asked() -> None:
    record = await cost_record(Engine(worked(3)))  # type: ignore[arg-type]
    assert record is not None
    assert (record.n, record.n_days, record.law) == (3, 1, made_law())
    assert await cost_record(Engine(make_desk())) is None  # type: ignore[arg-type]
