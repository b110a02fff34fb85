from dataclasses import replace

from app.domain.fees import FeeTier
from app.kernels import cost
from app.routing import verify
from app.routing.listings import money_rule, tabulate
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT, Place, Scene

SCENE = Scene([Place("a", lot=5, tick=10, min_lots=2, fee_ppm=7), Place("b", fixed_nano=9, max_lots=3, lot=4)])


def test_rows_hold_the_listing_in_units():
    listings = verify.admit_listings(SCENE.request())
    a, b = listings.terms.tolist()
    assert (a[cost.LOT_UNITS], a[cost.TICK_UNITS], a[cost.MIN_UNITS], a[cost.FEE_PPM]) == (5, 10, 10, 7)
    assert (b[cost.FIXED_NANO], b[cost.MAX_UNITS]) == (9, 12)
    assert listings.has_fixed
    assert listings.names == (b"\x01\x00a", b"\x01\x00b")


def test_listings_are_recognised_by_identity_and_nothing_else():
    request = SCENE.request()
    listings = verify.admit_listings(request)
    assert listings.are_of(request)
    assert listings.are_of(replace(request, now_ns=0, instruments=dict(request.instruments)))
    assert not listings.are_of(replace(request, instruments={"a": request.instruments["a"]}))
    changed = {**request.fees, "a": replace(request.fees["a"], taker_fee_ppm=8)}
    assert not listings.are_of(replace(request, fees=changed))
    turned = dict(reversed(request.instruments.items()))
    assert not listings.are_of(replace(request, instruments=turned))


def test_equal_fees_made_anew_are_recognised_and_others_after_them_are_not():
    request = SCENE.request()
    listings = verify.admit_listings(request)
    anew = {venue: replace(fee) for venue, fee in request.fees.items()}
    changed = {**anew, "b": replace(anew["b"], fixed_nano=10)}
    for fees, is_known in ((anew, True), (changed, False), (anew, True), (request.fees, True), ({}, False)):
        assert listings.are_of(replace(request, fees=fees)) == is_known


def test_equal_fees_are_compared_field_by_field_once(monkeypatch):
    compared, compare = [], FeeTier.__eq__
    request = SCENE.request()
    listings = verify.admit_listings(request)
    anew = replace(request, fees={venue: replace(fee) for venue, fee in request.fees.items()})
    monkeypatch.setattr(FeeTier, "__eq__", lambda one, other: compared.append(one.venue) or compare(one, other))
    assert listings.are_of(anew)
    assert compared == ["a", "b"]
    assert listings.are_of(anew)
    assert compared == ["a", "b"]


def test_the_money_rule_is_reduced():
    assert money_rule(SPOT) == (100, 1)
    assert money_rule(LINEAR) == (100_000, 1)
    assert money_rule(LINEAR_FINE) == (12_345_679, 100_000)
    assert money_rule(INVERSE) == (10**12, 1)


def test_an_inverse_minimum_notional_is_a_number_of_contracts():
    place = Place("a", min_notional_nano=150 * 10**9)
    request = Scene([place], symbol=INVERSE).request()
    listings = tabulate(INVERSE, tuple(request.instruments.values()), tuple(request.fees.values()))
    assert listings.terms[0, cost.MIN_UNITS] == 2
