"""Stops in a storm: faults at random, a market that moves through them, cancels that race it, and a process that dies.

Whatever is lost on the way, at the end the adapter's story of each stop is the exchange's ledger: the same fills, once,
an end that counts them, and never two orders under one id.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator

import pytest

from app.domain.enums import Side
from app.domain.errors import Unavailable
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder
from tests.venues.cex.conformance import stops
from tests.venues.cex.conformance.desks import ENDS, Desk
from tests.venues.cex.conformance.stop_suite import PLACES
from tests.venues.exchange.server import LocalExchange

R = ReportKind
N_STOPS, N_STEPS = 8, 24
FAULTS = (
    ("lost_ack", "place", 0.0),
    ("lost_request", "place", 0.0),
    ("error_after", "place", 0.0),
    ("lost_but_taken", "place", 0.1),
    ("lost_request", "cancel", 0.0),
    ("lost_ack", "cancel", 0.0),
    ("error_before", "query", 0.0),
    ("missing_order", "", 0.0),
    ("missing_fill", "", 0.0),
    ("duplicate_fill", "", 0.0),
    ("late_fill", "", 0.2),
    ("hidden", "", 0.3),
    ("disconnect", "", 0.0),
)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(sorted(PLACES)) as running:
        yield running
        assert not running.control.imbalance()
        assert not running.control.ledger("malformed")


async def storm(desk: Desk, dice: random.Random) -> list[ChildOrder]:
    """Everything that happens before the weather clears; every stop that was asked for."""
    children: list[ChildOrder] = []
    stops.calm(desk)
    for _ in range(N_STEPS):
        match dice.choice(("stop", "stop", "fault", "fault", "cancel", "move", "move", "wait")):
            case "stop" if len(children) < N_STOPS:
                side = dice.choice(list(Side))
                away = dice.choice((1, 3, 5))
                at, price = (f"{100 - away}.00", "93.50") if side is Side.SELL else (f"{100 + away}.00", "106.50")
                children.append(await desk.send(stops.stop(desk, side, dice.choice(("1", "4")), at=at, price=price)))
            case "fault":
                fault, route, value = dice.choice(FAULTS)
                where = {"route": route} if route else {}
                desk.switch(fault, times=1, account=desk.account, **where, **({"value": value} if value else {}))
            case "cancel" if children:
                with contextlib.suppress(Unavailable):
                    await desk.venue.cancel(dice.choice(children))
            case "move":
                mid = dice.choice((94, 97, 100, 100, 103, 106))
                book = ([(f"{mid - 0.5:.2f}", "3")], [(f"{mid + 0.5:.2f}", "3")])
                await asyncio.to_thread(stops.move, desk, book, f"{mid}.00")
            case _:
                await asyncio.sleep(0.05)
    return children


async def told_whole(desk: Desk, children: list[ChildOrder]) -> None:
    """Asks as the engine would, until each stop has an end or waits there still; those are canceled."""
    async with asyncio.timeout(30):
        while True:
            open_ids = {child.client_id for child in children if stops.waits(desk, child)}
            for child in children:
                try:
                    if child.client_id in open_ids and R.ACKED in desk.kinds(child):
                        await desk.venue.cancel(child)
                    else:
                        await desk.venue.query(child)
                except Unavailable:
                    continue
            if not open_ids and all(is_over(desk, child) for child in children):
                return
            await asyncio.sleep(0.1)


def is_over(desk: Desk, child: ChildOrder) -> bool:
    """UNKNOWN is none: only a proven end, the whole quantity, or a proven absence."""
    kinds = set(desk.kinds(child))
    return desk.filled_lots(child) == child.qty_lots or bool(kinds & (ENDS - {R.UNKNOWN}))


def agrees(desk: Desk, child: ChildOrder) -> None:
    orders = desk.theirs(child)
    assert len(orders) <= 1, "one id, one order"
    desk.agrees_with_ledger(child)
    ends = [report for report in desk.of(child) if report.kind in (R.CANCELED, R.EXPIRED)]
    assert all(report.cum_qty_lots == desk.filled_lots(child) for report in ends), ends
    if R.REJECTED in desk.kinds(child):
        assert orders == []
    if orders and orders[0]["state"] == "filled":
        assert not ends


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("venue", PLACES)
async def test_what_a_storm_leaves_is_the_exchanges_ledger(server: LocalExchange, venue: str, seed: int) -> None:
    dice = random.Random(f"{venue} {seed}")
    desk = await Desk(server, PLACES[venue]).open(has_feed=False)
    try:
        await desk.until(lambda: desk.venue.health().state.name == "UP")
        children = await storm(desk, dice)
        if seed % 2:  # the process dies with all that it knew; another one is told nothing but the children
            await desk.close()
            desk.server.control.clear()
            heard = await desk.another(has_feed=False)
        else:
            desk.server.control.clear()
            heard = desk
        try:
            await heard.until(lambda: heard.venue.health().state.name == "UP")
            await told_whole(heard, children)
            for child in children:
                agrees(heard, child)
        finally:
            if heard is not desk:
                await heard.close()
    finally:
        if not seed % 2:
            await desk.close()
