"""Where the time from a book event to a child's bytes goes: the path's own instants, one after the other.

As loadtests/feed.py, but with more probes than the recording has events that reach one: an order waits a tick beyond
the touch for WAIT_S of recorded feed, then a *made* event brings one venue's book to its limit, and another takes it
back. Made events are numbered among the recorded ones; what they contradict for a moment is repaired by a copy of a
sibling. In turns of half a second, orders are rehearsed (docs/adr/0062) and their children leave ahead of the disk
(docs/adr/0063), only the one, only the other. Each step is the wall time from one instant to the next, and the CPU of
the loop's thread in it: what is wall and not CPU was the disk's, or a neighbour's on the same cores. Once on the
folder's disk, once in memory (/dev/shm), where there is nothing to wait for.

    python -m loadtests.feed_stages [--seconds 20] [--write docs/results/feed_stages.md]
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import importlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import uvloop

from app.domain.book import BookDelta, BookSnapshot, Level
from app.domain.enums import Side
from app.domain.orders import ChildOrder
from app.execution.inputs import Turn
from app.kernels import jit
from app.services.engine import Engine
from app.services.rehearsal import Rehearsal
from app.services.replay_protocol import load_protocol
from app.shm.books import SymbolBooks
from loadtests import probe
from loadtests.feed import RECORDING, SPEED, BookEvent, Run, run
from loadtests.feed_watch import Probe, Watch

WAIT_S, LEFT_S, LOOK_S = 0.08, 0.005, 0.002
TURN_S: Final = 0.5
MADE_LOTS: Final = 1_000
MEMORY: Final = Path("/dev/shm")
# name of the instant, module, class, function, whether it is at the function's end
INSTANTS: Final = (
    ("turn begins", "app.services.engine", "Engine", "_run_turn", False),
    ("plan asked", "app.routing.router", "Router", "plan", False),
    ("planned", "app.routing.router", "Router", "plan", True),
    ("decided", "app.execution.step", "Core", "turn", True),
    ("encoded", "app.store.journal", "SqliteJournal", "_store", False),
    ("durable", "app.store.journal", "SqliteJournal", "_store", True),
)
RECEIVED, WRITTEN = "received", "bytes written"
ELSEWHERE: Final = "on another thread"  # whose CPU is not the loop's
LET_OUT: Final = "let out, last gate, bytes to the kernel"
# What lies between two instants, of a child that waits for its facts and of one that leaves ahead of them.
STEPS: Final = {
    (RECEIVED, "turn begins"): "book on the board, its limit looked at",
    ("turn begins", "plan asked"): "books copied, the gate's view, the request",
    ("plan asked", "planned"): "plan",
    ("planned", "decided"): "children made and approved, facts folded",
    ("decided", "encoded"): "facts to bytes",
    ("encoded", "durable"): "chain, rows, pages, sync",
    ("durable", WRITTEN): LET_OUT,
}
AHEAD: Final = dict(list(STEPS.items())[:4]) | {("decided", WRITTEN): LET_OUT}
# The turns: what is on in each.
BOTH, REHEARSED, RESERVED = "both", "only rehearsed", "only reserved"
TURNS: Final = (BOTH, REHEARSED, RESERVED)
Instant = tuple[str, int, int]
Steps = dict[str, list[tuple[int, int]]]


@dataclass(slots=True)
class Timeline:
    """The instants since the newest book event that came while an order waited; `done`: those that ended in bytes,
    each with the turn that it was in.
    """

    done: list[tuple[str, list[Instant]]] = field(default_factory=list)
    _now: list[Instant] | None = None
    _thread_id: int = field(default_factory=threading.get_ident)

    def begin(self) -> None:
        self._now = [(RECEIVED, time.perf_counter_ns(), time.thread_time_ns())]

    def mark(self, name: str) -> None:
        if self._now is not None:
            is_here = threading.get_ident() == self._thread_id
            self._now.append((name if is_here else ELSEWHERE, time.perf_counter_ns(), time.thread_time_ns()))

    def end(self) -> None:
        """A probe's first bytes are written."""
        self.mark(WRITTEN)
        if self._now is not None:
            self.done.append((turn_of_now(), self._now))
        self._now = None

    def around(self, function: Callable[..., Any], before: Sequence[str], after: Sequence[str]) -> Callable[..., Any]:
        """`function`, with its instants marked."""

        @functools.wraps(function)
        def marked(*args: Any, **kwargs: Any) -> Any:
            for name in before:
                self.mark(name)
            result = function(*args, **kwargs)
            for name in after:
                self.mark(name)
            return result

        return marked


