"""More fills or open orders than one answer holds: REST brings every one, at every protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from app.venues.cex.trade_pages import BY_TIME, is_told_whole, open_page_rule, page_rule
from tests.venues.cex.conformance.desks import Desk
from tests.venues.cex.conformance.suite import PLACES
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


def test_a_venue_without_a_document_pages_by_time():
    assert page_rule("phemex") is BY_TIME
    assert open_page_rule("phemex") is None
    assert not is_told_whole("phemex")
    assert is_told_whole("kraken")
    assert page_rule("okx").rows({"data": [1, 2]}) == [1, 2]
    assert page_rule("kraken").rows({"result": {"trades": {"A": {"x": 1}}}}) == [{"x": 1}]
    assert page_rule("kraken").rows({"error": []}) == ()
