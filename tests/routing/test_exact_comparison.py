"""2,000 random small problems against the exact optimum, half of them with fixed costs."""

from itertools import islice

import numpy as np
import pytest

from app.domain.enums import SolveStatus
from app.routing.costs import walk_plans
from app.routing.router import Router
from app.routing.solvers import exact
from tests.routing.exact_comparison import N_PROBLEMS, SEED, Compared, Scene, campaign, exact_optimum, problems
from tests.routing.scenes import Place

# What rounding may leave between two optimal plans of 25 levels: two nano a level and one a child.
ROUNDING_NANO = 60
# Problems of each kind for the exact solver by itself: a programme each, so a part of the campaign's number.
N_SOLVED = 250


@pytest.mark.parametrize("has_fixed", [False, True], ids=["without-fixed", "with-fixed"])
def test_no_bound_above_the_optimum_no_plan_below_it_and_small_gaps(has_fixed, record_property):
    found = [
        item for item in campaign(N_PROBLEMS, has_fixed=has_fixed, seed=SEED + has_fixed) if isinstance(item, Compared)
    ]
    assert len(found) == N_PROBLEMS
    for item in found:
        certificate = item.plan.certificate
        assert certificate.bound_nano <= item.optimum_nano, item.scene
        # The programme's floats may miss its own optimum by the rounding of a few children.
        assert certificate.objective_nano >= item.optimum_nano - len(item.scene.places), item.scene
        if certificate.status.value == "optimal":
            assert certificate.objective_nano <= item.optimum_nano + ROUNDING_NANO, item.scene
    gaps = np.array([item.gap_bps for item in found])
    for name, value in (("mean", gaps.mean()), ("p99", np.quantile(gaps, 0.99)), ("max", gaps.max())):
        record_property(f"gap_bps_{name}", float(value))
    # The gap is measured here, and closed elsewhere: these ceilings only catch a solver that fell apart.
    assert gaps.mean() < 1.0
    assert np.quantile(gaps, 0.99) < 20.0


def test_the_programme_finds_an_optimum_that_greedy_misses():
    # 10 wanted: greedy takes 9 at 100 and is left with a lot of 1 at 200; 5 + 5 at 110 is cheaper.
    places = [
        Place("a", asks=[(100, 9)], lot=9, fee_ppm=0),
        Place("b", asks=[(110, 10)], lot=5, fee_ppm=0),
        Place("c", asks=[(250, 10)], fee_ppm=0),
    ]
    scene = Scene(places, qty_units=10)
    assert exact_optimum(scene, 10) == (110 * 10 * 100, 10)
    most = exact_optimum(scene, None)
    assert most is not None
    assert most[1] == 10


@pytest.mark.parametrize("has_fixed", [False, True], ids=["without-fixed", "with-fixed"])
def test_the_exact_solver_places_the_most_at_the_programmes_optimum_and_never_claims_more(has_fixed):
    """A part of the campaign by the solver alone, whose sizes are the router's: one interval of lots a venue."""
    router, n_compared = Router(), 0
    for scene in islice(problems(has_fixed=has_fixed, seed=SEED + 10 + has_fixed), N_SOLVED):
        problem, _ = router.pose(scene.request(), scene.books())
        if problem is None:
            continue
        proof = exact.prove(problem, scene.qty_units or 0, problem.room_units)
        assert proof.status is SolveStatus.OPTIMAL
        if proof.qty_units == 0:
            continue
        optimum = exact_optimum(scene, proof.qty_units)
        assert optimum is not None
        objective = walk_plans(problem, proof.units.reshape(1, -1))[1][0][0]
        assert proof.bound_nano <= objective
        assert proof.bound_nano <= optimum[0], scene
        assert objective <= optimum[0] + ROUNDING_NANO, scene
        n_compared += 1
    assert n_compared > N_SOLVED // 2
