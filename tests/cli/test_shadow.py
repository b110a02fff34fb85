"""`bestex shadow`: files and a recording in, a page out; every misuse is a usage error that names its cause."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import shadow
from app.cli.exits import CommandError, Exit
from app.offline import ReplayBuilder
from app.services.shadow_replay import ShadowRun
from app.store.recording import open_recording
from tests.conftest import REPOSITORY
from tests.services.test_shadow_replay import PROTOCOL, TERMS, as_csv, desk_parents, incumbent, written


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `recorded/`, parents.csv, and fills.csv that are the shadow's own."""
    folder = tmp_path_factory.mktemp("shadow")
    recording = open_recording(written(folder / "recorded"))
    parents = desk_parents()
    found = ShadowRun(recording, recording.markets, TERMS, PROTOCOL, ReplayBuilder()).run(parents)
    for name, content in zip(("parents.csv", "fills.csv"), as_csv(incumbent(parents, found)), strict=True):
        (folder / name).write_bytes(content)
    return folder


def options(folder: Path, *more: str) -> list[str]:
    files = ["--parents", str(folder / "parents.csv"), "--fills", str(folder / "fills.csv")]
    return [*files, "--recording", str(folder / "recorded"), *more]


def test_the_page_is_printed_and_written(told: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.md"
    ended = CliRunner().invoke(shadow.app, options(told, "--out", str(out)))
    assert ended.exit_code == 0, ended.output
    assert out.read_text() == ended.output
    assert "| all | all | 13 | 1 | 0.000 | [0.000, 0.000] |" in ended.output


def test_the_same_input_gives_the_same_bytes_in_another_process(told: Path) -> None:
    command = [sys.executable, "-m", "app.cli.main", "shadow", *options(told, "--fee", "alpha=100", "--think", "20")]
    pages = [
        subprocess.run(
            command,
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
            timeout=200,
        ).stdout
        for seed in ("1", "2")
    ]
    assert pages[0] == pages[1]
    assert b"Desk's fees: alpha 100 ppm" in pages[0]


MISUSES = [
    ([], "--parents"),
    (["--parents", "no.csv", "--fills", "no.csv", "--recording", "."], "no.csv"),
]


@pytest.mark.parametrize(("arguments", "cause"), MISUSES)
def test_what_is_missing_is_a_usage_error(arguments: list[str], cause: str) -> None:
    ended = CliRunner().invoke(shadow.app, arguments)
    assert isinstance(ended.exception, CommandError)
    assert ended.exception.code is Exit.USAGE
    assert cause in ended.exception.detail


@pytest.mark.parametrize("fee", ["alpha", "alpha=1.5", "=3", "alpha=200000"])
def test_a_fee_is_a_whole_number_of_ppm(told: Path, fee: str) -> None:
    ended = CliRunner().invoke(shadow.app, options(told, "--fee", fee))
    assert isinstance(ended.exception, CommandError)
    assert ended.exception.code is Exit.USAGE


def test_the_fee_of_a_venue_that_was_not_recorded_is_refused(told: Path) -> None:
    ended = CliRunner().invoke(shadow.app, options(told, "--fee", "alhpa=100"))
    assert isinstance(ended.exception, CommandError)
    assert ended.exception.code is Exit.USAGE
    assert "alhpa" in ended.exception.detail


@pytest.mark.parametrize("option", ["--latency", "--think", "--clock-offset"])
@pytest.mark.parametrize("value", ["nan", "inf", "1e300"])
def test_a_time_is_a_finite_number_of_milliseconds(told: Path, option: str, value: str) -> None:
    ended = CliRunner().invoke(shadow.app, options(told, option, value))
    assert isinstance(ended.exception, CommandError)
    assert ended.exception.code is Exit.USAGE


def test_strict_stops_at_the_first_bad_line_and_otherwise_it_is_counted(told: Path, tmp_path: Path) -> None:
    bad = tmp_path / "fills.csv"
    bad.write_bytes((told / "fills.csv").read_bytes() + b"\np001,fx,2026-03-02T09:30:00,1,1,0,USDT,alpha")
    arguments = [*options(told), "--fills", str(bad)]
    ended = CliRunner().invoke(shadow.app, [*arguments, "--strict"])
    assert isinstance(ended.exception, CommandError)
    assert "column 3 (at): no_zone" in ended.exception.detail
    page = CliRunner().invoke(shadow.app, arguments)
    assert page.exit_code == 0, page.output
    assert "column 3 (at): no_zone" in page.output
    assert "bad_line 1" in page.output


class _Asked:
    """A service that answers the report."""

    def fetch(self, path: str, **query: object) -> bytes:
        assert (path, query) == ("/v1/shadow/report", {"format": "markdown"})
        return b"# Shadow of a service"


def test_the_report_of_a_service_is_its_own_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "connect", lambda *_: _Asked())
    ended = CliRunner().invoke(shadow.app, ["report"])
    assert ended.output == "# Shadow of a service\n"
