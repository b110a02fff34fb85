"""What the arms may believe of a family, learned from its tuning worlds only: volume, outflows, adverse moves, fade.

Whoever evaluates draws other hidden parameters, so these are beliefs about a family and wrong for each single world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.domain.enums import Side
from app.domain.plan import VenueEstimate
from app.domain.terms import SourceTerms
from app.routing.estimates import estimate_venue
from app.routing.router import Router
from app.venues.markets.families import family_of
from app.venues.markets.port import Force, Order
from app.venues.markets.spec import read_world
from app.venues.markets.world import Markets
from loadtests.arms.desk import Desk, Means, Paid, fair_ticks, follow, plan
from loadtests.arms.protocol import NS, Protocol

Floats = npt.NDArray[np.float64]
PLENTY_LOTS = 1 << 30
LOOK_NS = 50_000_000
MARKOUT_NS = NS


@dataclass(frozen=True)
class Beliefs:
    """By venue index. `outflow_lots`: float64[venues, quantiles], what a queue at the touch loses in one slice,
    the lots ahead included. `adverse_ppm`: how far the mid is against us at a slice's end where a post was filled.
    `fade_frac`: part of a planned immediate order that was gone. `sizes_lots`: of public trades.
    """

    volume_lots_per_s: float
    trades_per_s: float
    sizes_lots: tuple[int, ...]
    sigma_ppm_sqrt_s: float
    cross_ppm: float
    outflow_lots: Floats
    adverse_ppm: Floats
    fade_frac: Floats

    def estimates(self, market: Markets, sign: int, refill_ppm: int) -> Mapping[str, VenueEstimate]:
        """The product's bounded estimate of each lit venue: what fades is bought dearer."""
        side = Side.BUY if sign > 0 else Side.SELL
        return {
            spec.venue: estimate_venue(
                SourceTerms(
                    spec.venue,
                    spec.taker_fee_ppm,
                    spec.maker_fee_ppm,
                    fade_ppm=round(1e6 * float(self.fade_frac[v])),
                    refill_ppm=refill_ppm,
                ),
                side,
                None,
            )
            for v, spec in enumerate(market.specs)
            if v < len(self.fade_frac)
        }


def world_of(family: str, seed: int, tier: Mapping[str, float] | None = None) -> Markets:
    """A world of the family's committed file: hidden parameters and noise by one seed. A `tier` of fees multiplies what
    takers (`taker`) and makers (`maker`) pay, and what is paid to makers (`rebate`).
    """
    chosen = family_of(family)
    table = _table(chosen.path)
    return chosen.make(table if tier is None else _with_fees(table, tier), seed, seed)


def _with_fees(table: Mapping[str, Any], tier: Mapping[str, float]) -> dict[str, Any]:
    def priced(row: Mapping[str, Any]) -> dict[str, Any]:
        told = dict(row)
        for name, of in (("taker_fee_ppm", "taker"), ("maker_fee_ppm", "maker")):
            if name in told:
                told[name] = round(told[name] * tier["rebate" if told[name] < 0 else of])
        return told

    return {**table, "venue": priced(table["venue"]), "venues": [priced(row) for row in table["venues"]]}


@cache
def _table(path: Path) -> dict[str, Any]:
    return read_world(path)


def learn(family: str, protocol: Protocol) -> Beliefs:
    """Beliefs from the family's tuning worlds."""
    return learn_in(partial(world_of, family), protocol)


def learn_in(make: Callable[[int], Markets], protocol: Protocol) -> Beliefs:
    """Beliefs from the worlds that `make` gives for the tuning seeds, by posting, taking and watching there."""
    first, n = protocol.worlds["first_tuning_seed"], protocol.worlds["n_tuning"]
    watched = [_watch(make(first + i), protocol) for i in range(n)]
    tried = [_try(make(first + i), sign, protocol) for i in range(n) for sign in (1, -1)]
    seconds = float(n * protocol.worlds["tuning_s"])
    sizes = np.concatenate([one["sizes"] for one in watched])
    part = max(protocol.parents["participation"].values())
    slice_lots = part * sizes.sum() / seconds * protocol.parents["slice_s"]
    posted = [_post(make(first + i), sign, round(slice_lots), protocol) for i in range(n) for sign in (1, -1)]
    levels = (np.arange(protocol.beliefs["n_quantiles"]) + 0.5) / protocol.beliefs["n_quantiles"]
    n_venues = posted[0]["outflow"].shape[1]
    outflow = np.concatenate([one["outflow"] for one in posted])
    hoped, kept, known = (np.sum([one[name] for one in posted], axis=0) for name in ("hoped", "kept", "filled"))
    return Beliefs(
        volume_lots_per_s=float(sizes.sum()) / seconds,
        trades_per_s=sizes.size / seconds,
        sizes_lots=tuple(int(x) for x in np.quantile(sizes, (np.arange(400) + 0.5) / 400)),
        sigma_ppm_sqrt_s=float(np.sqrt(np.mean(np.concatenate([one["moves_ppm"] for one in watched]) ** 2))),
        cross_ppm=float(np.mean([one["cross_ppm"] for one in tried])),
        outflow_lots=np.stack([np.nanquantile(outflow[:, v], levels) for v in range(n_venues)]),
        adverse_ppm=(hoped - kept) / np.maximum(known, 1.0),
        fade_frac=1.0 - np.sum([one["got"] for one in tried], axis=0) / np.sum([one["asked"] for one in tried], axis=0),
    )


