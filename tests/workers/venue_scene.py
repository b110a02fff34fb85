"""An engine's worth of a host: a venue process of the simulated venues, everything they said, and its own murderer."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from app.domain.enums import Side, TimeInForce
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import Approved, ChildOrder
from app.domain.statement import VenueState
from app.venues.clock import SystemClock
from app.venues.group import GroupKind, GroupSpec, universe_of
from app.venues.ledger import LedgerLine, ledger_path, read_ledger
from app.venues.linked import LinkedVenue
from app.workers.venue_host import HostPolicy, VenueProcesses

SYMBOL = "BTC/USDT"
_names = count(1)
_ids = count(1)


def group_of(folder: Path, venues: tuple[str, ...] = ()) -> GroupSpec:
    spec = GroupSpec(GroupKind.SIMULATED, venues, str(folder), may_fail=True)
    return GroupSpec(GroupKind.SIMULATED, venues or tuple(universe_of(spec).venues), str(folder), may_fail=True)


@dataclass
class Scene:
    folder: Path
    policy: HostPolicy = field(default_factory=HostPolicy)
    groups: list[GroupSpec] = field(default_factory=list)
    reports: list[ExecutionReport] = field(default_factory=list)
    changed: list[tuple[str, str]] = field(default_factory=list)

    async def open(self) -> None:
        self.groups = self.groups or [group_of(self.folder)]
        self.universe = universe_of(self.groups[0])
        self.clock = SystemClock()
        name = f"test-host-{os.getpid()}-{next(_names)}"
        self.host = VenueProcesses(name, self.universe, self.groups, self.clock, policy=self.policy)
        for port in self.host.ports.values():
            await port.start(self.reports.append, lambda _: None)
        await self.host.start(self.changed.extend)
        await self.until_up()

    async def close(self) -> None:
        await self.host.stop()

    def venue(self, venue_id: str) -> LinkedVenue:
        found = self.host.ports[venue_id]
        assert isinstance(found, LinkedVenue)
        return found

    def kill(self, how: signal.Signals = signal.SIGKILL, group_i: int = 0) -> int:
        process = self.host.groups[group_i].process
        assert process is not None
        process.send_signal(how)
        return process.pid

    async def until(self, is_true: Callable[[], bool], timeout_s: float = 20.0) -> None:
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while not is_true():
            assert asyncio.get_running_loop().time() < deadline_s, "it did not happen in time"
            await asyncio.sleep(0.005)

    async def until_up(self) -> None:
        """Every venue says that it is up and has shown a book."""
        ports, board = self.host.ports, self.host.board
        await self.until(lambda: all(p.health().state is VenueState.UP for p in ports.values()), 60)
        await self.until(lambda: all(board.snapshot(*row) is not None for row in board.listings))

    def child(self, venue_id: str, *, bps: float = 100, lots: int = 40, life_ms: int = 1_000) -> ChildOrder:
        """A buy `bps` through the best ask."""
        instrument = self.universe.instruments[(venue_id, SYMBOL)]
        _, ask_units = self.host.board.best(venue_id, SYMBOL)
        n = next(_ids)
        return ChildOrder(
            child_id=f"chd_{n}",
            client_id=f"C{os.getpid():07d}{n:018d}",
            order_id="ord_1",
            account="desk",
            wave=1,
            venue=venue_id,
            symbol=SYMBOL,
            side=Side.BUY,
            time_in_force=TimeInForce.IOC,
            price_ticks=round(ask_units * (1 + bps * 1e-4)) // instrument.tick_units,
            qty_lots=max(lots, instrument.min_qty_lots),
            tick_units=instrument.tick_units,
            lot_units=instrument.lot_units,
            deadline_ts_ns=self.clock.wall_ns() + life_ms * 1_000_000,
        )

    async def send(self, child: ChildOrder) -> None:
        await self.venue(child.venue).send(Approved(child, 1, 1))

    def of(self, child: ChildOrder) -> list[ExecutionReport]:
        return [report for report in self.reports if report.client_id == child.client_id]

    def kinds(self, child: ChildOrder) -> list[ReportKind]:
        return [report.kind for report in self.of(child)]

    def filled_lots(self, child: ChildOrder) -> int:
        """By trade id: told twice is told once."""
        fills = {r.venue_trade_id: r.qty_lots for r in self.of(child) if r.kind is ReportKind.FILLED}
        return sum(fills.values())

    def ledger(self, venue_id: str) -> list[LedgerLine]:
        return read_ledger(ledger_path(self.folder, venue_id))
