"""What the process serves: the shipped file, or a desk's own; and what its report says."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.calibration import MIN_DAYS, Calibration
from app.domain.errors import BadRequest
from app.learning.artifact import calibration_text
from app.services.calibration import calibration_report, load_calibration
from tests.learning import made


def test_the_shipped_calibration_says_where_it_is_from_and_that_it_is_no_evidence() -> None:
    shipped = load_calibration()
    assert {s.symbol for s in shipped.symbols} >= {"BTC/USDT", "ETH/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"}
    assert shipped.as_of == "2024-08-08"
    assert "hftbacktest" in shipped.source
    assert {s.evidence for s in shipped.symbols} == {"n = 1 day, not evidence"}


def test_a_desks_own_file_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(calibration_text(made.calibration(30)))
    assert load_calibration(path) == made.calibration(30)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"format = 1"])
def test_a_file_that_is_none_is_a_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "own.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadRequest) as refused:
        load_calibration(path)
    assert refused.value.code == "bad_calibration"


@pytest.mark.parametrize(
    ("n_days", "says"),
    [(1, "n = 1 day, not evidence"), (MIN_DAYS - 1, "n = 19 days, not evidence"), (MIN_DAYS, "n = 20 days.")],
)
def test_days_decide_what_may_be_called_evidence(n_days: int, says: str) -> None:
    report = calibration_report(made.calibration(n_days))
    assert says in report
    assert ("not evidence" in report) is (n_days < MIN_DAYS)


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(-0.05, -0.01, "worse here"), (-0.05, 0.01, "no difference shown"), (0.01, 0.02, "better here")],
)
def test_a_model_that_loses_is_shown_losing(low: float, high: float, says: str) -> None:
    from dataclasses import replace

    plain = made.symbol_calibration()
    skill = (replace(plain.skill[0], skill_frac=(low + high) / 2, low_frac=low, high_frac=high),)
    report = calibration_report(Calibration("s", "2026-01-31", "d", (replace(plain, skill=skill),)))
    assert says in report


def test_the_report_shows_every_parameter_and_row() -> None:
    report = calibration_report(made.calibration())
    for part in ("trades (300 windows", "| square root | 0.600 | 1.90 | 50.0% |", "25% stays", "power 0.5"):
        assert part in report
    assert "| size | 50,000 | 500 | 42 | 52.0% | 91.0% | 10% |" in report
    assert "| now | 250 | 0.200 | -0.400 | -0.100 | 0.010 | 0.120 | 0.500 | 0.020 |" in report
