"""What queues lose: counted by its definition, believed only once enough was seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Side
from app.learning.outflow import (
    FLOW_NS,
    LEAST_FLOW_TRADES,
    LEAST_LOOKS,
    N_QUANTILES,
    N_TRADES,
    Outflows,
    QueueLosses,
)

S = 1_000_000_000
BID = 6_000_000
NO_FAR = (0, 0)


def still(queue: QueueLosses, n: int, *, every_ns: int = S, units: int = 100) -> None:
    """The same book at each look."""
    for i in range(n):
        queue.look(i * every_ns, [(BID, units), (BID - 10 * queue.side.sign, 50)], NO_FAR)


def test_trades_take_from_the_queue_first_and_what_is_beyond_it_is_ours() -> None:
    queue = QueueLosses(Side.BUY)
    still(queue, 100)
    for i in range(400):
        queue.trade(i * S // 4 + 1, BID, 10)
    # 80 trade within two seconds, whatever is before us: 50 are before us, 30 ours.
    assert queue.quantiles_units(2 * S, 50) == (80,) * N_QUANTILES
    assert queue.quantiles_units(2 * S, 50)[0] - 50 == 30
    # Of 200 before us the 80 go, and the look's 100 scale to 200: nothing else is known to have left.
    assert queue.quantiles_units(2 * S, 200) == (80,) * N_QUANTILES


def test_trades_beyond_the_price_count_and_better_ones_do_not() -> None:
    for side in Side:
        queue = QueueLosses(side)
        still(queue, 60)
        for i in range(60):
            queue.trade(i * S + 1, BID - side.sign, 7)
            queue.trade(i * S + 2, BID + side.sign, 1_000)
        assert set(queue.quantiles_units(S, 0)) == {7}


def thinning(queue: QueueLosses, n: int) -> None:
    """A queue of 100 of which half leaves without a trade before the next look, and comes back at the next."""
    for i in range(n):
        queue.look(i * S, [(BID, 100 if i % 2 == 0 else 50), (BID - 10, 50)], NO_FAR)


def test_never_is_more_before_us_than_is_shown_where_cancels_move_us_on() -> None:
    queue = QueueLosses(Side.BUY)
    thinning(queue, 80)
    # Joined at a full look 40 of 40 become 20; at a half one nothing is known to leave.
    assert set(queue.quantiles_units(S, 40)) == {0, 20}
    deaf = QueueLosses(Side.BUY, is_moved_by_cancels=False)
    thinning(deaf, 80)
    assert set(deaf.quantiles_units(S, 40)) == {0}


def test_flicker_is_not_counted_twice() -> None:
    queue = QueueLosses(Side.BUY)
    for i in range(80):
        queue.look(i * S, [(BID, 100 if i % 2 == 0 else 1_000)], NO_FAR)
    assert max(queue.quantiles_units(4 * S, 100)) <= 90  # who joined at 1,000 has a tenth left; who joined at 100 all


def test_a_price_that_is_deserted_leaves_nobody_before_us() -> None:
    queue = QueueLosses(Side.BUY)
    for i in range(80):
        queue.look(i * S, [(BID - i, 100)], NO_FAR)
    assert set(queue.quantiles_units(S, 70)) == {70}


def test_a_price_deeper_than_is_seen_is_not_taken_for_deserted() -> None:
    queue = QueueLosses(Side.BUY)
    for i in range(80):
        queue.look(i * S, [(BID + 100 * i - k, 100) for k in range(6)], NO_FAR)
    assert set(queue.quantiles_units(S, 70)) == {0}


def test_another_side_that_comes_to_the_price_meets_us() -> None:
    for side in Side:
        queue = QueueLosses(side, is_moved_by_cancels=False)
        for i in range(80):
            price = BID - side.sign * 10 * i
            queue.look(i * S, [(price, 100)], (price + side.sign, 25))
        assert set(queue.quantiles_units(S, 70)) == {70 + 25}


@pytest.mark.parametrize("missing", [0, 1])
def test_too_few_looks_are_believed_nothing_of(missing: int) -> None:
    queue = QueueLosses(Side.BUY)
    still(queue, LEAST_LOOKS + 1 - missing)
    assert bool(queue.quantiles_units(S, 10)) is (not missing)


def test_looks_must_span_several_horizons() -> None:
    queue = QueueLosses(Side.BUY)
    still(queue, 40, every_ns=S // 4)
    assert queue.quantiles_units(S, 10)
    assert queue.quantiles_units(2 * S, 10) == ()


def test_what_is_forgotten_is_not_counted_as_nothing() -> None:
    queue = QueueLosses(Side.BUY)
    still(queue, 200)
    for i in range(2 * N_TRADES):
        queue.trade(100 * S + i * 100 * S // (2 * N_TRADES), BID, 1)
    # Only the second half of the trades is remembered: windows that begin before it are left out.
    assert min(queue.quantiles_units(S, 0)) > 0


def test_an_empty_venue_has_no_outflow() -> None:
    outflows = Outflows()
    assert outflows.quantiles_units("v", "BTC/USDT", Side.BUY, S, 10) == ()
    assert outflows.queue("v", "BTC/USDT", Side.BUY).quantiles_units(S, 10) == ()
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


rows = st.lists(st.tuples(st.integers(-2, 2), st.integers(1, 60)), min_size=30, max_size=30)
prints = st.lists(st.tuples(st.integers(0, 30 * S), st.integers(-3, 3), st.integers(1, 50)), max_size=60)


@given(rows, prints, st.sampled_from(list(Side)), st.integers(0, 80))
def test_it_agrees_with_its_definition(
    looks: list[tuple[int, int]], trades: list[tuple[int, int, int]], side: Side, ahead: int
) -> None:
    """A queue followed look by look and print by print; then the order statistics at (i + 1/2) / n, rounded down."""
    queue, n_looks = QueueLosses(side), 2
    for i, (moved, units) in enumerate(looks):
        queue.look(i * S, [(BID + moved, units)], NO_FAR)
    for ts_ns, moved, units in sorted(trades):
        queue.trade(ts_ns, BID + moved, units)
    lost = []
    for i, (touch, shown) in enumerate(looks[: len(looks) - n_looks]):
        left, ours = float(ahead), 0.0
        for j in range(n_looks):
            begun_ns, ended_ns = (i + j) * S, (i + j + 1) * S
            met = [u for ts, m, u in trades if begun_ns < ts <= ended_ns and side.sign * (m - touch) <= 0]
            ours += max(0.0, sum(met) - left)
            left = max(0.0, left - sum(met))
            best, now = looks[i + j + 1]
            if side.sign * (touch - best) >= 0:
                left = min(left, now * ahead / shown if touch == best else 0.0)
        lost.append(ahead - left + ours)
    lost.sort()
    expected = tuple(int(lost[int((i + 0.5) / N_QUANTILES * len(lost))]) for i in range(N_QUANTILES))
    found = queue.quantiles_units(n_looks * S, ahead)
    assert len(found) == len(expected)
    assert all(abs(a - b) <= 1 for a, b in zip(found, expected, strict=True))  # a share of a queue is rounded down
