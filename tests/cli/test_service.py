"""Starting and stopping: what goes wrong is said in one sentence, and nothing waits for ever."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app.cli.exits import CommandError, Exit
from app.cli.service import BackgroundPostgres, last_line, require_free

STUCK = """
import threading
from app.cli.service import arm_watchdog
arm_watchdog(0.2)
threading.Event().wait()
"""


def test_the_last_line_of_a_traceback_is_its_sentence():
    assert last_line("Traceback:\n  File\nJournalInUse: process 7\n\n") == "JournalInUse: process 7"
    assert last_line("") == "the service did not start"


def test_the_watchdog_ends_a_process_that_does_not_stop():
    ended = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == Exit.CHECK_FAILED
    assert "took too long" in ended.stderr


def test_a_free_port_is_no_obstacle_and_a_taken_one_is_usage(monkeypatch):
    monkeypatch.setattr("app.cli.service.is_free", lambda host, port: True)
    require_free("127.0.0.1", 1)
    monkeypatch.setattr("app.cli.service.is_free", lambda host, port: False)
    with pytest.raises(CommandError) as raised:
        require_free("127.0.0.1", 1)
    assert raised.value.code is Exit.USAGE


def test_a_database_that_cannot_start_says_why_on_the_callers_thread(tmp_path, monkeypatch):
    def broken(self):
        raise OSError("no space")

    monkeypatch.setattr("app.workers.postgres.EmbeddedPostgres.start", broken)
    database = BackgroundPostgres(tmp_path)
    with pytest.raises(CommandError, match="no space"):
        database.url()
    database.stop()


@pytest.mark.postgres
def test_a_database_starts_while_something_else_happens(home):
    database = BackgroundPostgres(home)
    try:
        assert database.url().startswith("postgresql://")
        assert database.pid > 0
    finally:
        database.stop()
    assert database.pid == 0
