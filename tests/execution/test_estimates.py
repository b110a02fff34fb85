"""A calibration moves a route only when enough days stand behind it, and then within the bound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.calibration import MIN_DAYS, Urgency
from app.domain.enums import ContractKind, ExclusionCode, Side
from app.domain.instrument import FungibilityClass, Symbol
from app.domain.terms import MarginMode, SourceTerms
from app.execution.estimates import Asked, Beliefs, Estimator
from tests.learning import made
from tests.worlds import contract_world, make_desk, make_order

SYMBOL = Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), 2, 5)
TERMS = {venue: SourceTerms(venue, taker_fee_ppm=100) for venue in ("alpha", "beta")}
ASKED = Asked(Side.BUY, 5_000, {"alpha": 250_000_000, "beta": 5_000_000})


@pytest.mark.parametrize(("n_days", "is_used"), [(MIN_DAYS - 1, False), (MIN_DAYS, True), (MIN_DAYS + 1, True)])
def test_few_days_move_no_route(n_days, is_used):
    found = Estimator(made.calibration(n_days)).estimates(SYMBOL, made.books(), ASKED, TERMS)
    assert (found.static == ()) is is_used
    assert (found.by_venue["alpha"].ppm != 0) is is_used


def test_the_nearer_venue_is_believed_cheaper_and_surer():
    found = Estimator(made.calibration(), may_use_any=True).estimates(SYMBOL, made.books(), ASKED, TERMS)
    far, near = found.by_venue["alpha"], found.by_venue["beta"]
    assert far.ppm > near.ppm
    assert far.high_ppm - far.low_ppm > near.high_ppm - near.low_ppm
    assert dict(far.terms)["slippage"] == far.ppm


def test_a_venue_too_shallow_for_the_quantity_is_static():
    asked = Asked(Side.BUY, 50_000, ASKED.latency_ns)
    found = Estimator(made.calibration(), may_use_any=True).estimates(SYMBOL, made.books(), asked, TERMS)
    assert found.static == ("alpha",)


def test_a_venue_of_its_own_calibration_is_judged_by_it():
    calm = tuple(tuple(value / 100 for value in made.ROW) for _ in range(6))
    tables = tuple((urgency, calm) for urgency in Urgency)
    beta = made.symbol_calibration(venue="beta", slippage=made.slippage(tables=tables))
    both = replace(made.calibration(), symbols=(*made.calibration().symbols, beta))
    asked = replace(ASKED, latency_ns=dict.fromkeys(("alpha", "beta", "gamma"), 250_000_000))
    books = made.books(venues=("alpha", "beta", "gamma"))
    terms = {venue: SourceTerms(venue, taker_fee_ppm=100) for venue in books.venues}
    found = Estimator(both, may_use_any=True).estimates(SYMBOL, books, asked, terms).by_venue
    widths = {venue: own.high_ppm - own.low_ppm for venue, own in found.items()}
    assert widths["beta"] < widths["alpha"] / 10
    assert widths["gamma"] > widths["beta"] * 10  # not recorded: the symbol's first


def test_an_unknown_symbol_is_static():
    other = Symbol("ETH/USDT", FungibilityClass("ETH", "USDT", "USDT", ContractKind.SPOT), 2, 5)
    found = Estimator(made.calibration(), may_use_any=True).estimates(other, made.books("ETH/USDT"), ASKED, TERMS)
    assert found.static == ("alpha", "beta")
    assert all(estimate.ppm == 0 for estimate in found.by_venue.values())


def request_of(desk, **terms):
    """The request that an order of `desk` is planned with when it believes `terms` of ven_a."""
    seen = []
    world = desk.core.world
    own = {"ven_a": SourceTerms("ven_a", 0, **terms)}
    beliefs = Beliefs(Estimator(made.calibration()), own, dict.fromkeys(world.universe.venues, 5_000_000))

    class Watching:
        def plan(self, request, books):
            seen.append(request)
            return world.planner.plan(request, books)

    desk.core.world = replace(world, planner=Watching(), beliefs=beliefs)
    desk.accepted(make_order(qty_units=300))
    return seen[-1]


def test_a_venue_that_a_desk_trusts_less_is_ranked_down_within_the_bound():
    request = request_of(make_desk(), inventory_ppm=70)
    assert request.estimates["ven_a"].ppm == 70
    assert request.estimates.keys() == {"ven_a"}
    far = request_of(make_desk(), inventory_ppm=9_000).estimates["ven_a"]
    assert far.ppm == request.max_estimate_ppm == 100
    assert dict(far.terms) == {"inventory": 9_000, "bounded": -8_900}


def test_what_is_believed_moves_the_plan_and_stays_out_of_what_is_certified():
    plain, believing = make_desk(), make_desk()
    request_of(plain)
    request_of(believing, inventory_ppm=100)
    plans = [next(f.event.plan for f in d.facts if f.event.KIND == "route_planned") for d in (plain, believing)]
    for plan in plans:
        paid = sum(item.money_nano + item.fee_nano + item.fixed_nano for item in plan.allocations)
        assert plan.certificate.objective_nano == paid
    certificate = plans[1].certificate
    used = {item.venue: item.money_nano for item in plans[1].allocations}
    assert certificate.estimated_nano == -(-used.get("ven_a", 0) * 100 // 1_000_000)
    assert plans[0].certificate.estimated_nano == 0


def test_a_perpetual_without_its_terms_is_left_out_and_said_why():
    desk = make_desk()
    contract_world(desk, ContractKind.LINEAR)
    request = request_of(desk, funding_ppm=10, margin_mode=MarginMode.CROSS, reduce_only=False)
    assert {v: e.code for v, e in request.barred.items()} == dict.fromkeys(
        ("ven_b", "ven_c"), ExclusionCode.TERM_MISSING
    )
    assert dict(request.estimates["ven_a"].terms) == {"funding": 10}


def test_without_an_estimator_only_the_tiers_value_counts_and_nothing_is_barred():
    desk = make_desk()
    contract_world(desk, ContractKind.LINEAR)
    listed = desk.core.world.universe
    fees = {v: replace(tier, tier_value_ppm=-20 if v == "ven_b" else 0) for v, tier in listed.fees.items()}
    universe = replace(listed, fees=fees)
    desk.core.world = replace(desk.core.world, universe=universe, beliefs=Beliefs(None, {}, {}))
    parent, _ = desk.accepted(make_order(qty_units=300))
    planned = next(f.event.plan for f in desk.facts if f.event.KIND == "route_planned")
    assert parent.children
    assert not any(item.code is ExclusionCode.TERM_MISSING for item in planned.excluded)
