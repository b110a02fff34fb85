from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing import receipt
from app.routing.router import Router
from bestex_verify.decode import decode
from tests.routing.scenes import INVERSE, LINEAR_FINE, SPOT, Place, Scene, random_scene

SYMBOLS = [SPOT, LINEAR_FINE, INVERSE]


@given(st.lists(st.integers(-(2**200), 2**200), min_size=1, max_size=5))
def test_integers_of_any_size_come_back(values):
    data = receipt.integers_bytes(values)
    width = data[0]
    assert width == (8 if all(-(2**63) <= value < 2**63 for value in values) else 32)
    pieces = [data[1 + i * width : 1 + (i + 1) * width] for i in range(len(values))]
    assert [int.from_bytes(piece, "little", signed=True) for piece in pieces] == values


def test_texts_carry_their_length_in_bytes():
    assert receipt.text_bytes("é") == b"\x02\x00\xc3\xa9"


@given(st.integers(0, 2**32), st.sampled_from(SYMBOLS))
def test_a_receipt_says_what_the_plan_says(seed, symbol):
    scene = random_scene(Random(seed), symbol)
    request = scene.request()
    planned = Router().plan(request, scene.books())
    plan, read = planned.plan, decode(planned.receipt)
    assert read.integers["objective_nano"] == plan.certificate.objective_nano
    assert read.integers["bound_nano"] == plan.certificate.bound_nano
    assert read.integers["gap_ubps"] == plan.certificate.gap_ubps
    assert read.integers["allocated_units"] == plan.allocated_qty_units
    assert read.texts["status"] == plan.certificate.status.value
    assert read.texts["unallocated_code"] == (plan.unallocated_code.value if plan.unallocated_code else "")
    sent = {item.venue: (item.qty_lots, item.limit_ticks) for item in plan.allocations}
    assert sent == {p.venue: (p.terms["qty_lots"], p.terms["limit_ticks"]) for p in read.places if p.terms["qty_lots"]}
    assert [(rival.name, rival.cost_nano) for rival in read.rivals] == [
        (a.name, a.cost_nano) for a in plan.alternatives
    ]
    for place in read.places:
        listing, fee = request.instruments[place.venue], request.fees[place.venue]
        assert place.terms["lot_units"] == listing.lot_units
        assert place.terms["min_qty_lots"] == listing.min_qty_lots
        assert (place.terms["fee_ppm"], place.terms["fixed_nano"]) == (fee.taker_fee_ppm, fee.fixed_nano)


def test_levels_stop_at_the_first_dearer_one():
    levels = [(100 + i, 10) for i in range(50)]
    scene = Scene([Place("a", asks=levels), Place("b", asks=levels[1:])], qty_units=25)
    read = decode(Router().plan(scene.request(), scene.books()).receipt)
    assert [(place.venue, len(place.levels), place.terms["n_levels"]) for place in read.places] == [
        ("a", 3, 50),
        ("b", 2, 49),
    ]


@pytest.mark.parametrize(("n_venues", "n_levels", "most_bytes"), [(8, 20, 2_500), (32, 20, 8_000), (64, 100, 45_000)])
def test_a_receipt_stays_small(n_venues, n_levels, most_bytes):
    places = [
        Place(f"venue_{v:02d}", asks=[(6_000_000 + 7 * v + 13 * i, 1_000 + i) for i in range(n_levels)])
        for v in range(n_venues)
    ]
    scene = Scene(places, qty_units=300 * n_venues * n_levels)
    assert len(Router().plan(scene.request(), scene.books()).receipt) < most_bytes
