"""Nothing but exactly the child that a token proves may be signed as a placement."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import Side, TimeInForce
from app.domain.errors import Refused
from app.domain.venue_stops import StopSource
from app.venues.cex.ccxt_sign import CcxtSigner, Credentials, VenueSetup
from app.venues.cex.endpoints import SIGNS_PATH, load_rules
from app.venues.cex.permit import Role, Use, check_login, check_placement, endpoint_of, use_of
from app.venues.cex.signing import SignRequest

from .placements import (
    ACCOUNT,
    MARKETS,
    TIFS,
    all_placements,
    captured,
    post_only_placements,
    stop_placements,
    table_placements,
    with_params,
)

RULES = load_rules()
PLACEMENTS = all_placements()
TABLED = table_placements()


def allowed(request: SignRequest, terms: Any) -> bool:
    rules = RULES[request.venue]
    try:
        if use_of(rules, request) is not Use.PLACE:
            return False
        check_placement(rules, request, terms)
    except Refused:
        return False
    return True


def read(venue: str, api: str, method: str, path: str, params: Any = None) -> SignRequest:
    return SignRequest(venue, ACCOUNT, path, tuple(api.split(".")), method, params or {})


@pytest.mark.parametrize(
    "placement", PLACEMENTS, ids=lambda p: f"{p.request.venue}-{p.terms.kind}-{p.terms.side}-{p.terms.time_in_force}"
)
def test_what_ccxt_builds_for_a_child_is_allowed_for_that_child(placement):
    check_placement(RULES[placement.request.venue], placement.request, placement.terms)


@pytest.mark.parametrize(
    "placement", post_only_placements(), ids=lambda p: f"{p.request.venue}-{p.terms.kind}-{p.terms.side}"
)
def test_a_post_only_order_is_signed_for_a_child_that_may_rest_and_for_no_other(placement):
    terms = placement.terms
    plain = captured(next(m for m in MARKETS if (m[0], m[1]) == (terms.venue, terms.kind)), terms.side, TimeInForce.GTC)
    assert placement.request.params != plain.request.params, "ccxt says nothing of post-only"
    check_placement(RULES[placement.request.venue], placement.request, terms)
    assert not [
        tif
        for tif in TIFS
        if tif is not TimeInForce.GTC and allowed(placement.request, replace(terms, time_in_force=tif))
    ]


@pytest.mark.parametrize(
    "placement", stop_placements(), ids=lambda p: f"{p.request.venue}-{p.terms.kind}-{p.terms.side}-{p.terms.stop_by}"
)
def test_a_stop_is_signed_for_the_child_that_is_that_stop_and_for_no_other(placement):
    """Its trigger price, whose price that is, and which way: each is proven, and a plain child's token buys none."""
    terms, rules = placement.terms, RULES[placement.request.venue]
    check_placement(rules, placement.request, terms)
    others = (
        replace(terms, stop_nano=terms.stop_nano + 1),
        replace(terms, stop_nano=0, stop_by=None),
        replace(terms, stop_by=StopSource.MARK if terms.stop_by is StopSource.LAST else StopSource.LAST),
        replace(terms, side=Side.BUY if terms.side is Side.SELL else Side.SELL),
        replace(terms, price_nano=terms.price_nano + 1),
        replace(terms, qty_nano=terms.qty_nano - 1),
        replace(terms, client_id="01JD9Z3W4X5Y6Z7A8B9C0D1E2G"),
        *(replace(terms, time_in_force=tif) for tif in TIFS if tif is not TimeInForce.IOC),
    )
    assert not [other for other in others if allowed(placement.request, other)]
    market = next(m for m in MARKETS if (m[0], m[1]) == (terms.venue, terms.kind))
    plain = captured(market, terms.side, TimeInForce.IOC)
    assert not allowed(plain.request, terms), "a stop's token buys no order of now"
    row = placement.request.params[0] if isinstance(placement.request.params, list) else placement.request.params
    for name in row:
        less = {key: value for key, value in row.items() if key != name}
        request = replace(placement.request, params=[less] if isinstance(placement.request.params, list) else less)
        bind = next(
            rule.params.get(name)
            for rule in rules.places[endpoint_of(request)]
            if rule.stop_by and terms.kind in rule.kinds
        )
        assert not (bind is not None and bind.says and allowed(request, terms)), f"without {name}"


