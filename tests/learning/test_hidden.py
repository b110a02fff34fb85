"""Beliefs of hidden liquidity: from raw answers to chances, the price of asking, and what a unit is worth."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Side
from app.domain.hidden_facts import DarkAnswered, DealerAnswered
from app.learning.dark import HopeLaw
from app.learning.hidden import (
    MAX_LEAK_PPM,
    PRIOR_LEAK_PPM,
    HiddenBelief,
    believe,
    believe_look,
    expected_units,
    leak_ppm,
    worth,
)
from app.routing.dark import allocate


def answer(asked: int, filled: int, *, least: int = 100, moved_ppm: int = 0) -> DarkAnswered:
    return DarkAnswered("desk", "o", "c", "dark", "BTC/USDT", Side.BUY, asked, least, filled, moved_ppm)


ANSWERS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(-500, 500)).map(
        lambda t: answer(100 * max(t[0], t[1]), 100 * min(t[0], t[1]), moved_ppm=t[2])
    ),
    max_size=30,
)


@given(ANSWERS, st.integers(1, 30), st.integers(-50, 500))
def test_chances_and_worths_fall_and_stay_within_bounds(answers: list[DarkAnswered], most: int, saving: int) -> None:
    belief = believe(answers, 100, most)
    value = worth(belief, saving)
    for table in (belief.tail_frac, value):
        assert table.shape == (most,)
        assert np.all((table >= 0.0) & (table <= 1.0))
        assert np.all(np.diff(table) <= 0.0)
    assert np.all(value <= belief.tail_frac)
    assert 0 <= belief.leak_ppm <= MAX_LEAK_PPM
    assert allocate(value[None, :], most)[0] <= most


def test_full_fills_say_at_least_and_parts_say_no_more() -> None:
    full = believe([answer(300, 300)] * 40, 100, 6).tail_frac
    part = believe([answer(600, 300)] * 40, 100, 6).tail_frac
    assert np.allclose(full[:3], part[:3], atol=0.1)
    assert full[3] > 0.7  # censored: nothing was seen beyond
    assert part[3] < 0.3  # seen to end there
    empty = believe([answer(600, 0)] * 40, 100, 6).tail_frac
    assert empty[0] < 0.2


def test_what_a_larger_least_execution_hid_is_left_out() -> None:
    assert believe([answer(1_000, 0, least=500)] * 40, 100, 5).n_answers == 0
    assert believe([answer(1_000, 0, least=500)] * 40, 500, 2).n_answers == 40


def test_a_venue_that_changed_is_believed_by_what_it_does_now() -> None:
    told = [answer(500, 500)] * 200 + [answer(500, 0)] * 60
    drifting = believe(told, 100, 5).tail_frac[0]
    remembering = believe(told, 100, 5, HopeLaw()).tail_frac[0]
    assert drifting < 0.4 < remembering


def test_the_leak_is_what_unfilled_questions_moved() -> None:
    assert leak_ppm([]) == PRIOR_LEAK_PPM
    assert leak_ppm([answer(100, 100, moved_ppm=300)] * 50) == PRIOR_LEAK_PPM  # filled whole: nothing was given away
    assert leak_ppm([answer(200, 100, moved_ppm=100)] * 180) == (20 * PRIOR_LEAK_PPM + 180 * 100) // 200
    assert leak_ppm([answer(200, 0, moved_ppm=10_000)] * 5_000) <= MAX_LEAK_PPM
    assert leak_ppm([answer(200, 0, moved_ppm=-10_000)] * 500) == 0


def test_a_leaking_venue_gets_less() -> None:
    tail = np.array([0.9, 0.7, 0.5, 0.3, 0.1])
    quiet, loud = (worth(HiddenBelief(tail, leak, 10), 50) for leak in (0, 40))
    assert np.array_equal(quiet, tail)
    split = allocate(np.vstack([quiet, loud]), 5).tolist()
    assert split[0] > split[1]
    assert not worth(HiddenBelief(tail, 0, 10), 0).any()  # where nothing is saved nothing is asked


def test_expected_units_add_up_the_chances() -> None:
    assert expected_units(HiddenBelief(np.array([0.5, 0.25]), 0, 0), 2, 100) == 75


def look(outcome: str, moved_ppm: int = 0) -> DealerAnswered:
    return DealerAnswered("desk", "o", "c", "deal", "BTC/USDT", Side.BUY, outcome, moved_ppm, 10**8)


def test_a_look_costs_its_chance_times_its_move() -> None:
    unknown = believe_look([], 0.0, 10**8)
    assert (unknown.hit_frac, unknown.move_ppm, unknown.cost_ppm, unknown.n_looks) == (0.8, 10.0, 2, 0)
    honest = believe_look([look("filled")] * 200, 0.0, 10**8)
    nasty = believe_look([look("declined", 200)] * 200, 0.0, 10**8)
    assert honest.hit_frac > 0.97
    assert nasty.hit_frac < 0.1
    assert honest.cost_ppm <= unknown.cost_ppm < 100 < nasty.cost_ppm
    for belief in (unknown, honest, nasty):
        assert belief.low_ppm <= belief.cost_ppm <= belief.high_ppm
    assert believe_look([look("declined", -500)] * 200, 0.0, 10**8).move_ppm < 5  # what helps is no cost, and no gain


def test_a_longer_hold_in_a_livelier_market_costs_more() -> None:
    costs = [believe_look([], sigma, hold).cost_ppm for sigma, hold in ((1.0, 10**7), (1.0, 10**9), (3.0, 10**9))]
    assert costs[0] < costs[1] < costs[2]


def test_a_dealer_who_has_bettered_himself_is_believed() -> None:
    assert believe_look([look("declined", 100)] * 100 + [look("filled")] * 150, 0.0, 10**8).hit_frac > 0.9
