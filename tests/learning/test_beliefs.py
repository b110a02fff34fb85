"""Beliefs: shrunk while little is known, decayed, told with an interval; an alarm forgets what was before it."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain.belief import BeliefKey, Measure, Observation
from app.domain.enums import Side
from app.domain.units import PPM
from app.learning.beliefs import HALF_LIFE_NS, MAX_TRIED_PPM, MIN_TRIED_PPM, BeliefBook, draw_ppm

S = 1_000_000_000


def key(venue="a", measure=Measure.MARKOUT):
    return BeliefKey(measure, venue, "BTC/USDT", Side.BUY)


def feed(book, of, values, start=0, gap_ns=10 * S):
    return [i for i, v in enumerate(values) if book.take(Observation(of, str(i), float(v), start + i * gap_ns))]


def test_nothing_is_believed_of_a_venue_before_it_is_seen():
    found = BeliefBook().belief(key())
    assert (found.ppm, found.n_observed, found.is_demoted, found.tried_ppm) == (0, 0, False, PPM)
    assert found.low_ppm < 0 < found.high_ppm


def test_few_fills_are_shrunk_and_many_are_believed():
    few, many = BeliefBook(), BeliefBook()
    feed(few, key(), [0.2] * 3)
    feed(many, key(), [0.2] * 2_000)
    assert 0 <= few.belief(key()).ppm < 10
    assert many.belief(key()).ppm == pytest.approx(20, abs=3)
    assert many.belief(key()).high_ppm - many.belief(key()).low_ppm < few.belief(key()).high_ppm


def test_the_interval_holds_the_truth_as_often_as_it_says():
    n_held = 0
    for seed in range(200):
        rng, book = np.random.default_rng((seed, 11)), BeliefBook()
        truth = rng.normal(0.0, 0.1, 5)
        for venue, mean in enumerate(truth):
            feed(book, key(str(venue)), rng.normal(mean, 1.2, 120))
        found = book.belief(key("0"))
        n_held += found.low_ppm <= 100 * truth[0] <= found.high_ppm
    assert n_held >= 184  # 95 % of 200, less three deviations


def test_shrinking_to_the_venues_common_mean_errs_less_than_the_plain_mean():
    ours, plain = [], []
    for seed in range(60):
        rng, book = np.random.default_rng((seed, 12)), BeliefBook()
        truth = rng.normal(0.1, 0.05, 6)
        drawn = [rng.normal(mean, 1.2, 60) for mean in truth]
        for venue, values in enumerate(drawn):
            feed(book, key(str(venue)), values)
        for venue, mean in enumerate(truth):
            ours.append((book.belief(key(str(venue))).ppm / 100 - mean) ** 2)
            plain.append((drawn[venue].mean() - mean) ** 2)
    assert np.mean(ours) < 0.5 * np.mean(plain)


def test_old_observations_fade():
    book = BeliefBook()
    feed(book, key(), [0.2] * 500)
    feed(book, key(), [0.0] * 500, start=6 * HALF_LIFE_NS)
    assert abs(book.belief(key()).ppm) < 5


def test_an_alarm_demotes_and_forgets_what_was_before():
    rng, book = np.random.default_rng(4), BeliefBook()
    assert not feed(book, key(), rng.normal(0.0, 1.2, 2_000))
    assert feed(book, key(), rng.normal(1.0, 1.2, 200), start=30_000 * S)
    found = book.belief(key())
    assert found.is_demoted
    assert found.ppm > 40
    assert MIN_TRIED_PPM <= found.tried_ppm <= MAX_TRIED_PPM
    assert feed(book, key(), rng.normal(0.0, 1.2, 400), start=40_000 * S)
    assert not book.belief(key()).is_demoted


def test_a_demotion_of_the_log_stands_in_a_new_process():
    book = BeliefBook()
    book.demote([key("b")])
    assert book.belief(key("b")).is_demoted
    assert not book.belief(key("a")).is_demoted


def test_a_value_beyond_the_law_is_cut_and_no_number_is_left_out():
    book = BeliefBook()
    feed(book, key(), [1e9, float("nan")])
    assert book.belief(key()).n_observed == 1
    assert book.belief(key()).ppm <= 300
    assert book.n_unwatched(key()) == 1


def test_an_order_is_tried_by_its_name_and_as_often_as_said():
    draws = [draw_ppm(f"ord_{i}", "ven_a") for i in range(4_000)]
    assert draw_ppm("ord_1", "ven_a") == draws[1]
    assert 0.04 < np.mean([d < 50_000 for d in draws]) < 0.06