def _watch(market: Markets, protocol: Protocol) -> dict[str, Any]:
    """Public trades at lit venues, and moves of the mid a second."""
    desk = Desk(market, 1, PLENTY_LOTS)
    desk.wait(protocol.warm_ns)
    market.trades()
    mids, sizes = [desk.mid_half_ticks(is_true=True)], []
    for _ in range(protocol.worlds["tuning_s"]):
        desk.wait(market.now_ns + NS)
        mids.append(desk.mid_half_ticks(is_true=True))
        sizes += [one.lots for one in market.trades() if one.venue_i in desk.lit]
    kept = np.array([mid for mid in mids if mid])
    return {"sizes": np.array(sizes, np.int64), "moves_ppm": np.diff(np.log(kept)) * 1e6}


def _post(market: Markets, sign: int, slice_lots: int, protocol: Protocol) -> dict[str, Any]:
    """A large slice shared over every venue's touch and moved with it: what traded, what a fill kept of its edge."""
    desk = Desk(market, sign, PLENTY_LOTS)
    desk.wait(protocol.warm_ns)
    n = len(desk.lit)
    edge_ticks, look_ns = float(protocol.beliefs["fair_edge_ticks"]), int(protocol.beliefs["look_s"] * NS)
    rows: dict[str, list[Floats]] = {"outflow": []}
    hoped, kept, filled_all = np.zeros(n), np.zeros(n), np.zeros(n)
    waiting: list[Paid] = []
    for _ in range(int(protocol.worlds["tuning_s"] // protocol.parents["slice_s"])):
        end_ns, began = market.now_ns + protocol.slice_ns, len(desk.fills)
        ahead, edge = np.full(n, np.nan), np.zeros(n)
        for v in desk.lit:
            touch = desk.touch(v)
            if touch is not None:
                ahead[v] = touch[1]
                price = fair_ticks(desk, touch[0], edge_ticks)
                edge[v] = _edge_ppm(desk, price)
                desk.send(Order(v, sign, price, max(1, slice_lots // n), Force.POST_ONLY))
        heard = began
        while market.now_ns < end_ns:
            desk.wait(min(end_ns, market.now_ns + LOOK_NS))
            if (market.now_ns - end_ns) % look_ns == 0 and market.now_ns < end_ns:
                follow(desk, edge_ticks, is_following=True)
                for sent in desk.open.values():
                    edge[sent.venue_i] = _edge_ppm(desk, sent.price_ticks)
            waiting += desk.fills[heard:]
            heard = len(desk.fills)
            while waiting and waiting[0].ts_ns + MARKOUT_NS <= market.now_ns:
                paid = waiting.pop(0)
                hoped[paid.venue_i] += paid.lots * edge[paid.venue_i]
                kept[paid.venue_i] += paid.lots * _edge_ppm(desk, paid.price_half_ticks / 2)
                filled_all[paid.venue_i] += paid.lots
        filled = np.zeros(n)
        for paid in desk.fills[began:]:
            filled[paid.venue_i] += paid.lots
        # Nothing filled: the queue lost less than was ahead, taken as half of it.
        rows["outflow"].append(np.where(filled > 0, ahead + filled, 0.5 * ahead))
        desk.clear()
    return {"outflow": np.array(rows["outflow"]), "hoped": hoped, "kept": kept, "filled": filled_all}


def _edge_ppm(desk: Desk, price_ticks: float) -> float:
    mid = desk.mid_half_ticks() / 2
    return desk.sign * (mid - price_ticks) / mid * 1e6 if mid else 0.0


def _try(market: Markets, sign: int, protocol: Protocol) -> dict[str, Any]:
    """What is shown at each venue's best price, asked for at that price: what was gone, and what crossing costs."""
    desk = Desk(market, sign, PLENTY_LOTS)
    desk.wait(protocol.warm_ns)
    asked, got, costs = np.zeros(len(desk.lit)), np.zeros(len(desk.lit)), []
    means = Means(Router(), desk.lit)
    for _ in range(int(protocol.worlds["tuning_s"] // protocol.parents["slice_s"])):
        _, cost_ppm = plan(desk, means, 1)
        costs.append(cost_ppm)
        for v in desk.lit:
            view = market.view(v)
            side = view.asks if sign > 0 else view.bids
            if not side or view.is_halted:
                continue
            lots, before = max(1, side[0][1]), desk.filled_lots
            desk.settle([desk.send(Order(v, sign, side[0][0], lots, Force.IOC))])
            asked[v] += lots
            got[v] += desk.filled_lots - before
        desk.wait(market.now_ns + protocol.slice_ns)
    return {"asked": asked, "got": got, "cross_ppm": float(np.mean(costs))}
