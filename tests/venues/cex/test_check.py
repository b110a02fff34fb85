"""What of a venue works is told check by check over real HTTP; one that is away fails by name and ends nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from app.cli.exits import CommandError, Exit
from app.cli.venues import app
from app.venues.cex.check import Verdict, check_venue, check_venues
from app.venues.cex.profile_table import profile_of
from app.venues.clock import VirtualClock

from .captured import CatchAll, Recorded, catch_all
from .test_markets import answer, perpetual

NOW_MS = 1_800_000_000_000


@pytest.fixture
def server() -> Iterator[CatchAll]:
    with catch_all() as state:
        yield state


def recorded(path: str, body: object) -> Recorded:
    return Recorded(path, frozenset(), json.dumps(body))


def at(server: CatchAll) -> str:
    return f"http://127.0.0.1:{server.port}"


def book(bid: str, ask: str) -> Recorded:
    return recorded("/fapi/v1/depth", {"lastUpdateId": 1, "bids": [[bid, "1"]], "asks": [[ask, "1"]]})


async def verdicts(server: CatchAll, clock_ms: int = NOW_MS) -> dict[str, tuple[Verdict, str]]:
    clock = VirtualClock(now_ns=clock_ms * 1_000_000)
    found = await check_venue(profile_of("binanceusdm"), clock, base_url=at(server), timeout_s=5)
    return {finding.check: (finding.verdict, finding.found) for finding in found}


async def test_a_venue_that_works_is_told_with_its_figures(server):
    time = recorded("/fapi/v1/time", {"serverTime": NOW_MS + 40})
    server.recorded += [time, answer(perpetual("BTCUSDT"), perpetual("ETHUSDT", baseAsset="ETH")), book("10.0", "10.1")]
    found = await verdicts(server)
    assert found["clock"] == (Verdict.OK, "+40 ms against ours, round trip 0 ms")
    assert found["markets"] == (Verdict.OK, "2 listings")
    assert found["book"] == (Verdict.OK, "BTC/USDT:USDT 10.0 / 10.1")
    assert found["live"][0] is Verdict.NOT_OFFERED
    assert "risk.allow_uncertified" in found["live"][1]


async def test_what_is_wrong_is_named(server):
    time = recorded("/fapi/v1/time", {"serverTime": NOW_MS - 2_000})
    server.recorded += [time, answer(perpetual("BTCUSDT")), book("10.2", "10.1")]
    found = await verdicts(server)
    assert found["clock"][0] is Verdict.FAILED
    assert "-2000 ms" in found["clock"][1]
    assert found["book"] == (Verdict.FAILED, "BTC/USDT:USDT: crossed, 10.2 against 10.1")


async def test_a_venue_that_is_away_ends_no_other(server):
    server.recorded += [recorded("/0/public/Time", {"error": [], "result": {"unixtime": NOW_MS // 1000}})]
    clock = VirtualClock(now_ns=NOW_MS * 1_000_000)
    asked = [profile_of("binanceusdm"), profile_of("kraken")]
    found = await check_venues(asked, clock, base_url=at(server), timeout_s=5)
    told = {(finding.venue, finding.check): finding.verdict for finding in found}
    assert told["kraken", "clock"] is Verdict.OK
    assert told["kraken", "markets"] is Verdict.FAILED
    assert told["binanceusdm", "clock"] is told["binanceusdm", "book"] is Verdict.FAILED


def test_the_command_ends_as_the_checks_did(server):
    failed = CliRunner().invoke(app, ["check", "kraken", "--base-url", at(server), "-o", "json"])
    assert isinstance(failed.exception, CommandError)
    assert failed.exception.code is Exit.CHECK_FAILED
    rows = json.loads(failed.stdout)
    assert [row["check"] for row in rows] == ["clock", "markets", "book", "live"]
    assert "DDoSProtection" in rows[0]["found"]
    unknown = CliRunner().invoke(app, ["check", "nowhere"])
    assert isinstance(unknown.exception, CommandError)
    assert unknown.exception.code is Exit.USAGE
