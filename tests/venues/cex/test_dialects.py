"""ccxt loads what is traded and nothing else, and never asks back."""

from __future__ import annotations

from app.domain.enums import ContractKind
from app.venues.cex.dialects import cancel_words, ccxt_options, local_url, own_order, own_trade


def test_only_the_kinds_that_are_traded_are_loaded():
    spot, both = {ContractKind.SPOT}, {ContractKind.LINEAR, ContractKind.INVERSE}
    assert ccxt_options("binance", spot)["fetchMarkets"] == {"types": ["spot"]}
    assert ccxt_options("binance", both)["fetchMarkets"] == {"types": ["inverse", "linear"]}
    assert ccxt_options("okx", both)["fetchMarkets"] == {"types": ["swap"]}
    assert ccxt_options("htx", spot)["fetchMarkets"]["types"] == {"spot": True, "linear": False, "inverse": False}
    assert "fetchMarkets" not in ccxt_options("kraken", spot)


def test_the_default_market_is_one_that_is_traded():
    assert ccxt_options("bybit", {ContractKind.SPOT})["defaultType"] == "spot"
    options = ccxt_options("bybit", {ContractKind.INVERSE})
    assert (options["defaultType"], options["defaultSubType"]) == ("swap", "inverse")
    assert ccxt_options("bitget", ())["watchOrderBook"] == {"checksum": False}
    assert ccxt_options("kraken", ())["watchOrderBook"] == {"checksum": False}


def test_a_fee_above_zero_is_paid_wherever_it_comes_from():
    trade = {"id": "1", "fee": {"cost": "-0.0015", "currency": "BTC"}}
    assert own_trade("okx", trade)["fee"] == {"cost": "0.0015", "currency": "BTC"}
    assert own_trade("binance", trade) is trade
    assert own_trade("okx", {"id": "1", "fee": None}) == {"id": "1", "fee": None}


def test_what_an_order_filled_is_the_venues_own_running_total():
    """ccxt gives Bitget's latest fill for all of them, and for KuCoin's silence what an older message said."""
    latest = {"id": "1", "filled": "0.1", "info": {"accBaseVolume": "0.3", "baseVolume": "0.1"}}
    assert own_order("bitget", latest)["filled"] == "0.3"
    assert own_order("kucoin", {"filled": "0.1", "info": {}})["filled"] is None
    assert own_order("kraken", {"filled": None, "info": {"cum_qty": 0.0}})["filled"] == 0.0
    assert own_order("gate", latest) is latest


def test_a_total_of_a_venue_whose_word_for_it_is_not_known_counts_nothing():
    assert own_order("bitmadeup", {"id": "1", "filled": "0.1", "info": {"z": "0.1"}}) == {
        "id": "1",
        "filled": None,
        "info": {"z": "0.1"},
    }


def test_what_came_of_a_stop_is_told_under_the_stops_id_where_its_row_names_it():
    row = {"order_id": "991", "trigger_order_id": "USDT-SLTS-7", "filled_amount": 0.1}
    assert own_order("deribit", {"id": "991", "filled": "0.1", "info": row})["id"] == "USDT-SLTS-7"
    assert own_order("deribit", {"id": "991", "filled": "0.1", "info": {"filled_amount": 0.1}})["id"] == "991"


def test_a_cancel_by_our_own_id_is_said_as_the_venue_hears_it():
    assert cancel_words("binance", "clientOrderId", "C1") == ("", {"clientOrderId": "C1"})
    assert cancel_words("gate", "clientOrderId", "t-C1") == ("t-C1", {})


def test_a_stand_in_takes_the_place_of_every_host():
    base = "http://127.0.0.1:9"
    assert local_url("https://api.x.com/v3/order", base) == f"{base}/api.x.com/v3/order"
    assert local_url("wss://ws.x.com:443/v3", f"{base}/") == "ws://127.0.0.1:9/ws.x.com:443/v3"
    for same in (f"{base}/api.x.com/v3", "ws://127.0.0.1:9/ws.x.com"):
        assert local_url(same, base) == same
    assert local_url("https://api.x.com/v3", "") == "https://api.x.com/v3"
