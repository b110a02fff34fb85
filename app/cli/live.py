"""What the demo shows of orders that live for a while: a VWAP and a bracket, told side by side while they work.

A client of the public API like `story`: it places, looks twice a second, and hears the fills on the stream.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from app.cli.client import Client, segment
from app.cli.exits import CommandError, Exit
from app.cli.in_time import end_at
from app.cli.output import short, table
from app.cli.story import ENDED, Listener, Story

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

VWAP_S: Final = 20
SLICE_S: Final = 2
LOOK_EVERY_S: Final = 0.5
# A VWAP without a price to trade at is given up ten seconds after its end.
GIVE_UP_S: Final = 15.0
HEAR_OUT_S: Final = 5.0
BRACKET_SYMBOL: Final = "BTC/USDT"
BRACKET_QTY: Final = "0.5"
# So near that one of the two is usually touched while the VWAP works.
EXIT_BPS: Final = 3
_BPS: Final = 10_000

_SLICE_COLUMNS = ("second", "released", "filled", "average_price", "market_so_far", "cost_bps", "others_traded")
_LEG_COLUMNS = ("leg", "waits_for", "mid_now", "status", "filled", "filled_at")


@dataclass(slots=True)
class SliceRow:
    """Where the parent stood when a slice had been released, kept up to date until the next one is."""

    second: float
    released: Decimal
    filled: Decimal
    average: Decimal | None
    market: Decimal | None
    others: Decimal


@dataclass(slots=True)
class Parent:
    """A VWAP as its owner sees it.

    `market`: class mids seen between two slices, weighted by what others traded meanwhile. It is known up to the last
    slice, and near the interval VWAP of the report, which has every print.
    """

    client: Client
    order: dict[str, Any]
    rows: list[SliceRow] = field(default_factory=list)
    market: Decimal | None = None
    n_fills: int = 0
    heard: Decimal = Decimal(0)
    _seq: int = 0
    _mids: list[Decimal] = field(default_factory=list)
    _others: Decimal = Decimal(0)
    _weighted: Decimal = Decimal(0)

    @property
    def is_done(self) -> bool:
        return self.order["status"] in ENDED

    def hear(self, fill: Mapping[str, Any]) -> None:
        """One execution of the stream."""
        if fill["order_id"] == self.order["order_id"]:
            self.n_fills += 1
            self.heard += Decimal(fill["last_qty"])

    def look(self, mid: Decimal) -> None:
        """Reads the order and what it has released since the last look; `mid` is the symbol's now."""
        self._mids.append(mid)
        seen = self._seq or self.order["last_seq"] - 1
        for event in self.client.get("/v1/events", after_seq=seen, limit=1000).body["data"]:
            self._seq = event["seq"]
            if event["kind"] == "slice_released" and event["order_id"] == self.order["order_id"]:
                self._note(event["ts"], event["data"])
        self.order = self.client.get(f"/v1/orders/{segment(self.order['order_id'])}").body
        if self.rows:
            row = self.rows[-1]
            row.filled, row.market, row.others = Decimal(self.order["cum_qty"]), self.market, self._others
            row.average = Decimal(self.order["avg_price"]) if self.order["avg_price"] else None

    def _note(self, ts: str, data: Mapping[str, Any]) -> None:
        others, due = Decimal(data["others_qty"]), Decimal(data["due_qty"])
        if others > self._others and self._mids:
            self._weighted += sum(self._mids, Decimal(0)) / len(self._mids) * (others - self._others)
            self._others, self._mids = others, self._mids[-1:]
            self.market = self._weighted / others
        if self.rows and due <= self.rows[-1].released:
            return  # what a child did not fill is tried again: the same slice
        began = datetime.fromisoformat(self.order["schedule"]["start_at"] or self.order["created_at"])
        second = (datetime.fromisoformat(ts) - began).total_seconds()
        self.rows.append(SliceRow(second, due, Decimal(0), None, self.market, others))

    def cost_bps(self, row: SliceRow) -> Decimal | None:
        """The average against the market so far, without fees; positive is a cost."""
        if row.average is None or row.market is None:
            return None
        sign = 1 if self.order["side"] == "buy" else -1
        return sign * (row.average - row.market) / row.market * _BPS

    def cells(self) -> list[dict[str, str]]:
        return [
            {
                "second": f"{row.second:.1f}",
                "released": f"{row.released:f}",
                "filled": f"{row.filled:f}",
                "average_price": _places(row.average, 2),
                "market_so_far": _places(row.market, 2),
                "cost_bps": _places(self.cost_bps(row), 2),
                "others_traded": _places(row.others, 2),
            }
            for row in self.rows
        ]


