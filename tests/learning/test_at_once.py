"""What one call says of an order at once is what the walk and the law say apart, number by number."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from app.domain.enums import Strategy
from app.domain.pretrade import AskedUnits, CostAsk, Said
from app.learning import at_once
from app.learning.at_once import Asker, asker_of, say
from app.learning.pretrade import CostEstimator, Levels, look
from app.services.pretrade import load_pretrade
from tests.kernels.test_walk import some_books
from tests.learning.costs import made_law

LAWS = [CostEstimator(made_law()), CostEstimator(load_pretrade())]
N_CASES = 12_000


def twin(costs: CostEstimator, asker: Asker, levels: Levels, sign: int, qty_units: int) -> Said | None:
    seen = look(levels, sign, asker.mid_half_units / 2, float(qty_units), 1)
    if seen is None or (seen.is_short and levels.cap_units):
        return None
    known = (seen.walk_bps, seen.touch_bps, seen.used_frac, asker.sigma_bps_sqrt_s)
    ask = CostAsk(asker.strategy, asker.venue, *known, 0.0, 0.0)
    expected = asker.expected_units
    part_ppm = round(qty_units / (qty_units + expected) * 1_000_000) if expected else 0
    estimate = costs.estimate(ask, part_ppm, is_short=seen.is_short)
    return Said(AskedUnits.of(ask), estimate) if estimate is not None else None


def test_one_call_and_the_twin_agree_on_every_random_case() -> None:
    rng, n_said, n_beyond, cells = Random(50), 0, 0, set()
    for _ in range(N_CASES):
        n, sign, costs = rng.randint(1, 6), rng.choice([1, -1]), rng.choice(LAWS)
        mid, books, _ = some_books(rng, n, sign)
        fees = np.array([rng.choice([0.0, 100.0, 250.0, -50.0]) for _ in range(n)])
        is_open = np.array([rng.random() < 0.8 for _ in range(n)])
        cap_units = mid + sign * rng.randint(0, mid // 2_000) if rng.random() < 0.4 else 0
        qty_units = rng.randint(1, 3 * 10 ** rng.randint(1, 7))
        sigma, expected = rng.choice([0.0, 5 * rng.random()]), rng.choice([0.0, 1e6 * rng.random()])
        levels = Levels(*books, fees, is_open, cap_units)
        venue, mid_half_units = rng.choice(["many", "lead", "never seen"]), 2 * mid + rng.choice([0, 1])
        asker = asker_of(costs, venue, levels, mid_half_units, (sigma, expected))
        assert asker is not None
        found = say(asker, sign, qty_units, cap_units)
        assert found == twin(costs, asker, levels, sign, qty_units)
        if found is not None:
            n_said += 1
            n_beyond += found.estimate.is_extrapolated
            cells.add(found.estimate.cell)
            assert type(found.estimate.is_extrapolated) is bool
    assert n_said > N_CASES // 2
    assert n_beyond > 100
    assert len(cells) > 12


def test_a_law_without_the_pace_says_nothing() -> None:
    assert LAWS[0].flat(Strategy.TWAP, "many") is None
    assert LAWS[0].flat(Strategy.SWEEP, "many") is LAWS[0].flat(Strategy.SWEEP, "many")


def test_it_is_ready_once_its_kernel_is_compiled() -> None:
    rng = Random(1)
    mid, books, _ = some_books(rng, 3, 1)
    levels = Levels(*books, np.zeros(3), np.ones(3, dtype=bool))
    asker = asker_of(LAWS[0], "many", levels, 2 * mid, (0.0, 0.0))
    assert asker is not None
    say(asker, 1, 10, 0)
    assert at_once.is_ready()


@pytest.mark.parametrize("name", ["made", "shipped"])
def test_a_flat_law_has_every_cell(name: str) -> None:
    costs = LAWS[name == "shipped"]
    flat = costs.flat(Strategy.SWEEP, "never seen")
    assert flat is not None
    assert len(flat.cell_names) == 9
    assert all("/*/" in cell for cell in flat.cell_names)
