"""A list of orders proves an absence only where it would have shown the order."""

from __future__ import annotations

import asyncio
import warnings
from dataclasses import replace
from typing import Any

import pytest
from ccxt.base import errors as ccxt_errors

from app.domain.enums import Side, TimeInForce
from app.domain.errors import Refused, Unavailable
from app.domain.orders import ChildOrder
from app.domain.venue_stops import StopSource, VenueStop
from app.venues.cex.budget import Budgets
from app.venues.cex.desk import Desk
from app.venues.cex.dialects import list_words, lists_of_ended
from app.venues.cex.endpoints import load_rules
from app.venues.cex.errors import n_rows
from app.venues.cex.health import Health
from app.venues.cex.permit import Use, use_of
from app.venues.cex.profile import QueryRoute
from app.venues.cex.profile_table import profile_of, profiles
from app.venues.cex.reports import OwnOrders
from app.venues.cex.session import current_call
from app.venues.cex.signing import SignRequest
from app.venues.cex.trade_pages import ended_page_rule
from app.venues.clock import SystemClock

from .captured import credentials, one_market
from .markets import listing

ID = "01M8B00Z1NXM48M0VT2ZJPE5RW"
LISTED = [
    (venue, kind.value)
    for venue, profile in profiles().items()
    if profile.query_route is QueryRoute.LISTS
    for kind in profile.kinds[:1]
]


class Lists:
    """What ccxt would answer: so many orders of others, and ours among the ended ones or not."""

    def __init__(self, n_ended: int, *ours: dict[str, Any]) -> None:
        self.has = {"fetchOrders": True}
        self.asked: list[str] = []
        self._rows = [{"id": str(n), "clientOrderId": f"other{n}", "info": {}} for n in range(n_ended)] + list(ours)

    async def fetch_open_orders(self, *_: Any) -> list[dict[str, Any]]:
        self.asked.append("open")
        return []

    async def fetch_orders(self, name: str, since_ms: int, limit: int, *_: Any) -> list[dict[str, Any]]:
        self.asked.append("ended")
        return self._rows[-limit:]


def desk_of(exchange: Any, venue: str = "coinbase") -> tuple[Desk, Any]:
    profile, clock = profile_of(venue), SystemClock()
    listings = {"BTC/USDT": listing(venue, "BTC/USDT", "0.01", "0.001")}
    health = Health(venue, clock, Budgets().of(profile, key_id="k", account="desk"))
    child = ChildOrder(
        "chd_1", ID, "ord_1", "desk", 1, venue, "BTC/USDT", Side.BUY, TimeInForce.IOC, 10_050, 3, 1, 1, 2**60
    )
    orders = OwnOrders(profile, listings, lambda report: None, clock.wall_ns)
    return Desk(profile, listings, exchange, clock, health), orders.add(child)


async def test_a_list_that_may_be_cut_short_proves_no_absence():
    """A venue of which no paging is known: fifty rows are a full page."""
    desk, order = desk_of(Lists(50), "whitebit")
    with pytest.raises(Unavailable, match="more orders than a list shows"):
        await desk.order(order)


class Ended:
    """Kraken's list of what ended, youngest first, fifty a page, or always the same page."""

    def __init__(self, n_ended: int, *, is_deaf: bool = False) -> None:
        self.has = {"fetchOrders": False}
        self.rows = [{"id": str(n), "clientOrderId": f"other{n}", "info": {}} for n in range(n_ended)]
        self.n_asked = 0
        self.waits_s: list[float] = []
        self._is_deaf = is_deaf

    async def fetch_open_orders(self, *_: Any) -> list[dict[str, Any]]:
        return []

    async def fetch_closed_orders(self, name: str, since_ms: int, limit: int, params: Any) -> list[dict[str, Any]]:
        self.n_asked += 1
        start = 0 if self._is_deaf else int(params.get("ofs", 0))
        page = [] if "clientOrderId" in params else self.rows[start : start + limit]
        call = current_call()
        assert call is not None
        self.waits_s.append(call.may_wait_s)
        call.answer = {"result": {"closed": {row["id"]: row for row in page}, "count": len(self.rows)}}
        return page


