"""A part that is not installed is named with what to type; nothing else is begun, and no secret is asked for."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import calibrate, doctor, extras, record, replay, shadow, up, venues
from app.cli.exits import CommandError, Exit
from app.cli.extras import CEX, EXTRAS, REPLAY, Extra

REPOSITORY = Path(__file__).resolve().parents[2]
ABSENT = "a_module_that_nobody_has"


def test_what_is_here_is_required_in_silence():
    extras.require(replace(REPLAY, modules=("json",)))


def test_what_is_missing_is_named_with_what_to_type():
    with pytest.raises(CommandError) as caught:
        extras.require(Extra("cex", ("json", ABSENT), "live books"))
    assert caught.value.code is Exit.USAGE
    assert caught.value.detail.startswith(f"{ABSENT} not installed: make cex ")
    assert caught.value.problem["code"] == "extra_missing"


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: extra.name)
def test_a_part_is_one_of_the_projects_and_make_installs_it(extra):
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert extra.name in project["tool"]["setuptools"]["dynamic"]["optional-dependencies"]
    wanted = (REPOSITORY / "requirements" / f"{extra.name}.in").read_text()
    assert set(extra.modules) == set(re.findall(r"^[a-z]+", wanted, re.M))
    assert f"make {extra.name} " in extra.fix
    assert re.search(r"^EXTRAS := .*\b" + extra.name + r"\b", (REPOSITORY / "Makefile").read_text(), re.M)


CALLS = [
    (REPLAY, replay, ["recording"]),
    (REPLAY, calibrate, ["recording"]),
    (REPLAY, record, ["recording"]),
    (CEX, venues, ["check", "okx"]),
    (CEX, venues, ["refresh", "okx"]),
    (CEX, venues, ["certify", "okx", "--account", "acme", "--live-micro"]),
    (CEX, up, ["--market", "live"]),
]


@pytest.mark.parametrize(("extra", "command", "arguments"), CALLS, ids=lambda value: str(getattr(value, "name", "")))
def test_a_command_says_so_before_it_begins(extra, command, arguments, tmp_path, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in extra.modules else name)
    home = [] if command in (replay, calibrate) else ["--home", str(tmp_path)]
    result = CliRunner().invoke(command.app, [*arguments, *home])
    assert isinstance(result.exception, CommandError), result.output
    assert result.exception.code is Exit.USAGE
    assert extra.fix in result.exception.detail
    assert not list(tmp_path.iterdir())


def test_no_secret_is_asked_for_in_vain(tmp_path, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda _name: None)
    from app.cli import venue_keys

    monkeypatch.setattr(venue_keys, "_asked_on_stdin", lambda: pytest.fail("asked for a secret"))
    arguments = ["add", "okx", "--account", "acme", "--stdin", "--home", str(tmp_path)]
    result = CliRunner().invoke(venue_keys.app, arguments)
    assert isinstance(result.exception, CommandError)
    assert CEX.fix in result.exception.detail


def test_a_shadow_of_a_recording_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda _name: None)
    with pytest.raises(CommandError, match="make replay"):
        shadow._run(tmp_path, None)


def test_the_doctor_lists_each_part_and_how_to_get_it(monkeypatch):
    there = doctor.optional(replace(CEX, modules=("json",)))
    assert (there.verdict, there.fix) == (doctor.Verdict.OK, "")
    absent = doctor.optional(replace(CEX, modules=(ABSENT,)))
    assert absent.verdict is doctor.Verdict.OK
    assert ABSENT in absent.found
    assert absent.fix == CEX.fix
