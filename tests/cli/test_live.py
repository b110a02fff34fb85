"""The demo's orders in time: told from the API's answers, against what the market did, exits to their end."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from rich.console import Console

from app.cli.client import Client
from app.cli.exits import CommandError, Exit
from app.cli.live import Bracket, Parent, Working


def order(status="partially_filled", cum="2", average="101", side="sell"):
    schedule = {"start_at": "2026-01-01T00:00:00Z"}
    return {
        "order_id": "ord_v",
        "status": status,
        "symbol": "ETH/USDT",
        "side": side,
        "qty": "4",
        "cum_qty": cum,
        "avg_price": average,
        "schedule": schedule,
        "created_at": "2026-01-01T00:00:00Z",
        "last_seq": 10,
    }


def released(seq, second, due, others, order_id="ord_v"):
    data = {"due_qty": due, "others_qty": others}
    return {
        "seq": seq,
        "ts": f"2026-01-01T00:00:0{second}Z",
        "kind": "slice_released",
        "order_id": order_id,
        "data": data,
    }


def leg(name, status, *, cum="0", side="sell", limit=None, stop=None, orders=()):
    return {
        "leg": name,
        "status": status,
        "side": side,
        "qty": "0.5",
        "cum_qty": cum,
        "limit_price": limit,
        "stop_price": stop,
        "orders": [{"cum_qty": qty, "avg_price": price} for qty, price in orders],
    }


def group(status="partially_filled", take="armed", stop="armed"):
    legs = [
        leg("entry", "filled", cum="0.5", side="buy", orders=[("0.2", "100"), ("0.3", "110")]),
        leg("take_profit", take, cum="0.5" if take == "filled" else "0", limit="120", orders=[("0.5", "121")]),
        leg("stop_loss", stop, cum="0.5" if stop == "filled" else "0", stop="90", orders=[("0.5", "89")]),
    ]
    return {"conditional_id": "cnd_b", "status": status, "version": 3, "legs": legs}


class Quiet:
    """A story and a listener: fixed mids, ids of their own, and the fills that are due."""

    def __init__(self, answers=(), fills=()):
        self.answers, self.fills, self.sent = list(answers), list(fills), []

    def send(self, body):
        self.sent.append(body)
        return self.answers.pop(0)

    def mid(self, symbol):
        return Decimal(100)

    def fills_for(self, seconds):
        fills, self.fills = self.fills, []
        return iter(fills)


def says(service, *, events=(), parent=None, bracket=None):
    service.says("GET", "/v1/events", {"data": list(events)})
    service.says("GET", "/v1/orders/ord_v", parent or order())
    service.says("GET", "/v1/conditional-orders/cnd_b", bracket or group())


def test_the_market_is_mids_weighted_by_what_others_traded(service):
    parent = Parent(Client(service.url, ""), order())
    says(service, events=[released(11, 0, "1", "0")])
    parent.look(Decimal(100))
    assert parent.rows[0].market is None
    assert parent.cost_bps(parent.rows[0]) is None
    says(service, events=[released(12, 2, "2", "30"), released(13, 2, "9", "90", "ord_other")])
    parent.look(Decimal(102))  # 100 and 102 were seen while others traded 30
    says(service, events=[released(14, 4, "3", "40")])
    parent.look(Decimal(107))  # 102 and 107 while they traded 10
    assert parent.market == (Decimal(101) * 30 + Decimal("104.5") * 10) / 40
    assert [row.second for row in parent.rows] == [0.0, 2.0, 4.0]
    market = parent.market
    assert parent.cost_bps(parent.rows[-1]) == (market - 101) / market * 10_000
    parent.order["side"] = "buy"
    assert parent.cost_bps(parent.rows[-1]) == (101 - market) / market * 10_000


def test_what_is_tried_again_is_the_same_slice(service):
    parent = Parent(Client(service.url, ""), order())
    says(service, events=[released(11, 0, "1", "0"), released(12, 1, "1", "5"), released(13, 2, "2", "8")])
    parent.look(Decimal(100))
    assert [str(row.released) for row in parent.rows] == ["1", "2"]
    assert parent.cells()[-1]["filled"] == "2"


def test_only_its_own_fills_are_counted(service):
    parent = Parent(Client(service.url, ""), order())
    parent.hear({"order_id": "ord_v", "last_qty": "1.5"})
    parent.hear({"order_id": "ord_x", "last_qty": "7"})
    assert (parent.n_fills, parent.heard) == (1, Decimal("1.5"))


def test_a_bracket_shows_what_waits_and_averages_its_orders(service):
    entry, take, stop = Bracket(Client(service.url, ""), group(), Decimal("100.5")).cells()
    assert entry["filled_at"] == "106"
    assert entry["mid_now"] == ""
    assert take["waits_for"] == "sell at 120.00"
    assert (stop["waits_for"], stop["mid_now"]) == ("mid <= 90.00", "100.50")


def test_a_stop_that_is_no_longer_armed_needs_no_move(service):
    bracket = Bracket(Client(service.url, ""), group())
    service.says("PATCH", "/v1/conditional-orders/cnd_b", {"code": "leg_triggered", "detail": "too late"}, 409)
    says(service, bracket=group("filled", "filled", "canceled"))
    bracket.move_stop(Decimal("101"))
    assert bracket.is_done
    says(service)
    with pytest.raises(CommandError, match="too late"):
        bracket.move_stop(Decimal("101"))


def run(service, *, fills, bracket):
    says(service, events=[released(11, 0, "4", "0")], parent=order("filled", "4"), bracket=bracket)
    screen = Console(file=io.StringIO(), width=120)
    service.says("GET", "/v1/time", {"time_ns": "1767225600000000000"})
    story = Quiet([order("new", "0", None), group()])
    Working(story, Client(service.url, ""), Quiet(fills=fills), screen).run("ETH/USDT", Decimal(4))
    return story.sent, screen.file.getvalue()


def test_both_are_placed_shown_and_told_to_their_end(service):
    fills = [{"order_id": "ord_v", "last_qty": "1"}, {"order_id": "ord_v", "last_qty": "3"}]
    (selling, buying), shown = run(service, fills=fills, bracket=group("filled", "filled", "canceled"))
    assert selling["strategy"] == "vwap"
    assert selling["strategy_params"] == {"end_at": "2026-01-01T00:00:20.000000Z", "slice": "2"}
    assert selling["qty"] == "4"
    assert buying["order_class"] == "bracket"
    assert (buying["take_profit"], buying["stop_loss"]) == ({"limit_price": "100.03"}, {"stop_price": "99.97"})
    assert "filled: 4 in 2 fills" in shown
    assert "take profit sold 0.5 at 121, the stop loss is canceled" in shown


def test_a_fill_that_the_stream_never_tells_is_an_error(service, monkeypatch):
    monkeypatch.setattr("app.cli.live.HEAR_OUT_S", 0.05)
    with pytest.raises(CommandError) as raised:
        run(service, fills=[{"order_id": "ord_v", "last_qty": "1"}], bracket=group("filled", "filled", "canceled"))
    assert raised.value.code is Exit.CHECK_FAILED


def test_an_untouched_stop_is_moved_up_so_that_the_bracket_ends(service):
    def patched(path):
        says(service, bracket=group("filled", "canceled", "filled"))
        return group()

    service.says("PATCH", "/v1/conditional-orders/cnd_b", patched)
    says(service)
    bracket = group()
    says(service, bracket=bracket)
    _, shown = run_from_armed(service)
    (change,) = [each.body for each in service.asked if each.method == "PATCH"]
    assert change == {"if_version": 3, "legs": [{"leg": "stop_loss", "stop_price": "100.01"}]}
    assert "PATCH moved the stop up to 100.01" in shown
    assert "stop loss sold 0.5 at 89" in shown


def run_from_armed(service):
    service.says("GET", "/v1/orders/ord_v", order("filled", "4"))
    service.says("GET", "/v1/events", {"data": [released(11, 0, "4", "0")]})
    service.says("GET", "/v1/time", {"time_ns": "1767225600000000000"})
    screen = Console(file=io.StringIO(), width=120)
    fills = [{"order_id": "ord_v", "last_qty": "4"}]
    Working(Quiet([order("new", "0", None), group()]), Client(service.url, ""), Quiet(fills=fills), screen).run(
        "ETH/USDT", Decimal(4)
    )
    return None, screen.file.getvalue()


def test_what_does_not_end_in_time_is_unknown(service, monkeypatch):
    monkeypatch.setattr("app.cli.live.VWAP_S", 0.2)
    monkeypatch.setattr("app.cli.live.GIVE_UP_S", 0.0)
    says(service)
    service.says("GET", "/v1/time", {"time_ns": "1767225600000000000"})
    screen = Console(file=io.StringIO(), width=120)
    with pytest.raises(CommandError, match="ord_v partially_filled, cnd_b partially_filled") as raised:
        Working(Quiet([order(), group()]), Client(service.url, ""), Quiet(), screen).run("ETH/USDT", Decimal(4))
    assert raised.value.code is Exit.UNKNOWN
