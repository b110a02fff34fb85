"""Facts of the shadow of a running service: what it planned, what that came to, what the incumbent really got.

None of them is about an order of ours: no child, no balance and no position follows from any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from app.domain.event import Event
from app.domain.shadow import DeskParent, Execution, OwnOutcome


@dataclass(frozen=True, slots=True)
class ShadowChild:
    """What would have gone to one venue, never sent. `price_units`: the worst it would have been filled at.

    `way_ns`: one way to the venue.
    """

    venue: str
    qty_units: int
    price_units: int
    way_ns: int


@dataclass(frozen=True, slots=True)
class VenueFee:
    """The account's taker fee at a venue that could have been used."""

    venue: str
    taker_fee_ppm: int


@dataclass(frozen=True, slots=True)
class ShadowPlanned(Event):
    """A desk's parent at the instant it was told, with the plan on the books of that instant.

    `refusal`: why the gate would have said no, empty where there is a plan; then `receipt_sha256` names the receipt
    from which a stranger recomputes it. `displayed_ppm`: the parent over what was displayed within 5 bp, -1: nothing.
    """

    KIND: ClassVar[str] = "shadow_planned"
    shadow_id: str
    symbol: str
    parent: DeskParent
    body_hash: str
    refusal: str
    route_id: str
    receipt_sha256: str
    children: tuple[ShadowChild, ...]
    fees: tuple[VenueFee, ...]
    received_mid_half_units: int
    approved_mid_half_units: int
    displayed_ppm: int


@dataclass(frozen=True, slots=True)
class ShadowMet(Event):
    """What the plan came to, simulated on the books that were there when its children would have arrived."""

    KIND: ClassVar[str] = "shadow_met"
    shadow_id: str
    symbol: str
    parent_id: str
    outcome: OwnOutcome


@dataclass(frozen=True, slots=True)
class IncumbentFilled(Event):
    """Fills that the desk really got, as it told them."""

    KIND: ClassVar[str] = "incumbent_filled"
    shadow_id: str
    symbol: str
    parent_id: str
    fills: tuple[Execution, ...]


SHADOW_EVENTS: Final[tuple[type[Event], ...]] = (ShadowPlanned, ShadowMet, IncumbentFilled)
