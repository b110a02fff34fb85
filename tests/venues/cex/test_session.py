"""What leaves this process: once, unredirected, signed elsewhere, within its budget. Real HTTP on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from ccxt.base import errors as ccxt_errors

from app.domain.errors import Refused, Unavailable
from app.venues.cex.budget import Budgets
from app.venues.cex.profile_table import profile_of
from app.venues.cex.session import Call, SessionSettings, calling, make_session
from app.venues.clock import SystemClock
from tests.venues.cex.signers import LocalSigner

BINANCE = profile_of("binance")
SIGNER_KEYS = {("binance", "desk"): {"apiKey": "key1", "secret": "secret1"}}
PLACE = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "2", "newClientOrderId": "C1"}


@dataclass
class Door:
    """A server that answers by path and counts what it got."""

    port: int = 0
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        self.seen.append((request.method, request.path, text or request.query_string))
        if "redirect" in request.path:
            return web.Response(status=307, headers={"Location": f"http://127.0.0.1:{self.port}/elsewhere"})
        if "slow" in request.path:
            await asyncio.sleep(1)
        if "drop" in request.path or ("order" in request.path and "dropped" in text + request.query_string):
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"orderId": 5, "serverTime": 1})


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    made, app = Door(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@pytest.fixture
async def exchange(door: Door):
    signer = LocalSigner(SIGNER_KEYS, {"binance": "binance"})
    settings = SessionSettings("desk", f"http://127.0.0.1:{door.port}", timeout_s=0.3)
    budget = Budgets().of(BINANCE, key_id="key1", account="desk")
    made = make_session(BINANCE, settings, budget, SystemClock(), signer=signer)
    yield made
    await made.close()


async def test_a_private_request_is_signed_elsewhere_and_keeps_its_host(exchange, door):
    assert exchange.secret == ""
    with calling(Call("place", only=BINANCE.placement)) as call:
        await exchange.privatePostOrder(PLACE)
    assert (call.n_requests, call.status, call.may_have_left) == (1, 200, True)
    ((method, path, body),) = door.seen
    assert (method, path) == ("POST", "/api.binance.com/api/v3/order")
    assert "newClientOrderId=C1" in body
    assert "signature=" in body
    (request,) = exchange.signer.requests
    assert (request.venue, request.account, request.path, request.method) == ("binance", "desk", "order", "POST")


async def test_a_placement_is_one_request_and_no_other(exchange, door):
    with calling(Call("place", only=BINANCE.placement)) as call:
        await exchange.privatePostOrder(PLACE)
        with pytest.raises(Unavailable):
            await exchange.privatePostOrder(PLACE)
    assert call.n_requests == len(door.seen) == 1
    with calling(Call("place", only=BINANCE.placement)) as call, pytest.raises(Unavailable):
        await exchange.privateGetAccount()
    assert (call.n_requests, call.may_have_left, len(door.seen)) == (0, False, 1)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_request_whose_answer_was_lost_is_not_repeated(exchange, door, method):
    """aiohttp repeats idempotent methods on a kept connection by itself; Deribit places orders with GET."""
    await exchange.publicGetTime()
    with calling(Call("other")) as call, pytest.raises(ccxt_errors.ExchangeNotAvailable):
        await exchange.fetch(f"https://api.binance.com/drop/{method}", method)
    assert len([seen for seen in door.seen if "drop" in seen[1]]) == 1
    assert call.may_have_left
    assert not call.is_answered


async def test_a_redirect_is_not_followed(exchange, door):
    with calling(Call("other")) as call, pytest.raises(ccxt_errors.BadResponse):
        await exchange.fetch("https://api.binance.com/redirect", "POST", {}, "x=1")
    assert call.status == 307
    assert len(door.seen) == 1


async def test_no_connection_means_that_nothing_left(exchange):
    exchange.settings = SessionSettings("desk", "http://127.0.0.1:9", timeout_s=0.3)
    with calling(Call("other")) as call, pytest.raises(ccxt_errors.ExchangeNotAvailable):
        await exchange.publicGetTime()
    assert not call.may_have_left


async def test_a_slow_answer_is_no_answer(exchange):
    with calling(Call("other")) as call, pytest.raises(ccxt_errors.RequestTimeout):
        await exchange.fetch("https://api.binance.com/slow")
    assert call.may_have_left
    assert not call.is_answered


async def test_without_a_key_nothing_private_leaves(exchange, door):
    exchange.signer = None
    with pytest.raises(Unavailable):
        await exchange.privateGetAccount()
    exchange.signer = LocalSigner({}, {})
    with pytest.raises(Refused):
        await exchange.privateGetAccount()
    assert door.seen == []


async def test_a_spent_budget_stops_a_placement_at_once(exchange, door):
    exchange.budget.heard("place", 429, {"Retry-After": "5"}, SystemClock().monotonic_ns())
    with calling(Call("place", only=BINANCE.placement)) as call, pytest.raises(Unavailable):
        await exchange.privatePostOrder(PLACE)
    assert not call.may_have_left
    assert door.seen == []


async def test_a_call_that_may_wait_goes_when_its_budget_is_back(exchange, door):
    exchange.budget.heard("place", 429, {"Retry-After": "1"}, SystemClock().monotonic_ns())
    with calling(Call("place", only=BINANCE.placement, may_wait_s=5.0)) as call, contextlib.suppress(Exception):
        await exchange.privatePostOrder(PLACE)
    assert call.n_requests == 1


def test_a_streams_login_is_the_signers(exchange):
    signed = exchange.hmac(b"apiKey=key1&timestamp=1700000000000", b"")
    expected = exchange.signer.login("binance", "desk", b"apiKey=key1&timestamp=1700000000000", "sha256", "hex")
    assert signed == expected
    assert len(signed) == 64


def test_a_venue_without_a_stream_of_books_is_unavailable_by_name():
    profile = profile_of("tokocrypto")
    budget = Budgets().of(profile, key_id="", account="")
    with pytest.raises(Unavailable, match="tokocrypto: ccxt streams no books"):
        make_session(profile, SessionSettings(), budget, SystemClock())
