"""Words of the shadow: a desk's real parents and fills, and what Bestex would have done beside them.

A shadow sends nothing. Its own fills are simulated on books that were really there, and are called so wherever shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from app.domain.enums import Side

PRICE_NAMES = ("decision", "received", "approved", "first_sent")


@dataclass(frozen=True, slots=True)
class DeskParent:
    """What the desk decided to trade, in the symbol's units. `end_ts_ns`: its own time ends, 0 where it told none.

    `decision_price_units`: the desk's own price when it decided, None where it told none.
    """

    parent_id: str
    symbol: str
    side: Side
    qty_units: int
    decision_ts_ns: int
    end_ts_ns: int = 0
    limit_price_units: int | None = None
    decision_price_units: int | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill of either side. `fee_nano`: in 1e-9 of `fee_currency`, negative is a rebate."""

    fill_id: str
    venue: str
    ts_ns: int
    price_units: int
    qty_units: int
    fee_nano: int
    fee_currency: str


@dataclass(frozen=True, slots=True)
class FourMids:
    """The four prices, each as twice itself: the desk's decision, heard by us, approved, first child gone.

    The decision's is the desk's own price where it told one, else the class mid then.
    """

    decision_half_units: int
    received_half_units: int
    approved_half_units: int
    first_sent_half_units: int

    def by_name(self) -> dict[str, int]:
        """In the order of PRICE_NAMES."""
        values = (
            self.decision_half_units,
            self.received_half_units,
            self.approved_half_units,
            self.first_sent_half_units,
        )
        return dict(zip(PRICE_NAMES, values, strict=True))


@dataclass(frozen=True, slots=True)
class OwnOutcome:
    """What Bestex's plan came to on the books that arrived. All of it is simulated.

    `displayed_ppm`: the parent's quantity over what was displayed within the reach's distance, -1 where nothing was.
    `unpriced_units`: what no level was left for. `life_ns`: from the decision to the last fill.
    """

    executions: tuple[Execution, ...]
    mids: FourMids
    displayed_ppm: int
    life_ns: int
    unpriced_units: int
    n_waves: int


@dataclass(frozen=True, slots=True)
class ShadowReach:
    """How far a simulated taker may be believed (EVIDENCE: reach of a replay)."""

    max_displayed_ppm: int
    within_bps: int
    max_life_ns: int


@unique
class ShadowExclusion(StrEnum):
    """Why a parent is in no claim. All but `extrapolated` have no difference at all."""

    NO_FILLS = "no_fills"  # the incumbent filled nothing within its own time
    FILL_BEFORE_DECISION = "fill_before_decision"  # clocks, or another parent's fill
    OVERFILLED = "overfilled"  # more fills than the parent's quantity
    FEE_CURRENCY = "fee_currency"  # a fee in a third currency has no price here
    OUTSIDE_RECORDING = "outside_recording"
    RECORDING_GAP = "recording_gap"
    REFUSED = "refused"  # Bestex would have refused the order
    NO_BOOKS = "no_books"  # no fresh two-sided book when it was decided
    TOLD_LATE = "told_late"  # the books of its decision were gone when the service heard of it
    NOT_YET = "not_yet"  # the shadow has not heard all of it
    LOST = "lost"  # the service stopped before the simulated fill
    BELOW_LOT = "below_lot"  # not a whole lot of any venue
    BAD_LINE = "bad_line"  # a fill's line was not taken, so its fills are not all known
    EXTRAPOLATED = "extrapolated"


@dataclass(frozen=True, slots=True)
class Excluded:
    """One parent that is left out, and why; `detail` names the rule or the numbers."""

    parent_id: str
    reason: ShadowExclusion
    detail: str = ""
