"""Stream, REST and acknowledgement tell one story: each fill once, the last word after the fills that it counts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import pytest

from app.domain.enums import Liquidity, Side, TimeInForce
from app.domain.fills import UNHELD, ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.domain.venue_stops import FOREVER_NS, StopSource, VenueStop
from app.venues.cex import reports
from app.venues.cex.profile_table import profile_of
from app.venues.cex.reports import OwnOrders
from tests.venues.cex.markets import listing

R = ReportKind
ID = "01M8B00Z1NXM48M0VT2ZJPE5RW"
LISTINGS = {"BTC/USDT": listing("binance", "BTC/USDT", "0.01", "0.001")}
CHILD = ChildOrder(
    "chd_1", ID, "ord_1", "desk", 1, "binance", "BTC/USDT", Side.BUY, TimeInForce.IOC, 10_050, 3, 1, 1, 2**60
)


def made(listings=LISTINGS, child=CHILD):
    told: list[ExecutionReport] = []
    orders = OwnOrders(profile_of("binance"), listings, told.append, lambda: 1)
    return orders, orders.add(child), told


def trade(n, qty, fee="0.000001", **changes):
    stated = {"cost": fee, "currency": "BTC"}
    return {"id": str(n), "order": "77", "price": "100.5", "amount": qty, "fee": stated, "timestamp": 5, **changes}


def word(status, filled, raw="FILLED"):
    return {"id": "77", "clientOrderId": ID, "status": status, "filled": filled, "info": {"X": raw}, "timestamp": 5}


ACK = ExecutionReport(R.ACKED, "binance", ID, "77", evidence="http:200")
DONE = word("expired", "0.002", "EXPIRED")


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_in_any_order_the_story_is_one(order):
    """An acknowledgement, two fills and the end, in any order and twice."""
    orders, own, told = made()
    words = [
        lambda: own.is_placed or orders.take_report(own, ACK),
        lambda: orders.take_trade(trade(1, "0.001"), "stream"),
        lambda: orders.take_trade(trade(2, "0.001"), "rest"),
        lambda: orders.take_order(DONE, "stream"),
    ]
    for _ in range(2):
        for n in order:
            words[n]()
    assert [report.kind for report in told] == [R.ACKED, R.FILLED, R.FILLED, R.EXPIRED]
    assert sorted(report.venue_trade_id for report in told[1:3]) == ["1", "2"]
    assert told[-1].cum_qty_lots == 2
    assert own.is_over


def test_a_fill_is_exact_and_says_who_made_the_market():
    orders, own, told = made()
    orders.take_report(own, ACK)
    orders.take_trade(trade(1, "0.003", "-0.0000025", takerOrMaker="maker"), "stream")
    fill = told[-1]
    assert (fill.price_ticks, fill.qty_lots, fill.fee_nano, fill.fee_currency) == (10_050, 3, -2_500, "BTC")
    assert fill.liquidity is Liquidity.MAKER
    assert fill.evidence == "stream trade:1"


def test_a_fill_without_its_fee_waits_for_a_source_that_states_it():
    orders, own, told = made()
    orders.take_report(own, ACK)
    orders.take_trade(trade(1, "0.003", fee=None), "stream")
    assert [report.kind for report in told] == [R.ACKED]
    assert own.lacks_fills
    orders.take_trade(trade(1, "0.003"), "rest", is_last_word=True)
    assert told[-1].fee_nano == 1_000
    orders.take_trade(trade(1, "0.003", fee=None), "stream")
    assert len(told) == 2


def test_an_end_waits_for_the_fills_that_it_counts():
    orders, own, told = made()
    orders.take_order(DONE, "stream")
    assert [report.kind for report in told] == [R.ACKED]
    assert own.lacks_fills
    orders.take_trade(trade(1, "0.002"), "rest")
    assert [report.kind for report in told] == [R.ACKED, R.FILLED, R.EXPIRED]


def test_the_vendors_word_for_the_whole_counts_the_whole_whatever_number_is_beside_it():
    """Else a fill that the stream left out is lost for ever: nobody asks about an order that has ended."""
    orders, own, told = made()
    orders.take_report(own, ACK)
    orders.take_trade(trade(2, "0.002"), "stream")
    for source in ("stream", "rest"):
        orders.take_order(word("closed", "0.002"), source)
        assert [report.kind for report in told] == [R.ACKED, R.FILLED]
        assert (own.lacks_fills, own.is_over) == (True, False)
    orders.take_trade(trade(1, "0.001"), "rest")
    assert [report.kind for report in told] == [R.ACKED, R.FILLED, R.FILLED]
    assert (own.told_lots, own.is_over) == (3, True)


@pytest.mark.parametrize("amount", ["0.002", None])
def test_what_is_but_a_bound_ends_with_what_the_venue_says_that_it_was(amount):
    whole = word("closed", "0.002") | {"amount": amount}
    for wave, ends in ((0, [R.CANCELED]), (1, [])):
        orders, _, told = made(child=replace(CHILD, wave=wave))
        orders.take_order(whole, "rest")
        orders.take_trade(trade(1, "0.002"), "rest")
        assert [report.kind for report in told] == [R.ACKED, R.FILLED, *ends]
        assert all(report.cum_qty_lots == 2 for report in told[1:])


def test_who_asks_with_a_bound_is_told_that_the_filled_order_has_ended():
    """The engine died, the venue's own process did not: it holds what really left."""
    orders, real, told = made()
    orders.take_report(real, ACK)
    orders.take_trade(trade(1, "0.003"), "stream")
    told.clear()
    orders.tell_end(real, CHILD)
    assert not told
    orders.tell_end(real, replace(CHILD, qty_lots=5))
    assert [(report.kind, report.client_id, report.cum_qty_lots) for report in told] == [(R.EXPIRED, ID, 3)]


