"""The steady family: constant rates, nobody informed. A placebo for everything that claims to find an edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.kernels.sim_steady import (
    CANCEL_PER_S,
    LIMIT_PER_S,
    MARKET_PER_S,
    MEAN_LOTS,
    N_LEVELS,
    START_TICKS,
    STEADY_AGENTS,
    STEADY_LAW_SIZE,
    open_steady,
    run_steady,
)
from app.venues.markets.clocks import new_clocks
from app.venues.markets.spec import VenueSpec, built, drawn, venue_specs
from app.venues.markets.world import Markets, World


@dataclass(frozen=True, slots=True)
class SteadyParameters:
    """Rates a side and venue; sizes are 1 + exponential. Prices start at `start_ticks` and move only when pushed."""

    start_ticks: int
    limit_per_s: float
    cancel_per_s: float
    market_per_s: float
    mean_lots: float
    n_levels: int


class SteadyEngine:
    """State of the steady family beside the world."""

    def __init__(self, specs: tuple[VenueSpec, ...], parameters: SteadyParameters) -> None:
        self._law = np.zeros((len(specs), STEADY_LAW_SIZE))
        self._law[:, LIMIT_PER_S] = parameters.limit_per_s
        self._law[:, CANCEL_PER_S] = parameters.cancel_per_s
        self._law[:, MARKET_PER_S] = parameters.market_per_s
        self._law[:, MEAN_LOTS] = parameters.mean_lots
        self._law[:, N_LEVELS] = parameters.n_levels
        self._law[:, START_TICKS] = parameters.start_ticks
        self._clocks = new_clocks(len(specs), STEADY_AGENTS)
        self._value = np.zeros(1)

    def open(self, world: World) -> None:
        open_steady(world, self._clocks, self._law, self._value)

    def run(self, world: World) -> int:
        return run_steady(world, self._clocks, self._law, self._value)

    def value_ticks(self, world: World) -> float:
        return float(self._law[0, START_TICKS] * (1.0 + self._value[0]))


def steady_markets(table: Mapping[str, Any], seed: int, hidden_seed: int) -> Markets:
    """A world from a file's tables; `hidden_seed` draws what the file gives as ranges, `seed` is the noise."""
    plain = drawn(table, hidden_seed)
    specs = venue_specs(plain)
    return Markets(specs, seed, SteadyEngine(specs, built(SteadyParameters, plain["steady"])))
