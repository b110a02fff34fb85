"""How well estimates of impact and slippage did, on what they were not fitted on, and whether that is evidence."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas.base import Answer, Dec, SignedDec
from app.api.schemas.pretrade import PretradeInfo
from app.domain.calibration import Decay, Urgency


class ImpactInfo(Answer):
    """How the mid moved with signed flow: an association, not the effect of an order."""

    flow_kind: str = Field(description="`trades`, or order flow at the touch where there was no tape.")
    flow_per_s: Dec = Field(description="Mean absolute flow a second, in the quote.")
    volatility_bps: Dec = Field(description="Per root second.")
    linear_bps: Dec = Field(description="Displacement by a second's flow, linear law.")
    linear_r2: SignedDec = Field(description="Explained out of sample; below 0 it is worse than nothing.")
    square_root_bps: Dec
    square_root_r2: SignedDec
    decay: Decay
    decay_s: Dec
    decay_power: Dec
    stays: Dec = Field(description="Fraction of the displacement that remains.")
    n_windows: int


class SlippageRow(Answer):
    """Cost beyond the book walk at one delay and walk, bps: quantiles and mean at the calibration's volatility."""

    urgency: Urgency
    delay_ms: Dec
    walk_bps: Dec = Field(description="The walk beyond half the spread.")
    p05_bps: SignedDec
    p25_bps: SignedDec
    p50_bps: SignedDec
    p75_bps: SignedDec
    p95_bps: SignedDec
    mean_bps: SignedDec


class SlippageInfo(Answer):
    """The law: walk + imbalance term + table(delay, walk) x volatility^power."""

    volatility_bps: Dec
    volatility_power: Dec
    imbalance_bps: SignedDec
    table: list[SlippageRow]


class CoverageInfo(Answer):
    """How often realised cost lay inside the predicted 50 % and 90 % intervals."""

    dimension: str
    bucket: str
    n: int
    n_eff: Dec
    within50: Dec
    within90: Dec
    extrapolated: Dec = Field(description="Fraction of parents beyond what a replay may price: out of any claim.")


class SkillInfo(Answer):
    """1 - pinball loss over that of the book walk plus a constant; below 0 the model loses."""

    rival: str = Field(description="`constant`, or `constant_by_cell`: one for each delay, urgency and size.")
    scope: str
    skill: SignedDec
    low: SignedDec
    high: SignedDec
    n: int
    n_eff: Dec


class SymbolCalibrationInfo(Answer):
    symbol: str
    venue: str
    n_days: int
    n_parents: int
    is_evidence: bool
    evidence: str = Field(description="`n = 1 day, not evidence` below 20 UTC days.")
    impact: ImpactInfo
    slippage: SlippageInfo
    coverage: list[CoverageInfo]
    skill: list[SkillInfo]


class CalibrationInfo(Answer):
    source: str
    as_of: str
    digest: str
    min_days: int = Field(description="Below this many UTC days nothing here is evidence.")
    symbols: list[SymbolCalibrationInfo]
    pretrade: PretradeInfo | None = Field(
        default=None, description="Estimates of whole orders, and their record; null: none loaded."
    )
