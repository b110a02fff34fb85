"""Every arm on one world: each in its own copy of it, both sides on the same path, all sizes, one row a parent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.venues.markets.port import VenueKind
from loadtests.arms.beliefs import Beliefs, world_of
from loadtests.arms.control import control_bps
from loadtests.arms.desk import Desk
from loadtests.arms.hindsight import Pool
from loadtests.arms.protocol import NS, Protocol
from loadtests.arms.scheduled import work_parent
from loadtests.arms.takers import take_parent

TAKER, SCHEDULE = "taker", "schedule"
BOUND = {TAKER: "A6", SCHEDULE: "B4"}
OWN = {TAKER: "A5", SCHEDULE: "B3"}
LIT_OWN = "A5L"
CALM_OWN = "B3R"
BARE = {TAKER: "A3", SCHEDULE: "B2"}
BASE = "base"
TAKER_LOOK_NS = 20_000_000
TAKER_LIFE_NS = NS // 2


@dataclass(frozen=True, slots=True)
class Row:
    """One parent of one arm. `arm` is "A5 - dark" for an ablation; `tier` of the fees; `control_bps` as in control.py;
    `maker_frac` of its lots; `world_sha256` of what the arm saw at arrival: the same for all arms of a world, or they
    were not in the same world.
    """

    family: str
    seed: int
    tier: str
    kind: str
    size: str
    sign: int
    arm: str
    lots: int
    filled_lots: int
    cost_bps: float
    control_bps: float
    maker_frac: float
    n_fills: int
    world_sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    """What of the campaign is run in a world: `only` these arms, all where empty."""

    kind: str
    tier: str = BASE
    with_terms: bool = True
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parent:
    """Who is to trade what, where."""

    family: str
    seed: int
    tier: str
    kind: str
    size: str
    sign: int


@dataclass(frozen=True, slots=True)
class Excluded:
    """A parent that was left out of all arms, and why."""

    family: str
    seed: int
    tier: str
    kind: str
    size: str
    sign: int
    why: str


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm that trades: its printed name, whose code it runs, and the terms that it uses."""

    name: str
    code: str
    terms: frozenset[str]


def own_terms(family: str, kind: str, size: str, protocol: Protocol) -> frozenset[str]:
    """The terms that the protocol gives to the own arm there: those that its tuning worlds said pay."""
    return frozenset(protocol.uses[OWN[kind]][family][size])


def arms_of(kind: str, family: str, size: str, protocol: Protocol, *, with_terms: bool = True) -> list[Arm]:
    """Every arm that trades. `with_terms`: also the own arm with each term the other way ("B3 - dark", or "B3 + dark"
    where it is not used), and the arm that has none of them with each one ("B2 + dark").
    """
    used = own_terms(family, kind, size, protocol)
    own, bare = OWN[kind], BARE[kind]
    fixed = {
        "A4": frozenset(protocol.arms["a4_terms"]),
        LIT_OWN: used - {"dark", "dealer"},
        CALM_OWN: used | {"schedule"},
    }
    found = [
        Arm(name, name, used if name == own else fixed.get(name, frozenset()))
        for name in protocol.arms[kind]
        if name != BOUND[kind]
    ]
    if with_terms:
        every = protocol.terms[own]
        found += [Arm(f"{own} {'-' if one in used else '+'} {one}", own, used ^ {one}) for one in every]
        found += [Arm(f"{bare} + {one}", bare, frozenset({one})) for one in every]
    return found


def run_world(family: str, seed: int, protocol: Protocol, beliefs: Beliefs, part: Part) -> Iterator[Row | Excluded]:
    """All sizes, sides and arms of one part of the campaign in one world."""
    for size in protocol.parents["participation"]:
        arms = arms_of(part.kind, family, size, protocol, with_terms=part.with_terms)
        if part.only:
            arms = [arm for arm in arms if arm.name in part.only]
        for sign in protocol.parents["sides"]:
            parent = Parent(family, seed, part.tier, part.kind, size, sign)
            yield from run_parent(parent, arms, protocol, beliefs)


def lots_of(kind: str, size: str, protocol: Protocol, beliefs: Beliefs) -> int:
    """A parent's lots: its part of the volume that the family is expected to trade."""
    seconds = protocol.parents["horizon_s" if kind == SCHEDULE else "taker_volume_s"]
    part: float = protocol.parents["participation"][size]
    return max(1, round(part * beliefs.volume_lots_per_s * float(seconds)))


def run_parent(parent: Parent, arms: Sequence[Arm], protocol: Protocol, beliefs: Beliefs) -> Iterator[Row | Excluded]:
    """One parent in every arm, each in its own copy of the world, and the bound over all of them."""
    told = (parent.family, parent.seed, parent.tier, parent.kind, parent.size, parent.sign)
    lots = lots_of(parent.kind, parent.size, protocol, beliefs)
    watching = _arrive(parent, lots, protocol)
    mid_half, start_ns = watching.mid_half_ticks(), watching.market.now_ns
    if not mid_half:
        yield Excluded(*told, "no mid at arrival")
        return
    pool = _looked(watching, parent.kind, protocol)
    rows = []
    for arm in arms:
        desk = _arrive(parent, lots, protocol)
        seen = _digest(desk)
        if parent.kind == TAKER:
            take_parent(desk, arm.code, arm.terms, beliefs, protocol)
        else:
            work_parent(desk, arm.code, arm.terms, beliefs, protocol, parent.seed)
        if desk.left_lots:
            yield Excluded(*told, f"{arm.name} is not complete: {desk.left_lots} of {lots} lots")
            return
        pool.add(desk.fills)
        made = sum(paid.lots for paid in desk.fills if paid.is_maker) / lots
        luck = control_bps(parent.family, parent.seed, parent.sign, start_ns, desk.fills, mid_half)
        cost, n = desk.cost_bps(mid_half), len(desk.fills)
        rows.append(Row(*told, arm.name, lots, desk.filled_lots, cost, luck, made, n, seen))
    yield from rows
    bound = pool.bound_bps(parent.sign, lots, mid_half)
    yield Row(*told, BOUND[parent.kind], lots, lots, bound, 0.0, 0.0, 0, rows[0].world_sha256)


def _arrive(parent: Parent, lots: int, protocol: Protocol) -> Desk:
    """A fresh copy of the world, warmed up to the parent's arrival."""
    desk = Desk(world_of(parent.family, parent.seed, protocol.tiers[parent.tier]), parent.sign, lots)
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
