"""How fast simulated markets run: simulated seconds a CPU second of one core, six venues, each family."""

from __future__ import annotations

import time
from typing import Any

from app.venues.markets.families import FAMILIES, Family
from app.venues.markets.port import Order
from app.venues.markets.spec import read_world
from app.venues.markets.world import Markets

NS = 1_000_000_000
ORDERS_PER_S = 20


def measure(*, is_quick: bool = False) -> list[dict[str, object]]:
    """One row a family and world."""
    length_s = 60 if is_quick else 600
    rows: list[dict[str, object]] = []
    for name, family in FAMILIES.items():
        worlds: tuple[tuple[str, dict[str, Any], bool], ...] = (
            ("six venues", {}, False),
            ("six books", {"kind": "lit"}, False),
            ("six books and us", {"kind": "lit"}, True),
        )
        for title, over, is_with_us in worlds:
            rows.append(
                {"family": name, "world": title} | speed(world_of(family, over), length_s, is_with_us=is_with_us)
            )
    return rows


def world_of(family: Family, over: dict[str, Any]) -> Markets:
    """The family's committed world, `over` on each venue; a second old, so that everything is compiled."""
    table = read_world(family.path)
    market = family.make({**table, "venues": [{**row, **over} for row in table["venues"]]}, 1, 1)
    market.advance(NS)
    return market


def speed(market: Markets, length_s: int, *, is_with_us: bool) -> dict[str, object]:
    """Runs the world for so long, with or without us."""
    started = time.process_time()
    if is_with_us:
        trade(market, length_s)
    else:
        market.advance(market.now_ns + length_s * NS)
        market.trades()
    spent = time.process_time() - started
    return {
        "simulated_s": length_s,
        "cpu_s": round(spent, 3),
        "simulated_s_per_cpu_s": round(length_s / spent),
    }


def trade(market: Markets, length_s: int) -> None:
    """Posts at the best of each book in turn and takes it back at the next turn, reading everything."""
    previous: int | None = None
    for i in range(length_s * ORDERS_PER_S):
        view = market.view(i % market.n_venues)
        if view.bids and view.asks:
            sign = 1 if i % 4 < 2 else -1
            price = (view.bids if sign > 0 else view.asks)[0][0]
            if previous is not None:
                market.cancel(previous)
            previous = market.send(Order(i % market.n_venues, sign, price, 10))
        market.advance(market.now_ns + NS // ORDERS_PER_S)
        market.reports()
        market.trades()
