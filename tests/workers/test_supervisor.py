"""Workers that die, hang, lie or never come; every problem is answered once. Kills at random: tests/faults."""

import os
import select
import signal
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

import numpy as np
import pytest

from app.domain.errors import InvariantBroken, Unavailable
from app.kernels import jit
from app.routing import search
from app.shm import segment
from app.shm.layout import Slot
from app.shm.slab import AnswerStatus
from app.workers.supervisor import Counts, Policy, Supervisor, Worker, WorkerState
from tests.faults.worker_kills import POLICY
from tests.workers.test_route_worker import packed

NUMBERS = count()
GONE = 99  # a search that no worker knows


@pytest.fixture(scope="module", autouse=True)
def warm():
    jit.warm()


@contextmanager
def supervised(**changes):
    """A supervisor with its workers up; stopped and looked at afterwards."""
    policy = replace(POLICY, n_workers=1, hang_after_ns=500_000_000, **changes)
    supervisor = Supervisor(policy, f"test-{os.getpid()}-{next(NUMBERS)}", time.monotonic_ns)
    supervisor.start()
    try:
        until(supervisor, lambda: supervisor.n_up == policy.n_workers)
        yield supervisor
    finally:
        path = Path(segment.FOLDER / f"{segment.PREFIX}{supervisor.name}")
        pids = [worker.pid for worker in supervisor.workers if worker.pid]
        supervisor.stop()
        assert not path.exists()
        assert not [pid for pid in pids if is_alive(pid)]


@pytest.fixture(scope="module")
def running():
    with supervised() as supervisor:
        yield supervisor


@pytest.fixture
def started(running):
    """The one supervisor of these tests, its worker up and idle, its counts at zero."""
    until(running, lambda: running.n_up == 1)
    running.counts = Counts()
    return running


