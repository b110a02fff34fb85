"""What every plan queue must do: each job answered once, a broken one with None, all of them answered at the end."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from itertools import count
from random import Random

import numpy as np
import pytest

from app.domain.ports import SearchJob
from app.routing import carry, search
from app.routing.inline import InlinePlanQueue
from app.routing.router import Router
from app.workers.plan_queue import RingPlanQueue
from app.workers.supervisor import Supervisor
from tests.faults.worker_kills import POLICY
from tests.routing.scenes import random_scene

NUMBERS = count()


class Answers:
    """What a queue has said so far."""

    def __init__(self) -> None:
        self.words: dict[tuple[str, int], memoryview | None] = {}
        self.times: Counter[tuple[str, int]] = Counter()

    def take(self, order_id: str, wave: int, words: memoryview | None) -> None:
        self.words[order_id, wave] = words
        self.times[order_id, wave] += 1

    async def until(self, n_answers: int) -> None:
        async with asyncio.timeout(60):
            while len(self.words) < n_answers:  # noqa: ASYNC110 - the queue knows of no event of ours
                await asyncio.sleep(0.005)


@pytest.fixture(params=["inline", "ring"])
async def queue(request):
    if request.param == "inline":
        yield InlinePlanQueue(asyncio.get_running_loop().call_soon)
        return
    queue = RingPlanQueue(Supervisor(POLICY, f"queue-{os.getpid()}-{next(NUMBERS)}", time.monotonic_ns))
    yield queue


async def started(queue) -> Answers:
    answers = Answers()
    await queue.start(answers.take)
    async with asyncio.timeout(90):
        while isinstance(queue, RingPlanQueue) and queue.supervisor.n_up < POLICY.n_workers:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return answers


def jobs(n: int, search_number: int = search.CONTEST) -> list[SearchJob]:
    rng, found = Random(5), []
    while len(found) < n:
        scene = random_scene(rng)
        problem = Router().pose(scene.request(), scene.books())[0]
        words = carry.pack(problem) if problem is not None else None
        if words is not None:
            found.append(SearchJob(f"ord_{len(found)}", 1, search_number, words.data))
    return found


async def test_every_job_that_is_taken_is_answered_once_with_its_own_plans(queue) -> None:
    answers = await started(queue)
    waiting, taken = jobs(30), []
    async with asyncio.timeout(60):
        while waiting:
            if queue.offer(waiting[-1]):
                taken.append(waiting.pop())
            else:
                await asyncio.sleep(0.002)
    await answers.until(30)
    await queue.stop()
    assert set(answers.times.values()) == {1}
    for job in taken:
        words = answers.words[job.order_id, job.wave]
        assert words is not None
        expected = search.answer(job.search_number, np.frombuffer(job.words, np.int64))
        assert np.frombuffer(words, np.int64).tolist() == expected.tolist()


async def test_a_broken_search_is_answered_with_none_and_the_end_leaves_nobody_waiting(queue) -> None:
    answers = await started(queue)
    (broken,) = jobs(1, search_number=99)
    assert queue.offer(broken)
    await answers.until(1)
    assert answers.words == {("ord_0", 1): None}
    taken = {job.order_id for job in jobs(4) if queue.offer(SearchJob(job.order_id, 2, job.search_number, job.words))}
    await queue.stop()
    await asyncio.sleep(0)
    assert {order_id for order_id, wave in answers.words if wave == 2} == taken
    assert set(answers.times.values()) == {1}


async def test_a_queue_that_is_not_running_takes_nothing(queue) -> None:
    (job,) = jobs(1)
    assert not queue.offer(job)
    await started(queue)
    await queue.stop()
    assert not queue.offer(job)
