"""What every protocol must show through ccxt itself: its real request building, signing and parsing, nothing replaced.

A test file of a venue makes a World from its Case and calls these; each scenario uses an account of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from .world import NUMBERS, Case, World, exact, first_book, levels, refused, until

__all__ = ["ALL", "PERPETUAL", "Case", "World", "exact", "refused", "until"]  # what a venue's test file needs


async def rest_book_equals_the_engines(world: World) -> None:
    case = world.case
    world.control.step(case.venue, case.market, 20)
    async with world.client() as client:
        await client.load_markets()
        book = await client.fetch_order_book(case.symbol)
    mine = world.control.book(case.venue, case.market)
    assert levels(book["bids"]) == levels(mine["bids"])[: len(book["bids"])]
    assert levels(book["asks"]) == levels(mine["asks"])[: len(book["asks"])]
    assert len(book["bids"]) >= 5


async def watched_book_equals_the_engines(world: World, steps: int = 60) -> None:
    """Through ccxt's own sequence and checksum rules, over changes that come faster than it reads."""
    case = world.case
    world.control.freeze(case.venue, case.market, False)
    world.control.step(case.venue, case.market, 5)
    async with world.client() as client:
        await client.load_markets()
        book = await first_book(client, case.symbol, case.depth, lambda: world.control.step(case.venue, case.market))

        async def watch() -> None:
            while True:
                await client.watch_order_book(case.symbol, case.depth)

        watching = asyncio.create_task(watch())
        for _ in range(steps):
            world.control.step(case.venue, case.market)
            await asyncio.sleep(0)

        def agrees() -> bool:
            assert not watching.done(), watching.exception()
            mine = world.control.book(case.venue, case.market)
            return all(
                levels(book[side])[: len(mine[side])] == levels(mine[side])[: case.depth or len(book[side])]
                for side in ("bids", "asks")
            )

        await until(agrees, "the watched book")
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def an_order_lives(world: World) -> None:
    """Rest, be seen, fill in part, be canceled; every number equals the ledger's."""
    case, account = world.case, world.open_account()
    world.quote_book()
    client_id = case.client_id(next(NUMBERS))
    async with world.client(account) as client:
        await client.load_markets()
        order = await client.create_order(
            case.symbol, "limit", "buy", 3, 100.2, {case.client_param: client_id, **case.params}
        )
        assert order["id"]
        row = world.control.orders(case.venue, account)[0]
        assert (row["id"], row["client_id"], row["state"]) == (order["id"], client_id, "open")
        mine = await client.fetch_open_orders(case.symbol, params=dict(case.params))
        assert [(o["id"], case.read_client_id(o), exact(o["remaining"])) for o in mine] == [(order["id"], client_id, 3)]
        taker = world.open_account()
        async with world.client(taker) as other:
            await world.load(other)
            await other.create_order(case.symbol, "limit", "sell", 1, 100.2, {"timeInForce": "IOC", **case.params})
        seen = await client.fetch_order(order["id"], case.symbol, dict(case.params))
        assert (exact(seen["filled"]), seen["status"], case.read_client_id(seen)) == (1, "open", client_id)
        if case.fetches_by_client_id:
            by_client = await client.fetch_order(None, case.symbol, {case.client_param: client_id, **case.params})
            assert by_client["id"] == order["id"]
        await client.cancel_order(order["id"], case.symbol, dict(case.params))
        assert not await client.fetch_open_orders(case.symbol, params=dict(case.params))
        trades = await client.fetch_my_trades(case.symbol, params=dict(case.params))
        await _agrees_with_the_ledger(world, account, client, trades)
        assert trades[0]["takerOrMaker"] == "maker"


async def _agrees_with_the_ledger(world: World, account: str, client: Any, trades: list[Any]) -> None:
    """Trades and balances as ccxt reads them are those of the ledger, to the unit."""
    fills = world.ledger(account, "fill")
    told = sorted(
        (t["id"], t["order"], t["side"], exact(t["price"]), exact(t["amount"]), exact(t["fee"]["cost"])) for t in trades
    )
    assert told == sorted(
        (
            world.case.trade_id(f["data"]["trade_id"]),
            f["data"]["order_id"],
            f["data"]["side"],
            exact(f["data"]["price"]),
            exact(f["data"]["qty"]),
            exact(f["data"]["fee"]),
        )
        for f in fills
    )
    fee_in = {world.case.trade_id(f["data"]["trade_id"]): f["data"]["fee_currency"] for f in fills}
    for trade in trades:
        assert trade["fee"]["currency"] == client.safe_currency_code(fee_in[trade["id"]])
    balance = await client.fetch_balance(dict(world.case.params))
    for currency, total in world.control.balances(world.case.venue, account).items():
        code = client.safe_currency_code(currency)
        assert exact(balance[code]["total"]) == exact(total), currency


