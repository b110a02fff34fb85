"""Symbols, books, venues, fees."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.api.schemas import market as schema
from app.api.schemas.fees import FeeList, FeeTableList
from app.venues.fee_tables import reference_schedules
from tests.api.gateway import Gateway
from tests.worlds import flat_book


@pytest.mark.parametrize("name", ["BTC/USDT", "BTC-USDT", "BTCUSDT", "btc-usdt", "btc_usdt"])
async def test_a_symbol_has_several_spellings_and_one_name(gateway: Gateway, name: str) -> None:
    async with gateway.client() as client:
        info = schema.SymbolInfo.model_validate((await client.get(f"/v1/symbols/{name}")).json())
        book = await client.get(f"/v1/books/{name}")
    assert info.symbol == "BTC/USDT"
    assert {listing.venue: listing.lot for listing in info.listings} == {
        "ven_a": Decimal("0.00001"),
        "ven_b": Decimal("0.0001"),
        "ven_c": Decimal("0.001"),
    }
    assert book.json()["symbol"] == "BTC/USDT"


async def test_unknown_symbols_are_not_found(gateway: Gateway) -> None:
    async with gateway.client() as client:
        for path in ("/v1/symbols/DOGE", "/v1/books/DOGE/USDT", "/v1/symbols/", "/v1/books/%00"):
            assert (await client.get(path)).status_code == 404
        assert len((await client.get("/v1/symbols")).json()["data"]) == 1


async def test_the_ladder_is_sorted_and_each_level_has_its_venue(gateway: Gateway) -> None:
    async with gateway.client() as client:
        raw = schema.Book.model_validate((await client.get("/v1/books/BTC-USDT", params={"depth": 7})).json())
        all_in = schema.Book.model_validate((await client.get("/v1/books/BTC-USDT?price=all_in&depth=100")).json())
    assert len(raw.bids) == len(raw.asks) == 7
    for book in (raw, all_in):
        assert [level.price for level in book.asks] == sorted(level.price for level in book.asks)
        assert [level.price for level in book.bids] == sorted((level.price for level in book.bids), reverse=True)
    assert raw.mid == Decimal(60_000)
    assert set(raw.venues) == {"ven_a", "ven_b", "ven_c"}
    best = {level.venue: level.price for level in reversed(all_in.asks)}
    assert best["ven_a"] == Decimal("60000.01") * Decimal("1.001")
    assert best["ven_c"] == Decimal("60000.5") * Decimal("1.0002")


async def test_a_stale_book_is_left_out_and_said_so(gateway: Gateway) -> None:
    gateway.clock.advance(3_000_000_000)
    gateway.engine.on_book(flat_book("ven_a", 6_000_000, gateway.clock.wall_ns(), book_seq=901))
    async with gateway.client() as client:
        book = schema.Book.model_validate((await client.get("/v1/books/BTC-USDT")).json())
        ready = await client.get("/readyz")
    assert book.excluded == {"ven_b": "stale_book", "ven_c": "stale_book"}
    assert {level.venue for level in book.asks} == {"ven_a"}
    assert ready.json()["symbols"]["BTC/USDT"]["n_fresh_books"] == 1


async def test_venues_and_fees_say_what_they_are(gateway: Gateway) -> None:
    async with gateway.client() as client:
        venues = schema.VenueList.model_validate((await client.get("/v1/venues")).json()).data
        fees = FeeList.model_validate((await client.get("/v1/fees")).json()).data
    assert [venue.venue for venue in venues] == ["ven_a", "ven_b", "ven_c"]
    assert all(venue.is_simulated and venue.is_enabled for venue in venues)
    assert {fee.venue: fee.taker_bps for fee in fees} == {
        "ven_a": Decimal(10),
        "ven_b": Decimal(5),
        "ven_c": Decimal(2),
    }
    assert all(fee.source and fee.as_of for fee in fees)


@pytest.mark.parametrize("query", ["depth=0", "depth=101", "depth=x", "price=cheap", "nope=1", "depth=1&depth=2"])
async def test_book_queries_are_strict(gateway: Gateway, query: str) -> None:
    async with gateway.client() as client:
        answer = await client.get(f"/v1/books/BTC-USDT?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/query/")


async def test_fees_are_the_accounts_own_and_the_operator_sees_first_tiers(gateway: Gateway) -> None:
    async with gateway.client() as client:
        assert (await client.get("/v1/fees")).json()["account"] == "desk"
        assert (await client.get("/v1/fees?account=rival")).status_code == 403
    async with gateway.client("operator") as client:
        assert (await client.get("/v1/fees")).json()["account"] is None
        assert (await client.get("/v1/fees?account=rival")).json()["account"] == "rival"


async def test_published_tables_are_read_when_somebody_asks(gateway: Gateway) -> None:
    object.__setattr__(gateway.services, "fee_tables", reference_schedules)
    async with gateway.client() as client:
        every = FeeTableList.model_validate((await client.get("/v1/fees/tables")).json()).data
        one = FeeTableList.model_validate((await client.get("/v1/fees/tables?venue=binance")).json()).data
        none = (await client.get("/v1/fees/tables?venue=nowhere")).json()
    assert len({table.venue for table in every}) >= 40
    assert {table.market for table in one} == {"spot", "linear", "inverse"}
    assert none == {"data": []}
