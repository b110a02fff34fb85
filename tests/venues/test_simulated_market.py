"""The simulated market: the same seed and steps give the same books, and the books look like what was measured."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.venues import simulated_market
from app.venues.registry import load_universe
from app.venues.simulated_market import DRAWN_MOVES, MAX_CATCH_UP_STEPS, Sides, SimulatedMarket, load_market_spec

UNIVERSE = load_universe()
SPEC = load_market_spec(UNIVERSE)
BTC = "BTC/USDT"


def all_sides(market: SimulatedMarket, now_ns: int = 0) -> dict[tuple[str, str], Sides]:
    return {key: market.sides(*key, now_ns) for key in SPEC.books}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_batching_of_steps_changes_nothing(seed: int, batches: list[int]) -> None:
    at_once, in_parts = SimulatedMarket(SPEC, seed, 0), SimulatedMarket(SPEC, seed, 0)
    at_once.run(sum(batches))
    now_ns = 0
    for n_steps in batches:
        now_ns += n_steps * SPEC.step_ns
        in_parts.sides("sim_alpha", BTC, now_ns)
    assert all_sides(at_once) == all_sides(in_parts, now_ns)


def test_moves_drawn_at_once_are_those_that_each_draws_for_itself() -> None:
    (place, spec), step_ns = next(iter(SPEC.books.items())), SPEC.step_ns
    book = simulated_market._Book(spec, step_ns, 7, 60_000.0)
    chance = simulated_market._generator(7, "book", *place)
    update_s = spec.update_steps * step_ns / 1e9
    keep, noise_keep = 0.5 ** (update_s / spec.stray_half_life_s), 0.5 ** (update_s / spec.qty_half_life_s)
    stray = spec.stray_bps * chance.standard_normal()
    noise = chance.standard_normal(book._noise.shape)
    for _ in range(2 * DRAWN_MOVES + 3):
        book.move(60_000.0)
        stray = keep * stray + math.sqrt(1 - keep * keep) * spec.stray_bps * chance.standard_normal()
        noise = noise_keep * noise + math.sqrt(1 - noise_keep * noise_keep) * chance.standard_normal(noise.shape)
        assert book._stray == stray  # to the last bit: recorded runs of a seed stay what they were
        assert np.array_equal(book._noise, noise)


def test_another_seed_is_another_market() -> None:
    one, other = SimulatedMarket(SPEC, 1, 0), SimulatedMarket(SPEC, 2, 0)
    assert all(a != b for a, b in zip(all_sides(one).values(), all_sides(other).values(), strict=True))


def test_a_venue_less_changes_no_other_venues_path() -> None:
    books = {key: book for key, book in SPEC.books.items() if key[0] != "sim_bravo"}
    fewer, full = SimulatedMarket(replace(SPEC, books=books), 7, 0), SimulatedMarket(SPEC, 7, 0)
    fewer.run(50)
    full.run(50)
    assert all(fewer.sides(*key, 0) == full.sides(*key, 0) for key in books)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 400))
def test_every_book_is_uncrossed_sorted_and_on_the_venues_grid(seed: int, n_steps: int) -> None:
    market = SimulatedMarket(SPEC, seed, 0)
    market.run(n_steps)
    for key, sides in all_sides(market).items():
        instrument = UNIVERSE.instruments[key]
        assert sides.bids[0][0] < sides.asks[0][0]
        for levels, sign in ((sides.bids, -1), (sides.asks, 1)):
            prices = [sign * price for price, _ in levels]
            assert prices == sorted(set(prices))
            assert len(levels) <= 20
            assert all(p > 0 and p % instrument.tick_units == 0 for p, _ in levels)
            assert all(q > 0 and q % instrument.lot_units == 0 for _, q in levels)


def test_updates_come_at_the_venues_own_rate() -> None:
    market = SimulatedMarket(SPEC, 7, 0)
    market.run(600)
    for key, sides in all_sides(market).items():
        assert sides.update_n - 1 == pytest.approx(600 / SPEC.books[key].update_steps, abs=1)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 10**9), st.sampled_from(sorted(UNIVERSE.venues)))
def test_a_book_stands_still_until_its_next_move_and_moves_then(seed: int, now_ns: int, venue: str) -> None:
    market = SimulatedMarket(SPEC, seed, 0)
    before, move_ns = market.sides(venue, BTC, now_ns), market.next_move_ns(venue, now_ns)
    assert move_ns > now_ns
    assert market.sides(venue, BTC, move_ns - 1) == before
    assert market.sides(venue, BTC, move_ns).update_n == before.update_n + 1
    assert market.next_move_ns("nowhere", move_ns) == 0


def test_volatility_stray_and_depth_are_the_measured_ones() -> None:
    market = SimulatedMarket(SPEC, 11, 0)
    mids: dict[str, list[float]] = {"sim_alpha": [], "sim_bravo": []}
    near_qty: list[float] = []
    for _ in range(6_000):
        market.run(2)
        for venue, series in mids.items():
            sides = market.sides(venue, BTC, 0)
            series.append((sides.bids[0][0] + sides.asks[0][0]) / 2)
        asks = market.sides("sim_alpha", BTC, 0).asks
        near_qty.append(sum(q for p, q in asks if p <= asks[0][0] * (1 + 6.01e-4)) / 1e5)
    alpha = np.log(np.array(mids["sim_alpha"]))
    spec = SPEC.books[("sim_alpha", BTC)]
    horizon = 300  # 30 s: the stray's own variance is a small part of it
    moved = (alpha[horizon:] - alpha[:-horizon]).std() * 1e4
    expected = math.sqrt(30 * SPEC.prices[BTC].volatility_bps ** 2 + 2 * spec.stray_bps**2)
    assert moved == pytest.approx(expected, rel=0.15)
    gap = (np.log(np.array(mids["sim_bravo"])) - alpha) * 1e4
    assert gap.std() == pytest.approx(math.sqrt(2) * spec.stray_bps, rel=0.15)
    recorded = sum(q for e, q in zip(spec.edges_bps, spec.level_qty, strict=True) if e <= 6.0)
    assert float(np.median(near_qty)) == pytest.approx(recorded, rel=0.1)


def test_time_that_runs_backwards_changes_nothing() -> None:
    market = SimulatedMarket(SPEC, 7, 0)
    there = market.sides("sim_alpha", BTC, 40 * SPEC.step_ns)
    assert market.sides("sim_alpha", BTC, 0) == there


def test_after_a_long_pause_the_market_goes_on_where_it_stood() -> None:
    market, twin = SimulatedMarket(SPEC, 7, 0), SimulatedMarket(SPEC, 7, 0)
    day_ns = 86_400 * 10**9
    slept = market.sides("sim_alpha", BTC, day_ns)
    twin.run(MAX_CATCH_UP_STEPS)
    assert slept == twin.sides("sim_alpha", BTC, 0)
    twin.run(3)
    assert market.sides("sim_alpha", BTC, day_ns + 3 * SPEC.step_ns) == twin.sides("sim_alpha", BTC, 0)


def test_taken_depth_comes_back_in_twice_its_measured_half_life() -> None:
    for (venue, symbol), spec in SPEC.books.items():
        assert SimulatedMarket(SPEC, 7, 0).refill_ns(venue, symbol) == spec.refill_ns > 10**9
