"""How long touches stand, and what of them is gone when a child could have come."""

from __future__ import annotations

import pytest

from app.domain.belief import BeliefKey, Measure
from app.domain.enums import Side
from app.learning.quote_age import GONE_OF, NEW_NS, USUAL_WAY_NS, YOUNG_NS, QuoteAges

V, X = "ven_a", "BTC/USDT"


def ages_of(*touches: tuple[int, int, int], side: Side = Side.BUY) -> QuoteAges:
    """(when, price, quantity) in order."""
    ages = QuoteAges()
    for ts_ns, price, qty in touches:
        ages.note(V, X, side, (price, qty), ts_ns)
    return ages


@pytest.mark.parametrize(
    ("age_ns", "measure"),
    [
        (0, Measure.FADE_NEW),
        (NEW_NS - 1, Measure.FADE_NEW),
        (NEW_NS, Measure.FADE_YOUNG),
        (YOUNG_NS - 1, Measure.FADE_YOUNG),
        (YOUNG_NS, Measure.FADE),
    ],
)
def test_a_touch_grows_old(age_ns: int, measure: Measure) -> None:
    assert ages_of((5, 100, 10)).measure(V, X, Side.BUY, 5 + age_ns) is measure


def test_what_was_never_seen_is_as_any_other() -> None:
    ages = ages_of((0, 100, 10))
    assert ages.measure(V, X, Side.SELL, 0) is Measure.FADE
    assert ages_of((0, 0, 0)).measure(V, X, Side.BUY, 0) is Measure.FADE


@pytest.mark.parametrize(
    ("later", "is_new"),
    [
        ((100, 10), False),
        ((100, 20), False),  # twice as much is the same quote
        ((100, 21), True),
        ((100, 4), False),  # less is what is left of it
        ((101, 10), True),
        ((99, 10), True),
    ],
)
def test_another_price_or_more_than_twice_the_quantity_is_another_quote(later: tuple[int, int], is_new: bool) -> None:
    ages = ages_of((0, 100, 10), (2 * YOUNG_NS, *later))
    found = ages.measure(V, X, Side.BUY, 2 * YOUNG_NS)
    assert found is (Measure.FADE_NEW if is_new else Measure.FADE)


def test_what_comes_back_after_most_was_gone_is_new() -> None:
    ages = ages_of((0, 100, 10), (YOUNG_NS, 100, 2), (2 * YOUNG_NS, 100, 10))
    assert ages.measure(V, X, Side.BUY, 2 * YOUNG_NS) is Measure.FADE_NEW


def test_without_quantities_the_price_alone_says_so() -> None:
    ages = ages_of((0, 100, 0), (YOUNG_NS, 100, 0))
    assert ages.measure(V, X, Side.BUY, YOUNG_NS) is Measure.FADE
    assert not ages.take_seen()


@pytest.mark.parametrize(
    ("side", "later", "gone"),
    [
        (Side.BUY, (100, 10), 0.0),
        (Side.BUY, (100, 4), 0.6),
        (Side.BUY, (101, 50), 1.0),
        (Side.BUY, (99, 1), 0.0),  # better: what stood there stands behind it
        (Side.SELL, (99, 50), 1.0),
        (Side.SELL, (101, 1), 0.0),
        (Side.BUY, (0, 0), 1.0),
    ],
)
def test_a_look_is_answered_when_a_child_could_have_come(side: Side, later: tuple[int, int], gone: float) -> None:
    ages = ages_of((0, 100, 10), (USUAL_WAY_NS - 1, 100, 10), (USUAL_WAY_NS, *later), side=side)
    (seen,) = ages.take_seen()
    assert seen.key == BeliefKey(GONE_OF[Measure.FADE_NEW], V, X, side)
    assert seen.value == pytest.approx(gone)
    assert not ages.take_seen()


def test_the_measured_way_is_waited_for_and_looks_are_a_second_apart() -> None:
    ages = ages_of((0, 100, 10))
    ages.way_ns[V] = 300_000_000
    ages.note(V, X, Side.BUY, (100, 10), 299_999_999)
    assert not ages.take_seen()
    for tenths in range(3, 25):
        ages.note(V, X, Side.BUY, (100, 10), tenths * NEW_NS)
    assert [seen.key.measure for seen in ages.take_seen()] == [Measure.GONE_NEW, Measure.GONE, Measure.GONE]
