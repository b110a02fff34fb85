"""python -m tests.venues.cex.draft CCXT_ID: the first draft of a venue's row, and what ccxt puts on the wire for it.

The row is printed with the values that risk least; the requests below it show what must be changed by hand: where our
id went, what the wire calls IOC, what a cancel and a query by our id look like. Last come the codes that ccxt knows.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from .captured import CatchAll, Request, catch_all, credentials, localised, one_market
from .draft_place import CHILD, Placed, place_rules

COMMON_WORDS = (
    *("new", "open", "active", "live", "pending", "partially_filled"),
    *("filled", "done", "closed", "canceled", "cancelled", "expired", "rejected"),
)
STREAMS = {
    "book": "watchOrderBook",
    "orders": "watchOrders",
    "fills": "watchMyTrades",
    "balances": "watchBalance",
}


class Watched:
    """An exchange on loopback whose signed endpoints are noted as the table writes them."""

    def __init__(self, ccxt_id: str, server: CatchAll) -> None:
        import ccxt

        exchange = getattr(ccxt, ccxt_id)({**credentials(ccxt_id), "enableRateLimit": False})
        self.exchange, self.server, self.signed = localised(exchange, server.port), server, ""
        self.params: dict[str, Any] = {}
        self.symbol = one_market(exchange, "spot")
        theirs = exchange.sign

        def sign(path: str, api: Any = "public", method: str = "GET", params: Any = None) -> Any:
            words = api if isinstance(api, str) else ".".join(api)
            self.signed, self.params = f"{words} {method} {path}", params or {}
            return theirs(path, api, method, params or {})

        exchange.sign = sign

    def sent(self, call: str, *arguments: Any) -> tuple[str, Request | str]:
        """The endpoint and the last request of one call, or why there was none."""
        self.server.take()
        self.signed = ""
        said = ""
        try:
            getattr(self.exchange, call)(*arguments)
        except Exception as error:  # whatever ccxt raises is told
            said = f"{type(error).__name__}: {error}"[:160]
        caught = self.server.take()
        return self.signed, caught[-1] if caught else said


def calls(symbol: str) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """What is tried: the table's group, ccxt's call, its arguments."""
    ours = {"clientOrderId": CHILD}
    order = (symbol, "limit", "buy", 1.2345, 98765.5)
    yield "placement", "create_order", (*order, ours)
    yield "placement", "create_order", (*order, {**ours, "timeInForce": "IOC"})
    yield "placement", "create_order", (*order, {**ours, "timeInForce": "FOK"})
    yield "cancel", "cancel_order", ("777", symbol)
    yield "cancel", "cancel_order", (None, symbol, ours)
    yield "cancel", "cancel_all_orders", (symbol,)
    yield "read", "fetch_order", ("777", symbol)
    yield "read", "fetch_order", (None, symbol, ours)
    yield "read", "fetch_open_orders", (symbol,)
    yield "read", "fetch_closed_orders", (symbol,)
    yield "read", "fetch_my_trades", (symbol,)
    yield "read", "fetch_balance", ()
    yield "read", "fetch_trading_fee", (symbol,)


def placements_of(watched: Watched) -> list[Placed]:
    """What ccxt hands to the signer for each side and time in force."""
    found = []
    for side in ("buy", "sell"):
        for tif in ("gtc", "ioc", "fok"):
            words = {"clientOrderId": CHILD} | ({} if tif == "gtc" else {"timeInForce": tif.upper()})
            endpoint, _ = watched.sent("create_order", watched.symbol, "limit", side, 1.2345, 98765.5, words)
            if endpoint:
                found.append(Placed(endpoint, side, tif, dict(watched.params)))
    return found


def draft(ccxt_id: str, server: CatchAll) -> str:
    """The row, then the requests as comments."""
    import ccxt.pro

    watched = Watched(ccxt_id, server)
    groups: dict[str, list[str]] = {"placement": [], "cancel": [], "read": []}
    seen = []
    for group, call, arguments in calls(watched.symbol):
        endpoint, request = watched.sent(call, *arguments)
        if endpoint and not any(endpoint in found for found in groups.values()):
            groups[group].append(endpoint)
        text = request if isinstance(request, str) else f"{request.method} {request.path} {request.raw.strip()}"
        seen.append(f"# {call}{arguments[-1] if arguments and isinstance(arguments[-1], dict) else ''}: {text[:300]}")
    exchange = watched.exchange
    placements = placements_of(watched)
    streams = getattr(ccxt.pro, ccxt_id, None)
    has = streams().has if streams is not None else {}
    row = _row(exchange, groups, [word for word, call in STREAMS.items() if has.get(call) is True])
    seen += [f"# code {code}: {kind.__name__}" for code, kind in exchange.exceptions.get("exact", {}).items()]
    exchange.close()
    return "\n".join([*row, *place_rules(ccxt_id, exchange.market(watched.symbol)["id"], placements), "", *seen])


def _row(exchange: Any, groups: dict[str, list[str]], streams: list[str]) -> Iterator[str]:
    orders = ((exchange.features or {}).get("spot") or {}).get("createOrder") or {}
    terms = orders.get("timeInForce") or {}
    offered = [word for word in ("ioc", "fok") if terms.get(word.upper())]
    open_words, ends = _words(exchange)
    limit = max(1, int(10_000 / exchange.rateLimit))
    budget = f'name = "requests", scope = "address", window_ms = 10000, limit = {limit}, cancel_reserve = {limit // 10}'
    yield f"[venues.{exchange.id}]"
    yield f'ccxt_id = "{exchange.id}"'
    yield f'title = "{exchange.name}"'
    yield f"hosts = {_list(_hosts(type(exchange)().urls['api']))}"
    yield f"sandbox_hosts = {_list(_hosts(type(exchange)().urls.get('test')))}"
    yield 'kinds = ["spot"]'
    yield 'order_types = ["market", "limit"]'
    pairs = "".join(f', {word} = {{ timeInForce = "{word.upper()}" }}' for word in offered)
    yield f"time_in_force = {{ gtc = {{}}{pairs} }}"
    yield f'tif_words = {{ gtc = ""{"".join(f", {w} = {chr(34)}{w.upper()}{chr(34)}" for w in offered)} }}'
    client_id = 'param = "clientOrderId", wire = "clientOrderId", form = "ulid", alphabet = "[A-Za-z0-9]+"'
    yield f"client_id = {{ {client_id}, max_length = 26 }}"
    for flag, given in (
        ("post_only", bool(terms.get("PO"))),
        ("reduce_only", False),
        ("native_stop", False),
        ("native_oco", False),
        ("amend", False),
        ("cancel_all", exchange.has.get("cancelAllOrders") is True),
    ):
        yield f"{flag} = {str(given).lower()}"
    yield "self_trade_prevention = []"
    yield f"budgets = [\n  {{ {budget}, default_cost = 1, costs = {{}} }},\n]"
    yield "proves_not_accepted = []"
    yield "proves_not_found = []"
    yield f"ends = {{ {', '.join(f'{chr(34)}{word}{chr(34)} = {chr(34)}{end}{chr(34)}' for word, end in ends)} }}"
    yield f"open_words = {_list(open_words)}"
    yield 'fee_currency = "stated"'
    yield 'book = { source = "whole", continuity = "none", channel = "orderbook", depth = 50 }'
    yield 'query_route = "lists"'
    yield f"private_api = {_list(dict.fromkeys(each.split()[0] for found in groups.values() for each in found))}"
    yield f"credentials = {_list(name for name, is_needed in exchange.requiredCredentials.items() if is_needed)}"
    for group, found in groups.items():
        yield f"{group} = {_list(found)}"
    yield f"streams = {_list(streams)}"
    yield f'evidence = {{ level = "L0", date = "{date.today().isoformat()}", capture_year = 0 }}'  # noqa: DTZ011
    groups_of_source = ("features", "endpoints", "client_id", "budgets", "proves", "words", "book")
    yield f"sources = {{ {', '.join(f'{group} = {chr(34)}conservative{chr(34)}' for group in groups_of_source)} }}"


def _words(exchange: Any) -> tuple[list[str], list[tuple[str, str]]]:
    """ccxt's own reading of the venue's status words, tried with those of its source and what venues commonly say."""
    words = [spelled for word in COMMON_WORDS for spelled in (word, word.upper(), word.title().replace("_", ""))]
    named = []
    if hasattr(exchange, "parse_order_status"):
        named = re.findall(r"^\s+'([^']+)':", inspect.getsource(exchange.parse_order_status), re.MULTILINE)
        words = list(dict.fromkeys([*named, *words]))
    means = {"closed": "filled", "canceled": "canceled", "expired": "expired", "rejected": "rejected"}
    read = (
        {word: exchange.parse_order_status(word) for word in words} if hasattr(exchange, "parse_order_status") else {}
    )
    known = {word: said for word, said in read.items() if said != word or word in named}
    ends = [(word, means[said]) for word, said in known.items() if said in means]
    return [word for word, said in known.items() if said == "open"], ends


def _hosts(urls: Any) -> list[str]:
    if isinstance(urls, dict):
        return list(dict.fromkeys(host for each in urls.values() for host in _hosts(each)))
    host = urlsplit(urls).hostname if isinstance(urls, str) else None
    return [host] if host and re.fullmatch(r"[a-z0-9.-]+", host) else []


def _list(words: Any) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ccxt_id")
    ccxt_id = parser.parse_args().ccxt_id
    with catch_all() as server:
        print(draft(ccxt_id, server))


if __name__ == "__main__":
    main()
