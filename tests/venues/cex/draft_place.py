"""The first draft of what a venue's key may place: each parameter of an order, bound to the child or a constant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

CHILD: Final = "01JDN5X9Q8W7V6T5S4R3Q2P1N0"
# The numbers of the orders that are tried.
_NUMBERS: Final = {"1.2345": "qty", "98765.5": "price"}


@dataclass(frozen=True, slots=True)
class Placed:
    """One order as it was handed to the signer."""

    endpoint: str
    side: str
    tif: str
    params: Mapping[str, Any]


def place_rules(venue: str, symbol: str, orders: list[Placed]) -> Iterator[str]:
    """A `signing.place` for each endpoint of `orders`. What is in no order of one kind is left for a hand."""
    for endpoint in dict.fromkeys(order.endpoint for order in orders):
        there = [order for order in orders if order.endpoint == endpoint]
        params, words = _bound(symbol, there)
        yield f"[[venues.{venue}.signing.place]]"
        yield f'endpoint = "{endpoint}"'
        says_gtc = "gtc" in words.get("tifs", {}) or any(bind.endswith(" tif=gtc") for bind in params.values())
        if not says_gtc and "side_tif" not in params.values():
            yield 'default_tif = "gtc"'
        if len({order.side for order in there}) == 1:
            yield f'side = "{there[0].side}"'
        yield 'kinds = ["spot"]'
        yield from (f"{name} = {{ {_pairs(table)} }}" for name, table in words.items() if table)
        yield f"params = {{ {_pairs(params)} }}"


def _bound(symbol: str, orders: list[Placed]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """By parameter what it is bound to, and the venue's words for sides, times in force or both."""
    flat = [(order, dict(_flat(order.params))) for order in orders]
    params: dict[str, str] = {}
    words: dict[str, dict[str, str]] = {}
    for name in dict.fromkeys(name for _, row in flat for name in row):
        said = {(order.side, order.tif): row[name] for order, row in flat if name in row}
        by_side = {side: text for (side, _), text in said.items()}
        by_tif = {tif: text for (_, tif), text in said.items()}
        text = next(iter(said.values()))
        only = f" tif={next(iter(by_tif))}" if len(by_tif) == 1 < len({order.tif for order in orders}) else ""
        if known := _of_the_child(text, symbol):
            params[name] = known + only
        elif re.fullmatch(r"\d{10,19}", text):
            params[name] = f"=\\d{{{len(text)}}}"
        elif len(set(said.values())) == 1 and (only or len(said) == len(flat)):
            params[name] = f"={re.escape(text)}{only}"
        elif all(text == by_tif[tif] for (_, tif), text in said.items()):
            params[name], words["tifs"] = "tif", by_tif
        elif all(text == by_side[side] for (side, _), text in said.items()):
            params[name], words["sides"] = "side", by_side
        else:
            params[name], words["words"] = "side_tif", {f"{side} {tif}": text for (side, tif), text in said.items()}
    return params, words


def _of_the_child(text: str, symbol: str) -> str:
    return "client_id" if text == CHILD else "symbol" if text == symbol else _NUMBERS.get(text, "")


def _flat(params: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Names and texts as permit.py reads them: nested ones with a dot between, a list of one with brackets behind."""
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, list) and len(value) == 1:
            yield f"{before}{name}[]", str(value[0])
        else:
            yield before + name, str(value).lower() if isinstance(value, bool) else str(value)


def _pairs(table: Mapping[str, str]) -> str:
    return ", ".join(f"{_key(name)} = '{text}'" for name, text in table.items())


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'
