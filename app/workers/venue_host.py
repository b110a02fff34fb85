"""Keeps venue processes alive: one a group, started again with a pause when it dies or hangs.

Laws: a group's books are barred from the moment that its process is known to be dead until its successor writes them.
What a process said before it died is taken before its children are called unknown. A successor begins with empty pipes,
so that no request is ever obeyed that a dead process had not read: it is unknown, and asked about, like all others.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np

from app import observe
from app.domain.errors import InvariantBroken, Unavailable
from app.domain.ports import BooksSink, Clock, VenuePort
from app.domain.statement import VenueState
from app.domain.universe import Universe
from app.shm import segment
from app.shm.books import BookBoard, board_bytes
from app.shm.layout import WORD_BYTES, Kind
from app.shm.link import LINK_WORDS, Link, LinkBells, open_link
from app.shm.rings import Bell
from app.shm.segment import Segment
from app.venues.group import GroupSpec
from app.venues.linked import LinkedVenue, PipeLine
from app.venues.wire import (
    HealthMessage,
    OpenAnswer,
    QuoteAnswer,
    ReportMessage,
    StatementAnswer,
    TradesMessage,
    decode_answer,
)
from app.workers.live_desk import LiveDesk
from app.workers.venue_worker import WorkerSpec

_MS: Final = 1_000_000
TURN_S: Final = 0.02
STOP_TIMEOUT_S: Final = 5.0
# How long the service waits for venues at its start before it goes on without those that are away.
START_TIMEOUT_S: Final = 3.0
BOARD_DEPTH: Final = 100


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """How patient. Times in nanoseconds of the monotonic clock."""

    hang_after_ns: int = (
        10_000 * _MS
    )  # a sign of life comes each 100 ms, but reading all markets of a venue takes seconds
    start_within_ns: int = 30_000 * _MS  # imports, on a busy machine
    first_pause_ns: int = 20 * _MS  # before a successor; doubles with each death of the window
    max_pause_ns: int = 5_000 * _MS
    window_ns: int = 60_000 * _MS


@dataclass(slots=True)
class Group:
    """One group's process and what the engine holds of it. `deaths_ns`: within the window."""

    spec: GroupSpec
    link: Link
    link_segment: Segment
    venues: dict[str, LinkedVenue]
    process: subprocess.Popen[bytes] | None = None
    pidfd: int = -1
    signer_pid: int = 0
    since_ns: int = 0
    heard_ns: int = 0
    restart_ns: int = 0
    is_up: bool = False
    n_deaths: int = 0
    deaths_ns: deque[int] = field(default_factory=deque)


