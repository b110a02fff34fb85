"""The measures themselves, on made-up tapes whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from loadtests.market_facts import LAGS_S, N_BUCKETS, Tape, fit_hawkes, lead_s, refill, responses


def tape_of(quote_s, mid, order_s=(), sign=(), usd=(), book=None, grid_s=()):
    book = np.zeros((2, 1, N_BUCKETS)) if book is None else book
    columns = (quote_s, mid, np.zeros(len(mid)), order_s, sign, usd, grid_s)
    return Tape("made", *(np.array(column, np.float64) for column in columns), book)


def clusters(seed, founders_per_s, branch, delay_s, span_s):
    """Buys and sells of Hawkes clusters that keep their side."""
    rng = np.random.default_rng(seed)
    at, sign = [], []
    for s in (1, -1):
        layer = rng.uniform(0, span_s, rng.poisson(founders_per_s * span_s))
        while len(layer):
            at.append(layer)
            sign.append(np.full(len(layer), s))
            children = rng.poisson(branch, len(layer))
            layer = np.repeat(layer, children) + rng.exponential(delay_s, children.sum())
    at, sign = np.concatenate(at), np.concatenate(sign)
    kept = np.argsort(at)
    return at[kept], sign[kept]


@pytest.mark.parametrize("branch", [0.0, 0.3, 0.6])
def test_the_likelihood_finds_the_branching_ratio(branch):
    at, sign = clusters(1, 4.0 * (1 - branch), branch, 0.07, 700.0)
    same, other, _ = fit_hawkes(tape_of([0], [1], at, sign, np.ones(len(at))))
    assert same == pytest.approx(branch, abs=0.08)
    assert other < 0.08


def test_response_is_the_signed_move_by_size():
    at = np.arange(1.0, 200.0, 1.0)
    sign = np.where(np.arange(len(at)) % 2 == 0, 1.0, -1.0)
    usd = np.linspace(1, 100, len(at))
    quote_s = np.r_[0.0, np.sort(np.r_[at + 0.05, at + 0.5]), 400.0]
    move = np.zeros(len(quote_s))
    move[1:-1:2] = sign * 1e-4  # 1 bp, and back half a second later
    rows, _ = responses(tape_of(quote_s, np.exp(move), at, sign, usd))
    assert [row[0] for row in rows[:3]] == pytest.approx([1.0] * 3, abs=1e-6)
    assert np.isnan(rows[3]).all()  # ten orders are too few
    assert LAGS_S[0] == 0.1


def test_refill_half_life_of_an_exponential():
    book = np.zeros((2, 2_000, N_BUCKETS))
    steps = np.arange(2_000) % 100
    depth = 100.0 * (1.0 - 0.8 * np.exp(-steps * 0.1 / 1.0) * (steps >= 0))
    book[0, :, 1_000], book[1, :, 1_001] = depth, depth
    half_life_s, n = refill(tape_of([0], [1], book=book))
    assert n >= 20
    assert 0.4 < half_life_s < 1.1


def test_the_leader_is_found():
    rng = np.random.default_rng(2)
    grid = np.arange(0, 120, 0.02)
    walk = np.exp(np.cumsum(rng.normal(0, 1e-5, len(grid))))
    leader, follower = tape_of(grid, walk), tape_of(grid + 0.1, walk)
    assert lead_s(leader, replace(follower, quote_s=grid, origin_s=0.1)) == lead_s(leader, follower)
    lag, rho = lead_s(leader, follower)
    assert lag == pytest.approx(0.1, abs=0.021)
    assert rho > 0.9
