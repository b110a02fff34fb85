"""A slow twin of a venue that holds stops: orders, trades and words on their way, by the words of the docs alone.

What the engine sends arrives later or never; what the venue says is heard later, twice, out of order or never.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.domain.enums import Side
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.domain.venue_stops import StopSource
from app.execution import inputs as inp
from tests.worlds import report


@dataclass
class There:
    """One order at the venue, and all that was ever said about it."""

    child: ChildOrder
    traded_lots: int = 0
    is_over: bool = False
    is_off: bool = False
    said: list[ExecutionReport] = field(default_factory=list)

    @property
    def leaves_units(self) -> int:
        return 0 if self.is_over else (self.child.qty_lots - self.traded_lots) * self.child.lot_units

    @property
    def traded_units(self) -> int:
        return self.traded_lots * self.child.lot_units


@dataclass
class StopVenue:
    """`coming`: commands on their way to it. `going`: its words on their way back."""

    now_ns: int
    last_units: int
    mark_units: int
    can_replace: bool = True
    orders: dict[str, There] = field(default_factory=dict)
    coming: list[inp.Command] = field(default_factory=list)
    going: list[ExecutionReport] = field(default_factory=list)
    n_trades: int = 0
    n_off: int = 0
    n_replaced: int = 0
    n_crossed: int = 0  # cancels and replacements that came after a stop had gone off

    def arrive(self, command: inp.Command, share: int) -> None:
        """One command gets there; an immediate order trades `share` thirds."""
        match command:
            case inp.SendChild():
                self._take(command.approved.value, share)
            case inp.CancelChild():
                self._cancel(command.child)
            case inp.QueryChild():
                self._answer(command.child)
            case _:
                raise AssertionError(command)

    def _take(self, child: ChildOrder, share: int) -> None:
        if self.now_ns > child.deadline_ts_ns:
            self.going.append(report(child, ReportKind.REJECTED, code="deadline_passed"))
            return
        old = self.orders.get(child.stop.replaces) if child.stop is not None and child.stop.replaces else None
        if child.stop is not None and child.stop.replaces and (old is None or old.is_over or not self.can_replace):
            self.n_crossed += 1
            self.going.append(report(child, ReportKind.REJECTED, code="replaced_order_done"))
            return
        here = self.orders[child.client_id] = There(child)
        self._say(here, report(child, ReportKind.ACKED, venue_ts_ns=self.now_ns))
        if old is not None:
            self.n_replaced += 1
            self._end(old, ReportKind.CANCELED)
        if child.stop is None:
            self._trade(here, share)
            if not here.is_over:
                self._end(here, ReportKind.CANCELED)
        else:
            self._look_at(here, share)

    def _cancel(self, child: ChildOrder) -> None:
        here = self.orders.get(child.client_id)
        if here is None or here.is_over:
            self.n_crossed += here is not None and here.is_off
            self.going.append(report(child, ReportKind.CANCEL_REJECTED))
        else:
            self._end(here, ReportKind.CANCELED)

    def _answer(self, child: ChildOrder) -> None:
        here = self.orders.get(child.client_id)
        if here is None:
            self.going.append(report(child, ReportKind.NOT_FOUND, venue_ts_ns=self.now_ns, evidence="query"))
        else:
            self.going += here.said

    def move(self, last_units: int, mark_units: int, share: int) -> None:
        """Others trade, the mark moves, and what they have reached goes off."""
        self.last_units, self.mark_units = last_units, mark_units
        for here in list(self.orders.values()):
            if here.child.stop is not None and not here.is_over:
                self._look_at(here, share)

    def _look_at(self, here: There, share: int) -> None:
        stop = here.child.stop
        assert stop is not None
        level = stop.price_ticks * here.child.tick_units
        price = self.last_units if stop.by is StopSource.LAST else self.mark_units
        is_there = price >= level if here.child.side is Side.BUY else price <= level
        if is_there:
            here.is_off = True
            self.n_off += 1
            self._trade(here, share)
            if not here.is_over:
                self._end(here, ReportKind.EXPIRED)

    def _trade(self, here: There, share: int) -> None:
        lots = here.child.qty_lots * share // 3
        if not lots:
            return
        self.n_trades += 1
        here.traded_lots += lots
        here.is_over = here.traded_lots == here.child.qty_lots
        said = report(
            here.child,
            ReportKind.FILLED,
            venue_trade_id=f"t{self.n_trades}",
            price_ticks=here.child.price_ticks,
            qty_lots=lots,
            cum_qty_lots=here.traded_lots,
            fee_currency="USDT",
            mid_half_units=2 * self.last_units,
        )
        self._say(here, said)

    def _end(self, here: There, kind: ReportKind) -> None:
        here.is_over = True
        self._say(here, report(here.child, kind, cum_qty_lots=here.traded_lots))

    def _say(self, here: There, said: ExecutionReport) -> None:
        here.said.append(said)
        self.going.append(said)
