"""A timeline is counted whole or not at all, and made events fit between the recorded ones."""

from __future__ import annotations

import importlib
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from app.domain.book import BookDelta, BookSnapshot
from app.services.engine import Engine
from app.services.rehearsal import Rehearsal
from loadtests import feed_stages
from loadtests.feed import RECORDING
from loadtests.feed_stages import AHEAD, INSTANTS, RECEIVED, STEPS, TURNS, WRITTEN, Instant, Timeline

NAMES = [RECEIVED, *[name for name, *_ in INSTANTS], WRITTEN]


@pytest.mark.parametrize("instant", INSTANTS, ids=lambda instant: instant[0])
def test_every_instant_is_of_a_function_that_is_there(instant: tuple[str, str, str, str, bool]) -> None:
    _, module_name, class_name, function_name, _ = instant
    assert callable(getattr(getattr(importlib.import_module(module_name), class_name), function_name))


def test_the_steps_are_the_instants_one_after_the_other() -> None:
    assert list(STEPS) == list(pairwise(NAMES))
    assert list(AHEAD) == list(pairwise([*NAMES[:5], WRITTEN]))
    assert set(AHEAD.values()) < set(STEPS.values())


def test_a_step_is_the_time_between_its_instants() -> None:
    whole: list[Instant] = [(name, 10 * n * n, 3 * n) for n, name in enumerate(NAMES)]
    found = feed_stages.steps_of([whole], STEPS)
    assert found["plan"] == [(10 * (9 - 4), 3)]
    assert found["all"] == [(10 * 7 * 7, 3 * 7)]
    assert sum(found[step][0][0] for step in STEPS.values()) == found["all"][0][0]
    assert not feed_stages.steps_of([whole], AHEAD)["all"]
    found = feed_stages.steps_of([[*whole[:5], whole[-1]]], AHEAD)
    assert (found["all"], found["facts to bytes"]) == ([(10 * 7 * 7, 3 * 7)], [])


@pytest.mark.parametrize(
    "names", [NAMES[:-2] + NAMES[-1:], [*NAMES[:4], "plan asked", "planned", *NAMES[4:]], NAMES[:3]]
)
def test_what_went_another_way_is_left_out(names: list[str]) -> None:
    assert not feed_stages.steps_of([[(name, n, n) for n, name in enumerate(names)]], STEPS)["all"]


def test_marks_are_taken_only_of_an_event_that_somebody_waits_for() -> None:
    timeline = Timeline()
    marked = timeline.around(lambda: 7, ["before"], ["after"])
    assert marked() == 7
    timeline.end()
    assert timeline.done == []
    timeline.begin()
    marked()
    timeline.end()
    ((_, instants),) = timeline.done
    assert [name for name, *_ in instants] == [RECEIVED, "before", "after", WRITTEN]
    assert [wall for _, wall, _ in instants] == sorted(wall for _, wall, _ in instants)
    marked()
    assert len(instants) == 4


def test_an_instant_of_another_thread_takes_its_order_out() -> None:
    timeline = Timeline()
    timeline.begin()
    for name in NAMES[1:-1]:
        if name == "encoded":
            writer = threading.Thread(target=timeline.mark, args=[name])
            writer.start()
            writer.join()
        else:
            timeline.mark(name)
    timeline.end()
    ((_, instants),) = timeline.done
    assert not feed_stages.steps_of([instants], STEPS)["all"]


def test_recorded_events_are_numbered_after_the_made_ones() -> None:
    delta = BookDelta("ven", "BTC/USDT", 7, 8, 1, 2, ((100, 1),), ())
    whole = BookSnapshot("ven", "BTC/USDT", 8, 1, 2, ((100, 1),), ((101, 1),))
    moved, snapshot = feed_stages._at(delta, 99, 2), feed_stages._at(whole, 99, 2)
    assert isinstance(moved, BookDelta)
    assert (moved.prev_book_seq, moved.book_seq, moved.received_ts_ns, moved.bids) == (9, 10, 99, delta.bids)
    assert isinstance(snapshot, BookSnapshot)
    assert (snapshot.book_seq, snapshot.received_ts_ns, snapshot.asks) == (10, 99, whole.asks)


def test_a_table_says_wall_and_cpu_of_each_turn() -> None:
    slow = {"plan": [(1_000, 500)] * 10 + [(3_000, 700)]}
    rows = feed_stages.table({"one": {"plan": [(2_000, 1_000)]}, "other": slow, "third": {"plan": []}})
    assert rows[-1] == "| plan | 2 | 2 | 1 | 1 | 1 | 0 | - | - | - |"


async def test_orders_are_rehearsed_and_let_out_ahead_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(Rehearsal, "beat", lambda _: told.append("beat"))
    monkeypatch.setattr(Engine, "_send_ahead", lambda *_: told.append("ahead"))
    feed_stages.take_turns()
    ours, seen = Rehearsal(None, lambda *_: None, 1.0), []  # type: ignore[arg-type]
    for turn in range(2 * len(TURNS)):
        monkeypatch.setattr(feed_stages.time, "perf_counter", lambda turn=turn: (turn + 0.5) * feed_stages.TURN_S)
        ours.beat()
        Engine._send_ahead(None, None)  # type: ignore[arg-type]
        seen.append(tuple(told))
        told.clear()
    assert seen == [("beat", "ahead"), ("beat",), ("ahead",)] * 2


@pytest.mark.shared_data
def test_a_short_run_times_orders_through_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not RECORDING.is_dir():
        pytest.skip("needs ../shared/data/public/l2/binance_3mkt_20240808")
    for _, module_name, class_name, function_name, _ in INSTANTS:  # taken back when the test is over
        owner = getattr(importlib.import_module(module_name), class_name)
        monkeypatch.setattr(owner, function_name, getattr(owner, function_name))
    monkeypatch.setattr(Rehearsal, "beat", Rehearsal.beat)
    monkeypatch.setattr(Engine, "_send_ahead", Engine._send_ahead)
    by_turn, n_timed = feed_stages.measure(tmp_path, 3.0)
    assert 0 < sum(len(found["all"]) for found in by_turn.values()) <= n_timed
    for turn, found in by_turn.items():
        steps = (STEPS if turn == feed_stages.REHEARSED else AHEAD).values()
        assert all(len(found[step]) == len(found["all"]) for step in steps)
        assert all(wall_ns > 0 for wall_ns, _ in found["all"])
    assert not list(tmp_path.iterdir())
