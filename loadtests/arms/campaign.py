"""Every arm on one world: each in its own copy of it, both sides on the same path, all sizes, one row a parent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.venues.markets.port import VenueKind
from loadtests.arms.beliefs import Beliefs, world_of
from loadtests.arms.desk import Desk
from loadtests.arms.hindsight import Pool
from loadtests.arms.protocol import NS, Protocol
from loadtests.arms.scheduled import work_parent
from loadtests.arms.takers import take_parent

TAKER, SCHEDULE = "taker", "schedule"
BOUND = {TAKER: "A6", SCHEDULE: "B4"}
OWN = {TAKER: "A5", SCHEDULE: "B3"}
TAKER_LOOK_NS = 20_000_000
TAKER_LIFE_NS = NS // 2


@dataclass(frozen=True, slots=True)
class Row:
    """One parent of one arm. `arm` is "A5 - dark" for an ablation; `maker_frac` of its lots; `world_sha256` of what the
    arm saw at arrival: the same for all arms of a world, or they were not in the same world.
    """

    family: str
    seed: int
    kind: str
    size: str
    sign: int
    arm: str
    lots: int
    filled_lots: int
    cost_bps: float
    maker_frac: float
    n_fills: int
    world_sha256: str


@dataclass(frozen=True, slots=True)
class Excluded:
    """A parent that was left out of all arms, and why."""

    family: str
    seed: int
    kind: str
    size: str
    sign: int
    why: str


def arms_of(kind: str, protocol: Protocol) -> list[tuple[str, str, str]]:
    """(printed name, arm, term that is off) of every arm that trades."""
    named = [(arm, arm, "") for arm in protocol.arms[kind] if arm != BOUND[kind]]
    own = OWN[kind]
    return named + [(f"{own} - {off}", own, off) for off in protocol.ablations[own]]


def run_world(
    family: str, seed: int, protocol: Protocol, beliefs: Beliefs, kinds: Sequence[str] = (TAKER, SCHEDULE)
) -> Iterator[Row | Excluded]:
    """All kinds, sizes, sides and arms of one world."""
    for kind in kinds:
        for size in protocol.parents["participation"]:
            for sign in protocol.parents["sides"]:
                yield from _run_parent(family, seed, kind, size, sign, protocol, beliefs)


def lots_of(kind: str, size: str, protocol: Protocol, beliefs: Beliefs) -> int:
    """A parent's lots: its part of the volume that the family is expected to trade."""
    seconds = protocol.parents["horizon_s" if kind == SCHEDULE else "taker_volume_s"]
    part: float = protocol.parents["participation"][size]
    return max(1, round(part * beliefs.volume_lots_per_s * float(seconds)))


def _run_parent(
    family: str, seed: int, kind: str, size: str, sign: int, protocol: Protocol, beliefs: Beliefs
) -> Iterator[Row | Excluded]:
    lots = lots_of(kind, size, protocol, beliefs)
    watching = _arrive(family, seed, sign, lots, protocol)
    mid_half = watching.mid_half_ticks()
    if not mid_half:
        yield Excluded(family, seed, kind, size, sign, "no mid at arrival")
        return
    pool = _looked(watching, kind, protocol)
    rows = []
    for name, arm, off in arms_of(kind, protocol):
        desk = _arrive(family, seed, sign, lots, protocol)
        seen = _digest(desk)
        if kind == TAKER:
            take_parent(desk, arm, off, beliefs, protocol)
        else:
            work_parent(desk, arm, off, beliefs, protocol, seed)
        if desk.left_lots:
            yield Excluded(family, seed, kind, size, sign, f"{name} is not complete: {desk.left_lots} of {lots} lots")
            return
        pool.add(desk.fills)
        made = sum(paid.lots for paid in desk.fills if paid.is_maker) / lots
        cost, n = desk.cost_bps(mid_half), len(desk.fills)
        rows.append(Row(family, seed, kind, size, sign, name, lots, desk.filled_lots, cost, made, n, seen))
    yield from rows
    bound = pool.bound_bps(sign, lots, mid_half)
    yield Row(family, seed, kind, size, sign, BOUND[kind], lots, lots, bound, 0.0, 0, rows[0].world_sha256)


def _arrive(family: str, seed: int, sign: int, lots: int, protocol: Protocol) -> Desk:
    """A fresh copy of the world, warmed up to the parent's arrival."""
    desk = Desk(world_of(family, seed), sign, lots)
    desk.wait(protocol.warm_ns)
    return desk


def _digest(desk: Desk) -> str:
    views = [desk.market.true_view(v) for v in desk.lit]
    return hashlib.sha256(repr((views, desk.market.value_ticks())).encode()).hexdigest()


def _looked(desk: Desk, kind: str, protocol: Protocol) -> Pool:
    """What was shown in the world without us, over the parent's life."""
    start_ns = desk.market.now_ns
    fees = [(spec.taker_fee_ppm, spec.maker_fee_ppm) for spec in desk.market.specs]
    assert all(spec.kind is not VenueKind.RFQ or spec.taker_fee_ppm == 0 for spec in desk.market.specs)
    if kind == TAKER:
        pool, step_ns, life_ns = Pool(start_ns, 1 << 60, fees), TAKER_LOOK_NS, TAKER_LIFE_NS
    else:
        pool, step_ns, life_ns = Pool(start_ns, protocol.slice_ns, fees), NS, protocol.horizon_ns
    for at_ns in range(start_ns, start_ns + life_ns + 1, step_ns):
        desk.wait(at_ns)
        pool.see(desk)
    return pool
