"""What leaves this process: once, unredirected, signed elsewhere, within its budget. Real HTTP on loopback."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from ccxt.base import errors as ccxt_errors

from app.domain.errors import Refused, Unavailable
from app.venues.cex import session
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


KRAKEN = profile_of("kraken")
ORDER = {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "price": "2", "volume": "1", "cl_ord_id": "c"}


@dataclass
class Strict:
    """A venue that refuses a nonce below one that it has seen; the first request takes long on its way."""

    nonces: list[int] = field(default_factory=list)
    n_refused: int = 0
    port: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = parse_qs(await request.text())
        nonce = int(body["nonce"][0]) if "nonce" in body else 0
        if nonce and not self.nonces and body.get("volume") == ["1"]:
            await asyncio.sleep(0.05)
        if nonce and self.nonces and nonce < max(self.nonces):
            self.n_refused += 1
            return web.json_response({"error": ["EAPI:Invalid nonce"], "result": {}})
        if nonce:
            self.nonces.append(nonce)
        return web.json_response({"error": [], "result": {}})


@pytest.fixture
async def strict() -> AsyncIterator[Strict]:
    made, app = Strict(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


async def at_kraken(strict: Strict, names: list[str], *, has_turns: bool = True) -> list[Call]:
    """Requests that begin together, the first of them a slow placement."""
    secret = base64.b64encode(b"s" * 64).decode()
    signer = LocalSigner({("kraken", "desk"): {"apiKey": "key1", "secret": secret}}, {"kraken": "kraken"})
    settings = SessionSettings("desk", f"http://127.0.0.1:{strict.port}", timeout_s=3)
    budget = Budgets().of(KRAKEN, key_id="key1", account="desk")
    made = make_session(KRAKEN, settings, budget, SystemClock(), signer=signer)
    if not has_turns:
        made.turns = None

    async def one(n: int, name: str) -> Call:
        with calling(Call(name)) as call, contextlib.suppress(ccxt_errors.BaseError):
            await made.privatePostAddOrder({**ORDER, "volume": str(n)})
        return call

    try:
        return await asyncio.gather(*(one(n, name) for n, name in enumerate(names, 1)))
    finally:
        await made.close()


async def test_where_a_nonce_must_rise_nothing_overtakes(strict: Strict) -> None:
    calls = await at_kraken(strict, ["place"] * 4 + ["cancel", "order"])
    assert strict.n_refused == 0
    assert strict.nonces == sorted(set(strict.nonces))
    assert len(strict.nonces) == len(calls)


async def test_without_turns_the_slow_one_is_refused(strict: Strict) -> None:
    await at_kraken(strict, ["place"] * 3, has_turns=False)
    assert strict.n_refused >= 1


async def test_a_placement_whose_turn_does_not_come_has_not_left(
    strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_MAX_TURN_S", {"place": 0.01})
    secret = base64.b64encode(b"s" * 64).decode()
    signer = LocalSigner({("kraken", "desk"): {"apiKey": "key1", "secret": secret}}, {"kraken": "kraken"})
    settings = SessionSettings("desk", f"http://127.0.0.1:{strict.port}", timeout_s=3)
    budget = Budgets().of(KRAKEN, key_id="key1", account="desk")
    made = make_session(KRAKEN, settings, budget, SystemClock(), signer=signer)
    async with made.turns.turn("place", 1):
        with calling(Call("place")) as call, pytest.raises(Unavailable, match="others of this key"):
            await made.privatePostAddOrder(ORDER)
    assert (call.n_requests, call.may_have_left, len(strict.nonces)) == (0, False, 0)
    await made.close()


@pytest.mark.parametrize(("name", "has_turns"), [("binance", False), ("kraken", True), ("bitfinex", True)])
async def test_only_venues_of_nonces_take_turns(name: str, has_turns: bool) -> None:
    profile = profile_of(name)
    budget = Budgets().of(profile, key_id="", account="")
    made = make_session(profile, SessionSettings(), budget, SystemClock())
    assert (made.turns is not None) is has_turns
    await made.close()
