"""Keeps route workers alive and every problem accounted for: given out, again when its worker dies, answered once.

Laws: a slot given to a worker is given to another only when the first is proven dead (its pidfd says so), never because
it is slow: a hung worker is killed first. A ticket has one answer; what comes for an older generation is not looked at.
A problem that outlives `max_attempts` workers, or finds none, comes back FAILED: the engine then plans it itself.

A synchronous object with one descriptor to wait on (`fileno`) and one step (`turn`): loops and tests drive it alike.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.errors import InvariantBroken, Unavailable
from app.shm import segment
from app.shm.layout import Kind
from app.shm.post import MAX_WORKERS, Post, PostShape, open_post
from app.shm.rings import Bell
from app.shm.segment import Segment
from app.shm.slab import Answer, AnswerStatus, Job
from app.workers.nursery import Nursery
from app.workers.pinning import own_topology
from app.workers.topology import place_workers

Int64Array = npt.NDArray[np.int64]

_MS: Final = 1_000_000
_NOTHING: Final = np.zeros(0, np.int64)
STOP_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How many, how patient. Times in nanoseconds of the monotonic clock."""

    n_workers: int = 1
    slots_per_worker: int = 4
    hang_after_ns: int = 1_000 * _MS  # a sign of life comes each 50 ms, or after each search
    first_pause_ns: int = 10 * _MS  # before a dead worker's successor; doubles with each death of the window
    max_pause_ns: int = 5_000 * _MS
    window_ns: int = 60_000 * _MS
    max_deaths: int = 20  # within the window: then the worker is given up until a person looks
    max_attempts: int = 3  # workers that a problem may outlive
    patience_ns: int = 100 * _MS  # how long a problem waits for a worker when there is none


@unique
class WorkerState(Enum):
    DOWN = "down"
    STARTING = "starting"
    UP = "up"
    DYING = "dying"
    BROKEN = "broken"


@dataclass(slots=True)
class Flight:
    """A problem on its way. `generation` counts how often it was given out; `slot` is its own until it is answered."""

    ticket: int
    slot: int
    search: int
    words: Int64Array
    generation: int = 0
    lost_ns: int = 0


@dataclass(slots=True)
class Worker:
    """One worker's place. `deaths_ns`: within the window."""

    worker_i: int
    cpus: frozenset[int]
    state: WorkerState = WorkerState.DOWN
    pid: int = 0
    pidfd: int = -1
    epoch: int = 0
    since_ns: int = 0
    restart_ns: int = 0
    flights: dict[int, Flight] = field(default_factory=dict)
    deaths_ns: deque[int] = field(default_factory=deque)


@dataclass(slots=True)
class Counts:
    """What an operator asks first."""

    n_submitted: int = 0
    n_answered: int = 0
    n_deaths: int = 0
    n_hangs: int = 0
    n_given_again: int = 0
    n_stale: int = 0
    n_damaged: int = 0
    n_failed: int = 0
    n_nursery_deaths: int = 0


