"""A venue process killed again and again in the middle of orders: the venue's own ledger and ours end equal."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

from app.bootstrap import Process, venue_groups
from app.domain.enums import Mode, RefusalCode, Side
from app.domain.errors import OrderRefused
from app.domain.events import ChildUnknown
from app.domain.ports import Clock
from app.domain.statement import VenueState
from app.domain.universe import Universe
from app.services.container import Services
from app.services.first_start import PAPER_BALANCES
from app.settings import Settings
from app.venues.ledger import AcceptedLine, FillLine, LedgerLine, ledger_path, read_ledger
from app.workers.venue_host import VenueProcesses
from tests.worlds import make_order

N_ORDERS = 60
N_KILLS = 4


async def test_no_fill_is_lost_or_doubled_whenever_the_process_dies(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, venues="process", market="sim", drain_s=0)
    hosts: list[VenueProcesses] = []

    def hosted(universe: Universe, clock: Clock) -> VenueProcesses:
        name = f"test-kills-{os.getpid()}"
        hosts.append(VenueProcesses(name, universe, venue_groups(settings, universe), clock))
        return hosts[0]

    process = Process(settings, hosting=hosted)
    services = await process.open()
    unknown: list[ChildUnknown] = []
    services.engine.add_listener(lambda facts: unknown.extend(f.event for f in facts if type(f.event) is ChildUnknown))
    try:
        await until(lambda: all(p.health().state is VenueState.UP for p in hosts[0].ports.values()))
        await until(lambda: bool(services.engine.books("BTC/USDT").book_seq.all()))
        murder = asyncio.create_task(kill_at_random(hosts[0]))
        placed = await trade(services, murder)
        await murder
        await until(lambda: not services.engine.ledger.live_children and not services.engine.ledger.open_parents, 40)
        assert hosts[0].groups[0].n_deaths == N_KILLS
        check(services, {v: read_ledger(ledger_path(settings.venues_path, v)) for v in services.engine.universe.venues})
        assert placed == N_ORDERS
        assert {fact.reason for fact in unknown} >= {"venue_process_died"}, "no kill met a child on its way"
        await compare_statements(services)
    finally:
        await process.close()


async def trade(services: Services, murder: asyncio.Task[None]) -> int:
    """Orders one after another, both ways; each waits until a venue can be had again. Goes on until the last kill."""
    chance, placed = random.Random(11), 0
    while placed < N_ORDERS or not murder.done():
        side = chance.choice((Side.BUY, Side.SELL))
        order = make_order(
            account="demo", client_order_id=f"k{placed}", side=side, qty_units=chance.randint(2_000, 40_000)
        )
        preview = services.engine.preview(order, Mode.PAPER)
        if placed < N_ORDERS and all(check.refusal is None for check in preview.checks):
            try:
                await services.submit.place(order, Mode.PAPER)
                placed += 1
            except OrderRefused as refused:  # the process died between the look and the order's turn
                assert refused.code is RefusalCode.BOOK_INVALID, refused
        await asyncio.sleep(chance.random() * 0.03)
    return placed


async def kill_at_random(host: VenueProcesses) -> None:
    chance = random.Random(5)
    for n in range(N_KILLS):
        await until(lambda: host.groups[0].is_up)
        await asyncio.sleep(0.05 + chance.random() * 0.3)
        running = host.groups[0].process
        assert running is not None
        running.send_signal(signal.SIGKILL)
        await until(lambda n=n: host.groups[0].n_deaths == n + 1)  # type: ignore[misc]


def check(services: Services, ledgers: dict[str, list[LedgerLine]]) -> None:
    """Fills by the venue's trade id, and how often each client id was taken."""
    engine = services.engine
    theirs = {
        (venue, line.venue_trade_id): (line.client_id, line.qty_lots, line.fee_nano)
        for venue, lines in ledgers.items()
        for line in lines
        if isinstance(line, FillLine)
    }
    ours = {
        (child.child.venue, fill.fill.venue_trade_id): (child.child.client_id, fill.fill.qty_lots, fill.fill.fee_nano)
        for parent in engine.ledger.parents.values()
        for fill in parent.fills
        for child in [parent.children[fill.fill.child_id]]
    }
    assert ours == theirs
    assert len(ours) > N_ORDERS / 2
    taken = [line.client_id for lines in ledgers.values() for line in lines if isinstance(line, AcceptedLine)]
    assert len(taken) == len(set(taken))
    assert not engine.health().n_overfills


async def compare_statements(services: Services) -> None:
    """What each venue says of itself is what our balances moved by since they were seeded."""
    engine = services.engine
    for venue_id, venue in engine.venues.items():
        said = {b.currency: b.total_nano for b in (await venue.statement("demo")).balances}
        for currency, seeded_nano in PAPER_BALANCES.items():
            if currency == "USD":
                continue  # nothing is quoted in it on the simulated market
            moved_nano = engine.ledger.balances[("demo", venue_id, currency)] - seeded_nano
            assert moved_nano == said.get(currency, 0), (venue_id, currency)


async def until(is_true, timeout_s: float = 30.0) -> None:  # type: ignore[no-untyped-def]
    deadline_s = asyncio.get_running_loop().time() + timeout_s
    while not is_true():
        assert asyncio.get_running_loop().time() < deadline_s, "it did not happen in time"
        await asyncio.sleep(0.005)
