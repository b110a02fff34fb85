"""The life of a child as a table.

Laws: terminal means no further send; a late fill changes quantities, never the state; only a venue's evidence, an
operator's evidence, or proof that it never left makes a child terminal; UNKNOWN keeps full exposure.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final

from app.domain.enums import ChildState, ParentState
from app.domain.errors import InvariantBroken


@unique
class ChildStep(StrEnum):
    ACK = "ack"
    PARTIAL_FILL = "partial_fill"
    FULL_FILL = "full_fill"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REJECT = "reject"
    LOSE = "lose"  # nothing is proven any more
    RESOLVE = "resolve"  # an operator's evidence


_S = ChildState
_LIVE: Final[dict[ChildStep, ChildState]] = {
    ChildStep.ACK: _S.ACKED,
    ChildStep.PARTIAL_FILL: _S.PARTIALLY_FILLED,
    ChildStep.FULL_FILL: _S.FILLED,
    ChildStep.CANCEL: _S.CANCELED,
    ChildStep.EXPIRE: _S.EXPIRED,
    ChildStep.REJECT: _S.REJECTED,
    ChildStep.LOSE: _S.UNKNOWN,
}
_CHILD: Final[dict[ChildState, dict[ChildStep, ChildState]]] = {
    _S.SENDING: _LIVE,
    _S.ACKED: _LIVE,
    # A venue may not reject what it has partly filled; its word for the rest is cancel or expire.
    _S.PARTIALLY_FILLED: {k: v for k, v in _LIVE.items() if k not in (ChildStep.ACK, ChildStep.REJECT)},
    _S.UNKNOWN: {**_LIVE, ChildStep.RESOLVE: _S.CANCELED},
    _S.FILLED: {},
    _S.CANCELED: {},
    _S.EXPIRED: {},
    _S.REJECTED: {},
}
_PARENT: Final[dict[ParentState, frozenset[ParentState]]] = {
    ParentState.ACCEPTED: frozenset({ParentState.WORKING, ParentState.DONE}),
    ParentState.WORKING: frozenset({ParentState.WORKING, ParentState.DONE}),
    ParentState.DONE: frozenset(),
}


def may_child(state: ChildState, step: ChildStep) -> bool:
    """Whether the table has the pair."""
    return step in _CHILD[state]


def next_child(state: ChildState, step: ChildStep) -> ChildState:
    """The state after `step`; an impossible pair is our bug."""
    following = _CHILD[state].get(step)
    if following is None:
        raise InvariantBroken(child_state=state.value, step=step.value)
    return following


def next_parent(state: ParentState, following: ParentState) -> ParentState:
    """`following`, if the table allows it after `state`."""
    if following not in _PARENT[state]:
        raise InvariantBroken(parent_state=state.value, following=following.value)
    return following