def test_ccxts_word_for_the_whole_may_be_less_of_it():
    """KuCoin says over REST that an order is no longer active, and no more."""
    orders, own, told = made()
    orders.take_report(own, ACK)
    orders.take_order({**word("closed", "0"), "info": {"isActive": False}}, "rest")
    assert [report.kind for report in told] == [R.ACKED, R.CANCELED]


def test_fills_that_wait_for_their_fees_are_all_lacking():
    orders, own, told = made()
    orders.take_report(own, ACK)
    for n in (1, 2, 2):
        orders.take_trade(trade(n, "0.001", fee=None), "stream")
    orders.take_trade(trade(2, "0.001"), "rest")
    orders.take_order(word("expired", "0", "EXPIRED"), "stream")
    assert own.lacks_fills
    assert [report.kind for report in told] == [R.ACKED, R.FILLED]
    orders.take_trade(trade(1, "0.001"), "rest")
    assert [report.kind for report in told] == [R.ACKED, R.FILLED, R.FILLED, R.EXPIRED]


@pytest.mark.parametrize("status", [("canceled", "CANCELED"), ("closed", "FILLED"), ("expired", "EXPIRED")])
def test_an_end_that_does_not_count_its_fills_is_none_until_rest_counts_them(status):
    """Else a part that was filled and is not heard of yet would be sent again elsewhere."""
    orders, own, told = made()
    orders.take_report(own, ACK)
    own.next_look_ns = 99
    orders.take_order(word(status[0], None, status[1]), "stream")
    assert [report.kind for report in told] == [R.ACKED]
    assert own.next_look_ns == 0
    orders.take_order(word("canceled", "0.001", "CANCELED"), "rest")
    assert [report.kind for report in told] == [R.ACKED]
    orders.take_trade(trade(1, "0.001"), "rest")
    assert [(r.kind, r.cum_qty_lots) for r in told[1:]] == [(R.FILLED, 1), (R.CANCELED, 1)]


def test_fills_in_finer_lots_than_ours_are_told_in_whole_ones_with_all_their_fees():
    orders, own, told = made()
    orders.take_report(own, ACK)
    for n, qty in enumerate(("0.0004", "0.0008", "0.0018"), 1):
        orders.take_trade(trade(n, qty, "0.000001"), "stream")
    assert [report.qty_lots for report in told[1:]] == [1, 2]
    assert [report.fee_nano for report in told[1:]] == [2_000, 1_000]


@pytest.mark.parametrize("side", list(Side))
def test_money_of_lots_made_at_several_prices_is_exact_where_the_fee_is_in_it(side):
    told: list[ExecutionReport] = []
    orders = OwnOrders(profile_of("binance"), LISTINGS, told.append, lambda: 1)
    own = orders.add(replace(CHILD, side=side))
    orders.take_report(own, ACK)
    trades = (("0.0004", "100.50"), ("0.0008", "100.607"), ("0.0018", "100.7"))
    for n, (qty, price) in enumerate(trades, 1):
        stated = {"cost": "0.000001", "currency": "USDT"}
        orders.take_trade({**trade(n, qty, price=price), "fee": stated}, "stream")
    symbol, instrument = LISTINGS["BTC/USDT"]
    moved = sum(Decimal(q) * Decimal(p) for q, p in trades) * side.sign + Decimal("0.000003")
    said = sum(
        side.sign * symbol.money_nano(fill.price_ticks * instrument.tick_units, fill.qty_lots * instrument.lot_units)
        + fill.fee_nano
        for fill in told[1:]
    )
    assert said == int(moved.scaleb(9))
    assert sum(fill.qty_lots for fill in told[1:]) == 3


