"""`bestex calibrate` prints the report, writes parameters that load, and says plainly what it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import calibrate
from app.cli.exits import CommandError, Exit
from app.domain.recorded import RecordedBatch
from app.domain.universe import Universe
from app.services.calibration import load_calibration
from app.store.recording import RecordingWriter
from tests.services.replay_scene import MadeUp, recorded_market


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("app.services.calibrate.SIZES_USD", (1_000, 5_000))
    monkeypatch.setattr("app.services.calibrate.N_REPLICATIONS", 20)
    market = recorded_market("spot", "alpha", 0)
    universe = Universe(
        {"alpha": market.venue},
        {market.symbol.name: market.symbol},
        {("alpha", market.symbol.name): market.instrument},
        {"alpha": market.fee},
    )
    writer = RecordingWriter(tmp_path / "made-up", universe, 1, "0.1.0")
    writer.write(RecordedBatch(books=list(MadeUp((market,), seconds=60).events(market))), (), 2)
    writer.close((), 3)
    return tmp_path / "made-up"


def test_a_desks_own_recording_is_calibrated(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "own.toml"
    ended = CliRunner().invoke(calibrate.app, [str(folder), "--symbol", "BTC", "-o", str(out)])
    assert ended.exit_code == 0, ended.output
    assert "n = 1 day, not evidence" in ended.output
    assert "order flow at the touch" in ended.output
    assert "| constant_by_cell | all |" in ended.output
    (symbol,) = load_calibration(out).symbols
    assert (symbol.symbol, symbol.venue) == ("BTC/USDT", "alpha")


def test_what_is_not_a_recording_is_a_usage_error(tmp_path: Path) -> None:
    ended = CliRunner().invoke(calibrate.app, [str(tmp_path)])
    assert isinstance(ended.exception, CommandError)
    assert ended.exception.code is Exit.USAGE
    assert ended.exception.problem["code"] == "not_a_recording"


def test_a_journal_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    ended = CliRunner().invoke(calibrate.app, [str(tmp_path / "none.db")])
    assert isinstance(ended.exception, CommandError)
    assert ended.exception.code is Exit.USAGE
    assert ended.exception.problem["code"] == "bad_calibration"
