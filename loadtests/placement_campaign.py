"""Does splitting a slice over queues pay, against one touch and against crossing? In the simulated families.

    python -m loadtests.placement_campaign [--slices N] [--seeds N] [--write]

Every arm works the same slices in its own copy of one seeded world: buys and sells in turn, one every PERIOD_S, resting
for REST_S where it rests, then crossing what is left at the cheapest venues. Fees are the simulated venues' own. The
outflow of queues is measured in the same world by the product's own `Outflows`, the split is the product's own
`place_within`, the one touch is chosen by the product's rank (maker fee, distance behind the best touch, queue).
Placements only: no engine, no latency, no re-pricing, no toxic flow, no other order of ours.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Final

from app.domain.enums import Side, TimeInForce
from app.domain.orders import ChildOrder
from app.domain.placement import PlacementAsk, QueueSeen
from app.domain.units import PPM
from app.execution.queues import LATE_PPM
from app.learning.outflow import Outflows
from app.routing.placement import place_within
from app.venues.markets.answering import FamilyMarket
from app.venues.markets.families import FAMILIES
from app.venues.registry import load_universe

PAGE: Final = Path(__file__).parents[1] / "docs" / "results" / "placement.md"
UNIVERSE: Final = load_universe()
SYMBOL: Final = "BTC/USDT"
VENUES: Final = tuple(UNIVERSE.listings(SYMBOL))
SIZES_UNITS: Final = {"0.02": 2_000, "0.2": 20_000, "1": 100_000}
LOOK_NS: Final = 250_000_000
WARM_S: Final = 120
PERIOD_S: Final = 10
MOST_TRIES: Final = 40
REST_S: Final = 5
S: Final = 1_000_000_000
_ids = count(1)
Placement = tuple[dict[str, int], int]  # venue -> units that rest, units that cross


@dataclass
class World:
    """One copy of a seeded world with what was seen of its queues."""

    family: str
    seed: int
    now_ns: int = 0
    market: FamilyMarket = field(init=False)
    outflows: Outflows = field(default_factory=Outflows)

    def __post_init__(self) -> None:
        self.market = FamilyMarket(self.family, UNIVERSE, self.seed, 0)

    def levels(self, venue: str, side: Side) -> tuple[tuple[int, int], ...]:
        sides = self.market.sides(venue, SYMBOL, self.now_ns)
        return sides.bids if side is Side.BUY else sides.asks

    def run(self, until_ns: int) -> dict[str, list[tuple[int, int]]]:
        """Time passes, queues are looked at; the fills of what rests meanwhile by client id."""
        made: dict[str, list[tuple[int, int]]] = {}
        while self.now_ns < until_ns:
            self.now_ns = min(self.now_ns + LOOK_NS, until_ns)
            for venue in VENUES:
                for one in self.market.made(venue, SYMBOL, self.now_ns):
                    made.setdefault(one.client_id, []).append((one.price_units, one.qty_units))
                self._look(venue)
        return made

    def _look(self, venue: str) -> None:
        for told in self.market.prints(venue, SYMBOL, self.now_ns):
            side = Side.SELL if told.aggressor is Side.BUY else Side.BUY
            self.outflows.queue(venue, SYMBOL, side).trade(self.now_ns, told.price_units, told.qty_units)
        for side in Side:
            far = self.levels(venue, _across(side))
            near = self.levels(venue, side)
            self.outflows.queue(venue, SYMBOL, side).look(self.now_ns, near, far[0] if far else (0, 0))

    def mid(self) -> float:
        bids = max(self.levels(v, Side.BUY)[0][0] for v in VENUES if self.levels(v, Side.BUY))
        asks = min(self.levels(v, Side.SELL)[0][0] for v in VENUES if self.levels(v, Side.SELL))
        return (bids + asks) / 2

    def child(self, venue: str, side: Side, price_units: int, qty_units: int, *, rests: bool) -> ChildOrder:
        listing = UNIVERSE.instruments[venue, SYMBOL]
        tif = TimeInForce.GTC if rests else TimeInForce.IOC
        lots, ticks = qty_units // listing.lot_units, price_units // listing.tick_units
        names = ("chd", f"c{next(_ids)}", "ord", "desk", 1, venue, SYMBOL)
        made = ChildOrder(*names, side, tif, ticks, lots, listing.tick_units, listing.lot_units, 10**18)
        return replace(made, is_post_only=rests, rest_until_ns=10**18 if rests else 0)

    def cross(self, side: Side, qty_units: int) -> list[tuple[float, int]]:
        """(price with the fee, units) of taking the cheapest levels of all venues; what is shown once is taken once."""
        across = _across(side)
        fees = {venue: UNIVERSE.fees[venue].taker_fee_ppm for venue in VENUES}
        offers = sorted(
            (side.sign * price * (1 + side.sign * fees[venue] / PPM), venue, price, units)
            for venue in VENUES
            for price, units in self.levels(venue, across)
        )
        wanted: dict[str, tuple[int, int]] = {}
        for _, venue, price, units in offers:
            taken = min(units, qty_units)
            if taken:
                wanted[venue] = price, wanted.get(venue, (0, 0))[1] + taken
                qty_units -= taken
        paid = []
        for venue, (price, units) in wanted.items():
            listing = UNIVERSE.instruments[venue, SYMBOL]
            child = self.child(venue, side, price, -(-units // listing.lot_units) * listing.lot_units, rests=False)
            for at, got in self.market.trade(child, self.now_ns):
                paid.append((at * (1 + side.sign * fees[venue] / PPM), got))
        return paid


@dataclass(frozen=True)
class Candidate:
    """One venue's queue as the product would see it."""

    venue: str
    price_units: int
    ahead_units: int
    maker_fee_ppm: int
    behind_ppm: int
    cross_ppm: int


