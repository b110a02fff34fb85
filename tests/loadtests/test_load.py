"""Orders leave by the clock; what is refused, unanswered or hung up on is an error, and none is counted twice."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtests import load
from loadtests.load import Rate, closed_loop, open_loop


def _served(answer: Callable[[socket.socket, int], bool]) -> int:
    """A port whose every line is given its n-th request to `answer`, until that says False and the line is closed."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(line: socket.socket) -> None:
        with line:
            n = 0
            while line.recv(65_536) and answer(line, n):
                n += 1

    def accept() -> None:
        while True:
            line, _ = listener.accept()
            threading.Thread(target=serve, args=(line,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def _say(line: socket.socket, status: int) -> bool:
    line.sendall(b"HTTP/1.1 %d X\r\nContent-Le" % status)
    line.sendall(b"ngth: 2\r\n\r\n{")
    line.sendall(b"}")
    return True


def test_every_order_is_timed_and_so_is_the_disk(tmp_path: Path) -> None:
    port = _served(lambda line, n: _say(line, 201))
    result = open_loop("127.0.0.1", port, "k", 100, 0.5, home=tmp_path)
    assert (len(result.latency_ms), result.n_errors, len(result.late_ms)) == (50, 0, 50)
    assert result.sync_ms


def test_a_refusal_and_a_hang_up_are_one_error_each() -> None:
    refused = open_loop("127.0.0.1", _served(lambda line, n: _say(line, 429)), "k", 100, 0.2)
    hung_up = open_loop("127.0.0.1", _served(lambda line, n: False), "k", 100, 0.2)
    assert (refused.n_errors, refused.latency_ms) == (20, [])
    assert (hung_up.n_errors, hung_up.latency_ms) == (20, [])


def test_what_is_never_answered_is_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "GIVE_UP_S", 0.2)
    silent = _served(lambda line, n: True)
    assert open_loop("127.0.0.1", silent, "k", 100, 0.1).n_errors == 10
    assert closed_loop("127.0.0.1", silent, "k", 10) == 0


def test_a_closed_loop_places_what_it_is_told_on_a_few_lines() -> None:
    lines = set[int]()
    port = _served(lambda line, n: lines.add(line.fileno()) or _say(line, 201 if n else 429))
    assert closed_loop("127.0.0.1", port, "k", 100) == 100 - len(lines)
    assert 1 <= len(lines) <= load.N_CONNECTIONS


def test_runs_at_one_rate_are_told_as_one() -> None:
    calm, stalled = Rate(500, [1.0] * 98 + [9.0], 1, [0.1], [2.0]), Rate(500, [1.0] * 100 + [40.0], 0, [0.3], [7.0])
    row = Rate.joined([calm, stalled]).row()
    assert (row["n_orders"], row["n_errors"], row["p99_ms"], row["max_ms"]) == (201, 1, 9.0, 40.0)
    assert (row["generator_late_ms_p99"], row["bare_sync_ms_max"]) == (0.3, 7.0)
