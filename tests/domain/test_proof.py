from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app.domain.enums import ContractKind, Side, TimeInForce
from app.domain.errors import Refused
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.orders import ChildOrder
from app.domain.proof import ChildTerms, decode_terms, terms_of
from app.domain.units import NANO

TERMS = ChildTerms(
    "acme", "okx", "BTC-USDT", ContractKind.SPOT, "01J", Side.BUY, TimeInForce.IOC, 60_000 * NANO, 12_000_000, NANO, 9
)


def test_terms_are_read_back_from_their_bytes():
    assert decode_terms(TERMS.encoded()) == TERMS


@pytest.mark.parametrize("field_i", range(len(json.loads(TERMS.encoded()))))
def test_no_field_may_be_of_another_type(field_i):
    values = json.loads(TERMS.encoded())
    for other in (None, 1.5, True, [], "no such word"):
        with pytest.raises(Refused, match="token_malformed"):
            decode_terms(json.dumps([*values[:field_i], other, *values[field_i + 1 :]]).encode())


@pytest.mark.parametrize(
    "child", [b"", b"[]", b"{}", b"null", b"\xff", b" " + TERMS.encoded(), TERMS.encoded() + b"\n"]
)
def test_bytes_have_one_form(child):
    with pytest.raises(Refused, match="token_malformed"):
        decode_terms(child)


def test_a_child_is_said_in_the_venues_own_decimals():
    swap = FungibilityClass("BTC", "USDT", "USDT", ContractKind.LINEAR, multiplier_nano=NANO // 100)
    symbol = Symbol("BTC/USDT:USDT", swap, price_scale=2, qty_scale=1)
    listing = Instrument("okx", symbol.name, "BTC-USDT-SWAP", swap, tick_units=10, lot_units=5)
    child = ChildOrder(
        "c", "01J", "o", "acme", 1, "okx", symbol.name, Side.SELL, TimeInForce.FOK, 600_005, 3, 10, 5, 99
    )
    terms = terms_of(child, listing, symbol)
    assert terms == replace(
        TERMS,
        venue_symbol="BTC-USDT-SWAP",
        kind=ContractKind.LINEAR,
        side=Side.SELL,
        time_in_force=TimeInForce.FOK,
        price_nano=60_000_500_000_000,
        qty_nano=1_500_000_000,
        multiplier_nano=10_000_000,
        deadline_ts_ns=99,
    )
