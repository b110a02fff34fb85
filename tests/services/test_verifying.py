"""What the start took on trust is verified beside the service, and what does not fit ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.domain.errors import InvariantBroken
from app.services import verifying
from app.services.verifying import IS_BROKEN, Verifying


@dataclass
class Works:
    """Stands in for the processes: gives `codes` in turn, then 0, each once `go` is set."""

    codes: list[int] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    is_stopped: bool = False

    def run(self, command: list[str]) -> int:
        import time

        self.commands.append(command)
        while not self.go.is_set() and not self.is_stopped:
            time.sleep(0.005)
        return self.codes.pop(0) if self.codes else 0

    def stop(self) -> None:
        self.is_stopped = True


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "LOOK_S", 0.01)


def made(trusted_seq: int, works: Works, check: Callable[[int], object] = lambda seq: None, **more: Any) -> Verifying:
    ended: list[BaseException] = []
    engine: Any = SimpleNamespace(health=lambda: SimpleNamespace(durable_seq=1_000), on_fatal=ended.append, ended=ended)
    place = more.pop("place", lambda: 0)
    result = Verifying(engine, Path("journal.db"), trusted_seq, place, check, **more)
    result._helper = works  # type: ignore[assignment]
    return result


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - what is waited for is a property
            await asyncio.sleep(0.005)


async def test_it_says_how_far_it_has_come() -> None:
    works, places = Works(), [120, 340]
    log = made(700, works, place=lambda: places.pop(0) if places else 340)
    assert log.verified_seq == 0
    await log.open()
    await until(lambda: log.verified_seq == 340)
    assert works.commands[0][1:] == ["-m", "app.workers.reverify", "journal.db", "700"]
    works.go.set()
    await until(lambda: log.verified_seq == 1_000)
    await log.close()


async def test_a_start_that_verified_all_says_so_at_once_and_begins_nothing() -> None:
    works = Works()
    log = made(0, works)
    await log.open()
    await asyncio.sleep(0.03)
    assert log.verified_seq == 1_000
    assert not works.commands
    await log.close()


async def test_the_next_round_is_over_all_that_is_durable() -> None:
    works = Works()
    works.go.set()
    log = made(700, works, every_s=0.01)
    await log.open()
    await until(lambda: len(works.commands) > 1)
    assert works.commands[1][-1] == "1000"
    await log.close()


async def test_a_broken_link_ends_the_process() -> None:
    def check(seq: int) -> None:
        raise InvariantBroken(reason="the journal was changed", seq=seq)

    works = Works([IS_BROKEN])
    works.go.set()
    log = made(700, works, check)
    await log.open()
    await until(lambda: bool(log.engine.ended))  # type: ignore[attr-defined]
    assert log.verified_seq == 0
    await log.close()


@pytest.mark.parametrize("code", [1, -9, IS_BROKEN])
async def test_a_round_that_proved_nothing_is_made_again(code: int) -> None:
    works = Works([code])
    works.go.set()
    log = made(700, works, again_s=0.01)
    await log.open()
    await until(lambda: log.verified_seq == 1_000)
    assert [command[-1] for command in works.commands[:2]] == ["700", "700"]
    assert not log.engine.ended  # type: ignore[attr-defined]
    await log.close()
    assert works.is_stopped