def test_a_placement_of_another_child_is_refused_field_by_field():
    """Each field of the child, changed alone, must stop every venue's request."""
    for placement in PLACEMENTS:
        terms = placement.terms
        others = (
            replace(terms, venue_symbol="ETHUSDT"),
            replace(terms, client_id="01JD9Z3W4X5Y6Z7A8B9C0D1E2G"),
            replace(terms, side=Side.BUY if terms.side is Side.SELL else Side.SELL),
            replace(terms, price_nano=terms.price_nano + 1),
            replace(terms, qty_nano=terms.qty_nano - 1),
            replace(terms, account="other"),
            replace(terms, venue="other"),
            *(replace(terms, time_in_force=tif) for tif in (*TIFS, TimeInForce.GTD) if tif is not terms.time_in_force),
        )
        assert not [other for other in others if allowed(placement.request, other)], placement


@pytest.mark.parametrize("placement", TABLED, ids=lambda p: f"{p.request.venue}-{p.terms.kind.value}")
def test_every_other_venue_with_a_rule_signs_what_ccxt_builds_and_nothing_else(placement):
    terms = placement.terms
    check_placement(RULES[placement.request.venue], placement.request, terms)
    others = (
        replace(terms, venue_symbol="ETHUSDT"),
        replace(terms, client_id="01JD9Z3W4X5Y6Z7A8B9C0D1E2G"),
        replace(terms, side=Side.BUY if terms.side is Side.SELL else Side.SELL),
        replace(terms, price_nano=terms.price_nano + 1),
        replace(terms, qty_nano=terms.qty_nano - 1),
        *(replace(terms, time_in_force=tif) for tif in (*TIFS, TimeInForce.GTD) if tif is not terms.time_in_force),
    )
    assert not [other for other in others if allowed(placement.request, other)]


def test_most_venues_of_the_table_have_a_rule():
    assert len({p.request.venue for p in TABLED}) >= 20


def test_a_contract_is_not_spot_of_the_same_name():
    spot, linear = (captured(MARKETS[i], Side.BUY, TimeInForce.IOC) for i in (5, 6))
    assert spot.terms.venue_symbol == linear.terms.venue_symbol
    assert not allowed(spot.request, replace(spot.terms, kind=linear.terms.kind))
    assert not allowed(linear.request, replace(linear.terms, kind=spot.terms.kind))


HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=True),
    st.text(max_size=20),
    st.sampled_from(["BUY", "SELL", "buy", "sell", "GTC", "IOC", "0.012", "0.0120", "1.2e-2", "60000.5", "60000.50"]),
    st.sampled_from(["٠.٠١٢", "0.012 ", "+0.012", "0,012", "NaN", "Infinity", "1e999", "0x1", "../withdraw"]),
)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_a_mutated_placement_is_refused_unless_it_says_the_same(data):
    """Any parameter to anything: what is still allowed must mean the same number or word as before."""
    placement = data.draw(st.sampled_from(PLACEMENTS))
    params = placement.request.params
    row = params[0] if isinstance(params, list) else params
    name = data.draw(st.sampled_from(sorted(row)))
    value = data.draw(HOSTILE)
    changed = with_params(placement.request, **{name: value})
    bind = next(rule for rule in RULES[placement.request.venue].places[endpoint_of(changed)]).params.get(name)
    if allowed(changed, placement.terms) and bind is not None and bind.pattern is None:
        same_number = isinstance(value, str | int | float) and _decimal(value) == _decimal(row[name])
        assert value == row[name] or same_number or str(value).lower() == str(row[name]).lower()


@settings(max_examples=200, deadline=None)
@given(data=st.data(), name=st.text(min_size=1, max_size=24), value=HOSTILE)
def test_a_parameter_that_the_table_does_not_name_is_refused(data, name, value):
    placement = data.draw(st.sampled_from(PLACEMENTS))
    rule_names = {name for rule in RULES[placement.request.venue].places[endpoint_of(placement.request)]
                  for name in rule.params}  # fmt: skip
    if name not in rule_names and not any(known.startswith(f"{name}.") for known in rule_names):
        assert not allowed(with_params(placement.request, **{name: value}), placement.terms)


