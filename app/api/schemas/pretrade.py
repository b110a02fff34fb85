"""What an order is expected to cost before it is placed, and the service's record of having said so."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas.base import Answer, Dec, SignedDec
from app.domain.pretrade import Basis


class CostQuantiles(Answer):
    """All-in cost in bps that is not passed with so many percent."""

    p5: SignedDec
    p25: SignedDec
    p50: SignedDec
    p75: SignedDec
    p95: SignedDec


class CostEstimateAnswer(Answer):
    """All-in cost (fees included) in bps against the mid of now; positive is a cost. An estimate, never a promise."""

    expected_bps: SignedDec
    quantiles: CostQuantiles
    participation: Dec | None = Field(
        description="Of what is expected to trade meanwhile (a second at least), ourselves included; null: not known."
    )
    duration_s: Dec = Field(description="Until the last slice leaves; 0 for what leaves at once.")
    basis: Basis = Field(
        description="`simulated`: fitted to simulated markets, no evidence for yours; `own`: to yours."
    )
    artifact: str = Field(description="Name and hash of the law.")
    cell: str = Field(description="Pace, venue, size and volatility of the group whose errors these are.")
    is_extrapolated: bool = Field(description="Larger than anything the law has seen, or than what is displayed.")


class ForetoldInfo(Answer):
    """One group of finished orders: what was said beside what came. Misses come first."""

    group: str = Field(description="`all`, `strategy`, `artifact`, `reach` or `cell`.")
    name: str
    n: int
    n_days: int
    within50: Dec
    within90: Dec
    se50: Dec | None = Field(description="Clustered by UTC day; null below two days.")
    se90: Dec | None
    pinball_bps: Dec
    constant_pinball_bps: Dec = Field(description="Of book walk + the constants that fit these very orders best.")
    expected_bps: SignedDec
    realised_bps: SignedDec
    worst_se: Dec = Field(description="Standard errors of the worse interval from its nominal.")
    is_miss: bool | None = Field(description="Beyond three of them; null for fewer than 20 orders.")


class PretradeInfo(Answer):
    """The law that estimates come from, and how it has done on this shard's finished orders."""

    artifact: str
    basis: Basis
    source: str
    as_of: str
    digest: str
    n: int = Field(description="Finished orders that were foretold, the newest 5,000.")
    n_left_out: int = Field(description="Foretold and then canceled, amended or unfilled.")
    n_days: int
    is_evidence: bool = Field(description="From 20 UTC days on.")
    rows: list[ForetoldInfo]