class VenueProcesses:
    """The engine's side of every venue process. Belongs to the loop's thread once it is started."""

    def __init__(
        self,
        name: str,
        universe: Universe,
        groups: Sequence[GroupSpec],
        clock: Clock,
        *,
        policy: HostPolicy | None = None,
        desk: LiveDesk | None = None,
    ) -> None:
        """`name`: of the segments, unique on this machine. Raises InvariantBroken unless each venue is in one group."""
        told = [venue_id for spec in groups for venue_id in spec.venues]
        if sorted(told) != sorted(universe.venues):
            raise InvariantBroken(reason="each venue belongs to one group", venues=", ".join(sorted(told)))
        self.policy = policy or HostPolicy()
        self.desk = desk
        self._clock = clock
        self._listings = list(universe.instruments)
        segment.sweep()
        self._board_segment = segment.create(
            f"{name}-books", Kind.BOOKS, board_bytes(len(self._listings), BOARD_DEPTH) // WORD_BYTES
        )
        self.board = BookBoard(self._listings, BOARD_DEPTH, self._board_segment.buffer)
        self._seen = self.board.versions()
        self._rows = self.board.listings
        self._lifeline = os.pipe()
        self.groups = [self._lay_out(f"{name}-link{i}", spec) for i, spec in enumerate(groups)]
        self.ports: dict[str, VenuePort] = {v: venue for group in self.groups for v, venue in group.venues.items()}
        self._on_books: BooksSink | None = None
        self._timer: asyncio.TimerHandle | None = None

    def _lay_out(self, name: str, spec: GroupSpec) -> Group:
        made = segment.create(name, Kind.LINK, LINK_WORDS)
        bells = LinkBells(Bell(), Bell(), Bell())
        token_of = None if self.desk is None else self.desk.token_of
        venues = {venue_id: LinkedVenue(venue_id, self._clock, token_of) for venue_id in spec.venues}
        return Group(spec, open_link(made, bells), made, venues)

    # life

    async def start(self, on_books: BooksSink) -> None:
        """Starts every process; waits a little for their first words, then goes on without those that are away."""
        self._on_books = on_books
        if self.desk is not None:
            try:
                await self.desk.start()
            except BaseException:
                self._release()
                raise
        loop = asyncio.get_running_loop()
        if self.desk is not None and threading.current_thread() is threading.main_thread():
            loop.add_signal_handler(signal.SIGHUP, self.desk.turn_keys)
        for group in self.groups:
            loop.add_reader(group.link.bells.engine.fileno(), self._listen, group)
            loop.add_reader(group.link.bells.books.fileno(), self._look_at_books, group.link.bells.books)
            self._start_one(group)
        self._turn_for_ever()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT_S):
                while not all(v.health().state is VenueState.UP for v in self._all()):  # noqa: ASYNC110 - bounded
                    await asyncio.sleep(TURN_S)

    def _all(self) -> list[LinkedVenue]:
        return [venue for group in self.groups for venue in group.venues.values()]

    async def stop(self) -> None:
        """Lets every process end in order, takes what it still said, and lets the memory go. Twice is once."""
        if self._board_segment.is_unlinked:
            return
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
        if self.desk is not None and threading.current_thread() is threading.main_thread():
            loop.remove_signal_handler(signal.SIGHUP)
        for group in self.groups:
            if group.process is not None:
                loop.remove_reader(group.pidfd)  # its death is what we wait for
                group.process.terminate()
        for group in self.groups:
            await self._end(group)
            loop.remove_reader(group.link.bells.engine.fileno())
            loop.remove_reader(group.link.bells.books.fileno())
        self._release()
        if self.desk is not None:
            await self.desk.stop()

    def kill(self, venue_id: str) -> None:
        """Ends the process of `venue_id` as a crash would: for those who must see what happens then."""
        for group in self.groups:
            if venue_id in group.venues:
                self._kill(group)

    def _release(self) -> None:
        """Lets go what all processes share. None of them lives."""
        for group in self.groups:
            group.link.bells.close()
            group.link_segment.unlink()
        for descriptor in self._lifeline:
            os.close(descriptor)
        self._board_segment.unlink()

    async def _end(self, group: Group) -> None:
        process = group.process
        if process is None:
            return
        try:
            await asyncio.to_thread(process.wait, STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)
        self._bury(group, "The venue process was stopped.")

    # one process

    def _start_one(self, group: Group) -> None:
        """A new process with empty pipes; its venues are connected when it first says how they are."""
        group.link.reset()
        group.link.to_engine.arm()
        bells = group.link.bells
        descriptors = (bells.worker.fileno(), bells.engine.fileno(), bells.books.fileno())
        signer = None if self.desk is None else self.desk.channel(group.spec.venues)
        spec = WorkerSpec(
            group=group.spec,
            board=self._board_segment.name,
            link=group.link_segment.name,
            bells=descriptors,
            lifeline=self._lifeline[0],
            signer=-1 if signer is None else signer.fileno(),
            listings=tuple(self._listings),
            depth=BOARD_DEPTH,
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "app.workers.venue_worker"],
            stdin=subprocess.PIPE,
            pass_fds=[*descriptors, self._lifeline[0], *([] if signer is None else [signer.fileno()])],
            start_new_session=True,  # the terminal's Ctrl-C is the engine's
        )
        if signer is not None:
            signer.close()  # the worker has its own
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it is dead, and its pidfd says so
            process.stdin.write(msgspec.json.encode(spec) + b"\n")
            process.stdin.close()
        group.process, group.since_ns, group.is_up = process, self._clock.monotonic_ns(), False
        group.signer_pid = 0 if self.desk is None else self.desk.signer_pid
        group.pidfd = os.pidfd_open(process.pid)
        asyncio.get_running_loop().add_reader(group.pidfd, self._died, group)

    def _died(self, group: Group) -> None:
        assert group.process is not None
        code = group.process.wait()  # it is dead: this only reaps
        self._bury(group, f"The venue process ended with {code}.")
        now_ns = self._clock.monotonic_ns()
        group.n_deaths += 1
        group.deaths_ns.append(now_ns)
        while now_ns - group.deaths_ns[0] > self.policy.window_ns:
            group.deaths_ns.popleft()
        pause_ns = self.policy.first_pause_ns << min(len(group.deaths_ns) - 1, 32)
        group.restart_ns = now_ns + min(pause_ns, self.policy.max_pause_ns)
        observe.venue_process_died(group.spec.venues, code)

    def _bury(self, group: Group, reason: str) -> None:
        """Takes its last words, bars its books, and calls unknown whatever was under way."""
        if group.pidfd >= 0:
            asyncio.get_running_loop().remove_reader(group.pidfd)
            os.close(group.pidfd)
        self._drain(group)
        group.process, group.pidfd, group.is_up = None, -1, False
        for venue, symbol in self._rows:
            if venue in group.venues:
                self.board.mark_gapped(venue, symbol)
        for linked in group.venues.values():
            linked.lose("venue_process_died", reason)

    # words and books

    def _listen(self, group: Group) -> None:
        """Takes what is there; where there is more, after a turn of the loop."""
        pipe = group.link.to_engine
        pipe.bell.hush()
        pipe.disarm()
        if self._take_some(group) or not pipe.arm():
            pipe.bell.ring()

    def _drain(self, group: Group) -> None:
        while self._take_some(group):
            pass

    def _take_some(self, group: Group) -> bool:
        """Hands answers on. A process whose pipe is damaged is not believed any further."""
        try:
            messages = group.link.to_engine.read()
            answers = [decode_answer(message) for message in messages]
        except (InvariantBroken, msgspec.DecodeError) as error:
            observe.venue_call_failed(group.spec.venues[0], "pipe", error)
            self._kill(group)
            return False
        for answer in answers:
            match answer:
                case HealthMessage():
                    self._take_health(group, answer)
                case ReportMessage():
                    self._hand(group, answer.report.venue, answer)
                case OpenAnswer() | StatementAnswer() | QuoteAnswer() | TradesMessage():
                    self._hand(group, answer.venue, answer)
                case _:
                    self._hand(group, group.spec.venues[0], answer)
        return bool(answers)

    @staticmethod
    def _hand(group: Group, venue_id: str, answer: object) -> None:
        venue = group.venues.get(venue_id)
        if venue is not None:
            venue.take(answer)  # type: ignore[arg-type]

    def _take_health(self, group: Group, answer: HealthMessage) -> None:
        group.heard_ns = self._clock.monotonic_ns()
        if not group.is_up and group.process is not None:
            group.is_up = True
            for venue_id, venue in group.venues.items():
                venue.connect(PipeLine(venue_id, group.link.to_worker))
        for health in answer.health:
            if health.venue in group.venues:
                group.venues[health.venue].take_health(health)

    def _look_at_books(self, bell: Bell) -> None:
        """Tells which rows were written since the last look; many writes of one book are one."""
        bell.hush()
        now = self.board.versions()
        changed = np.flatnonzero(now != self._seen).tolist()
        self._seen = now
        if changed and self._on_books is not None:
            self._on_books([self._rows[row] for row in changed])

    # time

    def _turn_for_ever(self) -> None:
        now_ns = self._clock.monotonic_ns()
        lack = ""
        if self.desk is not None:
            self.desk.tend()
            lack = self.desk.lack()
            for group in self.groups:
                for linked in group.venues.values():
                    linked.bar(lack or self._signer_lack(group))
        for group in self.groups:
            if group.process is None:
                if now_ns >= group.restart_ns:
                    self._start_again(group, now_ns)
            elif self._is_hung(group, now_ns) or (not lack and self._signer_lack(group)):
                self._kill(group)
        self._timer = asyncio.get_running_loop().call_later(TURN_S, self._turn_for_ever)

    def _start_again(self, group: Group, now_ns: int) -> None:
        """Where it cannot be started now (no signer, no process), later; the other groups go on."""
        try:
            self._start_one(group)
        except (Unavailable, OSError) as error:
            observe.venue_call_failed(group.spec.venues[0], "process", error)
            group.restart_ns = now_ns + self.policy.max_pause_ns

    def _signer_lack(self, group: Group) -> str:
        """Its channel ended with a signer that has a successor: a new process gets a new one."""
        is_stale = self.desk is not None and group.signer_pid != self.desk.signer_pid
        return "The venue process has no channel to the signer yet." if is_stale else ""

    def _is_hung(self, group: Group, now_ns: int) -> bool:
        if group.is_up:
            return now_ns - group.heard_ns > self.policy.hang_after_ns
        return now_ns - group.since_ns > self.policy.start_within_ns

    @staticmethod
    def _kill(group: Group) -> None:
        """Its death is believed when its pidfd tells it, not before."""
        if group.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(group.pidfd, signal.SIGKILL)
