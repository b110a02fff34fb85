"""Route workers killed and stopped while they search, a board of books beside them: what came back, and how often."""

from __future__ import annotations

import os
import select
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import numpy as np

from app.routing import carry, search
from app.routing.problem import RouteProblem
from app.routing.router import Router
from app.shm.slab import AnswerStatus
from app.workers.supervisor import Policy, Supervisor, WorkerState
from tests.routing.scenes import SPOT, Place, Scene

POLICY = Policy(
    n_workers=2,
    slots_per_worker=3,
    hang_after_ns=250_000_000,
    first_pause_ns=1_000_000,
    max_pause_ns=2_000_000,
    max_deaths=10**9,
    max_attempts=1_000,
    patience_ns=60_000_000_000,
)
N_PROBLEMS = 12
SETTLE_S = 60.0


def heavy_problem(rng: Random, *, n_places: int = 7, n_levels: int = 5, max_venues: int = 0) -> RouteProblem:
    """Fixed costs at every venue: the search drops venues one by one and takes milliseconds."""
    places = []
    for i in range(n_places):
        price, asks = 1_000_000 + rng.randint(0, 300), []
        for _ in range(n_levels):
            asks.append((price, rng.randint(1, 40) * 5))
            price += rng.randint(1, 90)
        fixed = rng.randint(10**7, 3 * 10**8)
        places.append(
            Place(f"v{i}", asks=asks, bids=[(999_000, 10)], fee_ppm=rng.randint(0, 900), fixed_nano=fixed, lot=5)
        )
    depth = sum(qty for place in places for _, qty in place.asks)
    qty_units = depth // 3 // 5 * 5
    scene = Scene(places, symbol=SPOT, qty_units=qty_units, mid_half=2_000_000, max_venues=max_venues)
    problem, _ = Router().pose(scene.request(), scene.books())
    assert problem is not None
    return problem


@dataclass
class KillCampaign:
    """Keeps every slot full, kills at random instants, and checks each answer against the same search made here."""

    rng: Random
    supervisor: Supervisor = field(init=False)
    problems: list[np.ndarray] = field(init=False)
    expected: list[np.ndarray] = field(init=False)
    tickets: dict[int, int] = field(default_factory=dict)
    answered: Counter[int] = field(default_factory=Counter)
    wrong: list[int] = field(default_factory=list)
    killed: set[tuple[int, int]] = field(default_factory=set)
    n_mid_problem: int = 0

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(POLICY, f"kills-{os.getpid()}", time.monotonic_ns)
        self.problems, self.expected = [], []
        for _ in range(N_PROBLEMS):
            words = carry.pack(heavy_problem(self.rng))
            assert words is not None
            self.problems.append(words)
            self.expected.append(search.answer(search.CONTEST, words))

    def run(self, n_kills: int, hang_every: int) -> dict[str, object]:
        """Kills `n_kills` workers; every `hang_every`-th is stopped instead, and killed by the supervisor as hung."""
        self.supervisor.start()
        try:
            self._until(lambda: self.supervisor.n_up == POLICY.n_workers)
            for number in range(1, n_kills + 1):
                self._strike(is_hang=number % hang_every == 0)
            self._until(lambda: len(self.answered) == len(self.tickets), is_feeding=False)
            self._until(lambda: self.supervisor.counts.n_deaths >= n_kills, is_feeding=False)
            states = [self.supervisor._post.slab.state(slot) for slot in range(self.supervisor._shape.n_slots)]
        finally:
            self.supervisor.stop()
        return self._summary(states)

    def _is_fair(self, worker_i: int, n_done: int) -> bool:
        """Up, with work, not struck already, and with `n_done` searches behind it (-1: perhaps not even begun)."""
        worker = self.supervisor.workers[worker_i]
        if worker.state is not WorkerState.UP or not worker.flights or (worker_i, worker.epoch) in self.killed:
            return False
        pulse = self.supervisor._post.beats.read(worker_i)
        return n_done < 0 or (pulse.epoch == worker.epoch and pulse.n_done >= n_done)

    def _strike(self, *, is_hang: bool) -> None:
        """Waits for a worker of a random experience, then a random while, and strikes whatever it is doing."""
        n_done = self.rng.choice((-1, 0, 0, 1, 2, 3, 4, 5))
        fair: list[int] = []
        while not fair:
            self._until(lambda: any(self._is_fair(i, n_done) for i in range(POLICY.n_workers)))
            self._work_for(self.rng.uniform(0, 0.002))
            fair = [i for i in range(POLICY.n_workers) if self._is_fair(i, n_done)]
        worker = self.supervisor.workers[self.rng.choice(fair)]
        os.kill(worker.pid, signal.SIGSTOP if is_hang else signal.SIGKILL)
        self.killed.add((worker.worker_i, worker.epoch))
        self.n_mid_problem += self.supervisor._post.beats.read(worker.worker_i).ticket != 0

    def _step(self, *, is_feeding: bool = True) -> None:
        while is_feeding:
            which = self.rng.randrange(N_PROBLEMS)
            ticket = self.supervisor.submit(search.CONTEST, self.problems[which])
            if not ticket:
                break
            self.tickets[ticket] = which
        select.select([self.supervisor], [], [], 0.002)
        for answer in self.supervisor.turn():
            self.answered[answer.ticket] += 1
            same = np.array_equal(answer.words, self.expected[self.tickets[answer.ticket]])
            if answer.status is not AnswerStatus.FOUND or not same:
                self.wrong.append(answer.ticket)

    def _work_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._step()

    def _until(self, is_reached, *, is_feeding: bool = True) -> None:
        until = time.monotonic() + SETTLE_S
        while not is_reached():
            self._step(is_feeding=is_feeding)
            assert time.monotonic() < until, (self.supervisor.counts, self.supervisor.workers)

    def _summary(self, states: list[int]) -> dict[str, object]:
        counts = self.supervisor.counts
        return {
            "kills": len(self.killed),
            "mid_problem": self.n_mid_problem,
            "problems": len(self.tickets),
            "answered": len(self.answered),
            "answered_twice": sum(n > 1 for n in self.answered.values()),
            "wrong": len(self.wrong),
            "given_again": counts.n_given_again,
            "deaths": counts.n_deaths,
            "hangs_found": counts.n_hangs,
            "damaged": counts.n_damaged,
            "slots_not_free": sum(state != 0 for state in states),
        }
