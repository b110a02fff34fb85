"""One adapter under random faults of stream and REST: what it says of each order is held against the exchange's ledger.

Orders are immediate or rest and are canceled while the house trades with them. Asked about as the engine would ask.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from decimal import Decimal
from typing import Final

from app.domain.enums import Side, TimeInForce
from app.domain.errors import Unavailable
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder
from tests.venues.cex.conformance.desks import Desk, Levels

R = ReportKind
ENDS: Final = {R.CANCELED, R.EXPIRED, R.REJECTED}
# (fault, route, probability, value from, value to)
FAULTS: Final[tuple[tuple[str, str, float, float | None, float], ...]] = (
    ("missing_fill", "*", 0.5, None, 0),
    ("missing_order", "*", 0.5, None, 0),
    ("late_fill", "*", 0.5, 0.05, 0.6),
    ("duplicate_fill", "*", 0.5, None, 0),
    ("disconnect", "private", 0.1, None, 0),
    ("hidden", "*", 1.0, 0.1, 0.6),
    ("slow_answer", "query", 0.5, 0.1, 0.5),
    ("slow_request", "query", 0.5, 0.1, 0.5),
    ("lost_request", "query", 0.4, None, 0),
    ("error_before", "query", 0.4, 503, 503),
    ("lost_ack", "place", 0.4, None, 0),
    ("error_after", "place", 0.4, 503, 503),
    ("slow_answer", "place", 0.4, 0.1, 0.8),
    ("lost_ack", "cancel", 0.4, None, 0),
    ("lost_request", "cancel", 0.4, None, 0),
    ("slow_request", "cancel", 0.5, 0.05, 0.4),
)
ASKED: Final = ("100.5", "101.0", "101.5", "102.0")
BID: Final = ("99.5", "99.0", "98.5", "98.0")
BETWEEN: Final = "100.0"  # where orders rest
_LONGEST_S: Final = 60.0
_N_LOOKS: Final = 80


def is_over(desk: Desk, child: ChildOrder) -> bool:
    return desk.filled_lots(child) >= child.qty_lots or bool(ENDS & set(desk.kinds(child)))


async def _live(desk: Desk, child: ChildOrder, rng: random.Random) -> None:
    """Until nothing more is to be heard of it, or for long enough."""
    await desk.send(child)
    is_resting = child.time_in_force is TimeInForce.GTC
    await asyncio.sleep(rng.uniform(0, 0.8) if is_resting else 0)
    for _ in range(_N_LOOKS):
        if is_over(desk, child):
            return
        with contextlib.suppress(Unavailable):
            if is_resting:
                await desk.venue.cancel(child)
        await asyncio.sleep(rng.uniform(0.1, 0.4))
        with contextlib.suppress(Unavailable):
            if not is_over(desk, child) and rng.random() < 0.5:
                await desk.venue.query(child)


def judge(desk: Desk, child: ChildOrder) -> list[str]:
    """What is wrong: no end, an end that did not count or wait for all that filled, fills that differ."""
    filled_by_end, end = 0, None
    told: dict[str, int] = {}
    for report in desk.of(child):
        if report.kind is R.FILLED:
            told[report.venue_trade_id] = report.qty_lots
        elif report.kind in ENDS and end is None:
            filled_by_end, end = sum(told.values()), report
    symbol, instrument = desk.listing()
    orders = desk.theirs(child)
    filled = int(Decimal(orders[0]["filled"]).scaleb(symbol.qty_scale) / instrument.lot_units) if orders else 0
    wrong = []
    if not is_over(desk, child):
        wrong.append(f"has no end; {orders}; {desk.kinds(child)[-6:]}")
    if len(orders) > 1 or (is_over(desk, child) and any(order["state"] == "open" for order in orders)):
        wrong.append(f"is over here; {orders}")
    if end is not None and (filled_by_end != filled or (end.cum_qty_lots != filled and end.kind is not R.REJECTED)):
        wrong.append(f"ended with {filled_by_end} of {filled}: {end}")
    if sum(told.values()) != filled:
        wrong.append(f"filled {filled}, told {sum(told.values())}")
    try:
        desk.agrees_with_ledger(child)
    except (AssertionError, ValueError) as error:
        wrong.append(str(error)[:500])
    return [f"{desk.name} {child.client_id} {each}" for each in wrong]


async def storm(desk: Desk, seed: int, n_rounds: int) -> tuple[list[str], Counter[str]]:
    """(what was wrong; how many orders ended how) after so many rounds of new faults and up to four orders each."""
    rng, wrong, ends = random.Random(seed), list[str](), Counter[str]()
    place, control = desk.place, desk.server.control

    def levels(prices: tuple[str, ...], taken: bool) -> Levels:
        quotes = [(price, str(rng.choice((1, 2, 3, 5, 8)))) for price in prices]
        return [(BETWEEN, str(rng.choice((1, 2, 3)))), *quotes] if taken else quotes

    def child() -> ChildOrder:
        side, rests = rng.choice((Side.BUY, Side.SELL)), rng.random() < 0.4
        price = BETWEEN if rests else rng.choice(ASKED if side is Side.BUY else BID)
        qty = str(rng.choice((1, 2, 4, 7, 11, 30)))
        return desk.child(price, qty, side, TimeInForce.GTC if rests else TimeInForce.IOC)

    for n in range(n_rounds):
        rules = []
        for fault, route, chance, low, high in rng.sample(FAULTS, rng.randint(2, 5)):
            value = None if low is None else rng.uniform(low, high)
            times = 2 if fault == "disconnect" else None
            rules.append(desk.switch(fault, route=route, probability=chance, value=value, times=times))
        desk.reports.clear()
        control.set_book(place.venue, place.market, levels(BID, False), levels(ASKED, False))
        children = [child() for _ in range(rng.randint(1, 4))]
        lives = [asyncio.create_task(_live(desk, each, rng)) for each in children]
        for _ in range(rng.randint(0, 4)):
            await asyncio.sleep(rng.uniform(0, 0.25))
            is_bid = rng.random() < 0.5
            control.set_book(place.venue, place.market, levels(BID, is_bid), levels(ASKED, not is_bid))
        await asyncio.sleep(rng.uniform(0, 1))
        for rule in rules:
            control.clear(rule)
        await asyncio.wait_for(asyncio.gather(*lives), _LONGEST_S)
        for each in children:
            wrong += [f"round {n}: {text}" for text in judge(desk, each)]
            kinds = [kind for kind in desk.kinds(each) if kind in ENDS]
            ends[kinds[0].value if kinds else "filled" if is_over(desk, each) else "live"] += 1
        control.cancel_all(place.venue, desk.account)
    return wrong, ends