async def immediate_orders_do_not_rest(world: World) -> None:
    case, account = world.case, world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        ioc = await client.create_order(case.symbol, "limit", "buy", 3, 100.5, {"timeInForce": "IOC", **case.params})
        fok = await client.create_order(case.symbol, "limit", "buy", 30, 100.6, {"timeInForce": "FOK", **case.params})
        rows = {row["id"]: row for row in world.control.orders(case.venue, account)}
        assert (rows[ioc["id"]]["filled"], rows[ioc["id"]]["state"]) == ("2", "canceled")
        assert (rows[fok["id"]]["filled"], rows[fok["id"]]["state"]) == ("0", "canceled")
        await client.create_order(case.symbol, "limit", "sell", 6, 99.9, {"timeInForce": "FOK", **case.params})
        assert not await client.fetch_open_orders(case.symbol, params=dict(case.params))
        trades = await client.fetch_my_trades(case.symbol, params=dict(case.params))
        await _agrees_with_the_ledger(world, account, client, trades)
    assert not world.control.imbalance()


async def post_only_never_takes(world: World) -> None:
    case, account = world.case, world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        params = {"postOnly": True, **case.params}
        resting = await client.create_order(case.symbol, "limit", "buy", 1, 100.1, params)
        if case.post_only == "refused":
            await refused(client.create_order(case.symbol, "limit", "buy", 1, 100.5, params), "ExchangeError")
        else:
            await client.create_order(case.symbol, "limit", "buy", 1, 100.5, params)
            assert world.control.orders(case.venue, account)[-1]["state"] == "canceled"
        assert world.control.orders(case.venue, account)[0]["id"] == resting["id"]
    assert not world.ledger(account, "fill")


async def refuses_strangers_and_doubles(world: World) -> None:
    """A wrong signature is refused and leaves no trace; a client id twice is not two orders."""
    case, account = world.case, world.open_account()
    world.quote_book()
    async with world.client(account, secret=case.wrong_secret) as client:
        await world.load(client)
        await refused(client.create_order(case.symbol, "limit", "buy", 1, 99, dict(case.params)), case.wrong_signature)
    assert not world.control.orders(case.venue, account)
    params = {case.client_param: case.client_id(next(NUMBERS)), **case.params}
    async with world.client(account) as client:
        await world.load(client)
        first = await client.create_order(case.symbol, "limit", "buy", 1, 99, params)
        if case.duplicates == "refused":
            await refused(client.create_order(case.symbol, "limit", "buy", 1, 99, params), "ExchangeError")
        else:
            again = await client.create_order(case.symbol, "limit", "buy", 1, 99, params)
            assert (again["id"] == first["id"]) is (case.duplicates == "same")
        await refused(
            client.create_order(case.symbol, "limit", "buy", 9000, 99, dict(case.params)), "InsufficientFunds"
        )
    assert len(world.control.orders(case.venue, account)) == (2 if case.duplicates == "allowed" else 1)


async def streams_tell_orders_and_fills(world: World) -> None:
    """watchOrders and watchMyTrades hear an order, its fills and its end, with the ids of the ledger."""
    case, account = world.case, world.open_account()
    world.quote_book()
    orders: dict[str, Any] = {}
    trades: dict[str, Any] = {}
    async with world.client(account) as client:
        await world.load(client)

        async def collect(method: str, into: dict[str, Any]) -> None:
            while True:
                for row in await getattr(client, method)(case.symbol):
                    into[row["id"]] = row

        tasks = [asyncio.create_task(collect("watch_orders", orders))]
        if "trades" in case.watches:
            tasks.append(asyncio.create_task(collect("watch_my_trades", trades)))
        await until(lambda: _is_listening(world, account), "the private stream")
        client_id = case.client_id(next(NUMBERS))
        placed = await client.create_order(
            case.symbol, "limit", "buy", 3, 100.5, {case.client_param: client_id, **case.params}
        )
        await until(lambda: placed["id"] in orders, "the order")
        if case.tells_partials:
            await until(lambda: exact(orders[placed["id"]]["filled"] or 0) == 2, "the fill")
        if case.tells_client_id:
            assert case.read_client_id(orders[placed["id"]]) == client_id
        fills = world.ledger(account, "fill")
        if "trades" in case.watches:
            await until(lambda: len(trades) == len(fills), "the trades")
            for fill in fills:
                trade = trades[case.told_trade_id(fill["data"]["trade_id"])]
                assert (exact(trade["price"]), exact(trade["amount"])) == (
                    exact(fill["data"]["price"]),
                    exact(fill["data"]["qty"]),
                )
        await client.cancel_order(placed["id"], case.symbol, dict(case.params))
        await until(lambda: orders[placed["id"]]["status"] == case.closes_as, "the cancel")
        for task in tasks:
            assert not task.done(), task.exception()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_listening(world: World, account: str) -> bool:
    """Whether a socket of the account is logged in and subscribed to its orders."""
    protocol = world.server.protocols[world.case.venue]
    return world.server.call(lambda: any(s.account == account and protocol.hears_orders(s) for s in protocol.sessions))


