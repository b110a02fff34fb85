from __future__ import annotations

import pytest

from app.domain.enums import ChildState, ParentState
from app.domain.errors import InvariantBroken
from app.execution.machine import ChildStep, may_child, next_child, next_parent

TERMINAL = [s for s in ChildState if s.is_terminal]


@pytest.mark.parametrize("state", TERMINAL)
@pytest.mark.parametrize("step", list(ChildStep))
def test_a_terminal_child_never_moves(state: ChildState, step: ChildStep) -> None:
    assert not may_child(state, step)
    with pytest.raises(InvariantBroken, match=state.value):
        next_child(state, step)


def test_only_an_unknown_child_can_be_resolved_by_an_operator() -> None:
    assert [s for s in ChildState if may_child(s, ChildStep.RESOLVE)] == [ChildState.UNKNOWN]


def test_a_partly_filled_child_cannot_be_rejected() -> None:
    assert not may_child(ChildState.PARTIALLY_FILLED, ChildStep.REJECT)
    assert may_child(ChildState.PARTIALLY_FILLED, ChildStep.CANCEL)


def test_every_live_state_can_become_unknown() -> None:
    live = [s for s in ChildState if not s.is_terminal]
    assert all(next_child(s, ChildStep.LOSE) is ChildState.UNKNOWN for s in live)


def test_a_done_parent_stays_done() -> None:
    for following in ParentState:
        with pytest.raises(InvariantBroken):
            next_parent(ParentState.DONE, following)
