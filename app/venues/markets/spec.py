"""What a simulated world is made of: its venues, as frozen values read from TOML, and how hidden numbers are drawn.

In a file a number may be a range, `{ low = 1.0, high = 4.0 }` or with `law = "log"`; `drawn` picks one by a seed, each
range by its own place in the file. Evaluation uses seeds that no tuning used.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from app.domain.errors import BadRequest
from app.domain.ids import hash80
from app.kernels import sim_words as w
from app.venues.markets.port import VenueKind

T = TypeVar("T")

_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class VenueSpec:
    """One venue. Fees in ppm of the money (negative: rebate); what is 0 by default does not happen.

    Lit: `fade_frac` of what is shown leaves before an order of ours arrives; `peak_lots` of the crowd's icebergs.
    `toxic_ppm`: after a resting fill of ours the value moves so much against us, `toxic_delay_s` later.
    Dark: hidden counter-liquidity comes `dark_per_s`, of mean size and life. RFQ: quotes are `dealer_*` from the mid.
    """

    venue: str
    kind: VenueKind = VenueKind.LIT
    latency_in_s: float = 0.0
    latency_out_s: float = 0.0
    latency_data_s: float = 0.0
    jitter_s: float = 0.0
    publish_s: float = 0.1
    maker_fee_ppm: int = 0
    taker_fee_ppm: int = 0
    min_lots: int = 1
    peak_lots: int = 1
    toxic_ppm: float = 0.0
    toxic_delay_s: float = 0.2
    fade_frac: float = 0.0
    halts_per_s: float = 0.0
    halt_s: float = 0.0
    dark_per_s: float = 0.0
    mean_lots: float = 1.0
    dark_life_s: float = 0.0
    dealer_half_ppm: float = 0.0
    dealer_slope_ppm: float = 0.0
    dealer_tolerance_ppm: float = 0.0
    dealer_refusal_frac: float = 0.0
    hold_s: float = 0.0
    quote_s: float = 1.0
    leak_ppm: float = 0.0

    def __post_init__(self) -> None:
        rows_s = (w.SHOT_ROWS - 1) * self.publish_s
        if self.kind == VenueKind.LIT and not 0.0 < self.publish_s <= 10.0:
            raise BadRequest("validation_failed", f"{self.venue}: publish_s is above 0 and at most 10.")
        if self.kind == VenueKind.LIT and self.latency_data_s >= rows_s:
            raise BadRequest("validation_failed", f"{self.venue}: latency_data_s is below 63 publications.")
        if self.min_lots < 1 or self.peak_lots < 1 or not 0.0 <= self.fade_frac <= 1.0:
            raise BadRequest("validation_failed", f"{self.venue}: min_lots, peak_lots from 1, fade_frac from 0 to 1.")
        if min(self.latency_in_s, self.latency_out_s, self.latency_data_s, self.jitter_s, self.hold_s) < 0.0:
            raise BadRequest("validation_failed", f"{self.venue}: no time is negative.")


def ns_of_s(seconds: float) -> int:
    """Whole nanoseconds, to the nearest."""
    return round(seconds * _NS)


def read_world(path: Path) -> dict[str, Any]:
    """The tables of a file, ranges still in it."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def drawn(table: Any, seed: int, *place: str) -> Any:
    """The same tables with every range replaced by one of its numbers, chosen by `seed` and its place."""
    if isinstance(table, Mapping):
        if "low" in table and "high" in table:
            return _pick(table, seed, *place)
        return {name: drawn(value, seed, *place, name) for name, value in table.items()}
    if isinstance(table, list):
        return [drawn(value, seed, *place, str(i)) for i, value in enumerate(table)]
    return table


def _pick(bounds: Mapping[str, Any], seed: int, *place: str) -> float | int:
    low, high = bounds["low"], bounds["high"]
    law = bounds.get("law", "linear")
    if (
        set(bounds) - {"low", "high", "law"}
        or law not in {"linear", "log"}
        or low > high
        or (law == "log" and low <= 0)
    ):
        raise BadRequest("validation_failed", f"{'.'.join(place)}: a range is low <= high, law linear or log.")
    frac = float(np.random.Generator(np.random.PCG64(hash80(seed, *place))).random())
    if isinstance(low, int) and isinstance(high, int):
        return min(high, low + int(frac * (high - low + 1)))
    if law == "log":
        return float(math.exp(math.log(low) + frac * (math.log(high) - math.log(low))))
    return float(low + frac * (high - low))


def built(value: type[T], table: Mapping[str, Any], **more: Any) -> T:
    """A frozen `value` from a table without ranges; an unknown or missing name is refused."""
    known = {field.name: field for field in fields(value)}  # type: ignore[arg-type]
    given = {**table, **more}
    unknown = sorted(set(given) - set(known))
    missing = sorted(
        name
        for name, field in known.items()
        if name not in given and field.default is MISSING and field.default_factory is MISSING
    )
    if unknown or missing:
        raise BadRequest("validation_failed", f"{value.__name__}: unknown {unknown}, missing {missing}.")
    return value(**{name: tuple(one) if isinstance(one, list) else one for name, one in given.items()})


def venue_specs(table: Mapping[str, Any]) -> tuple[VenueSpec, ...]:
    """The venues of a drawn file: its `[[venues]]`, each on top of `[venue]` for what all share."""
    shared = table.get("venue", {})
    rows = table["venues"]
    if not 1 <= len(rows) <= w.MOST_VENUES:
        raise BadRequest("validation_failed", f"A world has 1 to {w.MOST_VENUES} venues.")
    return tuple(_venue({**shared, **row}) for row in rows)


def _venue(row: dict[str, Any]) -> VenueSpec:
    kind = VenueKind[str(row.pop("kind", "lit")).upper()]
    return built(VenueSpec, row, kind=kind)
