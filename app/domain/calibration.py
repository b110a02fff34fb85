"""What past markets say about impact and slippage: parameters per symbol, and how well they did out of sample.

Estimates, never facts: each value carries how many UTC days stand behind it, and below MIN_DAYS it is not evidence.
Costs and displacements are ppm against the order; flow is signed quote notional.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

# No sentence about calibration rests on fewer days than these.
MIN_DAYS: Final = 20
NOT_EVIDENCE: Final = "not evidence"
QUANTILE_LEVELS: Final = ("0.05", "0.25", "0.50", "0.75", "0.95")


@unique
class Urgency(StrEnum):
    """How a taker's quantity is sent: all at once, or in four equal parts over a second."""

    NOW = "now"
    SOON = "soon"


@unique
class Decay(StrEnum):
    EXPONENTIAL = "exponential"
    POWER = "power"


@dataclass(frozen=True, slots=True)
class ImpactParameters:
    """How a market's mid moved with signed flow. `flow_kind`: trades, or order flow at the touch.

    linear: displacement is `linear_ppm` x flow / `flow_nano_per_s`; square root: `root_ppm` x sqrt of the same ratio.
    Propagator: linear, and of it `stays_frac` remains, the rest fades within `decay_s` (`decay_power` for a power law).
    `*_r2_frac`: explained variance out of sample, below zero worse than no impact at all.
    """

    flow_kind: str
    flow_nano_per_s: int
    sigma_ppm_sqrt_s: float
    linear_ppm: float
    linear_r2_frac: float
    root_ppm: float
    root_r2_frac: float
    decay: Decay
    decay_s: float
    decay_power_frac: float
    stays_frac: float
    n_windows: int


@dataclass(frozen=True, slots=True)
class SlippageParameters:
    """The law of kernels/slippage.py.

    `tables`: by urgency, one row for each delay of `knots_s` and, within it, each of `walk_knots_ppm` (the walk beyond
    half the spread): quantiles and mean in ppm beside the walk.
    """

    sigma_ppm_sqrt_s: float
    sigma_power_frac: float
    imbalance_ppm: float
    knots_s: tuple[float, ...]
    walk_knots_ppm: tuple[float, ...]
    tables: tuple[tuple[Urgency, tuple[tuple[float, ...], ...]], ...]


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """How often the realised cost fell into the predicted interval, out of sample, for one bucket of one dimension.

    `n_eff` counts independent parents. `extrapolated_frac`: parents beyond the reach of a replay.
    """

    dimension: str
    bucket: str
    n: int
    n_eff: float
    within50_frac: float
    within90_frac: float
    extrapolated_frac: float


@dataclass(frozen=True, slots=True)
class SkillRow:
    """1 - pinball loss over a rival's, out of sample, with the 95 % interval of a block bootstrap.

    Rivals add to the book walk a constant per quantile: one for everything (`constant`), or one for each delay, urgency
    and size (`constant_by_cell`, the harder rival). Below zero the model loses. `scope`: all parents, or those within
    the reach of a replay, the only ones that a claim may be about.
    """

    rival: str
    scope: str
    skill_frac: float
    low_frac: float
    high_frac: float
    n: int
    n_eff: float


@dataclass(frozen=True, slots=True)
class SymbolCalibration:
    """One symbol's parameters and their record. `n_parents`: out-of-sample predictions that were judged."""

    symbol: str
    venue: str
    n_days: int
    n_parents: int
    impact: ImpactParameters
    slippage: SlippageParameters
    coverage: tuple[CoverageRow, ...]
    skill: tuple[SkillRow, ...]

    @property
    def evidence(self) -> str:
        """`n = 20 days`, or below MIN_DAYS `n = 1 day, not evidence`."""
        days = f"n = {self.n_days} day{'' if self.n_days == 1 else 's'}"
        return days if self.n_days >= MIN_DAYS else f"{days}, {NOT_EVIDENCE}"


@dataclass(frozen=True, slots=True)
class Calibration:
    """All symbols of one recording. `source` says where it came from, `as_of` is the last recorded UTC day."""

    source: str
    as_of: str
    digest: str
    symbols: tuple[SymbolCalibration, ...]

    def of(self, symbol: str, venue: str = "") -> SymbolCalibration | None:
        """The symbol's calibration at `venue`; where that venue was not recorded, the first of the symbol."""
        own = [s for s in self.symbols if s.symbol == symbol]
        return next((s for s in own if s.venue == venue), own[0] if own else None)
