"""Commands that need no service say what they lack, and the shipped rivals of a replay each have one solver."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from app.domain.errors import BadRequest
from app.domain.plan import Planned
from app.offline import REPLAY_SOLVERS, ReplayBuilder, calibrate_orders
from app.routing.choose import SOLVERS
from app.routing.router import Router
from app.services.replay_protocol import OWN_ARM
from tests.routing.scenes import random_scene


def test_a_journal_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"no journal at journal\.db"):
        calibrate_orders(tmp_path / "journal.db")
    assert list(tmp_path.iterdir()) == []


def test_each_rival_plans_with_its_own_solver_and_bestex_with_all() -> None:
    names = [name for name, _ in SOLVERS]
    assert set(REPLAY_SOLVERS.values()) == set(names)
    builder = ReplayBuilder()
    for arm, solver in REPLAY_SOLVERS.items():
        assert list(builder.planner(arm)._panel.names) == [solver]
    assert list(builder.planner(OWN_ARM)._panel.names) == names


def test_a_rival_is_sent_where_its_own_solver_says_and_nobody_mends_its_plan() -> None:
    rng, builder, n_other = Random(5), ReplayBuilder(), Counter[str]()
    for _ in range(150):
        scene = random_scene(rng)
        request, books = scene.request(), scene.books()
        problem, _excluded = Router().pose(request, books)
        if problem is None or problem.has_fixed:
            continue
        chosen, held = _units(Router().plan(request, books)), Router().decide(request, books)
        candidates = {
            each.name: {v: n for v, n in zip(problem.venues, each.units.tolist(), strict=True) if n}
            for each in held.candidates
        }
        if len(candidates) < len(SOLVERS):  # a whole-only order: one venue, whoever plans
            continue
        for arm, name in REPLAY_SOLVERS.items():
            said = candidates[name]
            planned = _units(builder.planner(arm).plan(request, books))
            assert planned in ({}, said), (arm, planned, said)  # nothing, where its plan breaks a law
            n_other[arm] += planned != chosen
    assert all(n_other[arm] > 1 for arm in REPLAY_SOLVERS), n_other


def _units(planned: Planned) -> dict[str, int]:
    return {item.venue: item.qty_units for item in planned.plan.allocations}
