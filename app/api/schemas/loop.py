"""Whether what is measured of venues flows back into routes, and what is believed of them now."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas.base import Answer, Body, Bool
from app.domain.belief import Measure
from app.domain.enums import Side


class LoopBody(Body):
    enabled: Bool


class BeliefRow(Answer):
    """One venue, one measure: what was told last."""

    measure: Measure
    venue: str
    symbol: str
    side: Side
    is_demoted: bool
    ppm: int = Field(
        description="Of gross money (markout), of quantity (fade), of children (reject); latency: log x 1e6."
    )
    low_ppm: int
    high_ppm: int
    tried_ppm: int = Field(description="Propensity with which an order is routed as if the venue were not demoted.")
    n_observed: int
    reason: str


class LoopInfo(Answer):
    """The switch, and the beliefs that weigh while it is on."""

    enabled: bool
    is_allowed: bool = Field(description="By setting; the switch cannot turn on what the setting forbids.")
    beliefs: list[BeliefRow]
