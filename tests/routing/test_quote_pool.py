"""A problem of several quote currencies: admitted by the verifier alone, as cheap as the slow twin, never dearer."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import Side
from app.domain.errors import InvariantBroken
from app.domain.orders import Approved
from app.domain.plan import PlanRequest, PoolUse
from app.domain.quote_pool import QuotePool
from app.routing.router import Router
from app.routing.verify import find_violations
from bestex_verify.judge import verify_receipt
from tests.pool_desk import POOL, PoolDesk, asked, pool_desk, pool_order, sell, without_pool
from tests.reference.quote_pool import converted, least_cost

SIDES = list(Side)


def random_desk(seed: int, pair: str) -> PoolDesk:
    """Random ladders in both dollars and a random rate within 10 bps; quantities that every venue's lot divides."""
    rng, desk = Random(seed), pool_desk(pair)
    for venue, symbol, mid, tick in (
        ("a", "BTC/USDT", 6_000_000, 1),
        ("b", "BTC/USDT", 6_000_000, 10),
        ("a", "BTC/USDC", 600_000, 1),
        ("c", "BTC/USDC", 600_000, 5),
    ):
        centre = (mid + rng.randint(-mid // 2_000, mid // 2_000)) // tick
        steps = [sorted(rng.sample(range(1, 200), 8)) for _ in range(2)]
        bids = tuple(((centre - step) * tick, rng.randint(1, 40) * 10) for step in steps[0])
        asks = tuple(((centre + step) * tick, rng.randint(1, 40) * 10) for step in steps[1])
        desk.put(venue, symbol, bids, asks)
    for venue in "bc":
        centre = 100_000 + rng.randint(-90, 90)
        desk.put(venue, pair, ((centre - 1, 10**9),), ((centre + rng.randint(0, 3), 10**9),))
    return desk


def exact_levels(request: PlanRequest, desk: PoolDesk, side: Side) -> list[tuple[Fraction, Fraction, int]]:
    """Every level on the routed side at its exact price in USDT, read from the board and not from the request."""
    found = []
    rates = (
        {rate.symbol: Fraction(rate.quote_units, rate.currency_units) for rate in request.pool.conversions}
        if request.pool
        else {}
    )
    for symbol, scale in (("BTC/USDT", 2), ("BTC/USDC", 1)):
        if symbol != "BTC/USDT" and symbol not in rates:
            continue
        books = desk.board.read(symbol)
        for row, venue in enumerate(books.venues):
            fee_ppm = {"a": 300, "b": 200, "c": 100}[venue]
            side_i = int(side is Side.BUY)
            for level_i in range(int(books.n_levels[row, side_i])):
                price = Fraction(int(books.price_units[row, side_i, level_i]), 10**scale)
                qty = Fraction(int(books.qty_units[row, side_i, level_i]), 10**5)
                found.append((price * rates.get(symbol, Fraction(1)), qty, fee_ppm))
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(SIDES), st.sampled_from(["USDC/USDT", "USDT/USDC"]))
def test_a_plan_costs_what_the_slow_twin_says_and_no_more_than_without_a_pool(seed: int, side: Side, pair: str) -> None:
    desk = random_desk(seed, pair)
    order = pool_order(side=side, qty_units=Random(seed).randint(1, 60) * 10, max_slippage_ppm=10_000)
    request, books, planned = asked(desk, order)
    plan = planned.plan
    assert not find_violations(plan, request, books)
    assert verify_receipt(planned.receipt).is_valid, verify_receipt(planned.receipt).failures
    wanted = Fraction(plan.allocated_qty_units, 10**5)
    cost, qty = least_cost(exact_levels(request, desk, side), wanted, is_buy=side is Side.BUY)
    assert qty * 10**5 == plan.allocated_qty_units
    least_nano = cost * 10**9
    # Never cheaper, and dearer by no more than a price unit (0.01) a coin with its fee, and a nano a fee.
    assert plan.certificate.objective_nano >= least_nano
    assert plan.certificate.objective_nano - least_nano <= qty * 10**7 * Fraction(1_001, 1_000) + 4
    alone = asked(desk, without_pool(order))[2].plan
    assert plan.allocated_qty_units >= alone.allocated_qty_units
    if plan.allocated_qty_units == alone.allocated_qty_units:
        assert plan.certificate.objective_nano <= alone.certificate.objective_nano


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(SIDES))
def test_a_sources_book_is_its_own_levels_converted_by_the_slow_twin(seed: int, side: Side) -> None:
    desk = random_desk(seed, "USDC/USDT")
    request, books, _ = asked(desk, pool_order(side=side))
    assert request.pool is not None
    rates = [Fraction(found.quote_units, found.currency_units) for found in request.pool.conversions]
    for source, levels in request.pool.own_levels.items():
        (rate,) = rates
        row, side_i = books.venues.index(source), int(side is Side.BUY)
        n = int(books.n_levels[row, side_i])
        merged: dict[int, int] = {}
        for price, qty in levels:
            key = converted(Fraction(price, 10), rate, 2, is_buy=side is Side.BUY)
            merged[key] = merged.get(key, 0) + qty
        prices, qtys = books.price_units[row, side_i, :n].tolist(), books.qty_units[row, side_i, :n].tolist()
        assert list(merged.items()) == list(zip(prices, qtys, strict=True))


