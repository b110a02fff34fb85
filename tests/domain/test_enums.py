"""Status is derived from state by one table: every state has one, and the tables are complete."""

from __future__ import annotations

import pytest

from app.domain.enums import (
    REFUSALS,
    ChildState,
    DoneReason,
    OrderStatus,
    ParentState,
    RefusalCode,
    Side,
    child_status,
    parent_status,
)


def status(state=ParentState.WORKING, done=None, *, has_fills=False, is_canceling=False, is_unknown=False):
    return parent_status(state, done, has_fills=has_fills, is_canceling=is_canceling, is_unknown=is_unknown)


@pytest.mark.parametrize("reason", DoneReason)
def test_a_done_order_shows_why_whatever_else_is_said(reason):
    assert status(ParentState.DONE, reason, has_fills=True, is_canceling=True, is_unknown=True) == reason.value


def test_unknown_comes_before_canceling_and_canceling_before_fills():
    assert status(has_fills=True, is_canceling=True, is_unknown=True) is OrderStatus.UNKNOWN
    assert status(has_fills=True, is_canceling=True) is OrderStatus.PENDING_CANCEL
    assert status(has_fills=True) is OrderStatus.PARTIALLY_FILLED
    assert status() is OrderStatus.WORKING
    assert status(ParentState.ACCEPTED) is OrderStatus.NEW


@pytest.mark.parametrize("state", ChildState)
def test_every_child_state_has_a_status(state):
    plain, canceling = child_status(state, is_canceling=False), child_status(state, is_canceling=True)
    assert isinstance(plain, OrderStatus)
    may_be_canceled = not state.is_terminal and state is not ChildState.UNKNOWN
    assert canceling is (OrderStatus.PENDING_CANCEL if may_be_canceled else plain)


def test_terminal_states_are_the_four_ends():
    ends = {ChildState.FILLED, ChildState.CANCELED, ChildState.EXPIRED, ChildState.REJECTED}
    assert {state for state in ChildState if state.is_terminal} == ends


def test_every_refusal_has_its_number_its_fix_code_and_its_http_status():
    assert set(REFUSALS) == set(RefusalCode)
    numbers = [number for number, _, _ in REFUSALS.values()]
    assert len(set(numbers)) == len(numbers)
    assert {http for _, _, http in REFUSALS.values()} == {403, 422, 429, 503}


def test_a_side_is_its_sign():
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