@dataclass(slots=True)
class Bracket:
    """An entry with its two exits, as its owner sees it."""

    client: Client
    answer: dict[str, Any]
    mid: Decimal | None = None
    moved_to: Decimal | None = None

    @property
    def is_done(self) -> bool:
        return self.answer["status"] in ENDED

    @property
    def path(self) -> str:
        return f"/v1/conditional-orders/{segment(self.answer['conditional_id'])}"

    def leg(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(leg for leg in self.answer["legs"] if leg["leg"] == name)
        return found

    @property
    def is_armed(self) -> bool:
        """Both exits wait."""
        return all(self.leg(name)["status"] == "armed" for name in ("take_profit", "stop_loss"))

    def look(self, mid: Decimal) -> None:
        """Reads the group; `mid` is its symbol's now."""
        self.mid = mid
        self.answer = self.client.get(self.path, nested="true").body

    def move_stop(self, price: Decimal) -> None:
        """Amends the stop to `price`, once; an exit that was touched in between has ended the matter by itself."""
        self.moved_to = price
        change = {"if_version": self.answer["version"], "legs": [{"leg": "stop_loss", "stop_price": f"{price:f}"}]}
        try:
            self.client.call("PATCH", self.path, body=change)
        except CommandError:
            self.look(price)
            if self.is_armed:
                raise

    def cells(self) -> list[dict[str, str]]:
        return [
            {
                "leg": _words(leg["leg"]),
                "waits_for": _waits_for(leg),
                "mid_now": _places(self.mid, 2) if leg["status"] == "armed" else "",
                "status": leg["status"],
                "filled": leg["cum_qty"],
                "filled_at": short(_average(leg.get("orders") or ()), 2),
            }
            for leg in self.answer["legs"]
        ]


class Working:
    """Places both, shows them until both have ended."""

    def __init__(self, story: Story, client: Client, listener: Listener, screen: Console) -> None:
        self._story, self._client, self._listener, self._screen = story, client, listener, screen

    def run(self, symbol: str, qty: Decimal) -> tuple[Parent, Bracket]:
        """Sells `qty` of `symbol` by VWAP and buys the bracket. Raises CommandError where one of them does not end."""
        parent, bracket = self._place(symbol, qty)
        self._introduce(parent, bracket)
        deadline_s = time.monotonic() + VWAP_S + GIVE_UP_S
        from rich.live import Live

        with Live(console=self._screen, auto_refresh=False) as live:
            while not (parent.is_done and bracket.is_done):
                if time.monotonic() > deadline_s:
                    raise CommandError(Exit.UNKNOWN, f"not ended in time: {_where(parent, bracket)}")
                self._look(parent, bracket)
                live.update(self._picture(parent, bracket), refresh=True)
        if not self._screen.is_terminal:
            self._screen.print()  # in a pipe the picture is drawn once, at the end, without its last line's end
        self._hear_out(parent)
        self._conclude(parent, bracket)
        return parent, bracket

    def _place(self, symbol: str, qty: Decimal) -> tuple[Parent, Bracket]:
        params = {"end_at": end_at(self._client, str(Decimal(VWAP_S) / 60)), "slice": str(SLICE_S)}
        selling = {"symbol": symbol, "side": "sell", "type": "market", "qty": f"{qty:f}", "max_slippage_bps": "25"}
        parent = Parent(self._client, self._story.send(selling | {"strategy": "vwap", "strategy_params": params}))
        mid = self._story.mid(BRACKET_SYMBOL)
        buying = {"symbol": BRACKET_SYMBOL, "side": "buy", "type": "market", "qty": BRACKET_QTY}
        exits = {
            "take_profit": {"limit_price": f"{_near(mid, EXIT_BPS):f}"},
            "stop_loss": {"stop_price": f"{_near(mid, -EXIT_BPS):f}"},
        }
        body = buying | {"time_in_force": "ioc", "order_class": "bracket"} | exits
        return parent, Bracket(self._client, self._story.send(body))

    def _introduce(self, parent: Parent, bracket: Bracket) -> None:
        take, stop = bracket.leg("take_profit")["limit_price"], bracket.leg("stop_loss")["stop_price"]
        order = parent.order
        how = f"sell {order['qty']} {order['symbol']}, {VWAP_S} s, a slice every {SLICE_S} s"
        self._say("vwap", f"{how}  [dim]{order['order_id']}[/dim]")
        how = f"buy {BRACKET_QTY} {BRACKET_SYMBOL}, take profit at {take}, stop at {stop}"
        self._say("bracket", f"{how}  [dim]{bracket.answer['conditional_id']}[/dim]")

    def _look(self, parent: Parent, bracket: Bracket) -> None:
        for fill in self._listener.fills_for(LOOK_EVERY_S):
            parent.hear(fill)
        if not parent.is_done:
            parent.look(self._story.mid(parent.order["symbol"]))
        mid = self._story.mid(BRACKET_SYMBOL)
        bracket.look(mid)
        if parent.is_done and bracket.is_armed and bracket.moved_to is None:
            bracket.move_stop(_near(mid, 1))

    def _hear_out(self, parent: Parent) -> None:
        """Until the stream has told every fill. Raises CommandError where it has not."""
        filled = Decimal(parent.order["cum_qty"])
        deadline_s = time.monotonic() + HEAR_OUT_S
        while parent.heard != filled and time.monotonic() < deadline_s:
            for fill in self._listener.fills_for(LOOK_EVERY_S):
                parent.hear(fill)
        if parent.heard != filled:
            raise CommandError(Exit.CHECK_FAILED, f"the stream told fills of {parent.heard}, the order has {filled}")

    def _picture(self, parent: Parent, bracket: Bracket) -> RenderableType:
        from rich.console import Group

        slices = table(parent.cells(), _SLICE_COLUMNS, right=_SLICE_COLUMNS)
        return Group(slices, table(bracket.cells(), _LEG_COLUMNS, right=("mid_now", "filled", "filled_at")))

    def _conclude(self, parent: Parent, bracket: Bracket) -> None:
        order, last = parent.order, parent.rows[-1] if parent.rows else None
        cost_bps = parent.cost_bps(last) if last is not None else None
        self._say("vwap", f"{order['status']}: {order['cum_qty']} in {parent.n_fills} fills, all heard on the stream")
        if cost_bps is not None:
            self._say("", f"a cost of {cost_bps:.2f} bps against the market so far (fees left out), which is:")
            self._say("", "mids, weighted by what others traded meanwhile; it is simulated")
        if bracket.moved_to is not None:
            self._say(
                "bracket", f"neither exit was touched; PATCH moved the stop up to {bracket.moved_to:f}, so it fired"
            )
        for name, other in (("take_profit", "stop_loss"), ("stop_loss", "take_profit")):
            leg = bracket.leg(name)
            if leg["status"] == "filled":
                price = short(_average(leg.get("orders") or ()), 2)
                was = f"the {_words(other)} is {bracket.leg(other)['status']}"
                self._say("bracket", f"{_words(name)} sold {leg['cum_qty']} at {price}, {was}")

    def _say(self, what: str, text: str) -> None:
        self._screen.print(f"  [bold]{what:<10}[/bold] {text}")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _waits_for(leg: Mapping[str, Any]) -> str:
    if leg["stop_price"] is not None:
        return f"mid {'>=' if leg['side'] == 'buy' else '<='} {Decimal(leg['stop_price']):.2f}"
    return f"{leg['side']} at {Decimal(leg['limit_price']):.2f}" if leg["limit_price"] is not None else "nothing"


def _average(orders: Any) -> str | None:
    """The average price over the orders of a leg."""
    filled = [(Decimal(o["cum_qty"]), Decimal(o["avg_price"])) for o in orders if o["avg_price"]]
    total = sum((qty for qty, _ in filled), Decimal(0))
    return f"{sum((qty * price for qty, price in filled), Decimal(0)) / total:f}" if total else None


def _near(price: Decimal, bps: int) -> Decimal:
    """`price` and so many basis points, to the cent."""
    return (price * (_BPS + bps) / _BPS).quantize(Decimal("0.01"))


def _places(value: Decimal | None, places: int) -> str:
    return "" if value is None else f"{value:.{places}f}"


def _where(parent: Parent, bracket: Bracket) -> str:
    order, group = parent.order, bracket.answer
    return f"{order['order_id']} {order['status']}, {group['conditional_id']} {group['status']}"
