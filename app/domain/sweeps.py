"""How an order at once sweeps: lit books only, then resting at its cap, or hidden liquidity before lit books."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from app.domain.quick import quick_init

SWEEP_VERSION: Final = 1
DEFAULT_WAIT_NS: Final = 250_000_000
MAX_WAIT_NS: Final = 10_000_000_000


@unique
class SweepStyle(StrEnum):
    """SWEEP: lit books. SWEEP_POST: lit books down to the cap, then the rest rests. DARK_THEN_LIT: dark ones first."""

    SWEEP = "sweep"
    SWEEP_POST = "sweep_post"
    DARK_THEN_LIT = "dark_then_lit"


@quick_init
@dataclass(frozen=True, slots=True)
class SweepTerms:
    """What an order at once asks for beyond a plain sweep.

    `min_qty_units`: nothing smaller is crossed in the dark, in symbol units; 0 is the venue's own least. `wait_ns`: how
    long answers of dark venues (and dealers) are waited for before the rest goes on. `asks_dealers`: dealers are asked
    for firm quotes, which compete with lit books.
    """

    style: SweepStyle
    version: int = SWEEP_VERSION
    min_qty_units: int = 0
    wait_ns: int = DEFAULT_WAIT_NS
    asks_dealers: bool = False
