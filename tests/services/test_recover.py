from __future__ import annotations

import pytest

from app.domain.errors import InvariantBroken
from app.services.recover import recover
from tests.worlds import make_desk


def test_a_log_gives_back_the_ledger_that_wrote_it() -> None:
    desk = make_desk()
    desk.accepted()
    assert recover(desk.facts) == desk.core.ledger


def test_a_log_with_a_hole_is_refused() -> None:
    desk = make_desk()
    with pytest.raises(InvariantBroken):
        recover(desk.facts[:3] + desk.facts[4:])
