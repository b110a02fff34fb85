"""The far side tells when the kernel had a child's bytes, however late it reads them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from app.domain.enums import Side, TimeInForce
from app.domain.orders import ChildOrder
from app.venues.wire import Hello, ReportMessage, SendChild, Welcome, decode_answer, encode
from loadtests import feed_sink

LATE_S = 0.05


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.setsockopt(socket.SOL_SOCKET, feed_sink.SO_TIMESTAMPNS, 1)
        for _ in range(3_000):  # the kernel begins to stamp a moment after it was first asked
            if stamps(made):
                break
        yield made


def stamps(server: socket.socket) -> bool:
    """Whether a packet of now is stamped."""
    with socket.create_connection(server.getsockname()) as ours, server.accept()[0] as line:
        ours.sendall(b"some")
        with suppress(LookupError):
            return feed_sink.read_stamped(line)[1] > 0
    time.sleep(0.01)
    return False


def child(client_id: str) -> ChildOrder:
    words = (f"chd_{client_id}", client_id, "ord", "desk", 1, "ven", "BTC/USDT", Side.SELL, TimeInForce.IOC)
    return ChildOrder(*words, price_ticks=6_000_000, qty_lots=4, tick_units=1, lot_units=1, deadline_ts_ns=10**18)


def test_bytes_are_stamped_when_they_were_written_not_when_they_are_read(server: socket.socket) -> None:
    with socket.create_connection(server.getsockname()) as ours:
        line, _ = server.accept()
        with line:
            began_ns = time.time_ns()
            ours.sendall(b"some")
            time.sleep(LATE_S)
            data, stamp_ns = feed_sink.read_stamped(line)
            assert data == b"some"
            assert began_ns <= stamp_ns < began_ns + LATE_S * 1e9
            ours.shutdown(socket.SHUT_WR)
            assert feed_sink.read_stamped(line) == (b"", 0)


def test_without_a_stamp_nothing_is_told() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"some")
        with pytest.raises(LookupError, match="stamps no packets"):
            feed_sink.read_stamped(theirs)


def test_every_child_is_filled_whole_with_the_stamp_of_its_bytes(server: socket.socket) -> None:
    threading.Thread(target=feed_sink.serve, args=(server,), daemon=True).start()
    with socket.create_connection(server.getsockname()) as ours, ours.makefile("rb") as answers:
        ours.sendall(encode(Hello("ven")))
        assert decode_answer(answers.readline()) == Welcome("ven")
        sent, began_ns = encode(SendChild(child("a"), 1, 1, b"")), time.time_ns()
        ours.sendall(sent[:20])
        ours.sendall(sent[20:] + encode(SendChild(child("b"), 1, 2, b"")))
        reports = []
        for _ in range(2):
            told = decode_answer(answers.readline())
            assert isinstance(told, ReportMessage)
            reports.append(told.report)
    assert [(r.client_id, r.qty_lots, r.cum_qty_lots, r.price_ticks) for r in reports] == [
        ("a", 4, 4, 6_000_000),
        ("b", 4, 4, 6_000_000),
    ]
    assert all(began_ns <= r.venue_ts_ns <= time.time_ns() for r in reports)
