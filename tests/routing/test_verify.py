"""The judge catches every broken law: a sound plan is spoiled in one place at a time."""

from dataclasses import replace

import pytest

from app.domain.enums import ContractKind, Side, SolveStatus, TimeInForce, UnallocatedCode
from app.domain.errors import InvariantBroken
from app.domain.orders import Approved, VenueFilter
from app.domain.plan import Exclusion
from app.routing import target, verify
from app.routing.router import Router
from tests.routing.scenes import LINEAR, NOW_NS, SPOT, Place, Scene

PLACES = [
    Place("a", asks=[(100_000, 50), (100_010, 50)], fee_ppm=500, lot=5, tick=10, min_lots=2, fixed_nano=100),
    Place("b", asks=[(100_005, 40)], fee_ppm=300, tick=5),
    Place("c", asks=[(200_000, 40)]),
]
SCENE = Scene(PLACES, qty_units=100, cap=101_000, mid_half=200_000)


def sound():
    request, books = SCENE.request(), SCENE.books()
    return Router().plan(request, books).plan, request, books


def spoil(plan, **changes):
    """The first allocation changed."""
    return replace(plan, allocations=(replace(plan.allocations[0], **changes), *plan.allocations[1:]))


def order_of(request, **changes):
    return replace(request, approved=Approved(replace(request.approved.value, **changes), 1, 1))


def listing_of(request, venue, **changes):
    return replace(request, instruments={**request.instruments, venue: replace(request.instruments[venue], **changes)})


def test_the_sound_plan_is_sound():
    plan, request, books = sound()
    assert {item.venue for item in plan.allocations} == {"a", "b"}
    assert verify.find_violations(plan, request, books) == ()


PLAN_MUTANTS = {
    "lots": lambda p: spoil(p, qty_lots=p.allocations[0].qty_lots + 1),
    "no lots": lambda p: spoil(p, qty_lots=0, qty_units=0),
    "quantity off the lot": lambda p: spoil(p, qty_units=p.allocations[0].qty_units + 1),
    "limit behind worst price": lambda p: spoil(p, limit_ticks=p.allocations[0].limit_ticks - 1),
    "limit beyond the cap": lambda p: spoil(p, limit_ticks=20_202),
    "no limit": lambda p: spoil(p, limit_ticks=0),
    "worst price": lambda p: spoil(p, worst_price_units=p.allocations[0].worst_price_units - 5),
    "money": lambda p: spoil(p, money_nano=p.allocations[0].money_nano - 1),
    "fee": lambda p: spoil(p, fee_nano=p.allocations[0].fee_nano - 1),
    "fixed cost": lambda p: spoil(p, fixed_nano=p.allocations[0].fixed_nano + 1),
    "a stranger": lambda p: spoil(p, venue="stranger"),
    "a venue missing": lambda p: replace(p, excluded=()),
    "a venue twice": lambda p: replace(p, excluded=(*p.excluded, *p.excluded)),
    "an allocation twice": lambda p: replace(p, allocations=(*p.allocations, p.allocations[0])),
    "allocated sum": lambda p: replace(p, allocated_qty_units=p.allocated_qty_units - 1),
    "allocated notional": lambda p: replace(p, allocated_notional_nano=p.allocated_notional_nano + 1),
    "rest": lambda p: replace(p, unallocated_qty_units=1),
    "rest untold": lambda p: replace(p, unallocated_qty_units=None),
    "code without rest": lambda p: replace(p, unallocated_code=UnallocatedCode.BELOW_LOT),
    "objective": lambda p: replace(
        p, certificate=replace(p.certificate, objective_nano=p.certificate.objective_nano - 1)
    ),
    "bound": lambda p: replace(p, certificate=replace(p.certificate, bound_nano=p.certificate.objective_nano + 1)),
    "cost split": lambda p: replace(p, cost=replace(p.cost, impact_nano=p.cost.impact_nano + 1)),
    "cost split fee": lambda p: replace(
        p, cost=replace(p.cost, fee_nano=p.cost.fee_nano + 1, gas_nano=p.cost.gas_nano - 1)
    ),
}

