"""Shadows are folded once each: a second plan, a second outcome, a second fill is our own bug and stops."""

from __future__ import annotations

import pytest

from app.domain.enums import Side
from app.domain.errors import InvariantBroken
from app.domain.shadow import DeskParent, Execution, FourMids, OwnOutcome
from app.domain.shadow_events import IncumbentFilled, ShadowMet, ShadowPlanned
from app.execution.shadow_ledger import Shadows, apply

PARENT = DeskParent("p", "BTC/USDT", Side.BUY, 10, 5)
PLANNED = ShadowPlanned("desk", "shd_1", "BTC/USDT", PARENT, "h", "", "r", "s", (), (), 2, 2, -1)
MET = ShadowMet("desk", "shd_1", "BTC/USDT", "p", OwnOutcome((), FourMids(2, 2, 2, 2), -1, 0, 10, 1))
FILLED = IncumbentFilled("desk", "shd_1", "BTC/USDT", "p", (Execution("f", "v", 6, 1, 10, 0, "USDT"),))


def test_the_three_facts_make_one_record() -> None:
    shadows: Shadows = {}
    for ts_ns, event in enumerate((PLANNED, MET, FILLED), 7):
        apply(shadows, ts_ns, event)
    record = shadows["desk"]["p"]
    assert (record.told_ts_ns, record.outcome, list(record.fills)) == (7, MET.outcome, ["f"])


@pytest.mark.parametrize("event", [PLANNED, MET, FILLED])
def test_nothing_is_folded_twice(event: ShadowPlanned | ShadowMet | IncumbentFilled) -> None:
    shadows: Shadows = {}
    for told in (PLANNED, MET, FILLED):
        apply(shadows, 7, told)
    with pytest.raises(InvariantBroken):
        apply(shadows, 8, event)


@pytest.mark.parametrize("event", [MET, FILLED])
def test_what_belongs_to_no_parent_is_refused(event: ShadowMet | IncumbentFilled) -> None:
    with pytest.raises(InvariantBroken):
        apply({}, 1, event)
