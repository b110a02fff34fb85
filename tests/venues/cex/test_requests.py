"""L0: what ccxt puts on the wire for every venue of the table, caught on loopback and held against the table.

ccxt passes many parameters on unread. Where the table named the wrong one, an order would go out without our id, or an
IOC would rest: these tests fail then.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from app.domain.enums import TimeInForce
from app.venues.cex.client_ids import client_id_params, wire_client_id
from app.venues.cex.profile import Endpoint, MarketClass, QueryRoute, VenueProfile
from app.venues.cex.profile_table import profile_of, profiles, refused_venues

from .captured import KEY, SECRET, CatchAll, Request, catch_all, credentials, localised, one_market

CHILD = "01JDN5X9Q8W7V6T5S4R3Q2P1N0"
CONTRACTS = (MarketClass.LINEAR, MarketClass.INVERSE)
CASES = [
    (venue, kind.value)
    for venue, profile in profiles().items()
    for kind in profile.kinds
    # One perpetual a venue: the requests of its inverse contracts differ in the market's name alone.
    if kind is MarketClass.SPOT or kind is next((each for each in profile.kinds if each in CONTRACTS), None)
]
# Phemex counts spot prices and quantities in 1e-8 and 1e-4 of the unit, as the market says.
SCALED = {("phemex", "spot"): {"98765.5": "987655000", "1.2345": "123450000", "2": "200000000"}}


@pytest.fixture(scope="module")
def ccxt_module() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("ccxt", reason="needs the cex extra")


@pytest.fixture(scope="module")
def server() -> Iterator[CatchAll]:
    with catch_all() as state:
        yield state


class Venue:
    """One ccxt exchange on loopback with one market: what it sends is in the server's hands."""

    def __init__(self, ccxt: ModuleType, server: CatchAll, profile: VenueProfile, kind: str) -> None:
        exchange = getattr(ccxt, profile.ccxt_id)({**credentials(profile.ccxt_id), "enableRateLimit": False})
        exchange.options.update(profile.options)
        self.exchange = localised(exchange, server.port)
        self.symbol = one_market(exchange, kind)
        self.profile, self.server, self.errors = profile, server, ccxt.BaseError
        self.is_contract = kind != "spot"
        self.quantity = "2" if self.is_contract else "1.2345"

    def sent(self, call: str, *arguments: Any) -> Request:
        """The last request that `call` made; its answer is nobody's and what ccxt raises then is not looked at."""
        self.server.take()
        raised = ""
        try:
            getattr(self.exchange, call)(*arguments)
        except (self.errors, TypeError, KeyError, AttributeError) as error:
            raised = repr(error)
        found = self.server.take()
        assert found, f"{call} sent nothing: {raised}"
        return found[-1]

    def create(self, word: TimeInForce) -> Request:
        params = {**client_id_params(self.profile.client_id, CHILD), **self.profile.time_in_force[word]}
        return self.sent("create_order", self.symbol, "limit", "buy", float(self.quantity), 98765.5, params)

    def close(self) -> None:
        self.exchange.close()


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def venue(request: Any, ccxt_module: ModuleType, server: CatchAll) -> Iterator[Venue]:
    name, kind = request.param
    made = Venue(ccxt_module, server, profile_of(name), kind)
    yield made
    made.close()


def _is_at(endpoint: Endpoint, request: Request) -> bool:
    """Whether `request` went to `endpoint`: its method, and a path that ends as the template says."""
    template = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(endpoint.path))
    return request.method == endpoint.method and re.search(rf"/{template}(\.do)?$", request.path) is not None


def _at_one_of(endpoints: tuple[Endpoint, ...], request: Request) -> bool:
    return any(_is_at(endpoint, request) for endpoint in endpoints)


def _signature(request: Request) -> str:
    """The longest of what may be a signature: a header of that name, or a field."""
    names = re.compile(r"sign|auth|^sig$", re.IGNORECASE)
    found = [value for name, value in (*request.headers.items(), *request.fields) if names.search(name)]
    return max(found, key=len, default="")


def test_an_order_is_what_the_table_says(venue):
    profile, is_contract = venue.profile, venue.is_contract
    sent_id = wire_client_id(profile.client_id, CHILD)
    raws = {}
    for word in profile.time_in_force:
        request = venue.create(word)
        raws[word] = request.raw
        assert _at_one_of(profile.placement, request), f"{request.method} {request.path} is no placement of the table"
        assert sent_id in [value for _, value in request.fields], "our id is not in the order"
        if not is_contract:
            assert sent_id in request.values(profile.client_id.wire), f"our id is not in {profile.client_id.wire}"
        scaled = SCALED.get((profile.venue_id, "contract" if is_contract else "spot"), {})
        for exact in ("98765.5", venue.quantity):
            assert scaled.get(exact, exact) in [value for _, value in request.fields], f"{exact} is not in the order"
        assert not [value for _, value in request.fields if value == "None"], "ccxt sent the word None"
    for word, text in profile.tif_words.items():
        assert text in raws[word], f"{word.value} is not told as {text}"
    if TimeInForce.IOC in raws:
        ioc = profile.tif_words[TimeInForce.IOC]
        assert ioc not in raws[TimeInForce.GTC], "a resting order says IOC"
        assert raws[TimeInForce.IOC] != raws[TimeInForce.GTC]


