"""A posed problem is what the parts give one by one: screened, cut, sized."""

import numpy as np
import pytest

from app.domain.enums import Side
from app.kernels import cost, pose, screen
from app.routing import verify
from app.routing.problem import Workspace, capacities, lay_problem
from tests.routing.scenes import INVERSE, LINEAR, SPOT, Place, Scene


def laid(scene, **changes):
    request, books = scene.request(**changes) if changes else scene.request(), scene.books()
    listings = verify.admit_listings(request)
    space = Workspace(listings, len(listings.venues) * books.price_units.shape[2])
    return lay_problem(request, books, verify.ask(request, books, listings, space), space)


def test_only_usable_and_wanted_books_are_admitted_in_their_order():
    places = [
        Place("a", asks=[(100, 5)], book_seq=0),
        Place("b", asks=[(101, 5)]),
        Place("c", asks=[(102, 5)], is_gapped=True),
        Place("d", asks=[(103, 5)]),
    ]
    found = laid(Scene(places, exclude=("d",)))
    codes = found.workspace.places[pose.CODE].tolist()
    assert codes == [screen.NO_BOOK, screen.USABLE, screen.GAPPED, screen.USABLE]
    assert found.n == 1
    assert found.workspace.places[[pose.PICK, pose.BOOK_ROW], 0].tolist() == [1, 1]
    assert found.workspace.first[:2].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("cap", "side", "limit"), [(0, 1, 0), (103, 1, 100), (103, -1, 110), (4, 1, -1), (4, -1, 10), (0, -1, 10)]
)
def test_a_cap_is_said_in_ticks(cap, side, limit):
    assert pose.limit_of(cap, 10, side) == limit


def test_estimates_and_limits_stand_in_the_terms():
    space = laid(Scene([Place("a", asks=[(100, 5)], tick=10)], cap=105)).workspace
    assert space.terms[0, cost.LIMIT_UNITS] == 100
    assert space.terms[0, cost.EST_PPM] == 0


NANO_TOLD = [0, 1, 9, 10, 10**18 + 7, 2**60 - 1, 2**60, 2**61 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**80, -1]


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("symbol", [SPOT, LINEAR, INVERSE], ids=lambda s: s.name)
@pytest.mark.parametrize("nano", NANO_TOLD)
def test_a_capacity_is_counted_and_told_as_python_counts_it(nano, symbol, side):
    levels = {"bids": [(99, 5)], "asks": [(100, 5)]}
    scene = Scene([Place("a", capacity_nano=nano, **levels), Place("b", capacity_nano=77, **levels)], symbol, side)
    found = laid(scene)
    request, listings, table = scene.request(), found.asked.listings, found.workspace.table
    counted = capacities(request, listings.fees, [max(nano, 0), 77])
    assert table[pose.CAPACITY].tolist() == counted
    whole = [high << 60 | low for high, low in table[[pose.CAPACITY_HIGH, pose.CAPACITY_LOW]].T.tolist()]
    assert whole == [max(nano, 0), 77]
    assert found.workspace.wish[pose.CAPACITY_IS_UNITS] == (symbol is INVERSE or (symbol is SPOT and side is Side.SELL))
    assert verify.admit(request, scene.books(), found)[0].capacity_nano == [max(nano, 0), 77]


def test_capacities_are_counted_anew_for_each_order_and_side():
    space = None
    for side, nano in [
        (Side.BUY, 5),
        (Side.BUY, -1),
        (Side.SELL, 10**12),
        (Side.SELL, 2**70),
        (Side.BUY, 2**70),
        (Side.BUY, 7),
    ]:
        scene = Scene([Place("a", bids=[(99, 5)], asks=[(100, 5)], capacity_nano=nano)], side=side)
        request, books = scene.request(), scene.books()
        if space is None:
            listings = verify.admit_listings(request)
            space = Workspace(listings, books.price_units.shape[2])
        lay_problem(request, books, verify.ask(request, books, listings, space), space)
        assert space.table[pose.CAPACITY].tolist() == capacities(request, listings.fees, [max(nano, 0)])


def reach_of(price, depth):
    return np.array([price, price, depth, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("symbol", [SPOT, LINEAR], ids=lambda s: s.name)
def test_products_at_the_edge_of_int64_are_wide(symbol):
    terms = np.zeros((1, cost.N_TERMS), np.int64)
    rule = np.array([1, 1, 100, 1, 0, 0] if symbol is SPOT else [1, 1, 100, 3, 0, 0], np.int64)
    edge = 2.0**61 / 100 / 1_000
    assert pose.fits_int64(reach_of(1_000.0, edge * 0.99 / 10), terms, rule)
    assert not pose.fits_int64(reach_of(1_000.0, edge * 1.01), terms, rule)
