"""The bench command prints what was measured and fails where a budget breaks; without the source tree it says so."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from app.cli import bench
from app.cli.exits import CommandError, Exit
from loadtests import bench as benchmarks

ROW = [{"shape": "8x20", "numba_ns": 700}]


@pytest.fixture
def measured(monkeypatch):
    figures = {
        "command": "make bench ARGS=--save",
        "machine": {"cpu": "some cpu", "cores": 2, "python": "3.11"},
        "parts": {"kernels": ROW, "rates": [{"rate_per_s": 50}]},
        "probe": [{"when": "before", "stretch_p50": 1.0}],
        "goals": [],
        "broken_budgets": [],
    }
    monkeypatch.setattr(benchmarks, "run", lambda *, is_quick, only: figures)
    return figures


def test_every_part_is_shown(measured):
    ended = CliRunner().invoke(bench.app)
    assert ended.exit_code == 0, ended.output
    assert all(part in ended.output for part in ("Kernels", "Latency", "Contention", "700"))


def test_json_is_everything(measured):
    assert json.loads(CliRunner().invoke(bench.app, ["-o", "json"]).stdout) == measured


def test_a_broken_budget_is_a_failed_check(measured, tmp_path, monkeypatch):
    measured["broken_budgets"] = ["kernels 8x20: 9 x C"]
    monkeypatch.setattr(benchmarks, "RESULTS", tmp_path / "results" / "bench.md")
    error = CliRunner().invoke(bench.app, ["--save"]).exception
    assert isinstance(error, CommandError)
    assert error.code is Exit.CHECK_FAILED
    assert "9 x C" in (tmp_path / "results" / "bench.md").read_text()


def test_an_installed_package_has_no_benchmarks(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name="loadtests")

    monkeypatch.setattr(bench, "import_module", missing)
    error = CliRunner().invoke(bench.app).exception
    assert isinstance(error, CommandError)
    assert "source tree" in error.detail
