"""A trial of the local exchange passes and proves nothing of a venue; a real certificate lifts the venue's level."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.bootstrap import child_caps_nano, make_universe
from app.cli import venues
from app.cli.certify import LIVE_ROUND_TRIPS, CertifyOptions, _certificate, run_trial
from app.cli.exits import CommandError, Exit
from app.domain.venue import EvidenceLevel
from app.services.certify import Step, Trial, Verdict
from app.settings import LiveMarket, Settings
from tests.venues.exchange.server import LocalExchange
from tests.venues.vaults import ACCOUNT, CANARY, PASSPHRASE, key_row, make_home, secrets

VENUE, KEY_ID = "binance", "KeyOfTheTrial"


@pytest.fixture(scope="module")
def exchange() -> Iterator[LocalExchange]:
    with LocalExchange([VENUE]) as server:
        rich = {"BTC": "10", "USDT": "1000000"}
        server.control.account(VENUE, ACCOUNT, KEY_ID, CANARY, PASSPHRASE, balances=rich)
        yield server


def options_for(home: Path, **changes: object) -> CertifyOptions:
    return replace(CertifyOptions(VENUE, ACCOUNT, "BTC/USDT", home, is_live=False), **changes)


def test_a_trial_through_the_whole_service_passes_step_by_step(tmp_path: Path, exchange: LocalExchange) -> None:
    make_home(tmp_path).vault.add(key_row(VENUE, KEY_ID), secrets())
    base_url = f"http://127.0.0.1:{exchange.port}"
    verdict, path = run_trial(options_for(tmp_path, n_round_trips=3, base_url=base_url), lambda _: None)
    assert [step for step in verdict.steps if not step.is_passed] == []
    names = [step.name for step in verdict.steps]
    assert names[0] == "connect"
    assert names[-1] == "reconciled to the unit"
    assert {step.name: step.found for step in verdict.steps}[
        "a stop rests and comes back"
    ] == "1 placed, shown, canceled"
    orders = exchange.control.orders(VENUE, ACCOUNT)
    assert [(order["type"], order["state"], order["filled"]) for order in orders if order["type"] == "stop"] == [
        ("stop", "canceled", "0")
    ]
    assert verdict.n_round_trips == 3
    assert verdict.n_fills >= 6
    assert verdict.before != verdict.after
    assert path is None  # the stand-in proves nothing of the venue
    assert not list(tmp_path.glob("certificates/*"))


def test_an_account_without_a_key_there_does_not_start_a_trial(tmp_path: Path, exchange: LocalExchange) -> None:
    make_home(tmp_path).vault.add(key_row(VENUE, KEY_ID), secrets())
    options = options_for(tmp_path, account="nobody", base_url=f"http://127.0.0.1:{exchange.port}")
    with pytest.raises(CommandError, match="did not start"):
        run_trial(options, lambda _: None)


def passed(n_round_trips: int, *, is_passed: bool = True) -> Verdict:
    trial = Trial(VENUE, "BTC/USDT", ACCOUNT, n_round_trips, lambda: None)
    return Verdict(trial, 1_795_000_000_000_000_000, [Step("all", is_passed, "")], n_round_trips)


@pytest.mark.parametrize(
    ("is_live", "n", "is_passed", "level"),
    [
        (False, 10, True, EvidenceLevel.L2),
        (False, 9, True, None),
        (False, 10, False, None),
        (True, LIVE_ROUND_TRIPS, True, EvidenceLevel.L3),
        (True, LIVE_ROUND_TRIPS - 1, True, None),
    ],
)
def test_a_level_needs_every_step_and_enough_round_trips(
    tmp_path: Path, is_live: bool, n: int, is_passed: bool, level: EvidenceLevel | None
) -> None:
    path = _certificate(options_for(tmp_path, is_live=is_live), passed(n, is_passed=is_passed))
    settings = Settings(home=tmp_path, mode="live", market="live", live=LiveMarket(venues=(VENUE, "okx")))
    universe = make_universe(settings)
    evidence = universe.venues[VENUE].evidence
    assert evidence is not None
    if level is None:
        assert path is None
        assert not evidence.level.is_certified
        return
    assert path is not None
    assert json.loads(path.read_text())["record"]["n_round_trips"] == n
    assert (evidence.level, evidence.date) == (level, "2026-11-18")
    assert child_caps_nano(settings, universe) == {"okx": 0}  # certified: no cap any more


def test_one_of_the_two_networks_must_be_said(tmp_path: Path) -> None:
    for arguments in ([], ["--testnet", "--live-micro"]):
        asked = ["certify", VENUE, "--account", ACCOUNT, "--home", str(tmp_path), *arguments]
        error = CliRunner().invoke(venues.app, asked).exception
        assert isinstance(error, CommandError)
        assert error.code is Exit.USAGE
