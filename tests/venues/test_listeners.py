"""Listeners of a simulated exchange hear all of it, in order, until they leave."""

from __future__ import annotations

from dataclasses import replace

from app.domain.book import BookSnapshot
from app.domain.enums import Side
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.trade import MarkPrice, TradePrint
from app.venues.listeners import Listener, Listeners

BOOK = BookSnapshot("sim", "BTC/USDT", 7, 100, 100, ((10, 1),), ((11, 1),))
TRADE = TradePrint("sim", "BTC/USDT", 10, 1, Side.BUY, 100, 100)
NO_MARK, MARK = (MarkPrice("sim", "BTC/USDT", price, 100, 100) for price in (0, 10))


def test_each_hears_what_it_asked_for_with_the_time_of_its_coming() -> None:
    listeners, heard = Listeners(), []
    listeners.attach(Listener(heard.append, heard.append, heard.extend, heard.extend))
    books = []
    listeners.attach(Listener(lambda _: None, books.append, None, None))
    listeners.tell(BOOK, [TRADE], NO_MARK, 250)
    assert [(type(word), word.received_ts_ns) for word in heard] == [(BookSnapshot, 250), (TradePrint, 250)]
    assert books == [replace(BOOK, received_ts_ns=250)]
    listeners.tell(BOOK, [], MARK, 300)
    assert [type(word) for word in heard[2:]] == [BookSnapshot, MarkPrice]


def test_who_leaves_while_reports_are_told_ends_for_itself_alone() -> None:
    listeners, heard = Listeners(), []
    reports = [ExecutionReport(ReportKind.ACKED, "sim", client_id) for client_id in ("a", "b")]

    def once(report: ExecutionReport) -> None:
        heard.append(("first", report.client_id))
        detach()

    detach = listeners.attach(Listener(once, lambda _: None, None, None))
    listeners.attach(Listener(lambda r: heard.append(("second", r.client_id)), lambda _: None, None, None))
    listeners.tell_reports(reports)
    assert heard == [("first", "a"), ("second", "a"), ("second", "b")]
    detach()
    assert listeners
