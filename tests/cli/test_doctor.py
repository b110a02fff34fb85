"""The doctor names what is wrong and what to do; only what is bad ends in failure."""

from __future__ import annotations

import json
import os
import socket

import pytest
from typer.testing import CliRunner

from app.cli import doctor
from app.cli.doctor import Verdict
from app.cli.exits import Exit
from app.kernels import jit


def diagnose(tmp_path, *arguments):
    return CliRunner().invoke(doctor.app, ["--home", str(tmp_path), *arguments])


def test_a_healthy_machine_exits_0(tmp_path):
    ended = diagnose(tmp_path, "-o", "json")
    assert ended.exit_code == 0, ended.output
    findings = {finding["check"]: finding for finding in json.loads(ended.stdout)}
    assert findings["python"]["verdict"] == "ok"
    assert findings["database"]["verdict"] == "ok"
    assert "ms a sync" in findings["disk sync"]["found"]
    assert not list(tmp_path.iterdir()), "looking leaves nothing behind"


def test_every_finding_that_is_not_ok_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "MIN_FREE_BYTES", 2**80)
    monkeypatch.setattr(doctor, "MIN_OPEN_FILES", 2**60)
    monkeypatch.setattr(doctor, "SLOW_SYNC_MS", -1.0)
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    monkeypatch.setattr(os, "getloadavg", lambda: (999.0, 0.0, 0.0))
    warned = [finding for finding in doctor.look(tmp_path, 1) if finding.verdict is not Verdict.OK]
    assert {finding.check for finding in warned} >= {"disk space", "open files", "disk sync", "database", "cores"}
    assert all(finding.fix for finding in warned)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_bad(tmp_path):
    tmp_path.chmod(0o500)
    assert diagnose(tmp_path / "home").exit_code == Exit.CHECK_FAILED


def test_a_home_that_cannot_be_written_is_bad_for_anyone(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_may_write", lambda folder: False)
    ended = diagnose(tmp_path)
    assert ended.exit_code == Exit.CHECK_FAILED
    assert "BESTEX_HOME" in ended.output


def test_a_taken_port_is_named(tmp_path):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        finding = doctor.listening(server.getsockname()[1])
    assert finding.verdict is Verdict.WARN
    assert str(os.getpid()) in finding.found


@pytest.mark.parametrize(
    ("cached", "verdict", "words"),
    [
        (jit.CALL, Verdict.OK, "all compiled"),
        (jit.SOON, Verdict.OK, "all that a service needs"),
        (jit.READY, Verdict.WARN, "but the exact search"),
        (-1, Verdict.WARN, "not compiled yet"),
    ],
)
def test_the_doctor_says_what_is_compiled(cached, verdict, words, monkeypatch):
    monkeypatch.setattr(jit, "is_cached", lambda need: need <= cached)
    found = doctor.kernel_cache()
    assert found.verdict is verdict
    assert words in found.found