def refused(request: PlanRequest, **changes: object) -> str:
    books = asked(pool_desk(), request.approved.value)[1]
    with pytest.raises(InvariantBroken) as caught:
        Router().plan(replace(request, **changes), books)  # type: ignore[arg-type]
    return str(caught.value)


def with_order_pool(request: PlanRequest, pool: QuotePool | None) -> Approved:  # type: ignore[type-arg]
    return replace(request.approved, value=replace(request.approved.value, quote_pool=pool))


def test_only_what_the_order_opens_is_admitted() -> None:
    request, books, _ = asked(pool_desk(), pool_order())
    assert request.pool is not None
    assert "one fungibility class" in refused(request, approved=with_order_pool(request, None))
    other = replace(POOL, currencies=("USDT", "EURC"))
    assert "one fungibility class" in refused(request, approved=with_order_pool(request, other))
    assert "one fungibility class" in refused(request, pool=PoolUse((), request.pool.own_levels))
    narrow = replace(POOL, max_basis_ppm=-1)
    assert "does not allow" in refused(request, approved=with_order_pool(request, narrow))
    (rate,) = request.pool.conversions
    cheap = replace(rate, quote_units=rate.quote_units - 1)
    assert "bears out" in refused(request, pool=replace(request.pool, conversions=(cheap,)))
    stale = replace(rate, quotes=tuple(replace(q, age_ns=q.max_age_ns + 1) for q in rate.quotes))
    assert "bears out" in refused(request, pool=replace(request.pool, conversions=(stale,)))
    listing = replace(request.instruments["c:BTC/USDC"], tick_units=5)
    assert "bears out" in refused(request, instruments={**request.instruments, "c:BTC/USDC": listing})
    levels = {source: ((price - 1, qty), *rest) for source, ((price, qty), *rest) in request.pool.own_levels.items()}
    with pytest.raises(InvariantBroken, match="not its own levels"):
        Router().plan(replace(request, pool=replace(request.pool, own_levels=levels)), books)


def test_a_router_that_has_seen_a_pool_admits_nothing_of_it_to_another_order() -> None:
    desk, router = pool_desk(), Router()
    request, books, _ = asked(desk, pool_order())
    first = router.plan(request, books)
    with pytest.raises(InvariantBroken, match="one fungibility class"):
        router.plan(replace(request, approved=with_order_pool(request, None), pool=None), books)
    assert router.plan(request, books).receipt == first.receipt
    alone, own_books, planned = asked(desk, without_pool(pool_order()))
    assert router.plan(alone, own_books).receipt == planned.receipt
    assert planned.receipt[:4] == b"BXR2"


def test_a_pool_is_planned_where_its_market_is() -> None:
    request, books, _ = asked(pool_desk(), sell())
    assert Router().prepare(request, books) is None
