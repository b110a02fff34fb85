"""The handle by itself: a process that does not start or talks nonsense is an error told, never a hang."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from app.domain.errors import Unavailable
from app.store.projector import Standing
from app.workers import projector_handle
from app.workers.projector import Start
from app.workers.projector_handle import NICE, ProjectorProcess


def handle(tmp_path: Path) -> ProjectorProcess:
    return ProjectorProcess(Start(str(tmp_path / "journal.db"), "", "0"), silent_s=20.0)


def ignore(standing: Standing) -> None:
    raise AssertionError(standing)


async def test_a_command_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector_handle, "_COMMAND", (str(tmp_path / "nothing"),))
    with pytest.raises(Unavailable, match="did not start"):
        await handle(tmp_path).run(ignore)


async def test_words_that_are_no_standing_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector_handle, "_COMMAND", ("/bin/cat",))  # says back what it hears
    with pytest.raises(Unavailable, match="no standing"):
        await handle(tmp_path).run(ignore)


async def test_silence_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector_handle, "_COMMAND", ("/bin/sleep", "60"))
    silent = ProjectorProcess(Start(str(tmp_path), "", "0"), silent_s=0.1)
    with pytest.raises(Unavailable, match="said nothing"):
        await silent.run(ignore)
    assert silent.pid == 0


async def test_a_word_to_nobody_is_lost_and_an_end_of_nobody_is_quick(tmp_path: Path) -> None:
    idle = handle(tmp_path)
    idle.expect(5, is_awaited=True)
    await asyncio.wait_for(idle.end(5.0), 1.0)


async def test_it_ends_in_time_whatever_the_process_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector_handle, "_COMMAND", ("/bin/sleep", "60"))
    deaf = handle(tmp_path)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    running = asyncio.create_task(deaf.run(ignore))
    while not deaf.pid:  # noqa: ASYNC110 - it starts on a thread
        await asyncio.sleep(0.01)
    assert os.getpriority(os.PRIO_PROCESS, deaf.pid) == min(19, own + NICE)
    await asyncio.wait_for(deaf.end(0.1), 5.0)
    await asyncio.wait_for(running, 5.0)
    assert deaf.pid == 0
