"""Who is asked when greedy is not proven best, and what is believed of the answer."""

from dataclasses import replace

import numpy as np
import pytest

from app.domain.enums import SolveStatus
from app.domain.errors import InvariantBroken
from app.domain.plan import VenueEstimate
from app.routing.choose import SOLVERS
from app.routing.rounding import Settled
from app.routing.router import Router
from bestex_verify.judge import verify_receipt
from tests.routing.scenes import Place, Scene

# Lots that no price can split: the relaxation's bound stays below every plan.
COARSE = Scene(
    [Place("a", asks=[(100, 100)], lot=10, fee_ppm=0), Place("b", asks=[(110, 100)], lot=7, fee_ppm=0)], qty_units=37
)


def planned(search, scene=COARSE):
    searches = (("search", search),) if search is not None else ()
    found = Router(SOLVERS, searches).plan(scene.request(), scene.books())
    assert verify_receipt(found.receipt).failures == ()
    return found.plan


def same_as_greedy(problem):
    """Greedy's own units, so that only the bound that comes with them is new."""
    found = Router().plan(problem.request, problem.books).plan
    units = np.zeros(problem.n_venues, np.int64)
    for item in found.allocations:
        units[problem.venues.index(item.venue)] = item.qty_units
    return units, found.certificate.objective_nano


def test_without_a_search_the_gap_is_told():
    assert planned(None).certificate.status is SolveStatus.WITHIN_GAP


def test_a_search_that_proves_the_plan_makes_it_optimal():
    def search(problem, wanted, room):
        units, cost = same_as_greedy(problem)
        return Settled(units, bound_nano=cost)

    proof = planned(search).certificate
    assert (proof.status, proof.is_bound_searched, proof.gap_ubps) == (SolveStatus.OPTIMAL, True, 0)


def test_a_search_that_was_cut_says_deadline_with_its_gap():
    def search(problem, wanted, room):
        units, cost = same_as_greedy(problem)
        return Settled(units, bound_nano=cost - 100, is_complete=False)

    proof = planned(search).certificate
    assert proof.status is SolveStatus.DEADLINE
    assert proof.objective_nano - proof.bound_nano == 100


def test_a_bound_above_the_plan_stops_us():
    def search(problem, wanted, room):
        units, cost = same_as_greedy(problem)
        return Settled(units, bound_nano=cost + 1)

    with pytest.raises(InvariantBroken):
        planned(search)


def test_a_search_that_breaks_a_rule_or_costs_more_is_not_taken():
    def search(problem, wanted, room):
        return Settled(np.array([5, 0], np.int64))

    assert planned(search).allocations == planned(None).allocations


def test_a_proven_plan_asks_no_search():
    def search(problem, wanted, room):
        raise AssertionError("asked")

    scene = replace(COARSE, places=[replace(place, lot=1) for place in COARSE.places])
    assert planned(search, scene).certificate.status is SolveStatus.OPTIMAL


def estimated(ppm, most_ppm=100, **changes):
    scene = Scene(
        [Place("a", asks=[(1_000_000, 50)], fee_ppm=100), Place("b", asks=[(1_000_050, 50)], fee_ppm=100)], qty_units=40
    )
    estimate = VenueEstimate("a", ppm, ppm - 10, ppm + 10, (("fade", ppm),))
    request = replace(scene.request(), estimates={"a": estimate}, max_estimate_ppm=most_ppm, **changes)
    found = Router().plan(request, scene.books())
    assert verify_receipt(found.receipt).failures == ()
    return found.plan


def test_an_estimate_ranks_a_venue_and_stays_out_of_the_objective():
    plain, dear = estimated(0), estimated(80)
    assert [item.venue for item in plain.allocations] == ["a"]
    assert [item.venue for item in dear.allocations] == ["b"]
    assert dear.certificate.estimated_nano == 0
    cheap = estimated(-80).certificate
    assert cheap.objective_nano == plain.certificate.objective_nano
    assert cheap.estimated_nano == -80 * 40 * 1_000_000 * 100 // 10**6
    assert cheap.estimated_low_nano <= cheap.estimated_nano <= cheap.estimated_high_nano
    assert (cheap.status, cheap.estimated_terms) == (SolveStatus.OPTIMAL, (("fade", -800_000),))


def test_estimates_are_cut_to_what_they_may_weigh():
    assert [item.venue for item in estimated(10**6, most_ppm=40).allocations] == ["a"]
    beyond = estimated(-(10**6), most_ppm=10**6).certificate
    assert beyond.estimated_nano == -300 * 40 * 1_000_000 * 100 // 10**6
    assert sum(ubps for _, ubps in beyond.estimated_terms) == -300 * 10_000