class Supervisor:
    """The engine's side of the post office. Belongs to one thread."""

    def __init__(self, policy: Policy, name: str, now_ns: Callable[[], int]) -> None:
        """`name`: of the segment, unique on this machine. `now_ns`: the monotonic clock."""
        if not 1 <= policy.n_workers <= MAX_WORKERS:
            raise InvariantBroken(reason="workers", n_workers=policy.n_workers, limit=MAX_WORKERS)
        self.policy, self.name, self.counts = policy, name, Counts()
        self.workers: list[Worker] = []
        self._now_ns = now_ns
        self._shape = PostShape(policy.n_workers, policy.n_workers * policy.slots_per_worker)
        self._free_slots = list(range(self._shape.n_slots))
        self._waiting: deque[Flight] = deque()
        self._answers: list[Answer] = []
        self._next_ticket = 1
        self._segment: Segment | None = None
        self._post: Post | None = None
        self._nursery: Nursery | None = None
        self._is_nursery_ready = False
        self._n_nursery_deaths = 0
        self._nursery_ns = 0
        self._lifeline = (-1, -1)
        self._poll = select.epoll()

    # life

    def start(self) -> None:
        """Sweeps what dead owners left, lays the segment out, starts the nursery. Workers come up in later turns."""
        segment.sweep()
        self._segment = segment.create(self.name, Kind.POST, self._shape.n_words)
        bells = tuple(Bell() for _ in range(self.policy.n_workers + 1))
        self._post = open_post(self._segment, self._shape, bells)
        self._lifeline = os.pipe()
        self._poll.register(bells[-1].fileno(), select.EPOLLIN)
        places = place_workers(own_topology(), self.policy.n_workers)
        self.workers = [Worker(i, cpus) for i, cpus in enumerate(places)]
        self._start_nursery()

    def stop(self) -> None:
        """Ends the nursery and every worker, takes the segment's name away. Problems under way are not answered."""
        for descriptor in self._lifeline:
            if descriptor >= 0:
                os.close(descriptor)
        self._lifeline = (-1, -1)
        for worker in self.workers:
            if worker.pidfd >= 0:
                self._kill(worker)
                select.select([worker.pidfd], [], [], STOP_TIMEOUT_S)
                os.close(worker.pidfd)
                if self._nursery is not None:
                    self._nursery.reap(worker.pid)
                worker.pidfd, worker.state = -1, WorkerState.DOWN
        self._end_nursery()
        if self._post is not None:
            for bell in self._post.bells:
                bell.close()
            self._post = None
        if self._segment is not None:
            self._segment.unlink()
        self._poll.close()

    def fileno(self) -> int:
        """Readable when a turn has something to do at once; time alone needs a turn each few ten milliseconds."""
        return self._poll.fileno()

    # work

    @property
    def n_up(self) -> int:
        return sum(worker.state is WorkerState.UP for worker in self.workers)

    @property
    def max_words(self) -> int:
        """The longest problem that travels."""
        return self._shape.n_problem

    def submit(self, search: int, words: Int64Array) -> int:
        """Gives a problem to the least busy worker. Returns its ticket, or 0: none is up or free, or it is too long."""
        worker = self._least_busy()
        if worker is None or not self._free_slots or words.size > self._shape.n_problem:
            return 0
        flight = Flight(self._next_ticket, self._free_slots.pop(), search, words)
        self._next_ticket += 1
        self.counts.n_submitted += 1
        self._give(flight, worker)
        return flight.ticket

    def turn(self) -> list[Answer]:
        """Does all that can be done now: answers in, the dead buried, the hung killed, workers started, problems moved.

        Returns the new answers; each ticket has one in all.
        """
        ready = {descriptor for descriptor, _ in self._poll.poll(0)}
        post, now_ns = self._opened(), self._now_ns()
        if post.bells[-1].fileno() in ready:
            post.bells[-1].hush()
        for worker in self.workers:
            if worker.state in (WorkerState.UP, WorkerState.DYING):
                self._drain(worker)
        if self._nursery is not None and self._nursery.fileno() in ready:
            self._listen(self._nursery, now_ns)
        self._look_after_nursery(now_ns)
        for worker in self.workers:
            if worker.pidfd in ready:
                self._bury(worker, now_ns)
            elif worker.state is WorkerState.UP:
                self._look_for_life(worker, now_ns)
            elif worker.state is WorkerState.DOWN and now_ns >= worker.restart_ns and self._is_nursery_ready:
                self._order(worker, now_ns)
        self._give_waiting(now_ns)
        answers, self._answers = self._answers, []
        return answers

    def _opened(self) -> Post:
        if self._post is None:
            raise Unavailable("workers_stopped", "The supervisor is not started.")
        return self._post

    def _least_busy(self) -> Worker | None:
        up = [w for w in self.workers if w.state is WorkerState.UP and len(w.flights) < self.policy.slots_per_worker]
        return min(up, key=lambda worker: (len(worker.flights), worker.worker_i), default=None)

    def _give(self, flight: Flight, worker: Worker) -> None:
        """One more generation of a problem, into its own slot and the worker's ring."""
        post = self._opened()
        flight.generation += 1
        post.slab.write(flight.slot, Job(flight.ticket, flight.generation, worker.epoch, flight.search, flight.words))
        worker.flights[flight.ticket] = flight
        if not post.to_worker[worker.worker_i].push_row(flight.slot, flight.generation, flight.ticket):
            raise InvariantBroken(reason="a ring holds every slot", worker=worker.worker_i)

    def _drain(self, worker: Worker) -> None:
        """Takes what the worker has answered; says that we sleep when there is no more."""
        ring = self._opened().to_engine[worker.worker_i]
        ring.disarm()
        try:
            while True:
                rows = ring.pop()
                for slot, generation, ticket in rows:
                    self._take(worker, slot, generation, ticket)
                if not rows and ring.arm():
                    return
        except InvariantBroken:
            # A ring that does not fit its own seals: the worker that wrote it is not believed any further.
            self.counts.n_damaged += 1
            self._kill(worker)

    def _take(self, worker: Worker, slot: int, generation: int, ticket: int) -> None:
        flight = worker.flights.get(ticket)
        if flight is None or (flight.slot, flight.generation) != (slot, generation):
            self.counts.n_stale += 1
            return
        del worker.flights[ticket]
        answer = self._opened().slab.collect(slot, ticket, generation)
        if answer is None or answer.status is AnswerStatus.DAMAGED:
            self.counts.n_damaged += 1
            self._lose(flight, self._now_ns())
        else:
            self._answer(flight, answer)

    def _answer(self, flight: Flight, answer: Answer) -> None:
        self._opened().slab.free(flight.slot)
        self._free_slots.append(flight.slot)
        self.counts.n_answered += 1
        self.counts.n_failed += answer.status is AnswerStatus.FAILED
        self._answers.append(answer)

    def _lose(self, flight: Flight, now_ns: int) -> None:
        """A problem without a worker: it waits for another, or has had enough of them."""
        if flight.generation >= self.policy.max_attempts:
            self._answer(flight, Answer(flight.ticket, flight.generation, AnswerStatus.FAILED, _NOTHING))
            return
        flight.lost_ns = now_ns
        self._waiting.append(flight)

    def _give_waiting(self, now_ns: int) -> None:
        while self._waiting:
            flight, worker = self._waiting[0], self._least_busy()
            if worker is not None:
                self._waiting.popleft()
                self.counts.n_given_again += 1
                self._give(flight, worker)
            elif now_ns - flight.lost_ns > self.policy.patience_ns and not self.n_up:
                self._waiting.popleft()
                self._answer(flight, Answer(flight.ticket, flight.generation, AnswerStatus.FAILED, _NOTHING))
            else:
                return

    # death

    def _look_for_life(self, worker: Worker, now_ns: int) -> None:
        pulse = self._opened().beats.read(worker.worker_i)
        beat_ns = pulse.beat_ns if pulse.epoch == worker.epoch else 0
        if now_ns - max(beat_ns, worker.since_ns) > self.policy.hang_after_ns:
            self.counts.n_hangs += 1
            self._kill(worker)

    def _kill(self, worker: Worker) -> None:
        """Its death is believed when its pidfd tells it, not before."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(worker.pidfd, signal.SIGKILL)
        worker.state = WorkerState.DYING

    def _bury(self, worker: Worker, now_ns: int) -> None:
        """The worker was dead before this turn's drain, so every answer it gave is in; its other problems wait."""
        self._poll.unregister(worker.pidfd)
        os.close(worker.pidfd)
        if self._nursery is not None:
            self._nursery.reap(worker.pid)
        worker.pid, worker.pidfd = 0, -1
        self._put_down(worker, now_ns)
        flights, worker.flights = list(worker.flights.values()), {}
        for flight in flights:
            self._lose(flight, now_ns)

    def _put_down(self, worker: Worker, now_ns: int) -> None:
        """Counts a death and sets the time of the next start, later with each death of the window."""
        self.counts.n_deaths += 1
        worker.deaths_ns.append(now_ns)
        while worker.deaths_ns and now_ns - worker.deaths_ns[0] > self.policy.window_ns:
            worker.deaths_ns.popleft()
        n_deaths = len(worker.deaths_ns)
        if n_deaths > self.policy.max_deaths:
            worker.state = WorkerState.BROKEN
            return
        pause_ns = min(self.policy.first_pause_ns << min(n_deaths - 1, 32), self.policy.max_pause_ns)
        worker.state, worker.restart_ns = WorkerState.DOWN, now_ns + pause_ns

    def _order(self, worker: Worker, now_ns: int) -> None:
        """Asks the nursery for a successor, whose rings start empty: nobody else has them now."""
        post = self._opened()
        post.to_worker[worker.worker_i].reset()
        post.to_engine[worker.worker_i].reset()
        worker.epoch += 1
        worker.state, worker.since_ns = WorkerState.STARTING, now_ns
        if self._nursery is not None:
            self._nursery.start(worker.worker_i, worker.epoch, worker.cpus)

    # the nursery

    def _start_nursery(self) -> None:
        post = self._opened()
        assert self._segment is not None
        bells = [bell.fileno() for bell in post.bells]
        self._nursery = Nursery(self._segment.name, self._shape, bells, self._lifeline[0])
        self._is_nursery_ready = False
        self._poll.register(self._nursery, select.EPOLLIN)

    def _look_after_nursery(self, now_ns: int) -> None:
        """A dead nursery is replaced, less and less eagerly; the workers it had live on."""
        if self._nursery is not None and self._nursery.is_dead():
            self._end_nursery()
            self._n_nursery_deaths += 1
            self.counts.n_nursery_deaths += 1
            pause_ns = self.policy.first_pause_ns << min(self._n_nursery_deaths - 1, 32)
            self._nursery_ns = now_ns + min(pause_ns, self.policy.max_pause_ns)
            for worker in self.workers:
                if worker.state is WorkerState.STARTING:
                    self._put_down(worker, now_ns)
        if self._nursery is None and now_ns >= self._nursery_ns and self._n_nursery_deaths <= self.policy.max_deaths:
            self._start_nursery()

    def _end_nursery(self) -> None:
        if self._nursery is not None:
            self._nursery.end()
        self._nursery, self._is_nursery_ready = None, False

    def _listen(self, nursery: Nursery, now_ns: int) -> None:
        for words in nursery.words():
            if words == ["ready"]:
                self._is_nursery_ready, self._n_nursery_deaths = True, 0
            else:
                worker_i, epoch, pid = map(int, words[1:])
                self._welcome(self.workers[worker_i], epoch, pid, now_ns)

    def _welcome(self, worker: Worker, epoch: int, pid: int, now_ns: int) -> None:
        """A worker was forked: from now its death is seen at once. Its nursery keeps a dead one's pid until told."""
        if worker.state is not WorkerState.STARTING or epoch != worker.epoch:
            return
        worker.pid, worker.since_ns = pid, now_ns
        try:
            worker.pidfd = os.pidfd_open(pid)
        except ProcessLookupError:  # the nursery died with this word under way, and the system has reaped for it
            self._put_down(worker, now_ns)
            return
        self._poll.register(worker.pidfd, select.EPOLLIN)
        worker.state = WorkerState.UP
