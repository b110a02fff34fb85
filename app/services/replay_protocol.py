"""The committed protocol of a replay: what is measured, on which parents, against whom, with which errors."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from app.domain.enums import ContractKind, Side

PROTOCOL_PATH: Final = Path(__file__).with_name("replay_protocol.toml")
BOUND_ARM: Final = "A6"
RIVAL_ARM: Final = "A3"
OWN_ARM: Final = "A5"


@dataclass(frozen=True, slots=True)
class ServedVenue:
    """One venue of a run: its part of a recorded book (ppm), its lot as a multiple of the market's, its delay."""

    venue: str
    share_ppm: int
    lot_multiple: int
    latency_ns: int
    fee_index: int


@dataclass(frozen=True, slots=True)
class FeeTable:
    """Taker fees in ppm by contract kind and place; `source` and `as_of` say where they come from."""

    tier: str
    taker_fee_ppm: Mapping[ContractKind, tuple[int, ...]]
    source: str
    as_of: str


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a replay may price: see EVIDENCE's rule in docs/results/replay.md."""

    max_displayed_frac: Decimal
    within_bps: int
    max_life_ns: int
    max_parents_beyond_frac: Decimal


@dataclass(frozen=True, slots=True)
class ErrorRules:
    n_replications: int
    seed: int
    min_block_iat: int
    t_below_blocks: int
    confidence: float
    equivalence_bps: float
    power: float
    smallest_effect_bps: float


@dataclass(frozen=True, slots=True)
class Protocol:
    """Times in ns. `sha256` is of the file's bytes."""

    sha256: str
    sizes_usd: tuple[int, ...]
    sides: tuple[Side, ...]
    first_after_ns: int
    every_ns: int
    last_before_ns: int
    max_slippage_ppm: int
    clean_up_ns: int
    arms: tuple[str, ...]
    arm_titles: Mapping[str, str]
    alone: ServedVenue
    shared: tuple[ServedVenue, ...]
    tiers: tuple[FeeTable, ...]
    reach: Reach
    errors: ErrorRules


def load_protocol(path: Path = PROTOCOL_PATH) -> Protocol:
    """The protocol of `path`; raises KeyError or ValueError for a file that lacks a member."""
    content = path.read_bytes()
    plain = tomllib.loads(content.decode())
    parents, alone = plain["parents"], plain["alone"]
    return Protocol(
        sha256=hashlib.sha256(content).hexdigest(),
        sizes_usd=tuple(parents["sizes_usd"]),
        sides=tuple(Side(side) for side in parents["sides"]),
        first_after_ns=parents["first_after_s"] * 10**9,
        every_ns=parents["every_s"] * 10**9,
        last_before_ns=parents["last_before_s"] * 10**9,
        max_slippage_ppm=parents["max_slippage_bps"] * 100,
        clean_up_ns=parents["clean_up_ms"] * 10**6,
        arms=tuple(plain["arms"]["order"]),
        arm_titles=plain["arms"]["title"],
        alone=ServedVenue("", 10**6, alone["lot_multiple"], alone["latency_us"] * 1000, 0),
        shared=tuple(
            ServedVenue(v["venue"], v["share_ppm"], v["lot_multiple"], v["latency_us"] * 1000, v["fee_index"])
            for v in plain["shared"]
        ),
        tiers=tuple(_fee_table(tier, table) for tier, table in plain["fees"].items()),
        reach=_reach(plain["reach"]),
        errors=_errors(plain["errors"], plain["metric"]),
    )


def _fee_table(tier: str, plain: dict[str, Any]) -> FeeTable:
    fees = {kind: tuple(plain[kind.value]) for kind in ContractKind}
    return FeeTable(tier, fees, plain["source"], plain["as_of"])


def _reach(plain: dict[str, Any]) -> Reach:
    return Reach(
        max_displayed_frac=Decimal(plain["max_displayed_frac"]),
        within_bps=plain["within_bps"],
        max_life_ns=plain["max_life_ms"] * 10**6,
        max_parents_beyond_frac=Decimal(plain["max_parents_beyond_frac"]),
    )


def _errors(plain: dict[str, Any], metric: dict[str, Any]) -> ErrorRules:
    return ErrorRules(
        n_replications=plain["replications"],
        seed=plain["seed"],
        min_block_iat=plain["min_block_iat"],
        t_below_blocks=plain["t_below_blocks"],
        confidence=float(plain["confidence"]),
        equivalence_bps=float(plain["equivalence_bps"]),
        power=float(plain["power"]),
        smallest_effect_bps=float(metric["smallest_effect_bps"]),
    )
