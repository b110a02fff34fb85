from __future__ import annotations

import numpy as np
import pytest

from app.domain.calibration import Urgency
from app.domain.enums import Side
from app.learning.slippage import Predictor, Question, next_variance
from tests.learning import made

MS = 1_000_000


def predict(question: Question, books=None, row: int = 0, **changes):
    calibration = made.symbol_calibration(slippage=made.slippage(**changes))
    return Predictor(calibration, is_inverse=False).predict(books or made.books(), row, question)


def test_at_once_the_cost_is_the_walk():
    found = predict(Question(Side.BUY, 2_000))
    assert found.walk_ppm == pytest.approx(25.0)  # half at 100, half at 200 over six million
    assert found.p05_ppm == found.p95_ppm == found.mean_ppm == found.walk_ppm
    assert found.beyond_walk.mean_ppm == 0


def test_at_a_knot_the_table_is_added():
    found = predict(Question(Side.BUY, 2_000, delay_ns=250 * MS))
    assert found.mean_ppm - found.walk_ppm == pytest.approx(made.ROW[5])
    assert found.p95_ppm - found.walk_ppm == pytest.approx(made.ROW[4])


def test_a_dear_walk_has_its_own_row():
    cheap, dear = made.ROW, tuple(4 * value for value in made.ROW)
    tables = ((Urgency.NOW, (cheap, dear) * 3), (Urgency.SOON, (cheap, dear) * 3))
    near, far = (predict(Question(Side.BUY, qty, delay_ns=100 * MS), tables=tables) for qty in (1, 9_000))
    assert near.p95_ppm - near.walk_ppm == pytest.approx(made.ROW[4])
    assert far.p95_ppm - far.walk_ppm == pytest.approx(4 * made.ROW[4])


def test_waiting_and_volatility_widen():
    widths = [
        found.p95_ppm - found.p05_ppm
        for found in (
            predict(Question(Side.SELL, 2_000, delay_ns=5 * MS)),
            predict(Question(Side.SELL, 2_000, delay_ns=50 * MS)),
            predict(Question(Side.SELL, 2_000, delay_ns=50 * MS, sigma_ppm_sqrt_s=160.0)),
            predict(Question(Side.SELL, 2_000, delay_ns=400 * MS, sigma_ppm_sqrt_s=160.0)),
        )
    ]
    assert widths == sorted(set(widths))


def test_urgency_has_its_own_table():
    wide = tuple(tuple(value * 3 for value in made.ROW) for _ in range(6))
    tables = ((Urgency.NOW, (made.ROW,) * 6), (Urgency.SOON, wide))
    now, soon = (predict(Question(Side.BUY, 1_000, urgency, 100 * MS), tables=tables) for urgency in Urgency)
    assert soon.p95_ppm - soon.walk_ppm == pytest.approx(3 * (now.p95_ppm - now.walk_ppm))


def test_pressure_against_the_order_costs():
    books = made.books()
    books.qty_units[0, 0, 0] *= 9  # bids heavy: against a buyer
    buy, sell = (predict(Question(side, 500, delay_ns=100 * MS), books) for side in (Side.BUY, Side.SELL))
    assert buy.mean_ppm - buy.walk_ppm > sell.mean_ppm - sell.walk_ppm


def test_what_is_beyond_reach_says_so_and_too_short_a_book_says_nothing():
    assert not predict(Question(Side.BUY, 1_000)).is_extrapolated
    assert predict(Question(Side.BUY, 1_001)).is_extrapolated
    assert predict(Question(Side.BUY, 10_000)) is not None
    assert predict(Question(Side.BUY, 10_001)) is None
    books = made.books()
    books.n_levels[0, 1] = 0
    assert predict(Question(Side.SELL, 1), books) is None


def test_what_is_no_cost_is_no_answer():
    nonsense = (tuple(value * 1e6 for value in made.ROW),) * 6
    tables = ((Urgency.NOW, nonsense), (Urgency.SOON, nonsense))
    assert predict(Question(Side.BUY, 1_000, delay_ns=100 * MS), tables=tables) is None
    assert predict(Question(Side.BUY, 1_000, sigma_ppm_sqrt_s=float("nan"))) is None


def test_several_sizes_are_several_questions():
    predictor = Predictor(made.symbol_calibration(), is_inverse=False)
    question = Question(Side.BUY, 1, delay_ns=50 * MS)
    small, large, none = predictor.predict_sizes(made.books(), 0, question, (100, 5_000, 10**9))
    assert small.walk_ppm < large.walk_ppm
    assert none is None


def test_running_variance_of_steady_moves_is_their_variance():
    variance = 0.0
    rng = np.random.default_rng(1)
    seen = []
    for _ in range(20_000):
        variance = next_variance(variance, float(rng.normal(0, 8)), 0.1, 10.0)
        seen.append(variance)
    assert np.mean(seen[2_000:]) == pytest.approx(640, rel=0.05)
    assert next_variance(0.0, 3.0, 0.5, 10.0) == 18.0


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("urgency", list(Urgency))
def test_what_ranks_a_plan_is_the_whole_answer_beyond_its_walk(side, urgency):
    predictor, books = Predictor(made.symbol_calibration(), is_inverse=False), made.books()
    for qty_units in (1, 700, 5_000, 50_000):
        for delay_ns in (0, 5_000_000, 250_000_000):
            whole = predictor.predict(books, 0, Question(side, qty_units, urgency, delay_ns))
            found = predictor.beyond_walk(books, 0, Question(side, qty_units, urgency), delay_ns)
            assert found == (whole.beyond_walk if whole is not None else None)


def test_what_is_no_cost_ranks_no_plan():
    absurd = tuple(tuple(value * 1e9 for value in made.ROW) for _ in range(6))
    law = made.slippage(tables=tuple((urgency, absurd) for urgency in Urgency))
    predictor = Predictor(made.symbol_calibration(slippage=law), is_inverse=False)
    assert predictor.beyond_walk(made.books(), 0, Question(Side.BUY, 700), 250_000_000) is None
