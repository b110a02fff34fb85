"""The table of venues loads whole, agrees within itself, and an unsound row is named, never repaired."""

from __future__ import annotations

import copy
import tomllib
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from app.domain.enums import ChildState, TimeInForce
from app.domain.errors import BadRequest, InvariantBroken
from app.venues.cex.client_ids import wire_client_id
from app.venues.cex.profile import IdForm
from app.venues.cex.profile_table import VENUES, evidence_of, profile_of, profiles, profiles_of, refused_venues

CHILD = "01JDN5X9Q8W7V6T5S4R3Q2P1N0"
TABLE = tomllib.loads(VENUES.read_text(encoding="utf-8"))


def _row() -> dict[str, Any]:
    return copy.deepcopy(TABLE["venues"]["binance"])


def test_every_row_loads_in_the_files_order():
    assert list(profiles()) == list(TABLE["venues"])


def test_a_profile_does_not_change():
    with pytest.raises(FrozenInstanceError):
        profiles()["binance"].title = "x"


def test_at_least_thirty_venues_and_none_of_the_refused():
    assert len(profiles()) >= 34
    assert refused_venues().keys() == {"hyperliquid", "dydx"}
    assert not profiles().keys() & refused_venues().keys()


def test_a_lookup_puts_the_id_where_the_venue_wants_it():
    assert profile_of("poloniex").query_by.of("X1") == ("cid:X1", {})
    assert profile_of("binance").query_by.of("X1") == (None, {"clientOrderId": "X1"})
    assert not profile_of("coinbase").cancel_by_client_id
    assert profile_of("coinbase").query_by_client_id


def test_an_unknown_venue_is_named():
    with pytest.raises(BadRequest, match="unknown_venue"):
        profile_of("nowhere")
    with pytest.raises(BadRequest, match="nowhere"):
        evidence_of("nowhere")


@pytest.mark.parametrize("venue", list(TABLE["venues"]))
def test_our_child_id_fits_the_venues_rule(venue):
    profile = profile_of(venue)
    assert profile.accepts_client_id(wire_client_id(profile.client_id, CHILD))
    assert not profile.accepts_client_id("é" * 200)


@pytest.mark.parametrize("venue", list(TABLE["venues"]))
def test_what_decides_about_orders_names_its_source(venue):
    assert {"features", "endpoints", "client_id", "budgets", "proves", "words", "book"} <= set(
        profile_of(venue).sources
    )


@pytest.mark.parametrize("venue", list(TABLE["venues"]))
def test_nothing_a_venue_may_sign_moves_money_out(venue):
    profile = profile_of(venue)
    for endpoint in (*profile.placement, *profile.cancel, *profile.read):
        assert not any(word in endpoint.path.lower() for word in ("withdraw", "transfer", "subaccount"))


def test_only_a_named_code_proves_non_acceptance():
    binance = profile_of("binance")
    assert binance.is_proof_of_refusal("-1013", "Filter failure: LOT_SIZE")
    assert binance.is_proof_of_refusal("-2010", "Account has insufficient balance for requested action.")
    assert not binance.is_proof_of_refusal("-2010", "Duplicate order sent.")
    assert not binance.is_proof_of_refusal("-1007", "Timeout waiting for response from backend server.")
    assert not binance.is_proof_of_refusal("")


@pytest.mark.parametrize(
    ("venue", "code", "message"),
    [
        ("binance", "-2010", "Duplicate order sent."),
        ("binance", "-1006", "An unexpected response was received from the message bus."),
        ("binanceusdm", "-4116", "ClientOrderId is duplicated."),
        ("okx", "51016", "Client order ID already exists."),
        ("okx", "50004", "API endpoint request timeout"),
        ("okx", "1", "All operations failed"),
        ("bybit", "170141", "Duplicate clientOrderId."),
        ("bybit", "110072", "OrderLinkedID is duplicate"),
        ("bybit", "10016", "Server error."),
        ("kraken", "EGeneral:Invalid arguments:cl_ord_id already in use", ""),
        ("kraken", "EService:Timeout", ""),
        ("kraken", "EGeneral:Internal error", ""),
        ("coinbase", "UNKNOWN_FAILURE_REASON", ""),
        ("deribit", "10040", "retry"),
        ("bitget", "43118", "clientOrderId duplicate"),
        ("bitget", "40010", "Request timed out"),
        ("kucoin", "400100", "The clientOid is duplicated."),
        ("kucoin", "500000", "Internal Server Error"),
        ("gate", "REPEATED_CREATION", "repeated"),
        ("gate", "SERVER_ERROR", "Internal server error"),
        ("htx", "gateway-internal-error", ""),
        ("htx", "order-client-order-id-repeated", "client-order-id repeated"),
    ],
)
def test_a_doubled_id_or_a_fault_of_the_venues_proves_nothing(venue, code, message):
    """A second order with an id of ours is refused because the first one was taken."""
    assert not profile_of(venue).is_proof_of_refusal(code, message)


