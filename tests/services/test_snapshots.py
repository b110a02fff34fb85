"""When the snapshot's process is started, and that none outlives its service."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.services import companion
from app.services.snapshots import Snapshots


@dataclass
class Helper:
    """A process that ends when it is told to."""

    code: int = 0
    ended: asyncio.Event | None = None
    told: list[str] = field(default_factory=list)
    is_over: bool = True

    def wait(self, timeout_s: float | None = None) -> int:
        import time

        while not self.is_over:
            time.sleep(0.005)
        return self.code

    def terminate(self) -> None:
        self.told.append("terminate")
        self.is_over = True


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    commands: list[list[str]] = []

    def popen(command: list[str], **_: object) -> Helper:
        commands.append(command)
        return helpers.pop(0) if helpers else Helper()

    helpers: list[Helper] = []
    monkeypatch.setattr(companion.subprocess, "Popen", popen)
    popen.helpers = helpers  # type: ignore[attr-defined]
    return commands


def engine_at(seq: int) -> Any:
    return SimpleNamespace(ledger=SimpleNamespace(seq=seq))


async def test_one_is_written_once_there_is_enough(started: list[list[str]], tmp_path: Path) -> None:
    engine = engine_at(99)
    kept = Snapshots(engine, tmp_path / "journal.db", 7, every_s=0.01, least_facts=100)
    await kept.open()
    await asyncio.sleep(0.05)
    assert not started
    engine.ledger.seq = 100
    await asyncio.sleep(0.1)
    assert len(started) == 1
    assert started[0][1:] == ["-m", "app.workers.snapshot", str(tmp_path / "journal.db"), "7"]
    assert kept.written_seq == 100
    engine.ledger.seq = 200
    await asyncio.sleep(0.1)
    assert len(started) == 2
    await kept.close()


async def test_one_that_failed_is_tried_again(started: list[list[str]], tmp_path: Path) -> None:
    companion.subprocess.Popen.helpers.append(Helper(code=1))  # type: ignore[attr-defined]
    kept = Snapshots(engine_at(100), tmp_path / "journal.db", 7, every_s=0.01, least_facts=100)
    await kept.open()
    await asyncio.sleep(0.1)
    assert len(started) == 2
    await kept.close()


async def test_a_process_under_way_is_ended(started: list[list[str]], tmp_path: Path) -> None:
    helper = Helper(is_over=False)
    companion.subprocess.Popen.helpers.append(helper)  # type: ignore[attr-defined]
    kept = Snapshots(engine_at(100), tmp_path / "journal.db", 7, written_seq=0, least_facts=100)
    await kept.open()
    await asyncio.sleep(0.05)
    await kept.close()
    assert helper.told == ["terminate"]
    assert kept.written_seq == 0


async def test_one_that_cannot_start_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[object] = []

    def popen(command: list[str], **_: object) -> Helper:
        tries.append(command)
        raise OSError("no memory")

    monkeypatch.setattr(companion.subprocess, "Popen", popen)
    kept = Snapshots(engine_at(100), tmp_path / "journal.db", 7, every_s=0.01, least_facts=100)
    await kept.open()
    await asyncio.sleep(0.1)
    await kept.close()
    assert len(tries) > 1
    assert kept.written_seq == 0
