"""When the storm is over: waits until journal and venues agree, and says what is still in the way if they never do.

A request that was lost is proven lost only when the venue could not take it any more: minutes, at some venues. Such
children are unknown and hold their exposure; a short campaign does not wait for them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.faults.checker import Log, read_log
from tests.faults.exchange_checker import Venue, check_fills, children_of, unresolved

_LOOK_S: Final = 1.0
_MAX_NAMED: Final = 5
Tell = Callable[[], Mapping[str, Venue]]


@dataclass(frozen=True)
class Settled:
    """`n_lost`: live children of which no venue has an order. `words`: after how long, or why never."""

    n_lost: int
    words: str


def unsettled(log: Log, venues: Mapping[str, Venue], *, waits_for_lost: bool) -> list[str]:
    """What is still under way, in words; nothing where all is said that will be."""
    children = children_of(log)
    lost = unresolved(children, venues)
    live = {child_id: child for child_id, child in children.items() if child.is_live}
    accepted = {event["order_id"] for _, event in log.of("order_accepted")}
    done = {event["order_id"] for _, event in log.of("order_done")}
    childless = accepted - done - {child.sent["order_id"] for child in live.values()}
    found = []
    if len(live) > len(lost):
        known = [f"{child.sent['venue']} {child_id}" for child_id, child in live.items() if child.venue_order_id]
        found.append(f"{len(live) - len(lost)} children live here and their venues have them, named so far: {known}")
    if lost and waits_for_lost:
        found.append(f"{len(lost)} children live here and no venue has them: {lost}")
    if childless:
        found.append(f"{len(childless)} orders open without a child: {sorted(childless)[:_MAX_NAMED]}")
    return found + check_fills(children, venues)[:_MAX_NAMED]


async def settle(
    client: httpx.AsyncClient, journal: Path, tell: Tell, waits_s: float, *, waits_for_lost: bool
) -> Settled:
    """Cancels what the client has open, then waits until nothing is under way, `waits_s` at most."""
    began_s = time.monotonic()
    answer = await client.delete("/v1/orders")
    assert answer.status_code == 207, answer.text
    while True:
        log, venues = read_log(journal), tell()
        why = unsettled(log, venues, waits_for_lost=waits_for_lost)
        took_s, n_lost = time.monotonic() - began_s, len(unresolved(children_of(log), venues))
        if not why:
            return Settled(n_lost, f"after {took_s:.0f} s")
        if took_s > waits_s:
            return Settled(n_lost, f"gave up after {took_s:.0f} s: {'; '.join(why)}")
        await asyncio.sleep(_LOOK_S)