REQUEST_MUTANTS = {
    "min qty": lambda r: listing_of(r, "a", min_qty_lots=100),
    "max qty": lambda r: listing_of(r, "a", max_qty_lots=1),
    "min notional": lambda r: listing_of(r, "a", min_notional_nano=10**15),
    "tick": lambda r: listing_of(r, "a", tick_units=7),
    "lot": lambda r: listing_of(r, "a", lot_units=1),
    "capacity": lambda r: replace(r, capacity_nano={**r.capacity_nano, "a": 10**6}),
    "capacity untold": lambda r: replace(r, capacity_nano={}),
    "price cap": lambda r: replace(r, price_cap_units=100_004),
    "book age": lambda r: replace(r, now_ns=NOW_NS + 10**10),
    "barred": lambda r: replace(r, barred={"a": Exclusion("a", verify.ExclusionCode.KILLED)}),
    "max venues": lambda r: order_of(r, venues=VenueFilter(max_venues=1)),
    "fill or kill": lambda r: order_of(r, time_in_force=TimeInForce.FOK),
    "full fill": lambda r: order_of(r, is_full_fill_required=True),
    "requested": lambda r: replace(r, qty_units=101),
    "requested less": lambda r: replace(r, qty_units=99),
    "a listing more": lambda r: replace(r, instruments={**r.instruments, "d": r.instruments["a"]}),
    "fee": lambda r: replace(r, fees={**r.fees, "a": replace(r.fees["a"], taker_fee_ppm=600)}),
    "fixed cost": lambda r: replace(r, fees={**r.fees, "a": replace(r.fees["a"], fixed_nano=1)}),
}


@pytest.mark.parametrize("mutant", PLAN_MUTANTS)
def test_a_spoiled_plan_is_caught(mutant):
    plan, request, books = sound()
    assert verify.find_violations(PLAN_MUTANTS[mutant](plan), request, books)


@pytest.mark.parametrize("mutant", REQUEST_MUTANTS)
def test_a_plan_for_another_request_is_caught(mutant):
    plan, request, books = sound()
    assert verify.find_violations(plan, REQUEST_MUTANTS[mutant](request), books)


@pytest.mark.parametrize("mutant", ["price", "depth", "gap", "sequence"])
def test_a_plan_for_other_books_is_caught(mutant):
    plan, request, books = sound()
    if mutant == "price":
        books.price_units[0, 1, 0] += 1
    elif mutant == "depth":
        books.n_levels[0, 1] = 1
    elif mutant == "gap":
        books.is_gapped[0] = True
    else:
        books.book_seq[0] = 0
    assert verify.find_violations(plan, request, books)


def test_capacity_is_judged_at_the_price_of_the_child():
    item = sound()[0].allocations[0]
    request = SCENE.request()
    limit_units = item.limit_ticks * request.instruments[item.venue].tick_units
    money = SPOT.money_nano(limit_units, item.qty_units)
    fee = request.fees[item.venue]
    expected = money + -(-money * fee.taker_fee_ppm // 1_000_000) + fee.fixed_nano
    assert verify.use_nano(item, request, 100_000) == expected
    sale = order_of(request, side=Side.SELL)
    assert verify.use_nano(item, sale, 100_000) == item.qty_units * 10_000


def test_only_the_symbols_own_class_is_admitted():
    request = SCENE.request()
    listings = verify.admit_listings(request)
    assert listings.venues == ("a", "b", "c")
    other = replace(request.instruments["a"], fungible=replace(SPOT.fungible, kind=ContractKind.LINEAR))
    for instruments in ({"a": other}, {"a": replace(request.instruments["a"], symbol=LINEAR.name)}):
        with pytest.raises(InvariantBroken):
            verify.admit_listings(replace(request, instruments=instruments))
    for change in ({"taker_fee_ppm": 10**6}, {"fixed_nano": -1}, {"fixed_nano": 2**61}):
        with pytest.raises(InvariantBroken):
            verify.admit_listings(replace(request, fees={**request.fees, "a": replace(request.fees["a"], **change)}))


def test_a_bound_above_the_objective_stops_us():
    router = Router()
    problem, _ = router.pose(SCENE.request(), SCENE.books())
    assert problem is not None
    plan = verify.recost(problem, ["x"], [target.settle_within(problem, greedy_solve(), 100)])[0][0]
    assert verify.find(problem, plan, target.witness_upnano(problem, 100)).status is SolveStatus.OPTIMAL
    with pytest.raises(InvariantBroken):
        verify.find(problem, plan._replace(objective_nano=1), target.witness_upnano(problem, 100))


def greedy_solve():
    from app.routing.solvers import greedy

    return greedy.solve


def test_any_witness_price_gives_a_bound_and_the_marginal_one_the_best():
    problem, _ = Router().pose(SCENE.request(), SCENE.books())
    assert problem is not None
    plan = verify.recost(problem, ["x"], [target.settle_within(problem, greedy_solve(), 100)])[0][0]
    best = target.witness_upnano(problem, 100)
    bounds = [verify.find(problem, plan, best + shift).bound_nano for shift in (-(10**13), -(10**9), 0, 10**9, 10**13)]
    assert max(bounds) == bounds[2]


def test_a_rival_that_breaks_a_rule_is_not_feasible():
    problem, _ = Router().pose(SCENE.request(), SCENE.books())
    assert problem is not None
    plans = [[5, 0, 0], [12, 0, 0], [10, 0, 0], [0, 41, 0], [0, 40, 0]]
    found, _ = verify.recost(problem, ["x"] * 5, [problem.first[:3] * 0 + plan for plan in plans])
    assert [plan.is_feasible for plan in found] == [False, False, True, False, True]
