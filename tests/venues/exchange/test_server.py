"""The local exchange as a process of its own: ready line, control door over HTTP, a ledger that outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.venues.exchange.catalog import VENUES, protocol_of
from tests.venues.exchange.localise import localise
from tests.venues.exchange.server import LocalExchange

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    path = tmp_path / "ledger.jsonl"
    words = ["--port", "0", "--venues", "binance,kraken", "--seed", "3", "--beat", "0.02", "--ledger", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.venues.exchange", *words], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert running.stdout is not None
    with running, running.stdout:
        word, port = running.stdout.readline().split()
        assert word == "ready"
        yield running, int(port), path
        running.kill()


def post(port: int, what: str, **words):
    request = Request(f"http://127.0.0.1:{port}/control/{what}", json.dumps(words).encode(), method="POST")
    with urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_a_process_is_steered_over_http_and_its_ledger_outlives_it(process) -> None:
    running, port, path = process
    post(port, "account", venue="binance", name="a", key="k", secret="s", balances={"USDT": "1000"})
    rule = post(port, "switch", fault="lost_ack", venue="binance", times=1)
    assert post(port, "rules")[0]["id"] == rule
    post(port, "set_book", venue="binance", market="BTCUSDT", bids=[["99", "1"]], asks=[["101", "2"]])
    assert post(port, "book", venue="binance", market="BTCUSDT")["asks"] == [["101", "2"]]
    assert post(port, "balances", venue="binance", account="a") == {"USDT": "1000"}
    first = post(port, "book", venue="kraken", market="XBTUSDT")["seq"]
    for _ in range(100):  # the crowd moves by itself
        if post(port, "book", venue="kraken", market="XBTUSDT")["seq"] > first:
            break
    else:
        pytest.fail("the crowd stood still")
    with pytest.raises(HTTPError, match="400"):
        post(port, "switch", fault="no_such")
    with pytest.raises(HTTPError, match="404"):
        post(port, "no_such")
    running.send_signal(signal.SIGTERM)
    assert running.wait(10) == 0
    kinds = [json.loads(line)["kind"] for line in path.read_text().splitlines()]
    assert kinds == ["deposit"]


def test_an_unknown_host_and_an_unknown_venue_are_told_apart() -> None:
    with LocalExchange(["binance"]) as server, pytest.raises(HTTPError, match="404"):
        urlopen(f"http://127.0.0.1:{server.port}/api.kraken.com/0/public/Time", timeout=20)
    with pytest.raises(ValueError, match="does not speak"):
        protocol_of("mtgox")


def test_no_two_venues_share_a_host() -> None:
    spoken = [venue for venue in VENUES if (Path(__file__).parent / "protocols" / f"{venue}.py").exists()]
    hosts = [host for venue in spoken for host in protocol_of(venue).hosts]
    assert len(hosts) == len(set(hosts))
    assert set(spoken) >= {"binance", "okx", "kraken", "coinbase", "deribit"}


def test_localise_keeps_the_real_host_in_the_path() -> None:
    import ccxt

    client = localise(ccxt.okx(), 1234)
    assert client.urls["api"]["rest"] == "http://127.0.0.1:1234/www.okx.com"


def test_what_cannot_be_read_is_told_and_noted() -> None:
    """Not an exception of the server: the venue's own word for it, and a line in the ledger."""
    with LocalExchange(["binance"]) as server:
        with pytest.raises(HTTPError, match="400"):
            urlopen(f"http://127.0.0.1:{server.port}/api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=ten", timeout=20)
        (entry,) = server.control.ledger("malformed")
        assert "ten" in entry["data"]["error"]
