"""What every solver promises, whatever it prefers: units within the room, a sum within the target, nothing hidden."""

from random import Random

import numpy as np

from app.routing.router import Router
from tests.routing.scenes import INVERSE, LINEAR_FINE, SPOT, random_scene


def check(solve, seed):
    """Runs `solve` on a random problem and room; gives (problem, units, target) for more."""
    rng = Random(seed)
    scene = random_scene(rng, rng.choice([SPOT, LINEAR_FINE, INVERSE]))
    problem, _ = Router().pose(scene.request(), scene.books())
    if problem is None:
        return None
    room = problem.room_units * np.array([rng.random() < 0.8 for _ in problem.venues], dtype=np.int64)
    before, target = room.copy(), rng.randint(0, 200)
    units, remainder_room = solve(problem, target, room)
    assert units.dtype == np.int64
    assert (room == before).all(), "a solver must not write its room"
    assert (units >= 0).all()
    assert (units <= room).all()
    assert int(units.sum()) <= target
    assert (remainder_room <= room).all()
    return problem, units, target
