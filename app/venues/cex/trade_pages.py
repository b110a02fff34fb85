"""How each venue goes on after a full page of an account's own trades or open orders: one answer holds a page.

Most answer newest first: what is older than the page is asked for by the venue's own cursor, never by time alone, for
one order that sweeps a book has hundreds of trades in the same millisecond. Rows are counted in the vendor's answer:
ccxt leaves out those of other markets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Rows = Sequence[Any]
# Parameters of the next page from (the vendor's answer, its rows, rows seen so far); None: that was the last.
Next = Callable[[Any, Rows, int], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True)
class PageRule:
    """`size`: the rows that one answer may hold, asked for as such. `path`: where they are in it, by id or as a list;
    some venues put the list of a perpetual's one step deeper, beside a cursor.

    `following` None: by time. `is_since_first`: the time is said with the first page alone. `fixed`: parameters of
    every page.
    """

    size: int
    path: tuple[str, ...]
    following: Next | None
    is_since_first: bool = False
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, answer: Any) -> Rows:
        for name in self.path:
            answer = answer.get(name) if isinstance(answer, Mapping) else None
        if isinstance(answer, Mapping):
            lists = [value for value in answer.values() if isinstance(value, list)]
            answer = lists[0] if len(lists) == 1 else [row for row in answer.values() if isinstance(row, Mapping)]
        return answer if isinstance(answer, list) else ()


def _older(param: str, field: str, **fixed: str) -> Next:
    """The page before the last row's `field`."""

    def following(answer: Any, rows: Rows, n_seen: int) -> Mapping[str, Any] | None:
        return {param: rows[-1][field], **fixed} if rows else None

    return following


def _cursor(param: str, *path: str) -> Next:
    """The page that the answer names."""

    def following(answer: Any, rows: Rows, n_seen: int) -> Mapping[str, Any] | None:
        for name in path:
            answer = answer.get(name) if isinstance(answer, Mapping) else None
        return {param: answer} if answer and rows else None

    return following


def _from_id(answer: Any, rows: Rows, n_seen: int) -> Mapping[str, Any] | None:
    """Oldest first: what comes after the youngest id."""
    return {"fromId": max(int(row["id"]) for row in rows) + 1} if rows else None


def _offset(answer: Any, rows: Rows, n_seen: int) -> Mapping[str, Any] | None:
    """A trade that happens meanwhile shifts the pages: rows then come twice, and none is left out."""
    total = int((answer.get("result") or {}).get("count") or 0)
    return {"ofs": n_seen} if rows and n_seen < total else None


def _skipped(answer: Any, rows: Rows, n_seen: int) -> Mapping[str, Any] | None:
    return {"offset": n_seen} if rows else None


def _numbered(size: int, param: str) -> Next:
    def following(answer: Any, rows: Rows, n_seen: int) -> Mapping[str, Any] | None:
        return {param: n_seen // size + 1} if rows else None

    return following


_BINANCE: Final = PageRule(1_000, (), _from_id, is_since_first=True)
_OKX: Final = PageRule(100, ("data",), _older("after", "billId"))
# Of venues whose document is not at hand.
BY_TIME: Final = PageRule(100, (), None)
# By ccxt id, from the venues' documents; sizes are their largest.
_RULES: Final[Mapping[str, PageRule]] = {
    "binance": _BINANCE,
    "binanceusdm": _BINANCE,
    "binancecoinm": _BINANCE,
    "binanceus": _BINANCE,
    "okx": _OKX,
    "myokx": _OKX,
    "bybit": PageRule(100, ("result", "list"), _cursor("cursor", "result", "nextPageCursor")),
    "bitget": PageRule(100, ("data",), _older("idLessThan", "tradeId")),
    "kraken": PageRule(50, ("result", "trades"), _offset),
    "coinbase": PageRule(100, ("fills",), _cursor("cursor", "cursor")),
    "kucoin": PageRule(100, ("data", "items"), _cursor("lastId", "data", "lastId")),
    "kucoinfutures": PageRule(50, ("data", "items"), _numbered(50, "currentPage"), fixed={"pageSize": 50}),
    "gate": PageRule(1_000, (), _numbered(1_000, "page")),
    "htx": PageRule(500, ("data",), _older("from", "id", direct="next")),
    "deribit": PageRule(1_000, ("result", "trades"), None, fixed={"sorting": "asc"}),
}


def page_rule(ccxt_id: str) -> PageRule:
    return _RULES.get(ccxt_id, BY_TIME)


# Lists of open orders that are told in pages, and venues that tell them whole, from the same documents.
_OPEN: Final[Mapping[str, PageRule]] = {
    "okx": PageRule(100, ("data",), _older("after", "ordId")),
    "myokx": PageRule(100, ("data",), _older("after", "ordId")),
    "bybit": PageRule(50, ("result", "list"), _cursor("cursor", "result", "nextPageCursor")),
    "bitget": PageRule(100, ("data",), _older("idLessThan", "orderId")),
    "coinbase": PageRule(100, ("orders",), _cursor("cursor", "cursor")),
    "gate": PageRule(100, (), _numbered(100, "page")),
    "htx": PageRule(500, ("data",), _older("from", "id", direct="next")),
    "kucoinfutures": PageRule(50, ("data", "items"), _numbered(50, "currentPage"), fixed={"pageSize": 50}),
}
_WHOLE: Final = frozenset({"binance", "binanceusdm", "binancecoinm", "binanceus", "deribit", "kraken", "kucoin"})
# Lists of ended orders, youngest first; elsewhere one page is asked for, and may be cut.
_ENDED: Final[Mapping[str, PageRule]] = {
    "kraken": PageRule(50, ("result", "closed"), _offset),
    "coinbase": PageRule(1_000, ("orders",), _cursor("cursor", "cursor")),
    "deribit": PageRule(1_000, ("result",), _skipped),
}
_ONE_PAGE: Final = PageRule(50, (), None)
# The shortest page of open orders that any venue is known to cut a list to.
SHORTEST_OPEN: Final = 20


def open_page_rule(ccxt_id: str) -> PageRule | None:
    """None: all are told at once, as far as is known."""
    return _OPEN.get(ccxt_id)


def is_told_whole(ccxt_id: str) -> bool:
    """Whether the venue's document says that its list of open orders is never cut."""
    return ccxt_id in _WHOLE


def ended_page_rule(ccxt_id: str) -> PageRule:
    """`following` None: the first page is all that is asked for."""
    return _ENDED.get(ccxt_id, _ONE_PAGE)
