"""`bestex venues refresh` over real HTTP: the first reading is stored, the second says what changed."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from app.cli.exits import CommandError, Exit
from app.cli.refresh import FILE, refresh_home, rows_of
from app.cli.venues import app
from tests.venues.cex.captured import catch_all
from tests.venues.cex.test_markets import answer, perpetual


@pytest.fixture
def refresh(tmp_path):
    def run(*arguments):
        return CliRunner().invoke(app, ["refresh", *arguments, "--home", str(tmp_path), "-o", "json"])

    return run


def test_a_second_reading_says_what_changed(refresh, tmp_path):
    with catch_all() as server:
        ask = ("binanceusdm", "--base-url", f"http://127.0.0.1:{server.port}")
        server.recorded[:] = [answer(perpetual("BTCUSDT"))]
        first = json.loads(refresh(*ask).stdout)
        assert first == [{"venue": "binanceusdm", "what": "read", "symbol": "", "was": 0, "now": 1}]
        assert (tmp_path / FILE).exists()
        server.recorded[:] = [answer(perpetual("BTCUSDT"), perpetual("ETHUSDT", baseAsset="ETH", pair="ETHUSDT"))]
        second = json.loads(refresh(*ask).stdout)
        assert [(row["what"], row["symbol"]) for row in second] == [("read", ""), ("new", "ETHUSDT")]
        server.recorded.clear()
        failed = refresh(*ask)
        assert isinstance(failed.exception, CommandError)
        assert failed.exception.code is Exit.UNREACHABLE
        assert "DDoSProtection" in failed.output


def test_an_unknown_venue_is_a_matter_of_usage(refresh):
    ended = refresh("nowhere")
    assert isinstance(ended.exception, CommandError)
    assert ended.exception.code is Exit.USAGE
    assert "nowhere is not in the table" in ended.exception.detail


async def test_a_report_is_rows_and_a_failure_stores_nothing(tmp_path):
    reports = await refresh_home(["kraken"], tmp_path, "http://127.0.0.1:1", 7, accepts_losses=False)
    (row,) = rows_of(reports)
    assert (row["venue"], row["what"]) == ("kraken", "failed")
    assert not (tmp_path / FILE).exists()
