"""Random problems laid for the exact search, and what the slow twin takes of them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np

from app.kernels import branch, cost, ladder
from tests.kernels.ladders import Flat, flat_problem
from tests.reference.exact import Venue

LOT_SETS = ([1], [1, 10], [2, 4, 8], [1, 2, 5, 10], [3, 5, 7], [2, 3], [4, 6, 10], [10, 25, 100])


@dataclass
class Split:
    """A laid problem with the arrays of its search."""

    flat: Flat
    terms: np.ndarray
    room: np.ndarray
    target: int
    max_venues: int
    place: np.ndarray
    own_nano: np.ndarray
    start_units: np.ndarray
    step_nano: np.ndarray
    tally: np.ndarray
    best_nano: np.ndarray
    reach: int = 0

    @property
    def n(self) -> int:
        return len(self.flat.levels)

    def search(self, max_nodes: int = 50_000) -> None:
        self.tally[[ladder.BLIND_NODES, ladder.MAX_NODES]] = max_nodes
        size = 16 * (self.flat.qty.size + self.n) + 64
        branch.search_splits(
            self.start_units,
            self.step_nano,
            self.place,
            self.own_nano,
            np.empty((2, size), np.int64),
            np.empty(size),
            self.tally,
            self.best_nano,
        )

    def venues(self) -> list[Venue]:
        found = []
        for v, own in enumerate(self.flat.levels):
            units = [self.flat.unit_nano[self.flat.first[v] + i] for i, (_, qty) in enumerate(own) for _ in range(qty)]
            row = self.terms[v].tolist()
            found.append(
                Venue(units, row[cost.LOT_UNITS], row[cost.MIN_UNITS], int(self.room[v]), row[cost.FIXED_NANO])
            )
        return found


def split_problem(rng: Random, *, is_plain: bool = False) -> Split:
    """A random problem, laid; `is_plain`: lots only, so that no venue is a choice."""
    flat = flat_problem(rng, kind=rng.choice(["spot", "linear", "inverse"]), max_venues=rng.choice([2, 5, 8]))
    n, terms, lots = len(flat.levels), flat.terms.copy(), rng.choice(LOT_SETS)
    unit = float(np.abs(flat.unit_nano).mean()) if flat.unit_nano.size else 1.0
    for v in range(n):
        lot = rng.choice(lots)
        terms[v, cost.LOT_UNITS] = lot
        terms[v, cost.MIN_UNITS] = 0 if is_plain else lot * rng.choice([1, 1, 2, 4])
        terms[v, cost.FIXED_NANO] = 0 if is_plain else rng.choice([0, int(unit * rng.choice([0.01, 0.1, 1, 5]))])
        if is_plain:
            terms[v, cost.MIN_NOTIONAL_NANO] = 0
    room = np.empty(n, np.int64)
    cost.size_venues(flat.first, flat.price, flat.qty, terms, flat.rule, room)
    target = rng.randint(1, max(2, int(room.sum() * 1.1)))
    return lay(flat, terms, room, target, 0 if is_plain else rng.choice([0, 0, 1, 2, 3]))


def lay(flat: Flat, terms: np.ndarray, room: np.ndarray, target: int, max_venues: int) -> Split:
    n = len(flat.levels)
    steps = 3 * (flat.qty.size + n) + 4
    split = Split(
        flat,
        terms,
        room,
        target,
        max_venues,
        np.empty((n + 1, ladder.N_PLACE), np.int64),
        np.empty((n + 1, ladder.N_OWN)),
        np.empty(steps, np.int64),
        np.empty((2, steps)),
        np.empty(ladder.N_TALLY, np.int64),
        np.empty(ladder.N_BEST),
    )
    split.reach = ladder.lay_split(
        flat.first,
        flat.unit_nano,
        flat.qty,
        terms,
        room,
        target,
        max_venues,
        split.place,
        split.own_nano,
        split.start_units,
        split.step_nano,
        split.tally,
        split.best_nano,
    )
    return split
