"""The whole command on recorded markets: labelled, complete, and the same bytes every time."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.errors import BadRequest
from app.offline import ReplayBuilder
from app.services.replay import ReplayRequest, make_spec, replay, run_symbol
from tests.conftest import REPOSITORY
from tests.services.replay_scene import MadeUp, recorded_market, small_protocol

SPOT = recorded_market("spot", "alpha", 0)
LINEAR = recorded_market("linear", "alpha", 0)


@pytest.fixture
def recorded(shared: Path) -> Path:
    folder = shared / "data" / "public" / "l2" / "binance_3mkt_20240808"
    if not folder.is_dir():
        pytest.skip(f"no recorded markets: {folder.name}/ is absent")
    return folder


def bestex(folder: Path, seed: str, *options: str) -> bytes:
    command = [sys.executable, "-m", "app.cli.main", "replay", str(folder), *options]
    env = os.environ | {"PYTHONHASHSEED": seed}
    return subprocess.run(command, env=env, cwd=REPOSITORY, check=True, capture_output=True, timeout=200).stdout


@pytest.mark.shared_data
def test_two_runs_are_byte_identical(recorded: Path, tmp_path: Path) -> None:
    options = ("--symbol", "ETH/USDT", "--as-venues", "--window", "12")
    first = bestex(recorded, "1", *options)
    second = bestex(recorded, "2", *options, "--out", str(tmp_path / "out.md"))
    assert first == second
    assert (tmp_path / "out.md").read_bytes() == second
    text = first.decode()
    assert "ETH/USDT on binance_spot, one recorded market served as 3 venues (no such venues exist)" in text
    for arm in ("A0", "A1", "A2", "A3", "A5", "A6"):
        assert f"| base | 1,000,000 | sell | {arm} |" in text
    assert "Protocol SHA-256" in text


@pytest.mark.shared_data
def test_products_of_one_coin_never_share_a_run(recorded: Path) -> None:
    text = bestex(recorded, "1", "--symbol", "ETH", "--window", "12", "--pseudo-venues").decode()
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## ETH/USDT on binance_spot, alone: with one venue every arm sends the same order",
        "## ETH/USDT:USDT on binance_usdm, alone: with one venue every arm sends the same order",
        "## ETH/USD:ETH on binance_coinm, alone: with one venue every arm sends the same order",
        "## Pseudo-venues: spot, linear and inverse merged (an experiment outside the engine)",
    ]


def test_an_unknown_symbol_names_what_there_is() -> None:
    with pytest.raises(BadRequest, match="BTC/USDT"):
        replay(MadeUp((SPOT,)), ReplayRequest("DOGE"), small_protocol(), ReplayBuilder())


def test_products_are_merged_only_with_spot() -> None:
    with pytest.raises(BadRequest, match="not_three_products"):
        replay(MadeUp((LINEAR,)), ReplayRequest(is_merging_products=True), small_protocol(), ReplayBuilder())


def test_several_recorded_venues_need_their_terms() -> None:
    blind = recorded_market("spot", "beta", 1, knows_terms=False)
    source = MadeUp((SPOT, blind))
    with pytest.raises(BadRequest, match="no_reference_data"):
        make_spec(source, source.markets, ReplayRequest(), small_protocol(), ReplayBuilder())


def test_recorded_venues_keep_their_own_delays_and_fees() -> None:
    source = MadeUp((SPOT, recorded_market("spot", "beta", 1)))
    spec = make_spec(source, source.markets, ReplayRequest(), small_protocol(), ReplayBuilder())
    assert {v.venue_id: v.latency_ns for v in spec.universes["own"].venues.values()} == {
        "alpha": 5_000_000,
        "beta": 25_000_000,
    }
    assert {f.taker_fee_ppm for f in spec.universes["own"].fees.values()} == {400, 460}
    assert {f.taker_fee_ppm for f in spec.universes["zero"].fees.values()} == {0}


def test_a_window_cuts_the_run() -> None:
    source, protocol = MadeUp((SPOT,), seconds=12), small_protocol([20_000])
    whole = run_symbol(source, SPOT.symbol.name, ReplayRequest(), protocol, ReplayBuilder())
    cut = run_symbol(source, SPOT.symbol.name, ReplayRequest(window_ns=6 * 10**9), protocol, ReplayBuilder())
    assert (whole.n_instants, cut.n_instants) == (7, 3)
    assert cut.groups[0].outcomes["A5"] == whole.groups[0].outcomes["A5"][:3]


def test_a_run_prints_its_gaps() -> None:
    from app.domain.recorded import RecordingGap

    source = replace(MadeUp((SPOT,), seconds=6), gaps=(RecordingGap("alpha", SPOT.symbol.name, 1, 2, "sequence"),))
    text = replay(source, ReplayRequest(), small_protocol([20_000]), ReplayBuilder())
    assert "Gap: alpha BTC/USDT 1-2 sequence." in text
