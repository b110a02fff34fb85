"""The command itself: cheap help, lazy commands, honest exits."""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
from importlib import import_module

import pytest

from app.cli import main
from app.cli.exits import CommandError, Exit

HELP_CPU_S = 0.2


def bestex(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli.main", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def cpu_s_of(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    bestex(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_costs_less_than_200_ms_of_cpu():
    assert min(cpu_s_of("--help") for _ in range(5)) < HELP_CPU_S


def test_help_names_every_command_and_the_exit_codes():
    shown = bestex("--help")
    assert shown.returncode == 0
    assert all(f"  {name} " in shown.stdout for name in main.COMMANDS)
    assert "unreachable" in shown.stdout


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_has_its_module_and_its_help(name):
    module, line = main.COMMANDS[name]
    assert hasattr(import_module(f"app.cli.{module}"), "app")
    assert len(line) < 60
    shown = bestex(name, "--help")
    assert shown.returncode == 0, shown.stderr
    assert f"bestex {name}" in shown.stdout


def test_a_typo_is_usage_and_gets_a_suggestion():
    ended = bestex("vresion")
    assert ended.returncode == Exit.USAGE
    assert "version" in ended.stderr


def test_an_unreachable_service_exits_5_with_json_alone_on_stdout(tmp_path):
    ended = bestex("orders", "--url", "http://127.0.0.1:1", "--home", str(tmp_path), "-o", "json")
    assert ended.returncode == Exit.UNREACHABLE
    assert json.loads(ended.stdout)["code"] == "unreachable"


@pytest.mark.parametrize("arguments", [["-o", "json"], ["--output", "json"], ["-ojson"], ["--output=json"]])
def test_every_way_to_ask_for_json_is_seen_by_errors(arguments, monkeypatch, capsys):
    def broken(prog_name: str) -> None:
        raise CommandError(Exit.REJECTED, "no", {"code": "min_notional"})

    monkeypatch.setattr(main, "app", broken)
    monkeypatch.setattr(sys, "argv", ["bestex", "orders", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == Exit.REJECTED
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"code": "min_notional"}
    assert "bestex: no" in shown.err


def test_a_closed_pipe_is_no_error(monkeypatch):
    def closed(prog_name: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(main, "app", closed)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == Exit.OK