@pytest.mark.parametrize(
    "extra", ["stopPrice", "quoteOrderQty", "sideEffectType", "leverage", "isLeverage", "slTriggerPx"]
)
def test_no_order_grows_a_stop_a_loan_or_a_size_in_quote(extra):
    assert not [p for p in PLACEMENTS if allowed(with_params(p.request, **{extra: "1"}), p.terms)]


def test_a_name_with_a_dot_cannot_stand_before_a_nested_one():
    """Flattened names must be unambiguous, or a good value would hide a bad one."""
    placement = next(
        p for p in PLACEMENTS if p.request.venue == "coinbase" and p.terms.time_in_force is TimeInForce.IOC
    )
    nested = {"sor_limit_ioc": {"base_size": "99", "limit_price": "60000.5"}}
    hidden = {"order_configuration.sor_limit_ioc.base_size": "0.012"}
    assert not allowed(with_params(placement.request, order_configuration=nested), placement.terms)
    assert not allowed(with_params(placement.request, order_configuration=nested, **hidden), placement.terms)


def test_a_batch_holds_one_order_and_nothing_else():
    placement = next(p for p in PLACEMENTS if p.request.venue == "okx")
    row = placement.request.params[0]
    for params in ([row, row], [], row):
        assert not allowed(replace(placement.request, params=params), placement.terms)


@pytest.mark.parametrize("unsaid", ["newClientOrderId", "price", "quantity", "symbol", "side", "timeInForce"])
def test_a_placement_must_say_everything(unsaid):
    placement = captured(MARKETS[0], Side.BUY, TimeInForce.IOC)
    params = {name: value for name, value in placement.request.params.items() if name != unsaid}
    assert not allowed(replace(placement.request, params=params), placement.terms)


@pytest.mark.parametrize(
    ("venue", "api", "method", "path"),
    [
        ("binance", "sapi", "POST", "capital/withdraw/apply"),
        ("binance", "sapi", "POST", "asset/transfer"),
        ("binance", "sapi", "POST", "sub-account/virtualSubAccount"),
        ("binance", "private", "POST", "order/cancelReplace"),
        ("binance", "private", "POST", "order/oco"),
        ("okx", "private", "POST", "asset/withdrawal"),
        ("okx", "private", "POST", "asset/transfer"),
        ("okx", "private", "POST", "trade/amend-order"),
        ("bybit", "private", "POST", "v5/asset/withdraw/create"),
        ("kraken", "private", "POST", "Withdraw"),
        ("kraken", "private", "POST", "AddOrderBatch"),
        ("coinbase", "v2.private", "POST", "accounts/{account_id}/transactions"),
        ("deribit", "private", "GET", "withdraw"),
        ("deribit", "private", "GET", "submit_transfer_to_user"),
        ("bitget", "private.spot", "POST", "v2/spot/wallet/withdrawal"),
        ("kucoin", "private", "POST", "withdrawals"),
        ("gate", "private.withdrawals", "POST", ""),
        ("gate", "private.spot", "PATCH", "orders/{order_id}"),
        ("htx", "spot.private", "POST", "v1/dw/withdraw/api/create"),
        ("binance", "private", "GET", "order/../../sapi/v1/capital/withdraw/apply"),
        ("binance", "private", "post", "order"),
        ("binance", "private", "GET", "never heard of"),
    ],
)
def test_endpoints_that_are_not_in_the_table_are_refused(venue, api, method, path):
    with pytest.raises(Refused, match="endpoint_not_allowed"):
        use_of(RULES[venue], read(venue, api, method, path, {"account_id": "1", "order_id": "1"}))


@pytest.mark.parametrize(
    "value", ["../../withdrawals", "a/b", "..", "", "a?b=c", "a%2e", None, True, {"a": 1}, "x" * 81]
)
def test_a_value_cannot_write_another_path(value):
    with pytest.raises(Refused):
        use_of(RULES["kucoin"], read("kucoin", "private", "DELETE", "orders/{orderId}", {"orderId": value}))
    assert (
        use_of(RULES["kucoin"], read("kucoin", "private", "DELETE", "orders/{orderId}", {"orderId": "5c-1"}))
        is Use.CANCEL
    )


