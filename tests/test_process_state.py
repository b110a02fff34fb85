"""The watch over what tests leave behind sees each kind of it."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app import observe
from tests.process_state import ProcessState, lines_put_back


def changes(tmp_path: Path) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """What is changed -> (the change, its undoing)."""
    folder, limit, level = Path.cwd(), sys.getrecursionlimit(), logging.root.level
    return {
        "environment": (lambda: os.environ.update(BESTEX_X="1"), lambda: os.environ.pop("BESTEX_X")),
        "folder": (lambda: os.chdir(tmp_path), lambda: os.chdir(folder)),
        "handlers": (
            lambda: signal.signal(signal.SIGUSR2, signal.SIG_IGN),
            lambda: signal.signal(signal.SIGUSR2, signal.SIG_DFL),
        ),
        "collector": (gc.disable, gc.enable),
        "recursion_limit": (lambda: sys.setrecursionlimit(limit + 1), lambda: sys.setrecursionlimit(limit)),
        "log_levels": (lambda: logging.root.setLevel(logging.DEBUG), lambda: logging.root.setLevel(level)),
    }


def test_each_change_is_seen_by_its_name(tmp_path: Path) -> None:
    before = ProcessState.now()
    for name, (change, undo) in changes(tmp_path).items():
        change()
        try:
            left = before.changed_to(ProcessState.now())
        finally:
            undo()
        assert [line.split(":")[0] for line in left] == [name]
    assert before.changed_to(ProcessState.now()) == []


def test_log_lines_are_told_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    observe.configure(level="error")
    with lines_put_back():
        observe.configure(level="debug", is_pretty=True)
    observe.limits_changed("desk", 2, "op")  # more than debug and less than an error
    assert capsys.readouterr().err == ""


def test_what_a_service_leaves_is_put_back() -> None:
    before = ProcessState.now()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    gc.callbacks.append(print)
    gc.set_threshold(5_000)
    assert len(before.changed_to(ProcessState.now())) == 2
    before.put_service_back()
    assert before == ProcessState.now()
