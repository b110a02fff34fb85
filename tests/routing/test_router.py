"""What a plan promises, over small random markets and one by one."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import ExclusionCode, Side, SolveStatus, Strategy, TimeInForce, UnallocatedCode
from app.domain.errors import InvariantBroken
from app.domain.plan import Exclusion
from app.routing import verify
from app.routing.choose import SOLVERS
from app.routing.router import Router
from app.shm.books import SymbolBooks
from bestex_verify.decode import decode
from bestex_verify.judge import verify_receipt
from tests.routing.exact_comparison import child_cost
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, NOW_NS, SPOT, Place, Scene, random_scene

SYMBOLS = [SPOT, LINEAR, LINEAR_FINE, INVERSE]
scenes = st.builds(
    lambda seed, symbol: random_scene(Random(seed), symbol), st.integers(0, 2**32), st.sampled_from(SYMBOLS)
)


def plan(scene):
    return Router().plan(scene.request(), scene.books()).plan


def code_of(found, venue):
    return next(item for item in found.excluded if item.venue == venue)


@given(scenes)
def test_a_plan_keeps_every_law(scene):
    request, books = scene.request(), scene.books()
    planned = Router().plan(request, books)
    assert verify.find_violations(planned.plan, request, books) == ()
    assert verify_receipt(planned.receipt).failures == ()


@given(scenes)
def test_a_plan_is_never_above_a_baseline_on_the_same_books(scene):
    found = plan(replace(scene, strategy=Strategy.SOR, is_whole=False))
    for rival in found.alternatives:
        if scene.notional_nano is None:
            assert rival.qty_units <= found.allocated_qty_units
        if rival.qty_units == found.allocated_qty_units and found.allocations and scene.notional_nano is None:
            assert found.certificate.objective_nano <= rival.cost_nano


@given(scenes)
def test_the_costs_are_those_of_a_walk_by_hand(scene):
    found = plan(scene)
    places = {place.name: place for place in scene.places}
    total = 0
    for item in found.allocations:
        walked = child_cost(scene, places[item.venue], item.qty_units)
        assert walked is not None
        assert (walked[1], walked[2]) == (item.money_nano, item.worst_price_units)
        total += walked[0]
    assert found.certificate.objective_nano == total


@given(scenes)
def test_the_same_input_gives_the_same_bytes(scene):
    first, again = (Router().plan(scene.request(), scene.books()) for _ in range(2))
    assert (first.plan, first.receipt) == (again.plan, again.receipt)


@given(scenes)
def test_a_router_that_has_planned_before_plans_the_same(scene):
    router = Router()
    router.plan(random_scene(Random(1), scene.symbol).request(), random_scene(Random(1), scene.symbol).books())
    assert router.plan(scene.request(), scene.books()) == Router().plan(scene.request(), scene.books())


@pytest.mark.parametrize("seed", range(40))
def test_a_request_that_is_vouched_for_is_planned_as_one_that_is_compared(seed):
    """Whichever scenes, sides and wishes come between requests of one standing, of other standings and of none."""
    rng, router, n_vouched = Random(seed), Router(), 0
    scenes = [random_scene(rng) for _ in range(3)]
    scenes += [
        replace(scenes[0], side=Side.SELL if scenes[0].side is Side.BUY else Side.BUY),
        replace(scenes[0], places=scenes[0].places[::-1]),
    ]
    standings = [object() for _ in scenes]
    before = None
    for _ in range(40):
        i = rng.choice([0, 0, 0, 1, 2, 3, 4])
        scene = replace(scenes[i], include=rng.choice([(), (), (), (scenes[i].places[0].name,)]))
        vouched = rng.random() < 0.8
        request = replace(scene.request(), standing=standings[i] if vouched else None)
        n_vouched += vouched and before == i
        before = i if vouched else None
        assert router.plan(request, scene.books()) == Router().plan(scene.request(), scene.books())
    assert n_vouched


@given(scenes)
def test_no_number_of_a_receipt_depends_on_a_level_that_it_leaves_out(scene):
    """Cut every book to the levels of the receipt: the same plan costs the same and has the same bound."""
    router = Router()
    request, books = scene.request(), scene.books()
    planned = router.plan(request, books)
    if not planned.plan.allocations:
        return
    read = decode(planned.receipt)
    kept = {place.venue: place.levels for place in read.places}
    side_i = 1 if scene.side is Side.BUY else 0
    shorter = [
        replace(place, **{"asks" if side_i else "bids": kept[place.name]}) if kept.get(place.name) else place
        for place in scene.places
    ]
    problem, _ = router.pose(request, replace(scene, places=shorter).books())
    whole, _ = router.pose(request, books)
    assert problem is not None
    assert whole is not None
    assert problem.venues == whole.venues
    lots = [place.terms["qty_lots"] * place.terms["lot_units"] for place in read.places]
    plans = [
        lots,
        *([n * p.terms["lot_units"] for n, p in zip(r.qty_lots, read.places, strict=True)] for r in read.rivals),
    ]
    arrays = [np.array(units, np.int64) for units in plans]
    short, long = (verify.recost(posed, ["x"] * len(plans), arrays)[0] for posed in (problem, whole))
    assert [plan.objective_nano for plan in short] == [plan.objective_nano for plan in long]
    witness = read.integers["witness_upnano"]
    bound_nano = verify.find(problem, short[0], witness).bound_nano
    if planned.plan.certificate.is_bound_searched:
        assert bound_nano < planned.plan.certificate.bound_nano, "a search says more than the witness price proves"
    else:
        assert bound_nano == planned.plan.certificate.bound_nano


@given(st.integers(0, 2**32))
def test_deeper_levels_do_not_change_the_greedy_plan(seed):
    """Where lots and minimums do not bite, greedy reads no further than the first dearer level."""
    scene = random_scene(Random(seed))
    plainer = [
        replace(p, lot=1, tick=1, min_lots=1, min_notional_nano=0, fixed_nano=0, max_lots=2**40) for p in scene.places
    ]
    scene = replace(scene, places=plainer, max_venues=0, is_whole=False, strategy=Strategy.SOR)
    planned = Router().plan(scene.request(), scene.books())
    read = decode(planned.receipt)
    kept = {place.venue: place.levels for place in read.places}
    side = "asks" if scene.side is Side.BUY else "bids"
    shorter = [replace(place, **{side: kept.get(place.name) or getattr(place, side)}) for place in scene.places]
    again = Router().plan(scene.request(), replace(scene, places=shorter).books())
    if planned.plan.certificate.solver == "fee_aware_greedy" and planned.plan.allocations:
        assert again.plan.allocations == planned.plan.allocations
        assert again.plan.certificate.bound_nano == planned.plan.certificate.bound_nano


@pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda s: s.name)
@pytest.mark.parametrize("side", list(Side))
def test_every_class_takes_the_better_price_first(symbol, side):
    better, worse = (1_000_000, 1_000_100) if side is Side.BUY else (1_000_100, 1_000_000)
    levels = {"asks": [(better, 50)]} if side is Side.BUY else {"bids": [(better, 50)]}
    other = {"asks": [(worse, 50)]} if side is Side.BUY else {"bids": [(worse, 50)]}
    scene = Scene([Place("a", **other), Place("b", **levels)], symbol=symbol, side=side, qty_units=60)
    found = plan(scene)
    assert {item.venue: item.qty_units for item in found.allocations} == {"a": 10, "b": 50}
    assert found.certificate.status is SolveStatus.OPTIMAL
    assert [item.venue for item in found.allocations] == ["b", "a"]


def test_the_fee_decides_between_near_prices():
    cheap_fee = Place("a", asks=[(6_000_200, 10)], fee_ppm=100)
    dear_fee = Place("b", asks=[(6_000_000, 10)], fee_ppm=1_000)
    found = plan(Scene([cheap_fee, dear_fee], qty_units=10))
    assert [item.venue for item in found.allocations] == ["a"]
    dearer = code_of(found, "b")
    assert dearer.code is ExclusionCode.DEARER
    assert (dearer.limit, dearer.value) == (60_008_000_200_000, 60_060_000_000_000)
    assert plan(Scene([cheap_fee, dear_fee], qty_units=10, strategy=Strategy.SWEEP)).allocations[0].venue == "b"


def test_a_fixed_cost_that_does_not_pay_drops_its_venue():
    a = Place("a", asks=[(6_000_000, 10), (6_000_300, 10)], fee_ppm=0)
    b = Place("b", asks=[(6_000_100, 10)], fee_ppm=0, fixed_nano=10 * 200 * 100)
    found = plan(Scene([a, b], qty_units=20))
    assert [item.venue for item in found.allocations] == ["a"]
    b = replace(b, fixed_nano=10 * 200 * 100 - 1_001)
    assert {item.venue for item in plan(Scene([a, b], qty_units=20)).allocations} == {"a", "b"}


def test_a_mixed_problem_is_our_bug():
    scene = Scene([Place("a", asks=[(100, 1)])], symbol=SPOT, qty_units=1)
    other = Scene([Place("b", asks=[(100, 1)])], symbol=LINEAR).request()
    request = scene.request()
    mixed = replace(
        request, instruments={**request.instruments, **other.instruments}, fees={**request.fees, **other.fees}
    )
    with pytest.raises(InvariantBroken):
        Router().plan(mixed, scene.books())


def test_a_venue_without_fees_is_our_bug():
    scene = Scene([Place("a", asks=[(100, 1)])], qty_units=1)
    with pytest.raises(InvariantBroken):
        Router().plan(replace(scene.request(), fees={}), scene.books())


@given(scenes, st.integers(0, 2**32))
def test_no_book_however_odd_stops_the_router(scene, seed):
    rng, books, request = Random(seed), scene.books(), scene.request()
    for array in (books.price_units, books.qty_units, books.n_levels, books.book_seq, books.received_ts_ns):
        flat = array.reshape(-1)
        for _ in range(rng.randint(0, 3)):
            flat[rng.randrange(flat.size)] = rng.choice([-(2**63), -1, 0, 1, 7, 2**40, 2**62, 2**63 - 1])
    planned = Router().plan(request, books)
    assert verify.find_violations(planned.plan, request, books) == ()
    assert verify_receipt(planned.receipt).failures == ()


@st.composite
def scenes_below_a_tick(draw):
    """Few books whose prices lie about the first ticks of listings much coarser than they are."""
    rng = Random(draw(st.integers(0, 2**32)))
    symbol, side = draw(st.sampled_from(SYMBOLS)), draw(st.sampled_from(list(Side)))
    places = []
    for i in range(rng.randint(1, 4)):
        prices = sorted(rng.sample(range(1, 40), rng.randint(1, 4)), reverse=side is Side.SELL)
        levels = {"asks" if side is Side.BUY else "bids": [(price, rng.randint(1, 50)) for price in prices]}
        tick, lot, fixed_nano = rng.choice([1, 2, 5, 20, 100]), rng.choice([1, 3]), rng.choice([0, 0, 10**6])
        places.append(Place(f"v{i}", tick=tick, lot=lot, fixed_nano=fixed_nano, **levels))
    cap, strategy = rng.choice([0, 0, 1, 4, 19, 30]), draw(st.sampled_from([Strategy.SOR, Strategy.SWEEP]))
    is_whole = rng.random() < 0.2
    return Scene(places, symbol, side, rng.randint(1, 120), cap=cap, strategy=strategy, is_whole=is_whole)


@given(scenes_below_a_tick())
def test_a_price_below_one_tick_is_out_of_reach_and_stops_nobody(scene):
    request, books = scene.request(), scene.books()
    planned = Router().plan(request, books)
    assert verify.find_violations(planned.plan, request, books) == ()
    assert verify_receipt(planned.receipt).failures == ()
    ticks = {place.name: place.tick for place in scene.places}
    assert all(item.limit_ticks >= 1 for item in planned.plan.allocations)
    if scene.side is Side.SELL:
        assert all(item.worst_price_units >= ticks[item.venue] for item in planned.plan.allocations)


def test_a_bid_below_one_tick_is_beyond_the_least_price_that_the_tick_can_say():
    places = [Place("a", bids=[(7, 50)], tick=5), Place("x", bids=[(4, 50)], tick=5)]
    found = plan(Scene(places, side=Side.SELL, qty_units=60))
    assert [(item.venue, item.qty_units, item.limit_ticks) for item in found.allocations] == [("a", 50, 1)]
    assert found.excluded == (Exclusion("x", ExclusionCode.BEYOND_LIMIT, 5, 4),)
    assert found.unallocated_code is UnallocatedCode.BEYOND_LIMIT


def test_a_cap_below_one_tick_reaches_no_ask():
    found = plan(Scene([Place("x", asks=[(1, 50)], tick=5)], cap=3, qty_units=60))
    assert (found.allocations, found.excluded) == ((), (Exclusion("x", ExclusionCode.BEYOND_LIMIT, 3, 1),))


ASKS = [(6_000_000, 100)]


@pytest.mark.parametrize(
    ("place", "change", "code", "limit", "value"),
    [
        (Place("x", asks=ASKS, book_seq=0), {}, ExclusionCode.NO_BOOK, 0, 0),
        (Place("x", asks=ASKS, is_gapped=True), {}, ExclusionCode.BOOK_GAP, 0, 0),
        (Place("x", asks=ASKS, age_ns=1_000_000_001), {}, ExclusionCode.STALE_BOOK, 1_000_000_000, 1_000_000_001),
        (Place("x", asks=ASKS, bids=[(6_000_000, 1)]), {}, ExclusionCode.CROSSED_BOOK, 6_000_000, 6_000_000),
        (Place("x", bids=[(5_000_000, 1)]), {}, ExclusionCode.EMPTY_SIDE, 0, 0),
        (Place("x", asks=[(6_000_501, 9)]), {"cap": 6_000_500}, ExclusionCode.BEYOND_LIMIT, 6_000_500, 6_000_501),
        (Place("x", asks=ASKS, lot=10, min_lots=3), {}, ExclusionCode.MIN_QTY, 30, 20),
        (Place("x", asks=ASKS, max_lots=4, min_lots=5), {}, ExclusionCode.MIN_QTY, 5, 4),
        (Place("x", asks=ASKS, min_notional_nano=10**13), {}, ExclusionCode.MIN_NOTIONAL, 10**13, 12 * 10**9),
        (Place("x", asks=ASKS, capacity_nano=10), {}, ExclusionCode.INSUFFICIENT_BALANCE, 10, 600_000_000),
        (Place("x", asks=[(6_100_000, 100)]), {}, ExclusionCode.DEARER, 60_060_000_000_000, 61_061_000_000_000),
        (Place("x", asks=ASKS), {"exclude": ("x",)}, ExclusionCode.EXCLUDED_BY_ORDER, 0, 0),
        (Place("x", asks=ASKS), {"include": ("a",)}, ExclusionCode.NOT_INCLUDED, 0, 0),
        (Place("x", asks=[(5_999_999, 1)], lot=1), {"max_venues": 1}, ExclusionCode.MAX_VENUES, 1, 1),
    ],
    ids=lambda value: value.value if isinstance(value, ExclusionCode) else "",
)
def test_each_reason_is_told_with_its_numbers(place, change, code, limit, value):
    found = plan(Scene([Place("a", asks=ASKS), place], qty_units=20, **change))
    assert [item.venue for item in found.allocations] == ["a"]
    assert found.excluded == (Exclusion("x", code, limit, value),)


def test_a_seller_without_base_is_told_the_base_it_lacks():
    places = [Place("a", bids=ASKS), Place("x", bids=ASKS, capacity_nano=9_999)]
    found = plan(Scene(places, side=Side.SELL, qty_units=20))
    assert code_of(found, "x") == Exclusion("x", ExclusionCode.INSUFFICIENT_BALANCE, 9_999, 10_000)


def test_barred_venues_pass_through_with_their_numbers():
    barred = {"x": Exclusion("x", ExclusionCode.KILLED, 7, 8), "y": Exclusion("y", ExclusionCode.DISABLED)}
    found = plan(Scene([Place("a", asks=ASKS), Place("x", asks=ASKS)], qty_units=20, barred=barred))
    assert found.excluded == (barred["x"], barred["y"])


def test_a_book_that_is_not_sorted_is_a_broken_sequence():
    found = plan(Scene([Place("a", asks=ASKS), Place("x", asks=[(6_000_000, 5), (5_999_999, 5)])], qty_units=20))
    assert code_of(found, "x").code is ExclusionCode.BOOK_GAP


def test_a_venue_missing_from_the_books_has_no_book():
    scene = Scene([Place("a", asks=ASKS), Place("x", asks=ASKS)], qty_units=20)
    books = Scene([Place("a", asks=ASKS)]).books()
    assert code_of(Router().plan(scene.request(), books).plan, "x").code is ExclusionCode.NO_BOOK


@pytest.mark.parametrize(
    ("places", "change", "code", "rest"),
    [
        ([Place("a", asks=[(100, 5)])], {}, UnallocatedCode.DEPTH_LIMITED, 15),
        ([Place("a", asks=[(100, 5), (101, 50)])], {"cap": 100}, UnallocatedCode.BEYOND_LIMIT, 15),
        ([Place("a", asks=[(101, 50)])], {"cap": 100}, UnallocatedCode.BEYOND_LIMIT, 20),
        ([Place("a", asks=[(100, 50)], fee_ppm=0, capacity_nano=1_299)], {}, UnallocatedCode.BALANCE_LIMITED, 20),
        ([Place("a", asks=[(100, 50)], fee_ppm=0, capacity_nano=130_000)], {}, UnallocatedCode.BALANCE_LIMITED, 7),
        ([Place("a", asks=[(100, 50)], lot=15)], {}, UnallocatedCode.BELOW_LOT, 5),
        ([Place("a", asks=[(100, 50)], max_lots=15)], {}, UnallocatedCode.DEPTH_LIMITED, 5),
        ([Place("a", asks=[(100, 50)], min_lots=21)], {}, UnallocatedCode.BELOW_MINIMUM, 20),
        (
            [Place("a", asks=[(100, 15)]), Place("b", asks=[(101, 50)], min_lots=16, lot=1)],
            {"max_venues": 0},
            None,
            0,
        ),
        ([Place("a", asks=[(100, 50)], is_gapped=True)], {}, UnallocatedCode.NO_VENUE, 20),
    ],
    ids=["depth", "limit", "all-beyond", "no-balance", "balance", "lot", "largest", "minimum", "lifted", "no-venue"],
)
def test_the_rest_has_its_reason(places, change, code, rest):
    found = plan(Scene(places, qty_units=20, **change))
    assert found.unallocated_code is code
    assert found.unallocated_qty_units == rest


def test_nothing_to_allocate_is_still_a_certified_plan():
    scene = Scene([Place("a", asks=[(101, 50)])], qty_units=20, cap=100)
    planned = Router().plan(scene.request(), scene.books())
    assert planned.plan.allocations == ()
    assert planned.plan.allocated_qty_units == 0
    assert planned.plan.certificate.objective_nano == planned.plan.certificate.bound_nano == 0
    assert verify_receipt(planned.receipt).is_valid


def test_no_books_at_all_is_still_a_plan():
    scene = Scene([Place("a", asks=[(101, 50)])], qty_units=20)
    empty = SymbolBooks(
        SPOT.name,
        (),
        np.zeros((0, 2, 1), np.int64),
        np.zeros((0, 2, 1), np.int64),
        np.zeros((0, 2), np.int64),
        *(np.zeros(0, np.int64) for _ in range(3)),
        np.zeros(0, bool),
    )
    planned = Router().plan(scene.request(), empty)
    assert planned.plan.unallocated_code is UnallocatedCode.NO_VENUE
    assert verify_receipt(planned.receipt).is_valid


WHOLE = [
    Place("small", asks=[(100, 5)], fee_ppm=0),
    Place("dear", asks=[(103, 30)], fee_ppm=0),
    Place("cheap", asks=[(101, 10), (102, 20)], fee_ppm=0),
]


@pytest.mark.parametrize("how", [{"time_in_force": TimeInForce.FOK}, {"is_whole": True}])
def test_a_whole_order_goes_to_the_cheapest_venue_that_fills_it(how):
    scene = Scene(WHOLE, qty_units=20, **how)
    assert [(item.venue, item.qty_units) for item in plan(scene).allocations] == [("cheap", 20)]
    assert Router().can_fill_alone(scene.request(), scene.books()) == "cheap"


@pytest.mark.parametrize("how", [{"time_in_force": TimeInForce.FOK}, {"is_whole": True}])
def test_a_whole_order_that_no_venue_fills_gets_nothing(how):
    scene = Scene(WHOLE, qty_units=31, **how)
    found = plan(scene)
    assert found.allocations == ()
    assert found.unallocated_code is not None
    assert Router().can_fill_alone(scene.request(), scene.books()) is None


def test_a_whole_order_says_that_only_one_venue_was_allowed():
    found = plan(Scene(WHOLE, qty_units=20, is_whole=True))
    assert code_of(found, "small") == Exclusion("small", ExclusionCode.MAX_VENUES, 1, 1)
    assert code_of(found, "dear").code is ExclusionCode.DEARER
    assert {item.code for item in plan(Scene(WHOLE, qty_units=31, is_whole=True)).excluded} == {
        ExclusionCode.MAX_VENUES
    }


def test_a_whole_notional_goes_to_one_venue_up_to_its_lot():
    # 3,100 at 101 and 102: 10 at 101, then 20 at 102 = 3,050; one more lot would be 102.
    deep = Place("deep", asks=[(101, 10), (102, 50)], fee_ppm=0)
    scene = Scene([*WHOLE, deep], qty_units=None, notional_nano=3_100 * 100, is_whole=True)
    found = plan(scene)
    assert [(item.venue, item.qty_units) for item in found.allocations] == [("deep", 30)]
    assert (found.allocated_notional_nano, found.unallocated_notional_nano) == (305_000, 5_000)
    assert found.unallocated_code is UnallocatedCode.BELOW_LOT


@given(scenes)
def test_can_fill_alone_agrees_with_a_whole_plan(scene):
    whole = replace(scene, is_whole=True)
    venue = Router().can_fill_alone(whole.request(), whole.books())
    assert [item.venue for item in plan(whole).allocations] == ([venue] if venue else [])


def test_a_notional_buys_in_all_in_order_and_never_exceeds_itself():
    places = [Place("a", asks=[(100, 10)], fee_ppm=2_000), Place("b", asks=[(101, 10)], fee_ppm=0)]
    scene = Scene(places, qty_units=None, notional_nano=1_550 * 100)
    found = plan(scene)
    assert {item.venue: item.qty_units for item in found.allocations} == {"a": 10, "b": 5}
    assert found.allocated_notional_nano == 150_500
    assert found.unallocated_notional_nano == 4_500
    assert found.unallocated_qty_units is None


def test_an_inverse_notional_is_a_number_of_contracts():
    places = [Place("a", asks=[(600_000, 10)])]
    found = plan(Scene(places, symbol=INVERSE, qty_units=None, notional_nano=350 * 10**9))
    assert found.allocated_qty_units == 3
    assert (found.allocated_notional_nano, found.unallocated_notional_nano) == (300 * 10**9, 50 * 10**9)


def test_sor_sends_the_worst_price_walked_and_a_sweep_the_cap():
    places = [Place("a", asks=[(100, 10), (105, 10)], tick=5, fee_ppm=0)]
    assert plan(Scene(places, qty_units=15, cap=113)).allocations[0].limit_ticks == 21
    assert plan(Scene(places, qty_units=15, cap=113, strategy=Strategy.SWEEP)).allocations[0].limit_ticks == 22
    assert plan(Scene(places, qty_units=15, strategy=Strategy.SWEEP)).allocations[0].limit_ticks == 21


def test_a_price_off_the_tick_is_rounded_away_from_the_market_but_never_beyond_the_cap():
    places = [Place("a", asks=[(102, 10)], tick=5)]
    assert plan(Scene(places, qty_units=5)).allocations[0].limit_ticks == 21
    assert plan(Scene(places, qty_units=5, cap=103)).allocations == ()
    sold = Scene([Place("a", bids=[(103, 10)], tick=5)], side=Side.SELL, qty_units=5)
    assert plan(sold).allocations[0].limit_ticks == 20


def test_the_cost_split_names_its_parts():
    places = [Place("a", asks=[(102, 10), (104, 10)], bids=[(98, 1)], fee_ppm=1_000, fixed_nano=7)]
    found = plan(Scene(places, qty_units=20, mid_half=200))
    split = found.cost
    assert split.spread_nano == 20 * 2 * 100
    assert split.impact_nano == 10 * 2 * 100
    assert split.fee_nano == 206
    assert split.gas_nano == 7
    assert split.total_nano == found.certificate.objective_nano - 20 * 100 * 100
    assert (found.best_bid_units, found.best_ask_units) == (98, 102)


def test_the_four_plans_are_listed_by_name():
    found = plan(Scene([Place("a", asks=[(100, 50)]), Place("b", asks=[(101, 50)])], qty_units=60))
    assert tuple(rival.name for rival in found.alternatives) == tuple(name for name, _ in SOLVERS)
    assert tuple(name for name, _ in SOLVERS) == ("fee_aware_greedy", "best_single_venue", "pro_rata", "fee_blind")
    single = found.alternatives[1]
    assert (single.venue, single.qty_units, single.n_venues) == ("a", 50, 1)


def test_the_certificate_names_the_books_it_saw():
    found = plan(Scene([Place("a", asks=[(100, 50)], book_seq=42, age_ns=5), Place("b", book_seq=3)], qty_units=6))
    assert [(use.venue, use.book_seq, use.age_ns) for use in found.certificate.books] == [("a", 42, 5)]
    assert found.certificate.certified_terms == ("price", "fee", "fixed_cost", "lots")
    assert found.certificate.estimated_terms == ()


def test_arrays_that_kernels_cannot_take_are_copied():
    scene = Scene([Place("a", asks=[(100, 50)])], qty_units=6)
    books = scene.books()
    for array in (books.price_units, books.qty_units, books.n_levels, books.book_seq, books.received_ts_ns):
        array.flags.writeable = False
    assert Router().plan(scene.request(), books) == Router().plan(scene.request(), scene.books())


def test_age_is_measured_at_the_requests_own_time():
    scene = Scene([Place("a", asks=[(100, 50)])], qty_units=6)
    late = replace(scene.request(), now_ns=NOW_NS + 2_000_000_000)
    assert Router().plan(late, scene.books()).plan.allocations == ()