@pytest.mark.parametrize(
    "params", [{"a": object()}, {"a": {"b": {"c": {"d": 1}}}}, {str(i): i for i in range(70)}, {1: 2}]
)
def test_what_is_no_plain_small_data_is_refused(params):
    with pytest.raises(Refused):
        use_of(RULES["binance"], read("binance", "private", "GET", "openOrders", params))


@pytest.mark.parametrize("api", [("private.spot",), "private.spot", ("private", "spot", ""), (), ("private GET",)])
def test_an_endpoint_has_one_spelling(api):
    """ccxt reads a list of words otherwise than the same words joined."""
    with pytest.raises(Refused, match="endpoint_not_allowed"):
        use_of(RULES["gate"], SignRequest("gate", ACCOUNT, "accounts", api, "GET", {}))


def test_a_signature_for_another_day_is_refused():
    with pytest.raises(Refused, match="clock_offset"):
        use_of(RULES["binance"], replace(read("binance", "private", "GET", "account"), clock_offset_ms=60_001))


@pytest.mark.parametrize(
    ("venue", "text"),
    [
        ("okx", "1800000000GET/users/self/verify"),
        ("bybit", "GET/realtime1800000000000"),
        ("deribit", "1800000000000\n1800000000000\n"),
        ("bitget", "1800000000GET/user/verify"),
        ("gate", "channel=spot.orders&event=subscribe&time=1800000000"),
        ("binance", "apiKey=abc&timestamp=1800000000000"),
    ],
)
def test_a_login_is_its_venues_text_and_no_other(venue, text):
    check_login(RULES[venue], text.encode())
    for other in (f"{text}&symbol=BTCUSDT", f"x{text}", text[:-1] + "x", ""):
        with pytest.raises(Refused, match="login_not_known"):
            check_login(RULES[venue], other.encode())


@pytest.mark.parametrize("venue", sorted(RULES))
def test_no_login_pattern_takes_a_signed_order(venue):
    """What the venues' requests are signed over must never pass as a login."""
    orders = [
        b"apiKey=k&newClientOrderId=1&price=1&quantity=1&side=BUY&symbol=BTCUSDT&timestamp=1800000000000&type=LIMIT",
        b"symbol=BTCUSDT&side=BUY&timestamp=1800000000000",
        b'2026-01-01T00:00:00.000ZPOST/api/v5/trade/order{"instId":"BTC-USDT"}',
        b'1800000000000key5000{"category":"spot"}',
        b'1800000000POST/api/v2/spot/trade/place-order{"symbol":"BTCUSDT"}',
        b"1800000000000\n1800000000001\nGET\n/api/v2/private/buy?amount=1\n\n",
        b"POST\n/api/v4/spot/orders\n\nabc\n1800000000",
        b"POST\napi.huobi.pro\n/v1/order/orders/place\nAccessKeyId=a",
        b"/spot/orders1800000000{}",
        b"\xff\xfe",
    ]
    for preimage in orders:
        with pytest.raises(Refused):
            check_login(RULES[venue], preimage)


@pytest.mark.parametrize(
    ("role", "uses"), [(Role.TRADE, set(Use)), (Role.CANCEL, {Use.CANCEL, Use.READ}), (Role.READ, {Use.READ})]
)
def test_roles_grant_what_they_say(role, uses):
    assert {use for use in Use if role.may(use)} == uses


def _decimal(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value))
    except ArithmeticError:
        return None


def token_login(**claims: Any) -> bytes:
    """Header and claims as ccxt encodes them; None leaves a claim out."""
    told = {"aud": ["cdp_service"], "iss": "cdp", "nbf": 100, "exp": 220, "sub": "kid", "iat": 100} | claims
    parts = ({"alg": "ES256", "typ": "JWT", "kid": "kid"}, {k: v for k, v in told.items() if v is not None})
    return b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)


def test_a_token_that_names_no_request_is_a_login():
    check_login(RULES["coinbase"], token_login())
    for claims in ({"uri": "POST x"}, {"uris": ["POST x"]}, {"exp": 221}, {"exp": None}, {"exp": "9"}, {"exp": 99}):
        with pytest.raises(Refused, match="login_not_known"):
            check_login(RULES["coinbase"], token_login(**claims))
    with pytest.raises(Refused, match="login_not_known"):
        check_login(RULES["okx"], token_login())