def is_alive(pid):
    """Whether it runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(supervisor, is_reached, seconds=90):
    """Turns until it is; gives every answer that came."""
    answers, end = [], time.monotonic() + seconds
    while not is_reached():
        select.select([supervisor], [], [], 0.02)
        answers += supervisor.turn()
        assert time.monotonic() < end, (supervisor.counts, supervisor.workers)
    return answers


def all_answers(supervisor, tickets):
    answers = until(supervisor, lambda: supervisor.counts.n_answered >= len(tickets))
    answers += supervisor.turn()
    assert sorted(answer.ticket for answer in answers) == sorted(tickets)
    return answers


def test_problems_are_answered_as_here_and_slots_come_back(started):
    words = packed()
    for _ in range(3):
        tickets = [started.submit(search.CONTEST, words) for _ in range(POLICY.slots_per_worker)]
        assert started.submit(search.CONTEST, words) == 0, "no slot is free"
        before = started.counts.n_answered
        answers = until(started, lambda n=before + len(tickets): started.counts.n_answered == n)
        answers += started.turn()
        for answer in answers:
            assert answer.status is AnswerStatus.FOUND
            assert np.array_equal(answer.words, search.answer(search.CONTEST, words))
    assert started.counts.n_deaths == started.counts.n_given_again == 0


def test_a_problem_too_long_for_a_slot_is_not_taken(started):
    assert started.submit(search.CONTEST, np.zeros(started.max_words + 1, np.int64)) == 0


def test_a_search_that_breaks_comes_back_failed_and_the_worker_lives(started):
    ticket = started.submit(GONE, packed())
    (answer,) = all_answers(started, [ticket])
    assert answer.status is AnswerStatus.FAILED
    assert started.counts.n_deaths == 0


def test_a_dead_workers_problems_are_given_again_and_answered_once(started):
    worker = started.workers[0]
    os.kill(worker.pid, signal.SIGSTOP)
    tickets = [started.submit(search.CONTEST, packed()) for _ in range(2)]
    os.kill(worker.pid, signal.SIGKILL)
    answers = all_answers(started, tickets)
    assert {answer.status for answer in answers} == {AnswerStatus.FOUND}
    assert {answer.generation for answer in answers} == {2}
    assert (started.counts.n_deaths, started.counts.n_given_again, started.counts.n_hangs) == (1, 2, 0)


def test_a_hung_worker_is_killed_before_its_problem_is_given_again(started):
    worker = started.workers[0]
    pid, epoch = worker.pid, worker.epoch
    os.kill(pid, signal.SIGSTOP)
    ticket = started.submit(search.CONTEST, packed())
    (answer,) = all_answers(started, [ticket])
    assert answer.generation == 2
    assert not is_alive(pid)
    assert worker.epoch == epoch + 1
    assert started.counts.n_hangs == started.counts.n_deaths == 1


def test_an_idle_worker_shows_life(started):
    before = started._post.beats.read(0)
    end = time.monotonic() + 10
    while started._post.beats.read(0).beat_ns == before.beat_ns:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert started._post.beats.read(0).pid == started.workers[0].pid


def test_a_dead_nursery_is_replaced_and_its_workers_live_on(started):
    pid, epoch = started.workers[0].pid, started.workers[0].epoch
    os.kill(started._nursery.pid, signal.SIGKILL)
    until(started, lambda: started.counts.n_nursery_deaths == 1)
    all_answers(started, [started.submit(search.CONTEST, packed())])
    assert started.workers[0].pid == pid
    os.kill(pid, signal.SIGKILL)
    until(started, lambda: started.workers[0].epoch == epoch + 1 and started.n_up == 1)
    ticket = started.submit(search.CONTEST, packed())
    answers = until(started, lambda: started.counts.n_answered == 2)
    answers += started.turn()
    assert [answer.ticket for answer in answers] == [ticket]


def test_a_damaged_problem_is_given_again_from_the_engines_own_copy(started):
    worker = started.workers[0]
    os.kill(worker.pid, signal.SIGSTOP)
    ticket = started.submit(search.CONTEST, packed())
    slot = worker.flights[ticket].slot
    started._post.slab._slots[slot, Slot.PROBLEM + 20] ^= 1 << 33
    os.kill(worker.pid, signal.SIGCONT)
    (answer,) = all_answers(started, [ticket])
    assert (answer.status, answer.generation) == (AnswerStatus.FOUND, 2)
    assert started.counts.n_damaged == 1
    assert started.counts.n_deaths == 0


def test_a_damaged_ring_costs_its_worker_not_the_problem(started):
    worker = started.workers[0]
    os.kill(worker.pid, signal.SIGSTOP)
    ticket = started.submit(search.CONTEST, packed())
    started._post.to_worker[0]._rows[:, 0] ^= 1 << 7
    os.kill(worker.pid, signal.SIGCONT)
    (answer,) = all_answers(started, [ticket])
    assert (answer.status, answer.generation) == (AnswerStatus.FOUND, 2)
    assert started.counts.n_deaths == 1


def test_a_problem_that_outlives_its_workers_is_the_engines_again():
    """Its worker is stopped before it is given, so that each of the two dies with it."""
    with supervised(max_attempts=2) as supervisor:
        worker = supervisor.workers[0]
        os.kill(worker.pid, signal.SIGSTOP)
        ticket = supervisor.submit(search.CONTEST, packed())
        os.kill(worker.pid, signal.SIGKILL)
        supervisor._give = stopping_first(supervisor._give)
        (answer,) = all_answers(supervisor, [ticket])
        assert (answer.status, answer.generation) == (AnswerStatus.FAILED, 2)
        assert supervisor.counts.n_deaths == 2


def stopping_first(give):
    def stop_and_give(flight, worker):
        os.kill(worker.pid, signal.SIGSTOP)
        give(flight, worker)

    return stop_and_give


def test_a_worker_that_dies_too_often_is_given_up_and_its_problem_returned():
    with supervised(max_deaths=1, patience_ns=1_000_000) as supervisor:
        worker = supervisor.workers[0]
        os.kill(worker.pid, signal.SIGKILL)
        until(supervisor, lambda: supervisor.n_up == 1 and worker.epoch == 2)
        os.kill(worker.pid, signal.SIGSTOP)
        ticket = supervisor.submit(search.CONTEST, packed())
        os.kill(worker.pid, signal.SIGKILL)
        (answer,) = all_answers(supervisor, [ticket])
        assert answer.status is AnswerStatus.FAILED
        assert worker.state is WorkerState.BROKEN
        assert supervisor.submit(search.CONTEST, packed()) == 0


def test_workers_end_with_the_engine():
    with supervised() as supervisor:
        pid = supervisor.workers[0].pid
        os.close(supervisor._lifeline[1])
        supervisor._lifeline = (supervisor._lifeline[0], -1)
        end = time.monotonic() + 10
        while is_alive(pid):
            assert time.monotonic() < end
            time.sleep(0.01)


def test_limits_of_workers():
    for n_workers in (0, 17):
        with pytest.raises(InvariantBroken):
            Supervisor(Policy(n_workers=n_workers), "x", time.monotonic_ns)
    with pytest.raises(Unavailable):
        Supervisor(Policy(), "x", time.monotonic_ns).turn()


def test_pauses_grow_and_are_bounded():
    clock = Random(0)
    supervisor = Supervisor(
        Policy(first_pause_ns=10, max_pause_ns=100, window_ns=10**9), "x", lambda: clock.getrandbits(8)
    )
    supervisor.workers = []
    worker, pauses = Worker(0, frozenset()), []
    for now_ns in range(1_000, 1_008):
        supervisor._put_down(worker, now_ns)
        pauses.append(worker.restart_ns - now_ns)
    assert pauses == [10, 20, 40, 80, 100, 100, 100, 100]
    supervisor._put_down(worker, 5 * 10**9)
    assert worker.restart_ns - 5 * 10**9 == 10