def turn_of_now() -> str:
    """Which of TURNS it is."""
    return TURNS[int(time.perf_counter() / TURN_S) % len(TURNS)]


def take_turns() -> None:
    """Rehearsals and what leaves ahead are on and off in turns, for the rest of the process."""
    beat, send_ahead = Rehearsal.beat, Engine._send_ahead

    def beat_in_turn(rehearsal: Rehearsal) -> None:
        if turn_of_now() != RESERVED:
            beat(rehearsal)

    def send_in_turn(engine: Engine, turn: Turn) -> None:
        if turn_of_now() != REHEARSED:
            send_ahead(engine, turn)

    Rehearsal.beat = beat_in_turn  # type: ignore[method-assign]
    Engine._send_ahead = send_in_turn  # type: ignore[method-assign]


def put_marks(timeline: Timeline) -> None:
    """Marks every instant, for the rest of the process. Raises AttributeError where a function is no more."""
    for module_name, class_name, function_name in dict.fromkeys(each[1:4] for each in INSTANTS):
        owner = getattr(importlib.import_module(module_name), class_name)
        own = [each for each in INSTANTS if each[1:4] == (module_name, class_name, function_name)]
        before, after = ([name for name, *_, is_end in own if is_end is wanted] for wanted in (False, True))
        setattr(owner, function_name, timeline.around(getattr(owner, function_name), before, after))


@dataclass(slots=True)
class TimedWatch(Watch):
    """As Watch, and the timeline of each probe."""

    timeline: Timeline = field(default_factory=Timeline)

    def on_written(self, child: ChildOrder, *, is_ahead: bool = False) -> None:
        found = self.probes.get(child.order_id)
        is_first = found is not None and not found.written_ns
        super(TimedWatch, self).on_written(child, is_ahead=is_ahead)
        if is_first:
            self.timeline.end()


@dataclass(slots=True)
class Made:
    """A made event that stands: its book, how to take it back, and whose it was."""

    place: tuple[str, str]
    back: tuple[tuple[Level, ...], tuple[Level, ...]]
    probe: Probe


