"""A busy port is named with its process: this one."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from app.cli import port


@pytest.fixture
def listener():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_listener_makes_a_port_busy_and_is_named(listener):
    assert not port.is_free("127.0.0.1", listener)
    found = port.holder(listener)
    assert found.pid == os.getpid()
    assert "python" in found.command or sys.executable in found.command
    assert f"process {os.getpid()}" in port.busy_text("127.0.0.1", listener)


def test_a_closed_listener_leaves_the_port_free():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        number = server.getsockname()[1]
    assert port.is_free("127.0.0.1", number)
    assert port.holder(number) == port.Holder(0, "")


def test_a_holder_that_cannot_be_seen_is_still_an_answer(monkeypatch):
    monkeypatch.setattr(port, "holder", lambda number: port.Holder(0, ""))
    assert "may not look at" in port.busy_text("127.0.0.1", 8080)
