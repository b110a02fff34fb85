import numpy as np
import pytest

from app.domain.errors import BadRequest, InvariantBroken
from app.learning.dark import MAX_UNITS_ASKED, HopeLaw, counted, hopeful_tails, no_counts
from app.routing.dark import allocate

LAW = HopeLaw()


def rounds(counts, *pairs, law=LAW):
    for sent, filled in pairs:
        counts = counted(counts, np.array(sent), np.array(filled), law)
    return counts


def test_a_round_gives_new_counts_and_leaves_the_old():
    before = no_counts(2, 4)
    after = rounds(before, ([3, 0], [1, 0]))
    assert (before.n_rounds, after.n_rounds) == (0, 1)
    assert not before.at_risk.any()
    assert after.at_risk.tolist() == [[1, 1, 0, 0], [0, 0, 0, 0]]
    assert after.ended.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]


def test_a_venue_that_was_empty_is_believed_less_than_one_never_asked():
    tail = hopeful_tails(rounds(no_counts(2, 3), *([([3, 0], [0, 0])] * 20)), LAW)
    assert tail[0, 0] < 0.25 < 0.6 < tail[1, 0]


def test_with_many_rounds_hope_becomes_the_frequency():
    """Hidden sizes of 0, 2 and 4, each a third of the time, seen through orders of 3: above 3 nothing is known."""
    hidden = [0, 2, 4] * 2_000
    tail = hopeful_tails(rounds(no_counts(1, 5), *(([3], [min(size, 3)]) for size in hidden)), LAW)
    assert tail[0, :3] == pytest.approx([2 / 3, 2 / 3, 1 / 3], abs=0.01)
    assert tail[0, 4] > 0.9 * tail[0, 2]


def test_what_was_learned_fades_when_told_to_and_a_venue_that_dried_up_is_left():
    """Venue 0 fills all four for 300 rounds, then nothing; venue 1 has nothing for 100 rounds, then would fill all."""
    lost = {}
    for keep in (1.0, 0.95):
        law, counts, n_lost = HopeLaw(keep_frac=keep), no_counts(2, 4), 0
        for t in range(450):
            sent = allocate(hopeful_tails(counts, law), 4)
            filled = np.minimum(sent, [4 if t < 300 else 0, 4 if t >= 100 else 0])
            counts = counted(counts, sent, filled, law)
            n_lost += int(t >= 300 and filled.sum() == 0)
        lost[keep] = n_lost
    assert lost[0.95] < 40 < 100 < lost[1.0]


def test_a_fill_of_more_than_was_sent_is_a_broken_invariant():
    with pytest.raises(InvariantBroken):
        rounds(no_counts(1, 4), ([2], [3]))


def test_laws_and_sizes_outside_their_range_are_refused():
    for wrong in (
        {"n_prior_rounds": 0.0},
        {"end_frac": 1.0},
        {"empty_frac": -0.1},
        {"bonus_frac": -1.0},
        {"keep_frac": 0.0},
    ):
        with pytest.raises(BadRequest):
            HopeLaw(**wrong)
    for n_venues, most in ((0, 5), (1, 0), (1, MAX_UNITS_ASKED + 1)):
        with pytest.raises(BadRequest):
            no_counts(n_venues, most)