@dataclass(slots=True)
class MadeRun(Run):
    """A run whose orders are reached by made events."""

    standing: list[Made] = field(default_factory=list)
    n_made: int = 0
    since_s: dict[int, float] = field(default_factory=dict)
    shifts: dict[tuple[str, str], int] = field(default_factory=dict)

    async def play(self, seconds: float) -> None:
        """As Run, with somebody who takes made events back."""
        cleaner = asyncio.create_task(self._clean_for_ever())
        try:
            await Run.play(self, seconds)
        finally:
            cleaner.cancel()
            await asyncio.gather(cleaner, return_exceptions=True)

    def _take(self, events: list[Any]) -> None:
        for event in events:
            shift = self.shifts.get((event.venue, event.symbol), 0)
            self._show(_at(event, time.time_ns(), shift))
        for event in events:
            if self.board.is_gapped(event.venue, event.symbol):
                self._repair(
                    event.venue, event.symbol, event.book_seq + self.shifts.get((event.venue, event.symbol), 0)
                )
        if self.engine.has_turns_under_way:
            return
        now_s = time.monotonic()
        for waiting in chain(*self.watch.waiting.values()):
            if waiting.reached_ns:
                continue
            if now_s - self.since_s.setdefault(id(waiting), now_s) > WAIT_S:
                del self.since_s[id(waiting)]
                self._reach(waiting)
                return

    def _show(self, event: BookEvent) -> None:
        watch = self.watch
        if any(not waiting.reached_ns for waiting in watch.waiting.get(event.symbol, ())):
            assert isinstance(watch, TimedWatch)
            watch.timeline.begin()
        self.engine.on_book(event)
        watch.on_touch(event.symbol, *self.board.touch(event.venue, event.symbol), event.received_ts_ns)
        watch.n_events += 1

    def _reach(self, waiting: Probe) -> None:
        """One venue, in turns, shows enough at the probe's limit."""
        books = self.board.read(waiting.symbol)
        self.n_made += 1
        i = self.n_made % len(books.venues)
        if books.is_gapped[i]:
            return
        place = (books.venues[i], waiting.symbol)
        shown: Level = (waiting.limit_units, MADE_LOTS * self.engine.universe.instruments[place].lot_units)
        is_buy = waiting.side is Side.BUY
        stands = _levels(books, i, 0 if is_buy else 1)
        in_the_way = tuple(level for level in stands if (level[0] >= shown[0] if is_buy else level[0] <= shown[0]))
        gone, taken_back = tuple((price, 0) for price, _ in in_the_way), ((shown[0], 0),)
        self.standing.append(Made(place, (in_the_way, taken_back) if is_buy else (taken_back, in_the_way), waiting))
        self._show(self._next(place, int(books.book_seq[i]), (gone, (shown,)) if is_buy else ((shown,), gone)))

    def _next(
        self, place: tuple[str, str], book_seq: int, sides: tuple[tuple[Level, ...], tuple[Level, ...]]
    ) -> BookDelta:
        """The made delta that follows `book_seq`; the recorded ones follow it."""
        self.shifts[place] = self.shifts.get(place, 0) + 1
        return BookDelta(*place, book_seq, book_seq + 1, time.time_ns(), time.time_ns(), *sides)

    def _repair(self, venue: str, symbol: str, book_seq: int) -> None:
        """A whole book as a sibling without a made level has it."""
        made = {each.place for each in self.standing}
        books = self.board.read(symbol)
        for i, sibling in enumerate(books.venues):
            if sibling != venue and not books.is_gapped[i] and (sibling, symbol) not in made:
                now_ns = time.time_ns()
                sides = (_levels(books, i, 0), _levels(books, i, 1))
                self.engine.on_book(BookSnapshot(venue, symbol, book_seq, now_ns, now_ns, *sides))
                self.standing = [each for each in self.standing if each.place != (venue, symbol)]
                return

    async def _clean_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            now_ns = time.time_ns()
            for each in [each for each in self.standing if each.probe.written_ns]:
                if now_ns - each.probe.written_ns < LEFT_S * 1e9:
                    continue
                self.standing.remove(each)
                books = self.board.read(each.place[1])
                i = books.venues.index(each.place[0])
                if not books.is_gapped[i]:
                    self.engine.on_book(self._next(each.place, int(books.book_seq[i]), each.back))


def _at(event: BookEvent, now_ns: int, shift: int) -> BookEvent:
    """The event as received now, numbered after `shift` made ones."""
    if isinstance(event, BookSnapshot):
        return replace(event, book_seq=event.book_seq + shift, received_ts_ns=now_ns)
    numbers = (event.prev_book_seq + shift, event.book_seq + shift)
    return BookDelta(event.venue, event.symbol, *numbers, event.venue_ts_ns, now_ns, event.bids, event.asks)


def _levels(books: SymbolBooks, i: int, side_i: int) -> tuple[Level, ...]:
    n = int(books.n_levels[i, side_i])
    prices, quantities = books.price_units[i, side_i, :n].tolist(), books.qty_units[i, side_i, :n].tolist()
    return tuple(zip(prices, quantities, strict=True))