def test_a_code_may_be_a_beginning_and_never_everything():
    kraken = profile_of("kraken")
    assert kraken.is_proof_of_refusal("EOrder:Invalid price:price has too many decimals")
    assert not kraken.is_proof_of_refusal("EOrder:Invalid", "EOrder:Invalid price")
    with pytest.raises(InvariantBroken, match="prove everything"):
        profiles_of({"venues": {"here": {**_row(), "proves_not_accepted": ["*"]}}}, "a.toml")


def test_an_uint_id_is_never_zero_and_a_budget_counts_what_it_names():
    weight = next(budget for budget in profile_of("binance").budgets if budget.name == "weight")
    assert (weight.cost("place"), weight.cost("open_orders"), weight.cost("login")) == (1, 80, 20)
    orders = next(budget for budget in profile_of("binance").budgets if budget.name == "orders_10s")
    assert orders.cost("query") == 0
    assert profile_of("okx").ends["mmp_canceled"] is ChildState.CANCELED
    assert TimeInForce.FOK not in profile_of("kraken").time_in_force
    assert profile_of("kraken").client_id.form is IdForm.UUID


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"titel": "x"}, "unknown keys titel"),
        ({"venue_id": "x"}, "unknown keys venue_id"),
        ({"post_only": "yes"}, "neither true nor false"),
        ({"kinds": ["spot", "margin"]}, "margin"),
        ({"kinds": []}, "must not be empty"),
        ({"kinds": "spot"}, "no list of texts"),
        ({"ends": {"NEW": "acked", "DONE": "filled", "GONE": "canceled"}}, "final states"),
        ({"open_words": ["FILLED"]}, "open and final"),
        ({"placement": ["private PLACE order"]}, "no method"),
        ({"placement": ["private GET order"]}, "reads and writes"),
        ({"query_by": {"params": {"id": "x"}}}, "does not hold"),
        ({"tif_words": {"gtc": "GTC"}}, "different words"),
        ({"time_in_force": {"ioc": {}}, "tif_words": {"ioc": "IOC"}}, "no gtc"),
        ({"login": {"preimage": "(", "algorithm": "sha256", "digest": "hex"}}, "unterminated"),
        ({"evidence": {"level": "L9", "date": "2026-11-26", "capture_year": 0}}, "L9"),
        ({"client_id": {"param": "a", "wire": "a", "form": "uint", "alphabet": "[0-9]+", "max_length": 20}}, "bits"),
        (
            {"budgets": [{"name": "a", "scope": "key", "window_ms": 1, "limit": 1, "cancel_reserve": 1}]},
            "cancel_reserve < limit",
        ),
        (
            {
                "budgets": [
                    {"name": "a", "scope": "key", "window_ms": 1, "limit": 2, "cancel_reserve": 0, "costs": {"x": 1}}
                ]
            },
            "no calls x",
        ),
        (
            {"budgets": [{"name": "a", "scope": "key", "window_ms": 1, "limit": 1.5, "cancel_reserve": 0}]},
            "no whole number",
        ),
    ],
)
def test_an_unsound_row_is_refused_by_name(change, said):
    with pytest.raises(InvariantBroken, match=said) as raised:
        profiles_of({"venues": {"here": {**_row(), **change}}}, "a.toml")
    assert raised.value.facts["file"] == "a.toml"
    assert raised.value.facts["venue"] == "here"


def test_a_missing_key_is_named():
    row = _row()
    del row["budgets"]
    with pytest.raises(InvariantBroken, match="budgets is missing"):
        profiles_of({"venues": {"here": row}}, "a.toml")


def test_another_table_in_the_file_is_refused():
    with pytest.raises(InvariantBroken, match="wanted venues and refused"):
        profiles_of({"venue": {}}, "a.toml")
