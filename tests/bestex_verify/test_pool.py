"""A receipt of several quote currencies that lies about a rate, a quote or a level is caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain.enums import Side
from bestex_verify import judge
from bestex_verify.decode import BadReceipt, Place, Pool, Rate, Receipt, decode
from tests.pool_desk import asked, pool_desk, pool_order


def receipt(side: Side = Side.BUY, pair: str = "USDC/USDT") -> Receipt:
    return decode(asked(pool_desk(pair), pool_order(side=side))[2].receipt)


def failures(read: Receipt) -> str:
    return " | ".join(judge._Judge(read).verdict().failures)


def with_pool(read: Receipt, **changes: object) -> Receipt:
    assert read.pool is not None
    return replace(read, pool=replace(read.pool, **changes))  # type: ignore[arg-type]


def with_rate(read: Receipt, change: Callable[[Rate], Rate]) -> Receipt:
    pool = pool_of(read)
    return with_pool(read, rates=tuple(change(rate) for rate in pool.rates))


def pool_of(read: Receipt) -> Pool:
    assert read.pool is not None
    return read.pool


def with_terms(rate: Rate, **changes: int) -> Rate:
    return replace(rate, terms={**rate.terms, **changes})


def with_quotes(rate: Rate, **changes: int) -> Rate:
    return replace(rate, quotes=tuple((venue, {**told, **changes}) for venue, told in rate.quotes))


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("pair", ["USDC/USDT", "USDT/USDC"])
def test_the_truth_holds_and_tells_the_rate_and_its_books(side: Side, pair: str) -> None:
    read = receipt(side, pair)
    assert not failures(read)
    (rate,) = pool_of(read).rates
    assert (rate.symbol, rate.currency, rate.pair) == ("BTC/USDC", "USDC", pair)
    assert {venue for venue, _ in rate.quotes} == {"b", "c"}
    assert pool_of(read).rate_of.count(1) == 2


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rate: with_terms(rate, num=rate.terms["num"] + 1), "not the best of its quotes"),
        (lambda rate: with_terms(rate, den=rate.terms["den"] + 1), "not the best of its quotes"),
        (lambda rate: with_quotes(rate, ask_units=100_400, bid_units=99_600), "not the best of its quotes"),
        (lambda rate: with_quotes(rate, book_seq=0), "no fresh book"),
        (lambda rate: with_quotes(rate, age_ns=10**12), "no fresh book"),
        (lambda rate: with_quotes(rate, ask_units=99_000), "no fresh book"),
        (lambda rate: replace(rate, quotes=()), "no fresh book"),
        (lambda rate: replace(rate, currency="EUR"), "not a currency of the order's pool"),
        (lambda rate: replace(rate, pair="USDC/EUR"), "not a currency of the order's pool"),
        (lambda rate: replace(rate, symbol="ETH/USDC"), "not a listing of its rate's symbol"),
        (lambda rate: with_terms(rate, price_scale=2), "not its own book at the rate"),
    ],
)
def test_a_lie_about_the_rate_is_caught(side: Side, change: Callable[[Rate], Rate], told: str) -> None:
    assert told in failures(with_rate(receipt(side), change))


def test_a_lie_about_the_pool_is_caught() -> None:
    read = receipt(Side.SELL)
    pool = pool_of(read)
    assert "further from par" in failures(with_pool(read, max_basis_ppm=99))
    assert "wider basis" in failures(with_pool(read, max_basis_ppm=10_001))
    assert "not a currency" in failures(with_pool(read, currencies=("USDT",)))
    assert "without a rate" in failures(with_pool(read, rate_of=(0,) * len(pool.rate_of)))
    cheaper = tuple(tuple((price + 1, qty) for price, qty in levels) for levels in pool.own_levels)
    assert "not its own book at the rate" in failures(with_pool(read, own_levels=cheaper))
    other = {**read.texts, "kind": "linear"}
    assert "for a contract" in failures(replace(read, texts=other))


def test_a_place_of_another_tick_is_caught() -> None:
    def coarse(place: Place) -> Place:
        return replace(place, terms={**place.terms, "tick_units": 5})

    read = receipt()
    places = tuple(coarse(place) if ":" in place.venue else place for place in read.places)
    assert "not a listing of its rate's symbol" in failures(replace(read, places=places))


def test_bytes_that_are_no_pool_are_refused() -> None:
    data = asked(pool_desk(), pool_order())[2].receipt
    for n_bytes in range(4, len(data), 7):
        with pytest.raises(BadReceipt):
            decode(data[:n_bytes])
    with pytest.raises(BadReceipt):
        decode(data + b"\0")
    with pytest.raises(BadReceipt):
        decode(b"BXR2" + data[4:])