@pytest.mark.parametrize("n_ended", [0, 49, 50, 51, 230])
async def test_what_ended_is_told_to_the_last_page(n_ended: int):
    exchange = Ended(n_ended)
    desk, order = desk_of(exchange, "kraken")
    assert await desk.order(order) is None
    assert exchange.n_asked == max(1, -(-n_ended // 50))
    assert exchange.waits_s == [0.0] + [60.0] * (exchange.n_asked - 1)  # what was begun is gone on with
    exchange.rows.append(ours := {"id": "x", "clientOrderId": order.wire_id, "info": {}})
    assert await desk.order(order) == ours


async def test_a_list_that_does_not_go_on_is_asked_for_the_one_order():
    exchange = Ended(230, is_deaf=True)
    desk, order = desk_of(exchange, "kraken")
    assert await desk.order(order) is None  # by its id: nothing of it, and that list has room
    assert exchange.n_asked == 3


async def test_a_list_with_room_left_does_and_the_order_is_found_in_either():
    exchange = Lists(999)
    desk, order = desk_of(exchange)
    assert await desk.order(order) is None
    assert exchange.asked == ["open", "ended"]
    desk, order = desk_of(Lists(60, ours := {"id": "7", "clientOrderId": order.wire_id, "info": {}}))
    assert await desk.order(order) == ours


def test_the_rows_of_an_answer_are_counted_before_others_are_left_out():
    assert n_rows({"error": [], "result": {"closed": {str(n): {"vol": "1"} for n in range(50)}, "count": 70}}) == 50
    assert n_rows({"result": {"list": [{"a": 1}] * 50}}) == 50
    assert n_rows(None) == 0


@pytest.mark.parametrize(("venue", "kind"), LISTED)
def test_what_ended_is_asked_for_in_whatever_state_it_ended_and_the_signer_allows_it(venue, kind):
    """`Filled` alone would miss what was given up after a part of it: it would look never accepted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ccxt = pytest.importorskip("ccxt", reason="needs the cex extra")
    profile = profile_of(venue)
    exchange = getattr(ccxt, profile.ccxt_id)(credentials(profile.ccxt_id))
    exchange.options.update(profile.options)
    symbol = one_market(exchange, kind)
    asked: list[SignRequest] = []

    def fetch2(path: str, api: Any = "public", method: str = "GET", params: Any = None, *_: Any) -> Any:
        words = (api,) if isinstance(api, str) else tuple(api)
        asked.append(SignRequest(profile.ccxt_id, "desk", path, words, method, params or {}))
        raise ccxt.NetworkError("asked")

    exchange.fetch2 = fetch2
    methods = lists_of_ended(exchange.has)
    for method in methods:
        with pytest.raises((ccxt.NetworkError, ccxt.NotSupported)):
            getattr(exchange, method)(
                symbol, 1_700_000_000_000, ended_page_rule(profile.ccxt_id).size, list_words(profile.ccxt_id, "7")
            )
    rules = load_rules()[profile.ccxt_id]
    for request in asked:
        try:
            assert use_of(rules, request) is Use.READ
        except Refused as refusal:
            pytest.fail(f"{request.path}: {refusal}")
    said = [str(request.params.get("orderStatus", request.params.get("order_status", ""))).lower() for request in asked]
    assert len(methods) > 1 or "filled" not in said


class Missing:
    """ccxt says OrderNotFound of whatever answer came."""

    def __init__(self, status: int, answer: Any) -> None:
        self.has: dict[str, bool] = {}
        self._status, self._answer = status, answer

    async def fetch_order(self, *_: Any) -> None:
        call = current_call()
        assert call is not None
        call.status, call.answer = self._status, self._answer
        raise ccxt_errors.OrderNotFound("binance")


@pytest.mark.parametrize(
    ("status", "answer", "is_proof"),
    [
        (400, {"code": -2013, "msg": "Order does not exist."}, True),
        (400, {"code": -2099, "msg": "Order is archived."}, False),
        (200, {}, False),
        (502, "<html>", False),
        (0, None, False),
    ],
)
async def test_an_absence_is_proven_by_the_venues_row_and_not_by_ccxts_class(status: int, answer: Any, is_proof: bool):
    desk, order = desk_of(Missing(status, answer), "binance")
    if is_proof:
        assert await desk.order(order) is None
        return
    with pytest.raises(Unavailable):
        await desk.order(order)


class Pages(Lists):
    """Open orders in pages of a hundred, each naming the next; `is_deaf`: the first one whatever is asked."""

    def __init__(self, n_open: int, *, is_deaf: bool = False) -> None:
        super().__init__(0)
        self._open = [{"id": str(n), "clientOrderId": f"o{n}", "info": {}} for n in range(n_open)]
        self._is_deaf = is_deaf

    async def fetch_open_orders(self, _: Any, __: Any, limit: int, params: dict[str, Any]) -> list[dict[str, Any]]:
        start = 0 if self._is_deaf else int(params.get("cursor", 0))
        page = self._open[start : start + limit]
        call = current_call()
        assert call is not None
        call.answer = {"orders": page, "cursor": str(start + limit) if len(self._open) > start + limit else ""}
        return page


@pytest.mark.parametrize("n_open", [0, 99, 100, 101, 350])
async def test_open_orders_are_told_to_the_last_page(n_open: int):
    desk, _ = desk_of(Pages(n_open))
    assert len(await desk.open_orders("BTC/USDT")) == n_open


async def test_a_list_of_open_orders_that_does_not_go_on_is_no_list():
    desk, order = desk_of(Pages(350, is_deaf=True))
    with pytest.raises(Unavailable, match="more open orders than pages"):
        await desk.open_orders("BTC/USDT")
    with pytest.raises(Unavailable, match="more orders than a list shows"):
        await desk.order(order)


class ByIds:
    """Kraken's question for several orders by its own ids; one that it does not know refuses all."""

    def __init__(self) -> None:
        self.has: dict[str, bool] = {}
        self.asked: list[list[str]] = []

    async def fetch_orders_by_ids(self, ids: list[str]) -> list[dict[str, Any]]:
        self.asked.append(ids)
        call = current_call()
        assert call is not None
        call.status, call.answer = 200, {"error": ["EOrder:Unknown order"] if "OLOST" in ids else []}
        if "OLOST" in ids:
            raise ccxt_errors.OrderNotFound("kraken EOrder:Unknown order")
        await asyncio.sleep(0)
        return [{"id": each} for each in ids]

    async def fetch_order(self, venue_order_id: str, *_: Any) -> dict[str, Any]:
        return (await self.fetch_orders_by_ids([venue_order_id]))[0]


async def test_orders_at_kraken_are_asked_about_together_and_one_that_is_lost_is_asked_about_alone():
    exchange = ByIds()
    desk, order = desk_of(exchange, "kraken")

    async def asked(venue_order_id: str) -> Any:
        return await desk.order(replace(order, venue_order_id=venue_order_id))

    found = await asyncio.gather(*(asked(f"O{n}") for n in range(60)))
    assert [each["id"] for each in found] == [f"O{n}" for n in range(60)]
    assert [len(ids) for ids in exchange.asked] == [1, 50, 9]
    exchange.asked.clear()
    assert await asyncio.gather(asked("O0"), asked("O1"), asked("OLOST")) == [{"id": "O0"}, {"id": "O1"}, None]
    assert sorted(exchange.asked) == [["O0"], ["O1"], ["O1", "OLOST"], ["OLOST"]]


class Algos:
    """OKX's two questions: the stop itself, and the order that came of it, which may not be shown yet."""

    def __init__(self, live_id: str) -> None:
        self.has: dict[str, bool] = {}
        self.live_id, self.is_shown = live_id, False
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def fetch_order(self, order_id: str, name: str, params: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((order_id, params))
        call = current_call()
        assert call is not None
        if params.get("trigger"):
            info = {"algoId": "77", "algoClOrdId": ID, "ordId": self.live_id, "slOrdPx": "99.5", "state": "live"}
            return {"id": "77", "amount": "0.003", "price": None, "remaining": None, "info": info}
        if self.is_shown:
            return {"id": "77", "info": {"algoId": "77", "ordId": order_id, "state": "filled"}}
        call.status, call.answer = 200, {"code": "51603", "msg": "Order does not exist", "data": []}
        raise ccxt_errors.OrderNotFound("51603")


def stop_desk(live_id: str) -> tuple[Algos, Desk, Any]:
    algos = Algos(live_id)
    desk, order = desk_of(algos, "okx")
    order.child = replace(order.child, stop=VenueStop(10_000, StopSource.LAST))
    return algos, desk, order


async def test_a_stop_that_waits_is_asked_for_by_our_id_then_by_its_own():
    algos, desk, order = stop_desk("")
    found = await desk.order(order)
    assert found is not None
    assert (found["clientOrderId"], found["price"], found["remaining"]) == (ID, "99.5", "0.003")
    order.venue_order_id = "77"
    await desk.order(order)
    assert algos.asked == [("", {"trigger": True, "clientOrderId": ID}), ("77", {"trigger": True})]


async def test_a_stop_whose_order_is_not_shown_yet_is_no_absence():
    """It has gone off: that a query misses what came of it proves nothing, least of all that it was never taken."""
    algos, desk, order = stop_desk("991")
    with pytest.raises(Unavailable, match="not shown yet"):
        await desk.order(order)
    algos.is_shown = True
    found = await desk.order(order)
    assert found is not None
    assert found["info"]["ordId"] == "991"


class Labels:
    """Deribit's questions about one label: rows by currency, in the market's list, and a stop by its own id."""

    def __init__(self, by_code: dict[str, list[dict[str, Any]]], *listed: dict[str, Any], itself: Any = None) -> None:
        self.has = {"fetchOrders": True}
        self.by_code, self.listed, self.itself = by_code, listed, itself
        self.asked: list[str] = []

    def market(self, name: str) -> dict[str, str]:
        return {"symbol": name}

    def parse_orders(self, rows: list[dict[str, Any]], market: Any) -> list[dict[str, Any]]:
        return [{"id": row["order_id"], "info": row, "amount": "0.003", "price": row["price"]} for row in rows]

    async def private_get_get_order_state_by_label(self, words: dict[str, str]) -> dict[str, Any]:
        self.asked.append(words["currency"])
        assert words["label"] == ID
        return {"result": self.by_code.get(words["currency"], [])}

    async def fetch_open_orders(self, *_: Any) -> list[dict[str, Any]]:
        self.asked.append("list")
        return self.parse_orders(list(self.listed), None)

    async def fetch_orders(self, *_: Any) -> list[dict[str, Any]]:
        return []

    async def fetch_order(self, order_id: str, name: str, params: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(order_id)
        if self.itself is not None:
            return self.parse_orders([self.itself], None)[0]
        call = current_call()
        assert call is not None
        call.status, call.answer = 400, {"error": {"code": 10004, "message": "order_not_found"}}
        raise ccxt_errors.OrderNotFound("10004")


def trigger_row(state: str, **more: Any) -> dict[str, Any]:
    return {"order_id": "USDT-SLTS-7", "order_state": state, "label": ID, "price": "99.5", **more}


MADE = trigger_row("open") | {"order_id": "991", "trigger_order_id": "USDT-SLTS-7"}


def label_desk(labels: Labels, venue_order_id: str = "") -> tuple[Desk, Any]:
    desk, order = desk_of(labels, "deribit")
    order.child = replace(order.child, stop=VenueStop(10_000, StopSource.LAST))
    order.venue_order_id = venue_order_id
    return desk, order


@pytest.mark.parametrize(
    ("labels", "state", "asked"),
    [
        (Labels({"USDT": [trigger_row("untriggered")]}), "untriggered", ["USDT"]),
        (Labels({"BTC": [trigger_row("cancelled")]}), "cancelled", ["USDT", "BTC"]),
        (Labels({"USDT": [trigger_row("triggered"), MADE]}), "open", ["USDT"]),
        (Labels({"USDT": [trigger_row("triggered")]}, MADE), "open", ["USDT", "list"]),
        (Labels({}, MADE), "open", ["USDT", "BTC", "list"]),
        (Labels({"USDT": [trigger_row("triggered")]}, MADE | {"label": ""}), "open", ["USDT", "list"]),
        (Labels({}, itself=trigger_row("cancelled")), "cancelled", ["USDT", "BTC", "list", "USDT-SLTS-7"]),
    ],
)
async def test_a_stop_and_what_came_of_it_are_found_under_one_label_and_told_under_the_stops_id(labels, state, asked):
    """By the stop's id alone where the order that came of it has lost the label."""
    is_placed = labels.itself or any(not row["label"] for row in labels.listed)
    desk, order = label_desk(labels, "USDT-SLTS-7" if is_placed else "")
    found = await desk.order(order)
    assert found is not None
    assert (found["id"], found["info"]["order_state"]) == ("USDT-SLTS-7", state)
    assert found["clientOrderId"] == found["info"]["label"]
    assert labels.asked == asked


@pytest.mark.parametrize(
    ("labels", "venue_order_id"),
    [
        (Labels({"USDT": [trigger_row("triggered")]}), ""),
        (Labels({}, itself=trigger_row("triggered")), "USDT-SLTS-7"),
        (Labels({}), "USDT-SLTS-7"),
    ],
)
async def test_a_stop_that_is_off_or_was_acknowledged_is_never_absent(labels, venue_order_id):
    desk, order = label_desk(labels, venue_order_id)
    with pytest.raises(Unavailable, match="not shown yet"):
        await desk.order(order)


async def test_a_stop_that_nobody_shows_and_nobody_acknowledged_is_absent():
    desk, order = label_desk(Labels({}))
    assert await desk.order(order) is None


class OpenOnly:
    """Lists of open orders, by the market that was asked for."""

    def __init__(self) -> None:
        self.has: dict[str, bool] = {}
        self.asked: list[str | None] = []

    async def fetch_open_orders(self, name: str | None, *_: Any) -> list[dict[str, Any]]:
        self.asked.append(name)
        return [{"id": f"{len(self.asked)}", "info": {}}]


@pytest.mark.parametrize(
    ("venue", "asked"),
    [("binance", [None]), ("kucoin", ["BTC/USDT", "ETH/USDT"]), ("deribit", ["BTC/USDT", "ETH/USDT"])],
)
async def test_open_orders_are_asked_for_by_market_where_one_list_has_not_all(venue, asked):
    profile, clock, exchange = profile_of(venue), SystemClock(), OpenOnly()
    listings = {name: listing(venue, name, "0.01", "0.001") for name in ("BTC/USDT", "ETH/USDT")}
    health = Health(venue, clock, Budgets().of(profile, key_id="k", account="desk"))
    found = await Desk(profile, listings, exchange, clock, health).open_orders()
    assert exchange.asked == asked
    assert len(found) == len(asked)
