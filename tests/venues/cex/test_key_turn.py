"""An account's key is exchanged under a running adapter: its streams log in with the new one."""

from __future__ import annotations

import pytest

from app.domain.statement import VenueState
from app.venues.cex import adapter
from tests.venues.cex.conformance.desks import ASKS, BIDS, Desk
from tests.venues.cex.conformance.suite import PLACES
from tests.venues.exchange.server import LocalExchange


@pytest.mark.parametrize("venue", ["okx", "bybit"])
async def test_a_new_key_is_followed(venue: str, monkeypatch) -> None:
    monkeypatch.setattr(adapter, "_CLOCK_EVERY_S", 0.2)
    place = PLACES[venue]
    with LocalExchange([venue]) as server:
        desk = await Desk(server, place).open(has_feed=False)
        try:
            await desk.until(lambda: desk.venue.health().state is VenueState.UP)
            server.call(lambda: server.exchanges[venue].accounts.turn_key(desk.account, "new-key"))
            name = (venue, desk.account)
            desk.signer.keys = {name: {**desk.signer.keys[name], "apiKey": "new-key"}}
            await desk.until(lambda: desk.venue._exchange.apiKey == "new-key")
            await desk.until(lambda: desk.venue.health().reason == "")
            server.control.set_book(venue, place.market, BIDS, ASKS)
            rule = desk.switch("lost_ack", route="query")
            child = await desk.sent("100.50", "1")
            await desk.ended(child)
            server.control.clear(rule)
            assert desk.filled_lots(child) == child.qty_lots, "told by the stream, for REST had no answers"
        finally:
            await desk.close()