def test_strangers_are_kept_for_a_while_and_nobody_elses_order_is_told():
    orders, own, told = made()
    orders.take_trade(trade(1, "0.003", order="99"), "stream")
    assert orders.take_order({**DONE, "id": "99", "clientOrderId": "other"}, "stream") is None
    assert told == []
    orders.take_report(own, replace(ACK, venue_order_id="99"))
    assert [report.kind for report in told] == [R.ACKED, R.FILLED]


def test_a_query_retells_everything():
    orders, own, told = made()
    orders.take_report(own, ACK)
    orders.take_trade(trade(1, "0.002"), "stream")
    orders.take_order(DONE, "stream")
    said = [report.kind for report in told]
    told.clear()
    orders.retell(own)
    assert [report.kind for report in told] == said
    assert list(orders.open()) == []


def test_a_word_that_is_open_or_unknown_ends_nothing():
    orders, own, _ = made()
    orders.take_order(word("open", "0", "NEW"), "rest")
    orders.take_order(word(None, "0", "SOMETHING_NEW"), "rest")
    orders.take_order(word("closed", "0.001", "SOMETHING_NEW"), "rest")  # ccxt's own reading of a word it does not know
    assert own.end_state is None
    assert list(orders.open()) == [own]
    assert orders.client_id_of({"clientOrderId": ID}) == ID
    assert orders.client_id_of({"clientOrderId": "abc"}) == ""


def stopped(venue):
    """Our orders at `venue` with one stop among them, acknowledged as 77."""
    told: list[ExecutionReport] = []
    orders = OwnOrders(profile_of(venue), {"BTC/USDT": listing(venue, "BTC/USDT", "0.01", "0.001")}, told.append, int)
    stop = VenueStop(10_000, StopSource.LAST)
    own = orders.add(replace(CHILD, venue=venue, stop=stop, rest_until_ns=FOREVER_NS))
    orders.take_report(own, replace(ACK, venue=venue))
    return orders, own, told


def test_a_stop_that_is_canceled_before_its_price_came_is_canceled():
    orders, own, told = stopped("okx")
    row = {"id": "77", "filled": None, "info": {"state": "canceled", "algoClOrdId": ID, "ordId": ""}}
    orders.take_order(row, "rest")
    assert (told[-1].kind, told[-1].cum_qty_lots, own.is_off) == (R.CANCELED, 0, False)


def test_what_came_of_a_stop_has_another_id_and_its_trades_may_outrun_the_word():
    """Its rest is given up by a cancel of ours: told as expired, for no wish of the engine ended it."""
    orders, own, told = stopped("okx")
    orders.take_trade(trade(1, "0.002") | {"order": "991"}, "stream")
    assert [report.kind for report in told] == [R.ACKED]
    live = {"state": "partially_filled", "algoId": "77", "algoClOrdId": ID, "ordId": "991"}
    orders.take_order({"id": "77", "filled": "0.002", "status": "open", "info": live}, "stream")
    assert (told[-1].kind, told[-1].qty_lots, own.live_id, own.is_off) == (R.FILLED, 2, "991", True)
    orders.take_order({"id": "77", "filled": "0.002", "info": live | {"state": "canceled"}}, "rest")
    assert (told[-1].kind, told[-1].cum_qty_lots) == (R.EXPIRED, 2)
    assert own.is_over


@pytest.mark.parametrize(
    ("venue", "info", "is_off"),
    [
        ("kraken", {"status": "open", "misc": ""}, False),
        ("kraken", {"status": "open", "misc": "stopped,partial"}, True),
        ("kraken", {"order_status": "new", "triggers": {"status": "untriggered"}}, False),
        ("kraken", {"order_status": "new", "triggers": {"status": "triggered"}}, True),
        ("coinbase", {"status": "OPEN", "trigger_status": "STOP_PENDING"}, False),
        ("coinbase", {"status": "OPEN", "trigger_status": "STOP_TRIGGERED"}, True),
        ("htx", {"state": "created"}, False),
        ("htx", {"state": "submitted"}, True),
        ("htx", {"orderStatus": "submitted"}, True),
        ("htx", {"state": "canceled"}, False),
        ("okx", {"state": "live", "ordId": ""}, False),
        ("okx", {"state": "effective", "ordId": "991"}, True),
        ("okx", {"state": "order_failed", "ordId": ""}, True),
        ("deribit", {"order_state": "untriggered"}, False),
        ("deribit", {"order_state": "cancelled"}, False),
        ("deribit", {"order_state": "triggered"}, True),
        ("deribit", {"order_state": "rejected"}, True),
        ("deribit", {"order_state": "open", "order_id": "991", "trigger_order_id": "77"}, True),
        ("bybit", {"orderStatus": "Untriggered"}, False),
        ("bybit", {"orderStatus": "Deactivated"}, False),
        ("bybit", {"orderStatus": "Triggered"}, True),
        ("bybit", {"orderStatus": "Cancelled", "rejectReason": "EC_NoImmediateQtyToFill"}, True),
        ("bybit", {"orderStatus": "Cancelled", "rejectReason": "EC_PerCancelRequest"}, False),
        ("bybit", {"orderStatus": "Rejected"}, True),
    ],
)
def test_the_vendors_row_says_that_a_stop_waits_no_more(venue, info, is_off):
    orders, own, told = stopped(venue)
    orders.take_order({"id": "77", "filled": "0", "info": info}, "rest")
    assert own.is_off is is_off
    ends = {"order_failed": [R.EXPIRED], "canceled": [R.CANCELED], "Deactivated": [R.CANCELED]}
    ends |= {
        "Cancelled": [R.EXPIRED if is_off else R.CANCELED],
        "Rejected": [R.EXPIRED],
        "rejected": [R.EXPIRED],
        "cancelled": [R.CANCELED],
    }
    word = info.get("state") or info.get("orderStatus") or info.get("order_state")
    assert [report.kind for report in told[1:]] == ends.get(word, [])


