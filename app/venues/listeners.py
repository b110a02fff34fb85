"""Whoever listens to a simulated exchange: told in the order in which they came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.domain.book import BookSnapshot
from app.domain.fills import ExecutionReport
from app.domain.ports import BookSink, MarksSink, ReportSink, TradesSink
from app.domain.quick import changed
from app.domain.trade import MarkPrice, TradePrint


@dataclass(eq=False, slots=True)
class Listener:
    """One listener; None: it does not ask for that."""

    on_report: ReportSink
    on_book: BookSink
    on_trades: TradesSink | None
    on_marks: MarksSink | None


@dataclass(slots=True)
class Listeners:
    """Those who are attached now; who leaves while something is told is still told it."""

    _all: list[Listener] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self._all)

    def attach(self, listener: Listener) -> Callable[[], None]:
        """The answer detaches it; to detach twice is to detach once."""
        self._all.append(listener)

        def detach() -> None:
            if listener in self._all:
                self._all.remove(listener)

        return detach

    def tell_reports(self, reports: Sequence[ExecutionReport]) -> None:
        for report in reports:
            for each in list(self._all):
                each.on_report(report)

    def tell(self, book: BookSnapshot, trades: Sequence[TradePrint], mark: MarkPrice, now_ns: int) -> None:
        """A book, then what was traded before it and what its venue says that it is worth (0: nothing)."""
        book = changed(book, received_ts_ns=now_ns)
        told = [changed(trade, received_ts_ns=now_ns) for trade in trades]
        for each in list(self._all):
            each.on_book(book)
            if each.on_trades is not None and told:
                each.on_trades(told)
            if each.on_marks is not None and mark.price_units:
                each.on_marks([changed(mark, received_ts_ns=now_ns)])