@cache
def _signer_of(venue: str) -> CcxtSigner:
    secret = base64.b64encode(b"only for this test, ever").decode()
    credentials = Credentials("account-" + "k" * 24, secret, "passphrase", "42")
    signer = CcxtSigner(VenueSetup(venue), credentials, lambda: 1_700_000_000 * 10**9)
    signer._exchange.uuid = signer._exchange.uuid16 = signer._exchange.uuid22 = lambda *_: "u"
    return signer


def _signatures(venue: str, api: str, method: str, path: str, params: dict[str, str]) -> list[str]:
    """Every hexadecimal or base64 text that could be a signature, of a request at a fixed time."""
    signer = _signer_of(venue)
    signer._last_ms = 0  # the same instant each time
    made = signer.sign(SignRequest(venue, ACCOUNT, path, tuple(api.split(".")), method, params))
    body = made.body.decode() if isinstance(made.body, bytes) else made.body or ""
    query = made.url.partition("?")[2]
    return sorted(re.findall(r"[A-Za-z0-9+/=_.%-]{40,}", "\n".join((query, body, *made.headers.values()))))


def test_a_read_at_binance_would_sign_an_order_as_well_and_is_refused():
    """Its signature is over the parameters alone: what says an order is one, whatever path it was asked for."""
    order = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "quantity": "9",
        "price": "1",
        "newClientOrderId": "x",
    }
    of_read = _signatures("binance", "private", "GET", "openOrders", order)
    assert of_read
    assert of_read == _signatures("binance", "private", "POST", "order", order)
    for words in (order, {"coin": "BTC", "address": "bc1", "amount": "9"}, {"symbol": "BTCUSDT&side=BUY&quantity=9"}):
        with pytest.raises(Refused, match="param_not_of_a_read"):
            use_of(RULES["binance"], read("binance", "private", "GET", "openOrders", words))


@pytest.mark.parametrize("venue", sorted(RULES.keys() - SIGNS_PATH))
def test_where_the_path_is_not_signed_no_read_and_no_cancel_says_an_order_or_a_payment(venue):
    rules = RULES[venue]
    for endpoint in rules.read | rules.cancel:
        api, method, path = endpoint.split(" ")
        ids = dict.fromkeys(re.findall(r"\{([^{}]+)\}", path), "7")
        assert use_of(rules, read(venue, api, method, path, ids | {"symbol": "BTCUSDT"})) is not Use.PLACE
        for name in ("side", "quantity", "qty", "amount", "price", "address", "asset", "permissions", "request"):
            with pytest.raises(Refused):
                use_of(rules, read(venue, api, method, path, ids | {name: "1"}))
            with pytest.raises(Refused):
                use_of(rules, read(venue, api, method, path, ids | {"orderId": [{name: "1"}]}))


@pytest.mark.parametrize("venue", sorted(SIGNS_PATH))
def test_the_venues_that_are_said_to_sign_the_path_do(venue):
    """The same parameters for two paths have no signature in common."""
    rules, n_signed = RULES[venue], 0
    for endpoint in sorted(rules.read | rules.cancel):
        api, method, path = endpoint.split(" ")
        if "{" in path or "listenKey" in path:
            continue
        own, other = (_signatures(venue, api, method, each, {"symbol": "BTCUSDT"}) for each in (path, f"x{path}"))
        assert not own or own != other, endpoint
        n_signed += bool(own)
    assert n_signed > 2


@pytest.mark.parametrize("name", ["request", "method", "nonce", "/createsymbol", "a&side", "a=1&b"])
def test_no_read_names_another_request_than_its_own(name):
    """WhiteBIT and Gemini sign a body in which ccxt names the request: a parameter would name another one."""
    for venue in ("whitebit", "gemini", "phemex"):
        endpoint = min(RULES[venue].read)
        with pytest.raises(Refused, match="param_not_of_a_read"):
            use_of(RULES[venue], read(venue, *endpoint.split(" "), {name: "/api/v4/order/new"}))
