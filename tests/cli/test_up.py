"""`bestex up`: refuses what does not exist, serves what does, ends in order, and starts without its database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from app.cli import up
from app.cli.client import Client
from app.cli.exits import CommandError, Exit
from loadtests.running import free_port, running_service
from tests.service_home import ended_at_last


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--mode", "live"], "--market live"),
        (["--mode", "live", "--market", "live"], "signer"),
        (["--market", "live", "--venues", "tcp://127.0.0.1:1"], "simulated"),
    ],
)
def test_what_live_lacks_is_said_in_words(arguments, word, tmp_path):
    error = CliRunner().invoke(up.app, [*arguments, "--home", str(tmp_path)]).exception
    assert isinstance(error, CommandError)
    assert error.code is Exit.USAGE
    assert word in error.detail
    assert not list(tmp_path.iterdir())


def test_live_is_refused_from_the_environment_too(tmp_path, monkeypatch):
    monkeypatch.setenv("BESTEX_MODE", "live")
    with pytest.raises(CommandError) as raised:
        up.settings_of(tmp_path, {})
    assert "--market live" in raised.value.detail


def test_a_wrong_setting_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("BESTEX_PORT", "99999")
    with pytest.raises(CommandError) as raised:
        up.settings_of(tmp_path, {})
    assert raised.value.code is Exit.USAGE
    assert "port" in raised.value.detail


def test_flags_win_over_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("BESTEX_PORT", "1234")
    assert up.settings_of(tmp_path, {"port": 4321, "mode": None}).port == 4321
    assert up.settings_of(tmp_path, {}).port == 1234


@pytest.mark.postgres
def test_a_second_service_on_one_home_is_refused_with_the_pid(home):
    with running_service(home) as service:
        assert Client(service.url, service.key).get("/v1/venues").status == 200
        second = [sys.executable, "-m", "app.cli.main", "up", "--port", str(free_port()), "--home", str(home)]
        # Its own database, so that what it meets is the journal's lock.
        environment = {**os.environ, "BESTEX_DATABASE_URL": "postgresql://nobody:x@127.0.0.1:1/none"}
        ended = subprocess.run(second, capture_output=True, text=True, timeout=60, env=environment, check=False)
        assert ended.returncode == Exit.UNREACHABLE
        assert str(service.pid) in ended.stderr
        assert "orders flow without it" in ended.stdout


def test_it_serves_without_a_database_and_ends_on_sigterm(home):
    port = free_port()
    command = [sys.executable, "-m", "app.cli.main", "up", "--port", str(port), "--home", str(home)]
    environment = {**os.environ, "BESTEX_DATABASE_URL": "postgresql://nobody:x@127.0.0.1:1/none"}
    with ended_at_last(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout is not None
        assert "orders flow without it" in process.stdout.readline()
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        key = (home / "demo.key").read_text().strip()
        client = Client(f"http://127.0.0.1:{port}", key)
        deadline = time.monotonic() + 60
        body = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "qty": "0.1", "limit_price": "64000"}
        while True:
            try:
                client.get("/readyz")
                break
            except CommandError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        placed = client.post(
            "/v1/orders", body | {"client_order_id": "one", "response_type": "result", "wait_ms": 5000}
        )
        assert placed.body["status"] == "filled"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
