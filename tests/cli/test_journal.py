"""The journal's check from the shell: exit 0 for an intact log, 1 for a changed one, 2 where there is none."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from app.cli import journal
from app.cli.exits import CommandError, Exit
from app.domain.enums import Mode
from app.domain.events import EngineStarted, Fact, ShardOpened
from app.store.journal import SqliteJournal
from tests.store.tampering import change_line


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "journal.db"
    written = SqliteJournal(path, on_durable=lambda seq: None, on_fatal=lambda error: None)
    opened = ShardOpened(account="", shard="s0", epoch="e", release="r")
    started = EngineStarted(account="", release="r", mode=Mode.PAPER, recovered_seq=0)
    written.append([Fact(1, 1, 0, opened), Fact(2, 2, 0, started)], [])
    written.close()
    return path


def verify(*arguments):
    return CliRunner().invoke(journal.app, ["verify", *map(str, arguments)])


def test_an_intact_log_exits_0_and_prints_its_head(log):
    ended = verify(log)
    assert ended.exit_code == 0, ended.output
    assert "2 facts, 0 receipts, intact" in ended.output
    answer = json.loads(verify(log, "-o", "json").stdout)
    assert answer["is_intact"] is True
    assert answer["head_seq"] == 2


def test_a_changed_record_exits_1_and_is_named(log):
    change_line(log, 2, lambda line: line.replace(b'"ts_ns":2', b'"ts_ns":3'))
    ended = verify(log, "-o", "json")
    assert ended.exit_code == Exit.CHECK_FAILED
    assert json.loads(ended.stdout)["findings"][0]["seq"] == 2
    assert verify(log).exit_code == Exit.CHECK_FAILED


def test_a_head_kept_elsewhere_finds_a_cut_end(log):
    head = f"{9:020d} {'ab' * 32}"
    ended = verify(log, "--head", head, "-o", "json")
    assert ended.exit_code == Exit.CHECK_FAILED
    assert json.loads(ended.stdout)["findings"][0]["code"] == "truncated"


def test_no_journal_and_no_head_are_usage(tmp_path, log):
    for arguments in ((tmp_path / "none.db",), (log, "--head", "garbage")):
        error = verify(*arguments).exception
        assert isinstance(error, CommandError)
        assert error.code is Exit.USAGE