def test_every_private_request_is_signed_and_none_holds_the_secret(venue):
    calls = [venue.create(TimeInForce.GTC), venue.sent("cancel_order", "777", venue.symbol)]
    calls.append(venue.sent("fetch_open_orders", venue.symbol))
    for request in calls:
        everything = request.raw + request.path + " ".join(request.headers.values())
        assert len(_signature(request)) >= 32, "no signature"
        assert SECRET not in everything
    assert KEY in everything or "Bearer " in everything or "HS256 " in everything, "no key"


def test_a_cancel_is_what_the_table_says(venue):
    profile = venue.profile
    by_venue = venue.sent("cancel_order", "777", venue.symbol)
    assert _at_one_of(profile.cancel, by_venue), f"{by_venue.method} {by_venue.path} is no cancel of the table"
    assert by_venue.holds("777")
    if profile.cancel_by is not None:
        sent_id = wire_client_id(profile.client_id, CHILD)
        order_id, params = profile.cancel_by.of(sent_id)
        by_ours = venue.sent("cancel_order", order_id, venue.symbol, params)
        assert _at_one_of(profile.cancel, by_ours)
        assert by_ours.holds(sent_id), "a cancel by our id does not hold it"
        assert not [value for _, value in by_ours.fields if value in ("None", "null")], "an empty venue id goes along"
        assert "/None" not in by_ours.path


def test_a_query_by_our_id_is_what_the_table_says(venue):
    profile = venue.profile
    sent_id = wire_client_id(profile.client_id, CHILD)
    if profile.query_route is QueryRoute.ORDER:
        order_id, params = profile.query_by.of(sent_id)
        request = venue.sent("fetch_order", order_id, venue.symbol, params)
        assert request.holds(sent_id), "a query by our id does not hold it"
    elif profile.query_by is not None:
        _, params = profile.query_by.of(sent_id)
        request = venue.sent("fetch_open_orders", venue.symbol, None, None, params)
        assert request.holds(sent_id), "a list by our id does not hold it"
    else:
        request = venue.sent("fetch_open_orders", venue.symbol)
    assert _at_one_of(profile.read, request), f"{request.method} {request.path} reads outside of the table"
    assert not [value for _, value in request.fields if value in ("None", "null")]


def test_open_orders_are_read_where_the_table_says(venue):
    request = venue.sent("fetch_open_orders", venue.symbol)
    assert _at_one_of(venue.profile.read, request), f"{request.method} {request.path} reads outside of the table"


def test_a_dead_mans_switch_is_a_cancel_of_the_table(venue):
    switch = venue.profile.dead_man_switch
    if switch is None:
        assert venue.exchange.has.get("cancelAllOrdersAfter") is not True or venue.profile.venue_id == "whitebit"
        return
    request = venue.sent(switch.method, switch.timeout_s * 1000)
    assert _at_one_of(venue.profile.cancel, request)


@pytest.mark.parametrize("name", sorted(refused_venues()))
def test_a_refused_venue_signs_before_sign_sees_it(name, ccxt_module):
    """What `sign` is given goes out as it is: the signature was made before, by a key in the same process."""
    exchange = getattr(ccxt_module, name)({"walletAddress": "0x" + "1" * 40, "privateKey": "0x" + "2" * 64})
    api = {"hyperliquid": ["private"], "dydx": ["nodeRest"]}[name]
    signed = exchange.sign("exchange", api, "POST", {"action": {"type": "order"}})
    assert not [header for header in signed["headers"] or {} if re.search("sign|auth|key", header, re.IGNORECASE)]
    assert "signature" not in str(signed["body"])
    exchange.close()


def test_the_exact_numbers_survive_every_precision(ccxt_module):
    """The strings above are exact because ccxt rounds strings: a float in between would show at this size."""
    exchange = ccxt_module.binance()
    assert Decimal(exchange.decimal_to_precision("98765.500000000001", 1, 12, 2)) == Decimal("98765.500000000001")
    exchange.close()


def _said(request: Request) -> set[tuple[str, str]]:
    """What a request says of the order: short fields that are no clock, number or signature of the request itself."""
    moving = re.compile(r"time(stamp)?$|nonce|sign|^sig$|^id$|expir|echostr|^date", re.IGNORECASE)
    return {(name, value) for name, value in request.fields if not moving.search(name) and len(value) < 64}


@pytest.mark.parametrize(
    "venue", [case for case in CASES if profile_of(case[0]).post_only], indirect=True, ids="-".join, scope="module"
)
def test_a_post_only_order_says_so(venue):
    plain = _said(venue.create(TimeInForce.GTC))
    params = {**client_id_params(venue.profile.client_id, CHILD), "postOnly": True}
    made = venue.sent("create_order", venue.symbol, "limit", "buy", float(venue.quantity), 98765.5, params)
    assert _at_one_of(venue.profile.placement, made)
    assert _said(made) - plain, "the same order without post-only"
    # GTX is Binance's and XT's word, type 7 Tokocrypto's LIMIT_MAKER.
    assert re.search(r"post|maker|poc|flags|participate|GTX|type=7", made.raw, re.IGNORECASE), made.raw


@pytest.mark.parametrize(
    "venue",
    [case for case in CASES if case[1] != "spot" and profile_of(case[0]).reduce_only],
    indirect=True,
    ids="-".join,
    scope="module",
)
def test_a_reduce_only_order_says_so(venue):
    params = {**client_id_params(venue.profile.client_id, CHILD), "reduceOnly": True}
    made = venue.sent("create_order", venue.symbol, "limit", "sell", float(venue.quantity), 98765.5, params)
    assert _at_one_of(venue.profile.placement, made)
    assert re.search(r"reduce|flags", made.raw, re.IGNORECASE), made.raw