def others(orders, n):
    """`n` more orders that have ended."""
    for i in range(n):
        child = replace(CHILD, client_id=f"01M8B00Z1NXM48M0VT2ZJ{i:05d}", child_id=f"chd_{i + 2}")
        own = orders.add(child)
        orders.take_report(own, replace(ACK, client_id=child.client_id, venue_order_id=f"v{i}"))
        orders.take_report(own, ExecutionReport(R.REJECTED, "binance", child.client_id, code="no"))


def unheld(told):
    return [report for report in told if report.code == UNHELD]


@pytest.mark.parametrize("names_us", [True, False])
def test_a_word_about_an_order_that_ended_long_ago_reaches_the_engine(monkeypatch, names_us):
    monkeypatch.setattr(reports, "_MAX_ENDED", 3)
    orders, own, told = made()
    orders.take_report(own, ACK)
    orders.take_order(word("canceled", "0", "CANCELED"), "stream")
    assert own.is_over
    others(orders, 3)
    assert orders.of(ID) is None
    late = trade(9, "0.001") | ({"clientOrderId": ID} if names_us else {})
    if names_us:
        orders._past.clear()
    orders.take_trade(late, "stream")
    (report,) = unheld(told)
    assert (report.kind, report.client_id, report.venue_order_id) == (R.UNKNOWN, ID, "77")
    orders.add(CHILD)  # the engine asks
    orders.take_order(word("canceled", "0.001", "CANCELED"), "rest")
    assert [t.venue_trade_id for t in told if t.kind is R.FILLED] == ["9"], "the word itself was not lost either"
    orders.take_trade(late, "stream")
    assert len(unheld(told)) == 1
    assert len([t for t in told if t.kind is R.FILLED]) == 1


def test_an_order_of_an_earlier_life_is_asked_about_and_a_list_is_not_news():
    told: list[ExecutionReport] = []
    orders = OwnOrders(profile_of("binance"), LISTINGS, told.append, lambda: 1)
    orders.take_order(word("closed", "0.003"), "rest")
    orders.take_trade(trade(1, "0.001", clientOrderId=ID), "rest")
    assert not told
    orders.take_order(word("closed", "0.003"), "stream")
    assert [report.client_id for report in unheld(told)] == [ID]


def test_nobody_elses_order_is_told_of():
    told: list[ExecutionReport] = []
    orders = OwnOrders(profile_of("binance"), LISTINGS, told.append, lambda: 1)
    orders.take_order(word("open", "0") | {"clientOrderId": "web_4711"}, "stream")
    orders.take_trade(trade(1, "0.001", clientOrderId="web_4711"), "stream")
    assert not told


def test_a_fill_before_its_acknowledgement_is_of_an_order_that_is_held():
    orders, own, told = made()
    orders.take_trade(trade(1, "0.001", clientOrderId=ID), "stream")
    assert not told
    orders.take_report(own, ACK)
    assert [report.kind for report in told] == [R.ACKED, R.FILLED]


def test_what_is_kept_of_ended_orders_is_bounded(monkeypatch):
    monkeypatch.setattr(reports, "_MAX_ENDED", 3)
    monkeypatch.setattr(reports, "_MAX_PAST", 5)
    orders, _, _ = made()
    others(orders, 40)
    assert len(orders._by_client_id) == 4  # the one that is open, and three
    assert len(orders._past) == 5
    assert len(orders._by_venue_id) == 3
