"""Random faults by seed over five protocols: what a client hears may be wrong, what it reads afterwards is not."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.venues.exchange import test_bitget, test_bybit, test_gate, test_htx, test_kucoin
from tests.venues.exchange.server import LocalExchange
from tests.venues.exchange.world import Case, World, exact

CASES = {module.CASE.venue: module.CASE for module in (test_bybit, test_bitget, test_kucoin, test_gate, test_htx)}
NOTHING_DONE = ("lost_request", "error_before", "rate_limit", "banned")
DONE_UNHEARD = ("lost_ack", "error_after", "refused_but_taken")
SLOW = ("slow_request", "slow_answer")


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(list(CASES)) as running:
        yield running
        assert not running.control.imbalance()
        assert not running.control.ledger("malformed")


async def trouble(client: Any, case: Case, chance: random.Random) -> tuple[set[str], int]:
    """Forty placements and some cancels; the ids that were told, and how many placements ended in an error."""
    import ccxt

    told: set[str] = set()
    errors = 0
    for i in range(40):
        side, price = ("buy", 100.5) if i % 2 else ("sell", 100.6)
        params = {case.client_param: case.client_id(10_000 + i), **case.params}
        try:
            order = await client.create_order(case.symbol, "limit", side, 0.2, price, params)
            told.add(order["id"])
            if chance.random() < 0.4:
                await client.cancel_order(order["id"], case.symbol)
        except ccxt.BaseError as error:
            errors += not isinstance(error, ccxt.OrderNotFound | ccxt.InvalidOrder)
    return told, errors


@pytest.mark.parametrize("venue", CASES)
async def test_after_trouble_rest_and_ledger_agree(server: LocalExchange, venue: str) -> None:
    case = CASES[venue]
    world = World(server, case)
    account = world.open_account()
    world.quote_book()
    rules = {
        fault: world.control.switch(fault, venue=venue, account=account, route="place", probability=0.08, value=value)
        for faults, value in ((NOTHING_DONE, None), (DONE_UNHEARD, None), (SLOW, 0.005))
        for fault in faults
    }
    world.control.switch("lost_ack", venue=venue, account=account, route="cancel", probability=0.3)
    async with world.client(account) as client:
        await world.load(client)
        told, errors = await trouble(client, case, random.Random(venue))
        await asyncio.sleep(0.1)
        struck = {row["fault"]: row["hits"] for row in world.control.rules() if row["id"] in rules.values()}
        world.control.clear()
        rows = {row["id"]: row for row in world.control.orders(venue, account)}
        unheard = sum(struck[fault] for fault in DONE_UNHEARD)
        assert told <= set(rows)
        assert len(rows) == len(told) + unheard
        assert errors >= unheard > 0 < sum(struck[fault] for fault in NOTHING_DONE)
        mine = await client.fetch_open_orders(case.symbol)
        assert {order["id"] for order in mine} == {key for key, row in rows.items() if row["state"] == "open"}
        trades = Counter((t["id"], t["order"], t["side"]) for t in await client.fetch_my_trades(case.symbol))
        fills = [entry["data"] for entry in world.ledger(account, "fill")]
        assert trades == Counter((fill["trade_id"], fill["order_id"], fill["side"]) for fill in fills)
        balance = await client.fetch_balance()
        for currency, total in world.control.balances(venue, account).items():
            assert exact(balance[currency]["total"]) == exact(total)