def steps_of(done: Sequence[Sequence[Instant]], steps: dict[tuple[str, str], str]) -> Steps:
    """Step -> (wall ns, CPU ns) of each timeline that went every one of `steps` once, in order; `all`: end to end.

    One that went another way, or was planned twice, is left out: its steps are others.
    """
    found: Steps = {step: [] for step in STEPS.values()}
    found["all"] = []
    for instants in done:
        if list(pairwise(name for name, *_ in instants)) != list(steps):
            continue
        for (one, other), step in zip(pairwise(instants), steps.values(), strict=True):
            found[step].append((other[1] - one[1], other[2] - one[2]))
        found["all"].append((instants[-1][1] - instants[0][1], instants[-1][2] - instants[0][2]))
    return found


def measure(folder: Path, seconds: float) -> tuple[dict[str, Steps], int]:
    """The steps of a run whose journal is in `folder`, by turn; how many probes were timed."""
    jit.warm()
    timeline = Timeline()
    put_marks(timeline)
    take_turns()
    sink = subprocess.Popen([sys.executable, "-m", "loadtests.feed_sink"], stdout=subprocess.PIPE)
    try:
        assert sink.stdout is not None
        port = int(sink.stdout.readline())
        with tempfile.TemporaryDirectory(prefix="bestex-stages-", dir=folder) as inside:
            shared, watch = load_protocol().shared, TimedWatch(timeline=timeline)
            uvloop.run(run(RECORDING, seconds, SPEED, port, Path(inside), shared, MadeRun, watch))
    finally:
        sink.kill()
        sink.communicate(timeout=10)
    by_turn = {turn: [instants for was, instants in timeline.done if was == turn] for turn in TURNS}
    found = {turn: steps_of(done, STEPS if turn == REHEARSED else AHEAD) for turn, done in by_turn.items()}
    return found, len(timeline.done)


def table(by_turn: dict[str, Steps]) -> list[str]:
    """Rows of us: of each turn, wall p10 and p50, and CPU p50; a dash where a step is not on the way."""
    heads = [f"{turn}, {figure}" for turn in by_turn for figure in ("wall p10", "wall p50", "CPU p50")]
    rows = [f"| step | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for step in next(iter(by_turn.values())):
        figures: list[str] = []
        for found in by_turn.values():
            if not found[step]:
                figures += ["-"] * 3
                continue
            wall_us, cpu_us = np.array(found[step]).T / 1e3
            figures += [f"{figure:.0f}" for figure in (*np.percentile(wall_us, (10, 50)), np.median(cpu_us))]
        rows.append(f"| {step} | {' | '.join(figures)} |")
    return rows


def page(seconds: float, disk: Path) -> str:
    """The page: a table for the disk and one for memory, each by a process of its own."""
    lines = ["# From a book event to a child's bytes, step by step", ""]
    lines += [line.strip() for line in (__doc__ or "").split("\n\n")[1].splitlines()]
    for name, folder in (("On the disk", disk), ("In memory", MEMORY)):
        if not folder.is_dir():
            continue
        before = probe.look()
        command = [sys.executable, "-m", "loadtests.feed_stages", "--seconds", str(seconds), "--only", str(folder)]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        after = probe.look()
        busy = f"{max(before.stretch_p50, after.stretch_p50)} p50, {max(before.stretch_p99, after.stretch_p99)} p99"
        lines += ["", f"## {name}", "", said.strip(), "", f"Contention probe before and after: {busy}."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Prints the page, or writes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--disk", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--write", type=Path)
    parser.add_argument("--only", type=Path, help="one table, of a journal in this folder")
    asked = parser.parse_args()
    if asked.only is not None:
        by_turn, n_timed = measure(asked.only, asked.seconds)
        print("\n".join(table(by_turn)))
        n_of_each = ", ".join(f"{len(found['all'])} ({turn})" for turn, found in by_turn.items())
        print(f"\nus. Orders: {n_of_each}, of {n_timed} that were timed; the rest went another way.")
        return
    text = page(asked.seconds, asked.disk)
    if asked.write is None:
        print(text)
    else:
        asked.write.write_text(text)


if __name__ == "__main__":
    main()
