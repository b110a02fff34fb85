"""The demo's client: hears its order's end on both channels, notices a gap, waits for ready."""

from __future__ import annotations

import json

import pytest

from app.cli.client import Client
from app.cli.exits import CommandError, Exit
from app.cli.story import Listener, Sample, Told, wait_until_ready


class Socket:
    """A stream that says what it is told, then falls silent."""

    def __init__(self, *messages):
        replies = [{"op": "auth", "id": 1, "ok": True}, *({"op": "subscribe", "id": n, "ok": True} for n in (2, 3))]
        self.waiting = [*replies, *messages]
        self.said = []

    def send(self, text):
        self.said.append(json.loads(text))

    def recv(self, timeout):
        if not self.waiting:
            raise TimeoutError
        return json.dumps(self.waiting.pop(0))


def trade(seq, prev_seq, qty, order_id="ord_1"):
    data = [{"order_id": order_id, "last_qty": qty, "venue": "sim_a"}]
    return {"channel": "executions", "sub": 2, "seq": seq, "prev_seq": prev_seq, "data": data}


def order(seq, prev_seq, status, cum_qty, order_id="ord_1"):
    data = [{"order_id": order_id, "order_status": status, "cum_qty": cum_qty}]
    return {"channel": "orders", "sub": 1, "seq": seq, "prev_seq": prev_seq, "data": data}


def last(listener):
    told = None
    for told in listener.follow("ord_1", 0.1):  # noqa: B007 - the last one counts
        pass
    return told


def test_it_authenticates_first_and_subscribes_to_both_channels():
    socket = Socket()
    Listener(socket, "secret")
    assert [message["op"] for message in socket.said] == ["auth", "subscribe", "subscribe"]
    assert socket.said[0]["token"] == "secret"


def test_an_order_has_ended_when_all_its_fills_have_been_heard():
    ended_first = [order(3, 1, "filled", "3"), trade(1, 0, "1"), trade(2, 1, "2.0")]
    told = last(Listener(Socket(*ended_first), "k"))
    assert told.status == "filled"
    assert len(told.executions) == 2
    assert Sample(told, None).is_filled
    assert Sample(told, None).filled_qty == 3


def test_other_orders_and_heartbeats_are_not_ours():
    foreign = [trade(1, 0, "9", "ord_2"), {"channel": "heartbeat", "last_seq": 1}, order(2, 0, "canceled", "0")]
    told = last(Listener(Socket(*foreign), "k"))
    assert told == Told("ord_1", [], "canceled")


def test_a_gap_in_a_subscription_is_found():
    with pytest.raises(CommandError, match="gap"):
        last(Listener(Socket(trade(1, 0, "1"), trade(5, 4, "1")), "k"))


def test_silence_is_an_unknown_outcome():
    with pytest.raises(CommandError) as raised:
        last(Listener(Socket(), "k"))
    assert raised.value.code is Exit.UNKNOWN


def test_every_fill_of_the_account_is_heard_for_a_while():
    listener = Listener(Socket(trade(1, 0, "1"), order(2, 0, "new", "0"), trade(2, 1, "2", "ord_2")), "k")
    assert [fill["last_qty"] for fill in listener.fills_for(0.2)] == ["1", "2"]
    assert list(listener.fills_for(0.0)) == []


def test_a_refused_key_is_said(monkeypatch):
    socket = Socket()
    socket.waiting = [{"op": "error", "id": 1, "ok": False, "code": "unauthenticated"}]
    with pytest.raises(CommandError, match="said no"):
        Listener(socket, "k")


def test_ready_is_waited_for_but_not_for_ever(service):
    service.says("GET", "/readyz", {"ready": True})
    wait_until_ready(Client(service.url, ""))
    service.says("GET", "/readyz", {"code": "not_ready", "detail": "no books"}, 503)
    with pytest.raises(CommandError, match="no books"):
        wait_until_ready(Client(service.url, ""), timeout_s=0.1)
