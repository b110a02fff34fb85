"""The steady family reads its own table and refuses what is not in it."""

import pytest

from app.domain.errors import BadRequest
from app.venues.markets.steady import steady_markets

LAW = {
    "start_ticks": 100,
    "limit_per_s": 1.0,
    "cancel_per_s": 1.0,
    "market_per_s": 1.0,
    "mean_lots": 2.0,
    "n_levels": 3,
}


def test_ranges_are_drawn_by_the_hidden_seed_alone():
    table = {"venues": [{"venue": "a"}], "steady": {**LAW, "start_ticks": {"low": 100, "high": 10_000}}}
    values = [steady_markets(table, seed, hidden).value_ticks() for seed, hidden in ((1, 1), (2, 1), (1, 2))]
    assert values[0] == values[1] != values[2]


def test_an_unknown_name_is_refused():
    with pytest.raises(BadRequest, match="speed"):
        steady_markets({"venues": [{"venue": "a"}], "steady": {**LAW, "speed": 1}}, 1, 1)
