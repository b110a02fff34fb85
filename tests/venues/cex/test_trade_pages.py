"""More fills or open orders than one answer holds: REST brings every one, at every protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest

from app.venues.cex.reports import OwnOrder
from app.venues.cex.trade_pages import BY_TIME, is_told_whole, open_page_rule, page_rule
from tests.venues.cex.conformance.desks import Desk, Place
from tests.venues.cex.conformance.suite import PLACES
from tests.venues.cex.conformance.test_perpetuals import PLACES as PERPETUALS
from tests.venues.exchange.book import BUY
from tests.venues.exchange.engine import Ticket
from tests.venues.exchange.server import LocalExchange

# More than three pages, or than one where a page holds so much that three would take long.
N_FILLS = {"binance": 1_100, "gate": 1_100, "htx": 600, "kraken": 320}
VENUES = ["binance", "okx", "bybit", "kraken", "coinbase", "bitget", "kucoin", "gate", "htx"]


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(VENUES) as running:
        yield running


@pytest.fixture(params=VENUES)
async def desk(request: pytest.FixtureRequest, server: LocalExchange) -> AsyncIterator[Desk]:
    made = await Desk(server, PLACES[request.param]).open(has_feed=False)
    yield made
    await made.close()


async def test_one_order_with_hundreds_of_fills_in_a_gap_ends_whole(desk: Desk) -> None:
    n = N_FILLS.get(desk.name, 320)
    levels = [(f"{100 + i * 0.1:.1f}", "0.5") for i in range(n)]
    desk.server.control.set_book(desk.name, desk.place.market, [("99.0", "1")], levels)
    rules = [desk.switch("missing_fill"), desk.switch("missing_order")]
    child = await desk.sent("1000.0", str(n / 2))
    await desk.ended(child, 20)
    while desk.filled_lots(child) < child.qty_lots and desk.clock.wall_ns() < child.deadline_ts_ns + 20_000_000_000:
        await desk.venue.query(child)  # an answer that took too long: unknown, and asked about
    for rule in rules:
        desk.server.control.clear(rule)
    assert len(desk.ledger_fills(child)) == n
    assert len({fill.venue_trade_id for fill in desk.fills(child)}) == n
    desk.agrees_with_ledger(child)


@pytest.mark.parametrize("place", PERPETUALS, ids=lambda place: f"{place.venue}-{place.market}")
async def test_a_perpetuals_order_whose_fills_the_stream_left_out_ends_whole(place: Place) -> None:
    """320 fills are more than two pages of most; perpetuals tell them in rows of another shape than spot."""
    with LocalExchange([place.venue]) as server:
        desk = await Desk(server, place).open(has_feed=False)
        try:
            levels = [(f"{100 + i * float(place.tick):.1f}", "5") for i in range(320)]
            server.control.set_book(desk.name, place.market, [("99.0", "1")], levels)
            rules = [desk.switch("missing_fill"), desk.switch("missing_order")]
            child = await desk.sent("1000.0", "1600")
            await desk.ended(child, 20)
            for rule in rules:
                server.control.clear(rule)
            assert len(desk.ledger_fills(child)) == 320
            assert len({fill.venue_trade_id for fill in desk.fills(child)}) == 320
            desk.agrees_with_ledger(child)
        finally:
            await desk.close()


async def test_every_open_order_is_listed_however_many_there_are(desk: Desk) -> None:
    """230 are more than two known pages; 520 where one holds 500. All of the account, and of a market."""
    server, place = desk.server, desk.place
    server.control.set_book(desk.name, place.market, [("99.0", "1")], [("101.0", "1")])
    n = 520 if desk.name == "htx" else 230

    def placed() -> list[str]:
        exchange = server.exchanges[desk.name]
        ticket = Ticket(place.market, BUY, "0.2", "50.0", tags=(("configuration", "limit_limit_gtc"),))
        return [str(exchange.place(desk.account, ticket).id) for _ in range(n)]

    ids = server.call(placed)
    assert len(set(ids)) == n
    for name in (None, place.symbol):
        listed = await desk.venue._desk.open_orders(name)
        assert {str(each["id"]) for each in listed} == set(ids)
        assert len(listed) == n
    server.control.cancel_all(desk.name, desk.account)


async def test_an_answer_that_cannot_be_read_ends_no_other_look(
    server: LocalExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await Desk(server, PLACES["binance"]).open(has_feed=False)
    told = desk.venue._desk.order
    n_failed = 0

    async def unreadable_once(order: OwnOrder) -> Mapping[str, Any] | None:
        nonlocal n_failed
        n_failed += 1
        if n_failed == 1:
            raise TypeError("string indices must be integers, not 'str'")
        return await told(order)

    monkeypatch.setattr(desk.venue._desk, "order", unreadable_once)
    server.control.set_book(desk.name, desk.place.market, [("99.0", "1")], [("100.0", "9")])
    rules = [desk.switch("missing_fill"), desk.switch("missing_order")]
    try:
        child = await desk.sent("100.0", "1")
        await desk.ended(child)
        assert n_failed >= 2
        desk.agrees_with_ledger(child)
    finally:
        for rule in rules:
            server.control.clear(rule)
        await desk.close()


def test_a_venue_without_a_document_pages_by_time():
    assert page_rule("phemex") is BY_TIME
    assert open_page_rule("phemex") is None
    assert not is_told_whole("phemex")
    assert is_told_whole("kraken")
    assert page_rule("okx").rows({"data": [1, 2]}) == [1, 2]
    assert page_rule("kraken").rows({"result": {"trades": {"A": {"x": 1}}}}) == [{"x": 1}]
    assert page_rule("kraken").rows({"error": []}) == ()
    assert page_rule("bitget").rows({"data": {"fillList": [{"tradeId": "1"}], "endId": "1"}}) == [{"tradeId": "1"}]
    assert page_rule("bitget").rows({"data": {"entrustedList": None, "endId": None}}) == []
