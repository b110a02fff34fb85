"""The law laid flat: its parts each in their place, and what cannot be told is a code (twin: test_at_once.py)."""

from __future__ import annotations

import numpy as np
import pytest

from app.kernels import foretell, status

BOOK = (
    np.array([[[99, 0], [101, 102]]], np.int64),
    np.array([[[5, 0], [4, 6]]], np.int64),
    np.array([[1, 2]], np.int64),
    np.zeros(1),
    np.ones(1, dtype=bool),
)


def flat(**changes: float) -> np.ndarray:
    """A law of one cell a size and volatility, whose errors are their number; `changes` by name of the place."""
    law = np.zeros(foretell.EDGES + 2 + 4 * foretell.N_ERRORS)
    law[foretell.SIGMA], law[foretell.SPREAD], law[foretell.MOST_USED] = 2.0, 1.0, 100.0
    law[foretell.LEAST_HELD], law[foretell.SCALE] = 0.25, 1.0
    law[foretell.N_SIZES] = law[foretell.N_SIGMAS] = 1
    law[foretell.EDGES], law[foretell.EDGES + 1] = 0.5, 3.0
    law[foretell.EDGES + 2 :] = np.arange(4 * foretell.N_ERRORS)
    for name, value in changes.items():
        law[getattr(foretell, name)] = value
    return law


def said(law: np.ndarray, wanted: int = 4, sigma: float = 0.0, cap: int = 0) -> tuple[int, list[int]]:
    out = np.full(foretell.N_SAID, -7, np.int64)
    code = foretell.foretell_at_once(*BOOK, law, 1, cap, 200, wanted, sigma, 500.0, out)
    return code, out.tolist()


def test_the_walk_is_told_in_millionths() -> None:
    code, out = said(flat())
    assert code == status.OK
    assert out[foretell.WALK_UBPS] == out[foretell.TOUCH_UBPS] == 100_000_000
    assert out[foretell.USED_PPM] == 400_000
    assert out[foretell.EXPECTED_UBPS] == 100_000_000


@pytest.mark.parametrize(
    ("wanted", "sigma", "cell_i"), [(4, 0.0, 0), (4, 3.0, 1), (4, 2.999, 0), (5, 1.0, 2), (9, 4.0, 3)]
)
def test_edges_belong_to_the_cell_above(wanted: int, sigma: float, cell_i: int) -> None:
    code, out = said(flat(), wanted, sigma)
    assert code == status.OK
    assert out[foretell.CELL_I] == cell_i
    first = (out[foretell.QUANTILES_UBPS] - out[foretell.EXPECTED_UBPS]) / 1e6
    assert first == pytest.approx(cell_i * foretell.N_ERRORS, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "more_bps"),
    [("INTERCEPT", 3.0), ("OFFSET", 3.0), ("MEAN", 3.0 * 2.0 * 0.4**0.5), ("SCALE", 0.0)],
)
def test_what_the_mean_adds(name: str, more_bps: float) -> None:
    before, after = said(flat())[1], said(flat(**{name: 3.0}))[1]
    assert (after[foretell.EXPECTED_UBPS] - before[foretell.EXPECTED_UBPS]) / 1e6 == pytest.approx(more_bps, abs=1e-5)


def test_a_spread_widens_every_quantile() -> None:
    once, twice = said(flat(), 9, 4.0)[1], said(flat(SPREAD=2.0), 9, 4.0)[1]
    for i in range(foretell.N_ERRORS):
        at = foretell.QUANTILES_UBPS + i
        mean = once[foretell.EXPECTED_UBPS]
        assert twice[at] - mean == pytest.approx(2 * (once[at] - mean), abs=2)


def test_what_is_beyond_the_books_or_the_law_is_named() -> None:
    assert said(flat(), 10)[1][foretell.IS_SHORT :] == [0, 0]
    assert said(flat(), 11)[1][foretell.IS_SHORT :] == [1, 1]
    assert said(flat(MOST_USED=0.3))[1][foretell.IS_SHORT :] == [0, 1]


def test_a_quantile_is_cut_at_half_of_the_value() -> None:
    out = said(flat(INTERCEPT=1e9))[1]
    assert out[foretell.EXPECTED_UBPS] == 5_000_000_000
    assert out[foretell.QUANTILES_UBPS : foretell.CELL_I] == [5_000_000_000] * 5


def test_what_cannot_be_told_is_a_code() -> None:
    assert said(flat(), cap=100)[0] == status.BAD_LEVELS
    assert said(flat(INTERCEPT=np.inf))[0] == foretell.UNSEEN
    huge = list(BOOK)
    huge[0] = np.array([[[1, 0], [2**61, 2**61 + 1]]], np.int64)
    out = np.zeros(foretell.N_SAID, np.int64)
    assert foretell.foretell_at_once(*huge, flat(), 1, 0, 2, 4, 0.0, 5.0, out) == foretell.UNTOLD
