"""What queues lose: counted by its definition, believed only once enough was seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Side
from app.learning.outflow import (
    FLOW_NS,
    LEAST_FLOW_TRADES,
    LEAST_MARKS,
    N_LOSSES,
    N_QUANTILES,
    Outflows,
    QueueLosses,
)

S = 1_000_000_000
BID = 6_000_000


def marked(queue: QueueLosses, n: int, *, every_ns: int = S, price_units: int = BID) -> None:
    for i in range(n):
        queue.mark(i * every_ns, price_units)


def test_a_steady_flow_has_the_same_quantiles_throughout() -> None:
    queue = QueueLosses(Side.BUY)
    for i in range(400):
        queue.trade(i * S // 4 + 1, BID, 10)
    marked(queue, 100)
    assert queue.quantiles_units(2 * S) == (80,) * N_QUANTILES


def test_trades_beyond_the_price_count_and_better_ones_do_not() -> None:
    for side in Side:
        queue = QueueLosses(side)
        marked(queue, 60)
        for i in range(60):
            queue.trade(i * S + 1, BID - side.sign, 7)
            queue.trade(i * S + 2, BID + side.sign, 1_000)
        assert set(queue.quantiles_units(S)) == {7}


def test_half_of_what_is_canceled_at_the_price_was_ahead_and_none_elsewhere() -> None:
    queue = QueueLosses(Side.BUY)
    marked(queue, 60)
    for i in range(60):
        queue.cancel(i * S + 1, BID, 30)
        queue.cancel(i * S + 2, BID - 1, 1_000)
    assert set(queue.quantiles_units(S)) == {15}


@pytest.mark.parametrize("missing", [0, 1])
def test_too_few_marks_are_believed_nothing_of(missing: int) -> None:
    queue = QueueLosses(Side.BUY)
    marked(queue, LEAST_MARKS + 1 - missing)
    assert bool(queue.quantiles_units(S)) is (not missing)


def test_marks_must_span_several_horizons() -> None:
    queue = QueueLosses(Side.BUY)
    marked(queue, 40, every_ns=S // 4)
    assert queue.quantiles_units(S)
    assert queue.quantiles_units(2 * S) == ()


def test_what_is_forgotten_is_not_counted_as_nothing() -> None:
    queue = QueueLosses(Side.BUY)
    marked(queue, 200)
    for i in range(2 * N_LOSSES):
        queue.trade(100 * S + i * 100 * S // (2 * N_LOSSES), BID, 1)
    # Only the second half of the trades is remembered: windows that begin before it are left out.
    assert min(queue.quantiles_units(S)) > 0


def test_an_empty_venue_has_no_outflow() -> None:
    outflows = Outflows()
    assert outflows.quantiles_units("v", "BTC/USDT", Side.BUY, S) == ()
    assert outflows.against_ppm("v", "BTC/USDT", Side.BUY, S) == 0


@pytest.mark.parametrize(("n_own", "n_other", "expected"), [(20, 0, 1_000_000), (15, 5, 500_000), (0, 20, -1_000_000)])
def test_the_signed_flow_is_what_took_from_this_side(n_own: int, n_other: int, expected: int) -> None:
    outflows = Outflows()
    for n, side in ((n_own, Side.BUY), (n_other, Side.SELL)):
        for i in range(n):
            outflows.queue("v", "s", side).trade(i, BID, 10)
    assert outflows.against_ppm("v", "s", Side.BUY, FLOW_NS // 2) == expected
    assert outflows.against_ppm("v", "s", Side.SELL, FLOW_NS // 2) == -expected
    assert outflows.against_ppm("v", "s", Side.BUY, 2 * FLOW_NS) == 0  # all of it is old


def test_few_trades_say_nothing_of_the_flow() -> None:
    outflows = Outflows()
    for i in range(LEAST_FLOW_TRADES - 1):
        outflows.queue("v", "s", Side.BUY).trade(i, BID, 10)
    assert outflows.against_ppm("v", "s", Side.BUY, S) == 0


@given(
    st.lists(st.tuples(st.integers(0, 30 * S), st.integers(-3, 3), st.integers(1, 50)), max_size=60),
    st.lists(st.integers(-2, 2), min_size=30, max_size=30),
    st.sampled_from(list(Side)),
)
def test_it_agrees_with_its_definition(trades: list[tuple[int, int, int]], touches: list[int], side: Side) -> None:
    """Each whole window's loss, then the order statistics at (i + 1/2) / n, rounded down."""
    queue, horizon_ns = QueueLosses(side), 2 * S
    for i, moved in enumerate(touches):
        queue.mark(i * S, BID + moved)
    for ts_ns, moved, units in sorted(trades):
        queue.trade(ts_ns, BID + moved, units)
    lost = sorted(
        sum(
            units
            for ts_ns, moved, units in trades
            if i * S < ts_ns <= i * S + horizon_ns and side.sign * (moved - touch) <= 0
        )
        for i, touch in enumerate(touches)
        if i * S <= 29 * S - horizon_ns
    )
    expected = tuple(lost[int((i + 0.5) / N_QUANTILES * len(lost))] for i in range(N_QUANTILES))
    assert queue.quantiles_units(horizon_ns) == expected
