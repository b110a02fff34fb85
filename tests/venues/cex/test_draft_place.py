"""A drafted rule is one that a hand would have written: it loads, and lets through the orders it was drafted from."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.enums import TimeInForce
from app.venues.cex.endpoints import load_rules

from .draft_place import CHILD, Placed, place_rules


def orders(endpoint: str = "private POST order", **of_tif: dict[str, Any]) -> list[Placed]:
    """Both sides of each time in force; `of_tif` says what an order has more."""
    common = {"market": "BTC-USDT", "qty": "1.2345", "px": 98765.5, "id": CHILD, "type": "Limit", "at": 1795668925}
    return [
        Placed(endpoint, side, tif, {**common, "side": side.title(), **more})
        for side in ("buy", "sell")
        for tif, more in of_tif.items()
    ]


def rule(tmp_path, placed: list[Placed]):
    path = tmp_path / "venues.toml"
    path.write_text("\n".join(['[venues.x]\nccxt_id = "x"', *place_rules("x", "BTC-USDT", placed)]))
    (found,) = load_rules(path)["x"].places["private POST order"]
    return found


def test_each_parameter_is_bound_to_the_child_or_is_a_constant(tmp_path):
    found = rule(tmp_path, orders(gtc={}, ioc={"tif": "IOC"}, fok={"tif": "FOK"}))
    bound = {name: bind.word or bind.pattern.pattern for name, bind in found.params.items()}
    assert bound == {
        "market": "symbol", "qty": "qty", "px": "price", "id": "client_id", "type": "Limit", "at": r"\d{10}",
        "side": "side", "tif": "tif",
    }  # fmt: skip
    assert {word: pattern.pattern for word, pattern in found.words.items()} == {
        "buy": "Buy", "sell": "Sell", "ioc": "IOC", "fok": "FOK",
    }  # fmt: skip
    assert found.default_tif is TimeInForce.GTC


def test_what_one_time_in_force_alone_says_proves_it(tmp_path):
    found = rule(tmp_path, orders(gtc={}, ioc={"now": True}))
    assert (found.params["now"].tif, found.params["now"].pattern.pattern) == (TimeInForce.IOC, "true")


def test_side_and_time_in_force_in_one_word(tmp_path):
    placed = orders(gtc={}, ioc={})
    placed = [Placed(p.endpoint, p.side, p.tif, {**p.params, "side": f"{p.side}-{p.tif}"}) for p in placed]
    found = rule(tmp_path, placed)
    assert found.params["side"].word == "side_tif"
    assert found.words["sell ioc"].pattern == "sell-ioc"
    assert found.default_tif is None


@pytest.mark.parametrize("nested", [{"terms": {"tif": "IOC"}}, {"terms": ["IOC"]}])
def test_a_nested_word_has_the_name_that_the_signer_reads(tmp_path, nested):
    found = rule(tmp_path, orders(gtc={}, ioc=nested))
    assert found.params.keys() & {"terms.tif", "terms[]"}
