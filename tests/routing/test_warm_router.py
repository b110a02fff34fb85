"""A router that knows its listings, and whatever it was asked last, plans as one that knows nothing.

Listings stay as they are while all else of a request changes: books, capacities on both sides of every word's end,
estimates, bars, names, caps, sizes, benchmarks and fees. What a request says that is the last one's is not told to the
kernels again; here any part of it may be the last one's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest

from app.domain.enums import ContractKind, ExclusionCode, TimeInForce
from app.domain.events import RoutePlanned
from app.domain.instrument import FungibilityClass, Symbol
from app.domain.plan import Exclusion, PlanRequest, VenueEstimate
from app.domain.tabled import TabledPlan
from app.routing import verify
from app.routing.router import Router
from app.store import codec
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT, Level, Place, Scene, random_scene
from tests.routing.test_written import explained

N_REQUESTS = 40
PAIR = FungibilityClass("X", "USDT", "USDT", ContractKind.SPOT)
SYMBOLS = (SPOT, LINEAR, LINEAR_FINE, INVERSE, Symbol("X/USDT", PAIR, 0, 0), Symbol("X/USDT", PAIR, 8, 1))
CAPACITIES_NANO = (10**30, 10**18, 2**60, 2**61 + 3, 2**63, 2**64 - 1, 2**64, -5, 0)


def levels(found: Iterable[Level], place: Place, *, is_bid: bool) -> list[Level]:
    """Levels of another venue as this one's: on its tick, each price once, best first."""
    known: dict[int, int] = {}
    for price, qty in found:
        known.setdefault(price // place.tick * place.tick or place.tick, qty)
    return sorted(known.items(), reverse=is_bid)


def other_place(rng: Random, place: Place, other: Place, worth_nano: int) -> Place:
    """The listing as it was, with another book and capacity now and then."""
    if rng.random() < 0.4:
        asks, bids = levels(other.asks, place, is_bid=False), levels(other.bids, place, is_bid=True)
        place = replace(place, asks=asks, bids=bids)
    if rng.random() < 0.6:
        capacity_nano = rng.choice([*CAPACITIES_NANO, 10**30, 10**30, worth_nano, rng.randint(0, 3 * worth_nano)])
        place = replace(place, capacity_nano=capacity_nano)
    return replace(
        place,
        is_gapped=rng.random() < 0.04,
        age_ns=rng.choice([10**6] * 8 + [10**9, 10**9 + 1]),
        book_seq=rng.choice([7] * 9 + [0]),
    )


def grown(rng: Random, scene: Scene) -> Scene:
    """Now and then with numbers that leave a word."""
    up, more = rng.choice([1, 1, 1, 2**8, 2**20]), rng.choice([1, 1, 1, 2**20, 2**30])
    places = [
        replace(p, asks=[(a * up, q * more) for a, q in p.asks], bids=[(a * up, q * more) for a, q in p.bids])
        for p in scene.places
    ]
    return replace(
        scene,
        places=places,
        cap=scene.cap * up,
        mid_half=scene.mid_half * up,
        qty_units=scene.qty_units and scene.qty_units * more,
        notional_nano=scene.notional_nano and scene.notional_nano * up * more,
    )


def some_scene(rng: Random, base: Scene) -> Scene:
    other = random_scene(rng, base.symbol, max_places=7)
    worth_nano = max(1, base.symbol.notional_nano(1_000, 10))
    places = [
        other_place(rng, place, other.places[i % len(other.places)], worth_nano) for i, place in enumerate(base.places)
    ]
    names = [place.name for place in places]
    scene = replace(
        other,
        places=places,
        barred={name: Exclusion(name, ExclusionCode.KILLED) for name in names if rng.random() < 0.06},
        exclude=tuple(name for name in names if rng.random() < 0.05),
        include=tuple(names[:2]) if rng.random() < 0.06 else (),
        max_venues=rng.choice([0, 0, 0, 0, 1, 2, 3]),
        is_whole=rng.random() < 0.04,
        time_in_force=TimeInForce.FOK if rng.random() < 0.04 else TimeInForce.IOC,
    )
    return grown(rng, scene)


def some_request(rng: Random, scene: Scene) -> PlanRequest:
    request, names = scene.request(), [place.name for place in scene.places]
    if rng.random() < 0.10:  # nothing is said of some
        told = {name: nano for name, nano in request.capacity_nano.items() if rng.random() < 0.7}
        request = replace(request, capacity_nano=told)
    if rng.random() < 0.25:
        ppm, some = rng.choice([-200, -50, 0, 50, 100]), [name for name in names if rng.random() < 0.6]
        estimates = {name: VenueEstimate(name, ppm, -300, 300, (("fade", ppm),)) for name in some}
        request = replace(request, estimates=estimates)
    if rng.random() < 0.10:
        request = replace(request, mid_half_units=rng.choice([0, 2**60, 2**61, 2**62]))
    if rng.random() < 0.05:
        fees = {name: replace(fee, taker_fee_ppm=fee.taker_fee_ppm + 1) for name, fee in request.fees.items()}
        request = replace(request, fees=fees)
    return request


def lived(seed: int) -> tuple[int, int]:
    """(plans that are tables, others) of one router's requests, each held against a new one's and the laws."""
    rng = Random(seed)
    symbol, n_tables = SYMBOLS[seed % len(SYMBOLS)], 0
    base, router = random_scene(rng, symbol, max_places=7), Router()
    if rng.random() < 0.7:  # what one call mostly settles
        even = {"lot": 1, "tick": 1, "min_notional_nano": 0, "max_lots": 2**40, "fixed_nano": 0}
        base = replace(base, places=[replace(place, **even) for place in base.places])  # type: ignore[arg-type]
    for _ in range(N_REQUESTS):
        scene = some_scene(rng, base)
        request, books = some_request(rng, scene), scene.books()
        planned, twin = router.plan(request, books), explained(request, books)  # type: ignore[no-untyped-call]
        assert planned.receipt == twin.receipt
        said, meant = (codec.encode(RoutePlanned("acc", "o", found.plan)) for found in (planned, twin))
        assert said == meant
        assert verify.find_violations(planned.plan, request, books) == ()
        n_tables += type(planned.plan) is TabledPlan
    return n_tables, N_REQUESTS - n_tables


@pytest.mark.parametrize("first", range(0, 48, len(SYMBOLS)))
def test_a_warm_router_plans_as_a_new_one(first: int) -> None:
    found = [lived(seed) for seed in range(first, first + len(SYMBOLS))]
    assert sum(n_tables for n_tables, _ in found) >= 5
    assert sum(n_others for _, n_others in found) >= 5
