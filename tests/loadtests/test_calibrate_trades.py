"""The simulated flow's figures are what the recorded markets say."""

from __future__ import annotations

from pathlib import Path

from loadtests.calibrate_simulated import SOURCES
from loadtests.calibrate_trades import OUT, measure_flow, render


def test_the_committed_figures_are_those_of_the_recordings(shared: Path) -> None:
    data = shared / "data" / "public" / "l2" / "binance_3mkt_20240808"
    assert render(data) == OUT.read_text()
    flow = measure_flow(data, SOURCES[0])
    assert flow.n_trades > 9_000
    assert 20 < flow.trades_per_s < 40
