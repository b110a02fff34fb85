"""What the arms may believe of a family, learned from its tuning worlds only: volume, outflows, adverse moves, fade.

Whoever evaluates draws other hidden parameters, so these are beliefs about a family and wrong for each single world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
from loadtests.arms.desk import Desk, Means, plan
from loadtests.arms.protocol import NS, Protocol

Floats = npt.NDArray[np.float64]
PLENTY_LOTS = 1 << 30


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


def world_of(family: str, seed: int) -> Markets:
    """A world of the family's committed file: hidden parameters and noise by one seed."""
    chosen = family_of(family)
    return chosen.make(read_world(chosen.path), seed, seed)


def learn(family: str, protocol: Protocol) -> Beliefs:
    """Beliefs from the protocol's tuning worlds, by posting, taking and watching there."""
    first, n = protocol.worlds["first_tuning_seed"], protocol.worlds["n_tuning"]
    watched = [_watch(world_of(family, first + i), protocol) for i in range(n)]
    tried = [_try(world_of(family, first + i), sign, protocol) for i in range(n) for sign in (1, -1)]
    seconds = float(n * protocol.worlds["tuning_s"])
    sizes = np.concatenate([one["sizes"] for one in watched])
    part = max(protocol.parents["participation"].values())
    slice_lots = part * sizes.sum() / seconds * protocol.parents["slice_s"]
    posted = [
        _post(world_of(family, first + i), sign, round(slice_lots), protocol) for i in range(n) for sign in (1, -1)
    ]
    levels = (np.arange(protocol.beliefs["n_quantiles"]) + 0.5) / protocol.beliefs["n_quantiles"]
    n_venues = posted[0]["outflow"].shape[1]
    outflow = np.concatenate([one["outflow"] for one in posted])
    filled = np.concatenate([one["filled"] for one in posted])
    moved = np.concatenate([one["against_ppm"] for one in posted])
    known = filled.sum(axis=0)
    return Beliefs(
        volume_lots_per_s=float(sizes.sum()) / seconds,
        trades_per_s=sizes.size / seconds,
        sizes_lots=tuple(int(x) for x in np.quantile(sizes, (np.arange(400) + 0.5) / 400)),
        sigma_ppm_sqrt_s=float(np.sqrt(np.mean(np.concatenate([one["moves_ppm"] for one in watched]) ** 2))),
        cross_ppm=float(np.mean([one["cross_ppm"] for one in tried])),
        outflow_lots=np.stack([np.nanquantile(outflow[:, v], levels) for v in range(n_venues)]),
        adverse_ppm=(filled * moved).sum(axis=0) / np.maximum(known, 1.0),
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
    """A large slice shared over every venue's touch, slice after slice: what traded, and where the mid went."""
    desk = Desk(market, sign, PLENTY_LOTS)
    desk.wait(protocol.warm_ns)
    n = len(desk.lit)
    rows: dict[str, list[Floats]] = {"outflow": [], "filled": [], "against_ppm": []}
    for _ in range(int(protocol.worlds["tuning_s"] // protocol.parents["slice_s"])):
        mid, began = desk.mid_half_ticks(), len(desk.fills)
        ahead, sent = np.full(n, np.nan), {}
        for v in desk.lit:
            touch = desk.touch(v)
            if touch is not None:
                ahead[v] = touch[1]
                sent[v] = desk.send(Order(v, sign, touch[0], max(1, slice_lots // n), Force.POST_ONLY))
        desk.wait(market.now_ns + protocol.slice_ns)
        filled = np.zeros(n)
        for paid in desk.fills[began:]:
            filled[paid.venue_i] += paid.lots
        after = desk.mid_half_ticks()
        against = -sign * (after - mid) / mid * 1e6 if mid and after else 0.0
        # Nothing filled: the queue lost less than was ahead, taken as half of it.
        rows["outflow"].append(np.where(filled > 0, ahead + filled, 0.5 * ahead))
        rows["filled"].append(filled)
        rows["against_ppm"].append(np.full(n, against))
        desk.clear()
    return {name: np.array(values) for name, values in rows.items()}


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