async def faults_of_requests_happen(world: World) -> None:
    """Each fault of a request, seen from ccxt and from the ledger: who knows what about the order."""
    case, account = world.case, world.open_account()
    world.quote_book()

    async with world.client(account) as client:
        await world.load(client)

        async def place(fault: str, *names: str) -> list[str]:
            """What the engine has of an order that ended in one of these errors for its client."""
            before = len(world.control.orders(case.venue, account))
            rule = world.control.switch(fault, venue=case.venue, account=account, route="place", times=1)
            params = {case.client_param: case.client_id(next(NUMBERS)), **case.params}
            await refused(client.create_order(case.symbol, "limit", "buy", 1, 99, params), *names)
            world.control.clear(rule)
            return [row["client_id"] for row in world.control.orders(case.venue, account)[before:]]

        async def taken(fault: str, *names: str) -> None:
            before = len(world.control.orders(case.venue, account))
            await place(fault, *names)
            await until(lambda: len(world.control.orders(case.venue, account)) > before, f"the order of {fault}")

        assert not await place("lost_request", "NetworkError")
        await taken("lost_ack", "NetworkError")
        assert not await place("rate_limit", "DDoSProtection", "RateLimitExceeded", "NetworkError")
        assert not await place("error_before", "OperationFailed", "ExchangeError")
        await taken("error_after", "OperationFailed", "ExchangeError")
        await taken("refused_but_taken", "OperationFailed", "ExchangeError")
        await taken("lost_but_taken", "NetworkError")
        await asyncio.sleep(0.1)  # time for an order that nobody should have sent
        assert len(world.control.orders(case.venue, account)) == 4
        rule = world.control.switch("hidden", venue=case.venue, account=account, value=60)
        assert not await client.fetch_open_orders(case.symbol, params=dict(case.params))
        world.control.clear(rule)
        assert len(await client.fetch_open_orders(case.symbol, params=dict(case.params))) == 4
        rule = world.control.switch("clock_skew", venue=case.venue, account=account, value=3_600_000)
        if "clock" in case.watches:
            await refused(client.fetch_balance(dict(case.params)), "ExchangeError", "OperationFailed")
        world.control.clear(rule)
    assert world.ledger(account, "fault")


async def faults_of_fills_happen(world: World) -> None:
    """A fill that the stream doubles, delays or leaves out is in the ledger once and found by REST."""
    case, account = world.case, world.open_account()
    world.quote_book()
    seen: list[str] = []
    async with world.client(account) as client:
        await world.load(client)
        client.newUpdates = True
        method = "watch_my_trades" if "trades" in case.watches else "watch_orders"

        async def collect() -> None:
            while True:
                seen.extend(row["id"] for row in await getattr(client, method)(case.symbol))

        task = asyncio.create_task(collect())
        await until(lambda: _is_listening(world, account), "the private stream")
        for fault in ("missing_fill", "late_fill", "duplicate_fill"):
            rule = world.control.switch(fault, venue=case.venue, account=account, times=1, value=0.15)
            params = {"timeInForce": "IOC", **case.params}
            await client.create_order(case.symbol, "limit", "buy", 0.5, 100.5, params)
            await until(lambda rule=rule: world.control.hits(rule) == 1, fault)
            world.control.clear(rule)
        fills = [entry["data"]["trade_id"] for entry in world.ledger(account, "fill")]
        assert len(fills) == 3
        if "trades" in case.watches:
            told = [case.told_trade_id(number) for number in fills]
            await until(lambda: set(told[1:]) <= set(seen), "the late and the doubled fill")
            assert told[0] not in seen
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        trades = await client.fetch_my_trades(case.symbol, params=dict(case.params))
        assert {trade["id"] for trade in trades} == {case.trade_id(number) for number in fills}


