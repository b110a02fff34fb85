"""What a worker loads, and what it answers; its life under a supervisor is test_supervisor.py."""

import subprocess
import sys
from random import Random

import numpy as np

from app.routing import carry, search
from app.routing.router import Router
from app.shm import segment
from app.shm.layout import Kind
from app.shm.post import PostShape, open_post
from app.shm.rings import Bell
from app.shm.slab import AnswerStatus, Job
from app.workers import route_worker
from tests.routing.scenes import random_scene

STRANGERS = [
    "app.bootstrap",
    "app.settings",
    "app.services",
    "app.store",
    "app.models",
    "app.venues",
    "app.execution",
    "app.api",
    "app.observe",
    "fastapi",
    "starlette",
    "sqlalchemy",
    "pydantic",
    "ccxt",
    "web3",
    "asyncpg",
    "structlog",
    "pandas",
    "sklearn",
    "torch",
    "uvicorn",
]


def test_a_worker_loads_kernels_and_routing_only():
    """The import contract says so of our code; this says so of everything, libraries included."""
    code = "import sys, app.workers.route_worker; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {name for name in STRANGERS if name in loaded} == set()
    assert "app.routing.search" in loaded


def post_of(tmp_path, n_answer=64):
    shape = PostShape(1, 2, 4_096, n_answer)
    memory = segment.create("post", Kind.POST, shape.n_words, tmp_path)
    return open_post(memory, shape, (Bell(), Bell()))


def packed():
    scene = random_scene(Random(1))
    problem = Router().pose(scene.request(), scene.books())[0]
    assert problem is not None
    words = carry.pack(problem)
    assert words is not None
    return words


def answered(post, job, *, ticket=5, generation=1):
    post.slab.write(1, job)
    route_worker.answer_slot(post, 1, generation, ticket)
    answer = post.slab.collect(1, ticket, generation)
    assert answer is not None
    return answer


def test_a_problem_is_answered_with_the_plans_of_its_search(tmp_path):
    words = packed()
    answer = answered(post_of(tmp_path), Job(5, 1, 1, search.CONTEST, words))
    assert answer.status is AnswerStatus.FOUND
    assert np.array_equal(answer.words, search.answer(search.CONTEST, words))


def test_whatever_breaks_a_search_there_is_an_answer(tmp_path):
    post, words = post_of(tmp_path), packed()
    assert answered(post, Job(5, 1, 1, 99, words)).status is AnswerStatus.FAILED
    assert answered(post, Job(5, 1, 1, search.CONTEST, words[:-1])).status is AnswerStatus.FAILED


def test_a_row_that_does_not_fit_its_slot_is_said(tmp_path):
    post = post_of(tmp_path)
    assert answered(post, Job(5, 1, 1, search.CONTEST, packed()), ticket=6).status is AnswerStatus.DAMAGED
    assert answered(post, Job(5, 1, 1, search.CONTEST, packed()), generation=2).status is AnswerStatus.DAMAGED
