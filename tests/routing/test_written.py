"""A plan written as a table is the plan that Python explains value by value: the same values, bytes and receipt."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import ExclusionCode, Side, Strategy
from app.domain.errors import InvariantBroken
from app.domain.events import RoutePlanned
from app.domain.plan import Exclusion, RoutePlan, VenueEstimate
from app.domain.tabled import REASONS, TabledPlan
from app.kernels import answer, decide, whole
from app.routing import choose, router, verify, written
from app.routing.router import Router
from app.store import codec
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT, Place, Scene, random_scene


def laid_by(own, request, books):
    return own._lay(request, books, choose.step_of(request, own._panel))


def explained(request, books):
    """The plan as it is made of values: what the router does with every decision that is not of one call."""
    own = Router()
    laid = laid_by(own, request, books)
    return router._assemble(request, books, *own._settle(request, books, laid, choose.held(laid, own._panel)))


def plain_scene(rng, symbol):
    """A scene that one call mostly settles, with everything that a table has a row for."""
    scene = random_scene(rng, symbol, max_places=8)
    places = [
        replace(
            place,
            lot=1,
            tick=1,
            min_lots=rng.choice([1, 1, 1, 40]),
            min_notional_nano=0,
            max_lots=2**40,
            fixed_nano=0,
            capacity_nano=rng.choice([0, 10**30, 10**30, 10**30, 2**62 + 1]),
            is_gapped=rng.random() < 0.05,
        )
        for place in scene.places
    ]
    barred = {places[0].name: Exclusion(places[0].name, ExclusionCode.KILLED)} if rng.random() < 0.1 else {}
    exclude = (places[-1].name,) if rng.random() < 0.1 else ()
    max_venues = rng.choice([0, 0, 0, 1, 2, 3])
    scene = replace(scene, places=places, is_whole=False, barred=barred, exclude=exclude, max_venues=max_venues)
    return replace(scene, mid_half=0) if rng.random() < 0.1 else scene


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([SPOT, LINEAR, LINEAR_FINE]))
def test_it_says_what_python_says(seed, symbol):
    rng = Random(seed)
    scene = plain_scene(rng, symbol)
    request, books = scene.request(), scene.books()
    if rng.random() < 0.3:
        estimates = {p.name: VenueEstimate(p.name, 50, 20, 90, (("fade", 50),)) for p in scene.places[:3]}
        request = replace(request, estimates=estimates)
    planned, twin = Router().plan(request, books), explained(request, books)
    assert type(twin.plan) is RoutePlan
    assert (planned.receipt, planned.receipt_sha256) == (twin.receipt, twin.plan.certificate.receipt_sha256)
    assert repr(planned.plan) == repr(twin.plan)
    assert codec.encode(RoutePlanned("acc", "o", planned.plan)) == codec.encode(RoutePlanned("acc", "o", twin.plan))
    if isinstance(planned.plan, TabledPlan):
        assert verify.find_violations(planned.plan, request, books) == ()


def test_most_plain_decisions_are_written_as_tables():
    scenes = [plain_scene(Random(seed), SPOT) for seed in range(40)]
    kinds = [type(Router().plan(scene.request(), scene.books()).plan) for scene in scenes]
    assert kinds.count(TabledPlan) > len(kinds) // 2


TWO = [Place("a", asks=[(100, 5), (101, 5)]), Place("b", asks=[(100, 7), (102, 9)], fee_ppm=2_000)]


@pytest.mark.parametrize(
    "scene",
    [
        Scene(TWO, symbol=INVERSE, qty_units=6),
        Scene(TWO, qty_units=6, is_whole=True),
        Scene([replace(place, is_gapped=True) for place in TWO], qty_units=6),
        Scene([Place("a", asks=[(2**40, 2**40)])], qty_units=2**39),
        Scene(TWO, qty_units=6, mid_half=2**60),
    ],
    ids=["inverse", "whole", "nobody", "wide", "far benchmark"],
)
def test_what_a_table_cannot_say_is_explained_by_python(scene):
    request, books = scene.request(), scene.books()
    planned = Router().plan(request, books)
    assert type(planned.plan) is RoutePlan
    assert planned == explained(request, books)


BEYOND = [Place("a", asks=[(100, 9), (101, 5)]), Place("b", asks=[(103, 7)]), Place("c", asks=[(104, 7)], tick=4)]


@pytest.mark.parametrize("buys", [True, False], ids=["buy", "sell"])
def test_venues_beyond_the_limit_are_told_by_the_kernel_alone(buys, monkeypatch):
    """As when one venue of many reaches the limit of an order that waits."""
    places = BEYOND if buys else [Place("a", bids=[(100, 9)]), Place("b", bids=[(98, 7)]), Place("c", bids=[(97, 7)])]
    scene = Scene(places, side=Side.BUY if buys else Side.SELL, qty_units=6, cap=101 if buys else 99)
    request, books = scene.request(), scene.books()
    monkeypatch.setattr(written, "build_problem", lambda *_: pytest.fail("Python was asked"))
    plan = Router().plan(request, books).plan
    monkeypatch.undo()
    assert isinstance(plan, TabledPlan)
    assert [(e.venue, e.code, e.limit) for e in plan.excluded] == [
        (name, ExclusionCode.BEYOND_LIMIT, request.price_cap_units) for name in "bc"
    ]
    twin = explained(request, books)
    assert repr(plan) == repr(twin.plan)
    assert codec.encode(RoutePlanned("acc", "o", plan)) == codec.encode(RoutePlanned("acc", "o", twin.plan))
    assert REASONS[answer.BEYOND_LIMIT] is ExclusionCode.BEYOND_LIMIT


def test_a_sweep_is_written_as_it_was_asked():
    scene = Scene(TWO, qty_units=6, strategy=Strategy.SWEEP)
    plan = Router().plan(scene.request(), scene.books()).plan
    assert isinstance(plan, TabledPlan)
    assert plan.certificate.solver == "fee_blind"


@pytest.mark.parametrize(("bit", "law"), list(enumerate(written.LAWS)))
def test_a_table_that_does_not_add_up_is_our_bug(bit, law, monkeypatch):
    scene = Scene(TWO, qty_units=6)
    decide_plan = whole.decide_plan

    def damaged(*arguments):
        n_admitted, ints = decide_plan(*arguments), arguments[7]
        ints[ints[decide.ANSWER] + answer.BROKEN] = 1 << bit
        return n_admitted

    monkeypatch.setattr(whole, "decide_plan", damaged)
    with pytest.raises(InvariantBroken, match=law):
        Router().plan(scene.request(), scene.books())


@pytest.mark.parametrize(
    ("request_changes", "law"),
    [
        ({"barred": {"a": Exclusion("a", ExclusionCode.KILLED)}}, "barred venue"),
        ({"qty_units": 5}, "requested = allocated"),
    ],
)
def test_a_table_is_held_against_the_request(request_changes, law):
    scene, own = Scene(TWO, qty_units=6), Router()
    request, books = scene.request(), scene.books()
    laid = laid_by(own, request, books)
    with pytest.raises(InvariantBroken, match=law):
        written.plan(replace(request, **request_changes), books, laid, own._panel)


def test_more_venues_than_allowed_are_our_bug():
    scene, own = Scene(TWO, qty_units=12), Router()
    laid = laid_by(own, scene.request(), scene.books())
    fewer = replace(scene, max_venues=1).request()
    with pytest.raises(InvariantBroken, match="max venues"):
        written.plan(fewer, scene.books(), laid, own._panel)
