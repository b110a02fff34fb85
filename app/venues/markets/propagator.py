"""The propagator family: decaying impacts of signed flow over noise, fed by a latent book. Simulated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.domain.errors import BadRequest
from app.kernels import sim_propagator as p
from app.kernels import sim_words as w
from app.kernels.sim_heap import new_heap
from app.venues.markets.clocks import new_clocks
from app.venues.markets.spec import VenueSpec, built, drawn, ns_of_s, venue_specs
from app.venues.markets.world import Markets, World

PROPAGATOR: Final = Path(__file__).with_name("propagator.toml")
N_DUE: Final = 1 << 14
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PropagatorPrice:
    """What is common to all venues. An impact is (1 + t / `decay_s`)^-`decay_power` of what it was at once.

    A metaorder has more than n pieces with chance n^-`pieces_power` (the autocorrelation of signs falls with the power
    less one), at most `most_pieces`, one each `piece_s`; `stay_frac` of them go where it began.
    """

    start_ticks: float
    noise_ticks: float
    decay_s: float
    decay_power: float
    pieces_power: float
    most_pieces: int
    piece_s: float
    stay_frac: float
    step_s: float = 0.02

    def __post_init__(self) -> None:
        if not 0.0 < self.decay_power < 1.0 or self.decay_s <= 0.0 or self.pieces_power <= 1.0:
            raise BadRequest("validation_failed", "decay_power is between 0 and 1, decay_s above 0, pieces_power 1.")

    def modes(self) -> Floats:
        """float64[N_MODES, 2]: weights that sum to one, and decay a step, of a sum of exponentials for the power law.

        (1 + t)^-a is the mean of exp(-u t) over a gamma distribution of u with shape a; u is cut into equal steps of
        its logarithm, the slowest part into one.
        """
        cuts = np.geomspace(1e-5, 10.0, 64 * p.N_MODES + 1)
        middle = np.sqrt(cuts[1:] * cuts[:-1])
        mass = middle**self.decay_power * np.exp(-middle) * np.diff(np.log(cuts))
        mass[0] += cuts[0] ** self.decay_power / self.decay_power
        groups = mass.reshape(p.N_MODES, -1)
        rates = (groups * middle.reshape(p.N_MODES, -1)).sum(axis=1) / groups.sum(axis=1)
        weights = groups.sum(axis=1) / groups.sum()
        return np.ascontiguousarray(np.column_stack([weights, np.exp(-rates / self.decay_s * self.step_s)]))


@dataclass(frozen=True, slots=True)
class PropagatorParameters:
    """One venue: rates a side and second, sizes in lots, the latent book."""

    meta_per_s: float
    single_per_s: float
    show_per_s: float
    hide_per_s: float
    take_lots: float
    take_log_sd: float
    impact_ticks: float
    impact_power: float
    n_levels: int
    level_power: float
    slope_lots: float
    show_frac: float
    hide_frac: float
    renew_per_s: float
    half_ticks: float = 0.5
    pull_per_s: float = 20.0
    hidden_frac: float = 0.0
    lag_s: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.n_levels <= 1_000 or self.take_lots < 1.0 or self.level_power < 1.0:
            raise BadRequest("validation_failed", "n_levels is 1 to 1000, take_lots and level_power are at least 1.")
        if not (0.0 < self.show_frac <= 1.0 and 0.0 < self.hide_frac <= 1.0):
            raise BadRequest("validation_failed", "show_frac and hide_frac are parts.")


class PropagatorEngine:
    """State of the family beside the world; `crowds` one a venue (unused where the venue has no book)."""

    def __init__(self, crowds: Sequence[PropagatorParameters], price: PropagatorPrice) -> None:
        n = len(crowds)
        law = np.zeros((n, p.PROPAGATOR_LAW_SIZE))
        for v, crowd in enumerate(crowds):
            law[v] = _row(crowd, price.step_s)
        if law[:, p.LAG_STEPS].max() >= p.PAST:
            raise BadRequest("validation_failed", f"lag_s is below {p.PAST} steps.")
        overall = np.zeros(p.ALL_SIZE)
        overall[p.STEP_NS] = ns_of_s(price.step_s)
        overall[p.STEP_SD_TICKS] = price.noise_ticks * math.sqrt(price.step_s)
        overall[[p.PIECES_POWER, p.MOST_PIECES]] = price.pieces_power, price.most_pieces
        overall[[p.PIECE_S, p.STAY_FRAC]] = price.piece_s, price.stay_frac
        past, modes = np.zeros(p.PAST), np.zeros(p.N_MODES + 1)
        past[0] = modes[p.N_MODES] = price.start_ticks
        self._law = (law, price.modes(), overall)
        self._state = (
            past,
            np.zeros(4, np.int64),
            modes,
            np.zeros((n, 2, w.WINDOW)),
            np.zeros((n, 2, 2, w.WINDOW), np.int64),
        )
        self._clocks = new_clocks(n, p.PROPAGATOR_AGENTS)
        self._heap = new_heap(N_DUE)

    def open(self, world: World) -> None:
        p.open_propagator(world, self._clocks, self._heap, self._law, self._state)

    def run(self, world: World) -> int:
        return p.run_propagator(world, self._clocks, self._heap, self._law, self._state)

    def value_ticks(self, world: World) -> float:
        return float(self._state[0][self._state[1][p.N_STEPS] & (p.PAST - 1)])


def _row(crowd: PropagatorParameters, step_s: float) -> Floats:
    row = np.zeros(p.PROPAGATOR_LAW_SIZE)
    row[p.PER_S : p.PER_S + 4] = crowd.meta_per_s, crowd.single_per_s, crowd.show_per_s, crowd.hide_per_s
    row[[p.TAKE_LOTS, p.TAKE_LOG_SD]] = crowd.take_lots, crowd.take_log_sd
    row[[p.IMPACT_TICKS, p.IMPACT_POWER]] = crowd.impact_ticks, crowd.impact_power
    row[p.LAG_STEPS] = round(crowd.lag_s / step_s)
    row[[p.N_LEVELS, p.LEVEL_POWER, p.SLOPE_LOTS]] = crowd.n_levels, crowd.level_power, crowd.slope_lots
    row[[p.SHOW_FRAC, p.HIDE_FRAC, p.RENEW_PER_S]] = crowd.show_frac, crowd.hide_frac, crowd.renew_per_s
    row[[p.HALF_TICKS, p.HIDDEN_FRAC]] = crowd.half_ticks, crowd.hidden_frac
    row[p.PULL_FRAC] = 1.0 - math.exp(-crowd.pull_per_s * step_s)
    return row


def propagator_markets(table: Mapping[str, Any], seed: int, hidden_seed: int) -> Markets:
    """A world from a file's tables; `hidden_seed` draws what the file gives as ranges, `seed` is the noise.

    `[propagator]` holds for all venues; a venue's own `propagator` table in `[[venues]]` comes on top.
    """
    plain = drawn(table, hidden_seed)
    rows = [dict(row) for row in plain["venues"]]
    own = [row.pop("propagator", {}) for row in rows]
    specs: tuple[VenueSpec, ...] = venue_specs({**plain, "venues": rows})
    crowds = [built(PropagatorParameters, {**plain["propagator"], **more}) for more in own]
    return Markets(specs, seed, PropagatorEngine(crowds, built(PropagatorPrice, plain["price"])))