async def a_gap_or_silence_is_felt(world: World) -> None:
    """A left-out book message makes ccxt's book wrong or refused; a silent socket stays open and says nothing."""
    case = world.case
    world.control.freeze(case.venue, case.market, False)
    async with world.client() as client:
        await world.load(client)
        await first_book(client, case.symbol, case.depth, lambda: world.control.step(case.venue, case.market))
        gap = world.control.switch("book_gap", venue=case.venue, times=1)
        world.control.step(case.venue, case.market)
        await until(lambda: world.control.hits(gap) == 1, "the gap")
        mute = world.control.switch("silence", venue=case.venue)
        world.control.step(case.venue, case.market, 2)
        world.control.clear(gap)
        with contextlib.suppress(Exception):  # what ccxt made of the gap; then there is nothing more to hear
            await asyncio.wait_for(client.watch_order_book(case.symbol, case.depth), 0.3)
        told = world.server.call(lambda: all(s.is_silent for s in world.server.protocols[case.venue].sessions))
        assert told
        world.control.clear(mute)


async def a_read_only_key_cannot_trade(world: World) -> None:
    case, account = world.case, world.open_account("read")
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        await client.fetch_balance(dict(case.params))
        order = client.create_order(case.symbol, "limit", "buy", 1, 99, dict(case.params))
        await refused(order, "ExchangeError", "OperationFailed")  # ccxt takes Binance's -2015 for a rate limit
    assert not world.control.orders(case.venue, account)


async def a_perpetual_trades(world: World) -> None:
    """A position is opened, read, reduced and closed; a resting order and its cancel are told by the stream."""
    case, account = world.case, world.open_account()
    assert case.swap
    size = case.swap_qty

    def quote() -> None:
        world.control.set_book(case.venue, case.swap_market, (("1000", "5000"),), (("1001", "5000"),))

    quote()
    async with world.client(account) as client:
        await world.load(client)
        book = await first_book(client, case.swap, case.depth, quote)
        await until(lambda: [exact(row[0]) for row in book["bids"]] == [1000], "the quoted book")
        heard: dict[str, Any] = {}

        async def listen() -> None:
            while True:
                for row in await client.watch_orders(case.swap):
                    heard[row["id"]] = row

        task = asyncio.create_task(listen())
        await until(lambda: _is_listening(world, account), "the private stream")
        resting = await client.create_order(case.swap, "limit", "buy", size, 900, {"postOnly": True, **case.params})
        await until(lambda: resting["id"] in heard, "the new order")
        mine = await client.fetch_open_orders(case.swap, params=dict(case.params))
        assert [order["id"] for order in mine] == [resting["id"]]
        await client.create_order(case.swap, "limit", "buy", size, 1001, {"timeInForce": "IOC", **case.params})
        (position,) = [p for p in await client.fetch_positions([case.swap]) if p["contracts"]]
        assert (exact(position["contracts"]), position["side"]) == (exact(size), "long")
        assert exact(position["entryPrice"]) == 1001
        reduce = {"reduceOnly": True, "timeInForce": "IOC", **case.params}
        await client.create_order(case.swap, "limit", "sell", size, 1000, reduce)
        assert not [p for p in await client.fetch_positions([case.swap]) if p["contracts"]]
        await client.cancel_order(resting["id"], case.swap, dict(case.params))
        await until(lambda: heard[resting["id"]]["status"] == "canceled", "the cancel")
        trades = await client.fetch_my_trades(case.swap, params=dict(case.params))
        assert not task.done(), task.exception()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        balance = await client.fetch_balance(dict(case.swap_params))
    fills = world.ledger(account, "fill")
    assert [exact(t["fee"]["cost"]) for t in trades] == [exact(f["data"]["fee"]) for f in fills]
    currency = fills[0]["data"]["fee_currency"]
    assert exact(balance[currency]["total"]) == exact(world.control.balances(case.venue, account)[currency])
    assert not world.control.imbalance()


ALL = (
    rest_book_equals_the_engines,
    watched_book_equals_the_engines,
    an_order_lives,
    immediate_orders_do_not_rest,
    post_only_never_takes,
    refuses_strangers_and_doubles,
    streams_tell_orders_and_fills,
    faults_of_requests_happen,
    faults_of_fills_happen,
    a_gap_or_silence_is_felt,
)
PERPETUAL = (a_perpetual_trades, a_read_only_key_cannot_trade)