def _across(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


def candidates(world: World, side: Side) -> list[Candidate]:
    across = _across(side)
    near = {v: world.levels(v, side) for v in VENUES}
    far = {v: world.levels(v, across) for v in VENUES}
    best_near = max(side.sign * levels[0][0] for levels in near.values() if levels) * side.sign
    best_far = min(side.sign * levels[0][0] for levels in far.values() if levels) * side.sign
    found = []
    for venue in VENUES:
        if near[venue] and far[venue]:
            fee, (price, ahead) = UNIVERSE.fees[venue], near[venue][0]
            behind = max(0, side.sign * (best_near - price)) * PPM // price
            cross = fee.taker_fee_ppm + max(0, side.sign * (far[venue][0][0] - best_far)) * PPM // price
            found.append(Candidate(venue, price, ahead, fee.maker_fee_ppm, behind, cross))
    return found


def crossing(world: World, side: Side, qty_units: int) -> Placement:
    return {}, qty_units


def one_touch(world: World, side: Side, qty_units: int) -> Placement:
    best = min(candidates(world, side), key=lambda c: (c.maker_fee_ppm + c.behind_ppm, c.ahead_units, c.venue))
    return {best.venue: qty_units}, 0


def split(world: World, side: Side, qty_units: int) -> Placement:
    found = candidates(world, side)
    seen = [world.outflows.quantiles_units(c.venue, SYMBOL, side, REST_S * S, c.ahead_units) for c in found]
    assert all(seen), "not measured yet"
    bid = max(world.levels(v, Side.BUY)[0][0] for v in VENUES)
    ask = min(world.levels(v, Side.SELL)[0][0] for v in VENUES)
    half_ppm, cross_ppm = max(0, ask - bid) * PPM / (ask + bid), float(min(c.cross_ppm for c in found))
    queues = tuple(
        QueueSeen(c.venue, c.ahead_units, float(-c.maker_fee_ppm - c.behind_ppm), lost)
        for c, lost in zip(found, seen, strict=True)
    )
    placed = place_within(
        PlacementAsk(qty_units, half_ppm, cross_ppm, max(half_ppm + cross_ppm, 0.0) + LATE_PPM, queues)
    )
    resting, left = {}, placed.cross_units
    for candidate, units in zip(found, placed.limit_units, strict=True):
        lot = UNIVERSE.instruments[candidate.venue, SYMBOL].lot_units
        resting[candidate.venue] = units // lot * lot
        left += units % lot
    return resting, left


ARMS: Final[dict[str, Callable[[World, Side, int], Placement]]] = {
    "cross": crossing,
    "one touch": one_touch,
    "split": split,
}


@dataclass(frozen=True)
class Slice:
    """What one slice cost against the mid of its begin, fees in, in ppm; and the part of it that makers' fills were."""

    cost_ppm: float
    made_frac: float


def work(arm: str, family: str, seed: int, qty_units: int, n_slices: int) -> list[Slice]:
    """All slices of one arm in one world."""
    world, found = World(family, seed), []
    world.run(WARM_S * S)
    for n in range(n_slices):
        side = Side.BUY if n % 2 == 0 else Side.SELL
        mid, began_ns = world.mid(), world.now_ns
        resting, cross_units = ARMS[arm](world, side, qty_units)
        paid, made_units, children = world.cross(side, cross_units), 0, {}
        for venue, units in resting.items():
            if units:
                child = world.child(venue, side, world.levels(venue, side)[0][0], units, rests=True)
                if world.market.rest(child, world.now_ns) is not None:
                    children[child.client_id] = child
        fills = world.run(began_ns + REST_S * S) if children else {}
        for client_id, child in children.items():
            world.market.withdraw(client_id, SYMBOL, world.now_ns)
            for one in world.market.made(child.venue, SYMBOL, world.now_ns):
                fills.setdefault(one.client_id, []).append((one.price_units, one.qty_units))
        for client_id, rows in fills.items():
            fee = UNIVERSE.fees[children[client_id].venue].maker_fee_ppm
            paid += [(at * (1 + side.sign * fee / PPM), units) for at, units in rows]
            made_units += sum(units for _, units in rows)
        for _ in range(MOST_TRIES):  # what the books do not hold now comes back
            left_units = qty_units - sum(units for _, units in paid)
            if left_units <= 0:
                break
            paid += world.cross(side, left_units)
            world.run(world.now_ns + LOOK_NS // 10)
        done_units = sum(units for _, units in paid)
        assert done_units >= qty_units, f"{qty_units - done_units} units found nobody"
        cost = sum(side.sign * (at - mid) / mid * PPM * units for at, units in paid) / done_units
        found.append(Slice(cost, made_units / done_units))
        world.run(began_ns + PERIOD_S * S)
    return found


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and 1.96 of its standard errors, worlds being the unit."""
    return mean(values), 1.96 * stdev(values) / sqrt(len(values))


def page(n_seeds: int, n_slices: int) -> str:
    """The whole page; the arms of a world are compared with one another, slice sums by world."""
    lines = [
        "# Placement: does splitting a slice over queues pay?",
        "",
        f"Written by `python -m loadtests.placement_campaign --seeds {n_seeds} --slices {n_slices} --write`.",
        f"**Simulated**: three families, {n_seeds} worlds each, {n_slices} slices a world, buys and sells in turn;",
        f"{REST_S} s of rest, then what is left crosses. Cost against the mid of the slice's begin, fees in, in bps;",
        "differences are by world, ± 1.96 standard errors: of few worlds narrower than a 95 % interval. No engine,",
        "latency, re-pricing or toxic flow; what prices lateness (1 bp) is the product's. Fees are the simulated",
        "venues' own, one of which pays its makers: one touch is hard to beat there.",
        "",
        "| family | BTC | cross | one touch | split | made, one touch | made, split | one touch - cross "
        "| split - one touch | split wins |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for family in sorted(FAMILIES):
        for size, qty_units in SIZES_UNITS.items():
            runs = {arm: [work(arm, family, 101 + s, qty_units, n_slices) for s in range(n_seeds)] for arm in ARMS}
            cost = {arm: [mean(s.cost_ppm for s in run) / 100 for run in worlds] for arm, worlds in runs.items()}
            made = {arm: mean(s.made_frac for run in worlds for s in run) for arm, worlds in runs.items()}
            rest, rest_half = interval([a - b for a, b in zip(cost["one touch"], cost["cross"], strict=True)])
            won, half = interval([a - b for a, b in zip(cost["split"], cost["one touch"], strict=True)])
            word = "yes" if won + half < 0 else "**no**, dearer" if won - half > 0 else "not shown"
            means = " | ".join(f"{mean(cost[arm]):.2f}" for arm in ARMS)
            lines.append(
                f"| {family} | {size} | {means} "
                f"| {made['one touch']:.0%} | {made['split']:.0%} | {rest:+.2f} ± {rest_half:.2f} "
                f"| {won:+.2f} ± {half:.2f} | {word} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    began_s = time.perf_counter()
    text = page(asked.seeds, asked.slices)
    print(text, f"{time.perf_counter() - began_s:.0f} s")
    if asked.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
