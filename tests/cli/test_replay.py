"""`bestex replay` prints the result, writes it where asked, and says plainly what it cannot replay."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import replay
from app.cli.exits import CommandError, Exit
from app.domain.recorded import RecordedBatch
from app.domain.universe import Universe
from app.store.recording import RecordingWriter
from tests.services.replay_scene import MadeUp, recorded_market


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    market = recorded_market("spot", "alpha", 0)
    universe = Universe(
        {"alpha": market.venue},
        {market.symbol.name: market.symbol},
        {("alpha", market.symbol.name): market.instrument},
        {"alpha": market.fee},
    )
    writer = RecordingWriter(tmp_path / "made-up", universe, 1, "0.1.0")
    writer.write(RecordedBatch(books=list(MadeUp((market,), seconds=13).events(market))), (), 2)
    writer.close((), 3)
    return tmp_path / "made-up"


def test_the_result_is_printed_and_written(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.md"
    ended = CliRunner().invoke(replay.app, [str(folder), "--symbol", "BTC", "--out", str(out)])
    assert ended.exit_code == 0, ended.output
    assert "# Replay of made-up" in ended.output
    assert "| base | 50,000 | buy | A5 |" in ended.output
    assert out.read_text() == ended.output


def test_what_is_not_a_recording_is_a_usage_error(tmp_path: Path) -> None:
    ended = CliRunner().invoke(replay.app, [str(tmp_path)])
    assert isinstance(ended.exception, CommandError)
    assert ended.exception.code is Exit.USAGE
    assert ended.exception.problem["code"] == "not_a_recording"


def test_an_unknown_symbol_is_a_usage_error(folder: Path) -> None:
    ended = CliRunner().invoke(replay.app, [str(folder), "--symbol", "DOGE"])
    assert isinstance(ended.exception, CommandError)
    assert "BTC/USDT" in ended.exception.detail
