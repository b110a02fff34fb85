"""An operator is told of an overdue child once, and again only where it was in order meanwhile."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from app import observe
from app.domain.fills import ReportKind
from app.execution.overdue import OVERDUE_NS
from app.services.overdue import OverdueWatch
from tests.worlds import Desk, make_desk, make_order


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    heard: list[tuple[Any, ...]] = []
    monkeypatch.setattr(observe, "child_overdue", lambda *words: heard.append(words))
    return heard


def watch_of(desk: Desk) -> OverdueWatch:
    engine: Any = SimpleNamespace(ledger=desk.core.ledger, core=desk.core, now_ns=lambda: desk.now_ns)
    return OverdueWatch(engine, every_s=0.01)


def test_each_is_told_once(told: list[tuple[Any, ...]]) -> None:
    desk = make_desk()
    _, (child, *_) = desk.accepted(make_order(qty_units=100))
    desk.report(child, ReportKind.ACKED)
    watch = watch_of(desk)
    watch.look()
    assert not told
    desk.now_ns = child.deadline_ts_ns + OVERDUE_NS + 5_000_000_000
    watch.look()
    watch.look()
    assert told == [(child.venue, child.order_id, child.child_id, "acked", 65.0)]
    desk.report(child, ReportKind.UNKNOWN)  # from now on it is due anew
    watch.look()
    desk.now_ns += OVERDUE_NS
    watch.look()
    assert [words[3] for words in told] == ["acked", "unknown"]


async def test_it_looks_by_itself(told: list[tuple[Any, ...]]) -> None:
    desk = make_desk()
    _, (child, *_) = desk.accepted(make_order(qty_units=100))
    desk.report(child, ReportKind.UNKNOWN)
    desk.now_ns += OVERDUE_NS
    watch = watch_of(desk)
    await watch.open()
    await asyncio.sleep(0.05)
    await watch.close()
    assert len(told) == 1
