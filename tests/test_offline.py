"""Commands that need no service say what they lack, and the shipped rivals of a replay each have one solver."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.errors import BadRequest
from app.offline import REPLAY_SOLVERS, ReplayBuilder, calibrate_orders
from app.routing.choose import SOLVERS
from app.services.replay_protocol import OWN_ARM


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
