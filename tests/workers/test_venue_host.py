"""A venue process may die at any instant: its books are barred, its children unknown, and its successor is asked."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.errors import InvariantBroken, Unavailable
from app.domain.fills import ReportKind
from app.domain.statement import VenueState
from app.shm.segment import FOLDER
from app.venues.clock import SystemClock
from app.venues.group import universe_of
from app.venues.ledger import AcceptedLine, FillLine
from app.workers.venue_host import HostPolicy, VenueProcesses
from tests.workers.venue_scene import SYMBOL, Scene, group_of

VENUE = "sim_bravo"
R = ReportKind


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)
    await made.open()
    yield made
    await made.close()
    assert not list(FOLDER.glob(f"bestex-test-host-{os.getpid()}-*"))


async def test_children_books_and_statements_cross_the_process_border(scene: Scene) -> None:
    child = scene.child(VENUE)
    await scene.send(child)
    await scene.until(lambda: scene.filled_lots(child) == child.qty_lots)
    assert scene.kinds(child)[0] is R.ACKED
    assert all(report.received_ts_ns >= report.venue_ts_ns > 0 for report in scene.of(child))
    assert (VENUE, SYMBOL) in scene.changed
    venue = scene.venue(VENUE)
    assert list(await venue.open_client_ids()) == []
    (usdt,) = (b for b in (await venue.statement("desk")).balances if b.currency == "USDT")
    paid_nano = sum(
        scene.universe.symbols[SYMBOL].money_nano(r.price_ticks * child.tick_units, r.qty_lots * child.lot_units)
        + r.fee_nano
        for r in scene.of(child)
        if r.kind is R.FILLED
    )
    assert usdt.total_nano == -paid_nano


async def test_killed_mid_order_the_child_is_unknown_is_asked_about_and_never_sent_again(scene: Scene) -> None:
    venue, child = scene.venue(VENUE), scene.child(VENUE)
    await scene.send(child)
    scene.kill()
    await scene.until(lambda: venue.health().state is VenueState.DOWN)
    assert R.UNKNOWN in scene.kinds(child) or scene.filled_lots(child) == child.qty_lots
    assert all(scene.host.board.is_gapped(*row) for row in scene.host.board.listings)
    for call in (venue.query(child), venue.statement("desk")):
        with pytest.raises(Unavailable):
            await call
    other = scene.child("sim_alpha", life_ms=60_000)
    await scene.send(other)
    assert [(r.kind, r.code) for r in scene.of(other)] == [(R.REJECTED, "not_sent")]
    await scene.until_up()
    await scene.until(lambda: scene.clock.wall_ns() > child.deadline_ts_ns)
    await venue.query(child)
    ends = {R.NOT_FOUND, R.FILLED, R.CANCELED, R.EXPIRED}
    await scene.until(lambda: bool(ends & set(scene.kinds(child))))
    lines = [line for line in scene.ledger(VENUE) if getattr(line, "client_id", "") == child.client_id]
    assert sum(isinstance(line, AcceptedLine) for line in lines) <= 1
    assert scene.filled_lots(child) == sum(line.qty_lots for line in lines if isinstance(line, FillLine))


async def test_a_process_that_hangs_is_killed_and_replaced(tmp_path: Path) -> None:
    scene = Scene(tmp_path, HostPolicy(hang_after_ns=600_000_000))
    await scene.open()
    try:
        pid = scene.kill(signal.SIGSTOP)
        await scene.until(lambda: scene.host.groups[0].n_deaths == 1)
        await scene.until_up()
        process = scene.host.groups[0].process
        assert process is not None
        assert process.pid != pid
    finally:
        await scene.close()


async def test_one_groups_death_leaves_the_other_alone(tmp_path: Path) -> None:
    everything = group_of(tmp_path).venues
    scene = Scene(tmp_path, groups=[group_of(tmp_path, everything[:1]), group_of(tmp_path, everything[1:])])
    await scene.open()
    try:
        scene.kill(group_i=1)
        dead, alive = scene.venue(everything[1]), scene.venue(everything[0])
        await scene.until(lambda: dead.health().state is VenueState.DOWN)
        child = scene.child(everything[0])
        await scene.send(child)
        await scene.until(lambda: scene.filled_lots(child) == child.qty_lots)
        assert alive.health().state is VenueState.UP
        await scene.until_up()
    finally:
        await scene.close()


async def test_a_venue_whose_ledger_is_taken_says_so_and_joins_when_it_is_free(tmp_path: Path) -> None:
    from app.venues.ledger import VenueLedger, ledger_path

    other = VenueLedger(ledger_path(tmp_path, VENUE))
    other.open()
    scene = Scene(tmp_path)
    opening = asyncio.create_task(scene.open())
    await asyncio.sleep(0)
    try:
        await scene.until(lambda: "Another process" in scene.venue(VENUE).health().reason)
        assert scene.venue("sim_alpha").health().state is VenueState.UP
        other.close()
        await opening
        assert scene.venue(VENUE).health().state is VenueState.UP
    finally:
        other.close()
        await scene.close()


def test_every_venue_belongs_to_just_one_process(tmp_path: Path) -> None:
    group = group_of(tmp_path)
    for groups in ([group, group], [group_of(tmp_path, group.venues[1:])]):
        with pytest.raises(InvariantBroken, match="one group"):
            VenueProcesses("test-host-none", universe_of(group), groups, SystemClock())
