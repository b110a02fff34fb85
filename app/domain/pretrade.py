"""What an order is expected to cost before it is taken: the question, the answer, the law between, and its record.

Estimates, never facts, and never a reason to admit or refuse an order. Costs are all-in basis points (fees included)
against the class mid of the instant, positive is a cost. What a fact carries is integers: millionths of a basis point.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from app.domain.enums import Strategy
from app.domain.quick import quick_init

LEVELS_PPM: Final = (50_000, 250_000, 500_000, 750_000, 950_000)
N_LEVELS: Final = len(LEVELS_PPM)
UBPS: Final = 1_000_000
# An order that may use several venues; cells of a venue that the law has not seen are those of ANY.
MANY: Final = "many"
ANY: Final = "*"


@unique
class Basis(StrEnum):
    """What a law was fitted on: parents in simulated markets, or a desk's own finished orders."""

    SIMULATED = "simulated"
    OWN = "own"


@unique
class Pace(StrEnum):
    """The two kinds of parents, each with a law of its own."""

    AT_ONCE = "at_once"
    IN_TIME = "in_time"


@quick_init
@dataclass(frozen=True, slots=True)
class CostAsk:
    """What is known of a parent before it is taken.

    `venue`: the only one it may use, or MANY. `walk_bps`: all-in cost of one mean slice on the books as they stand;
    `touch_bps`: of its first lot. `used_frac`: the whole quantity over what is displayed within 5 bps.
    `sigma_bps_sqrt_s`: volatility of the mid; 0: not known, the law's own. `held_s`: integral over time of what is
    left, squared, as a part of the whole: the variance of its price in seconds. `duration_s`: until the last slice.
    """

    strategy: Strategy
    venue: str
    walk_bps: float
    touch_bps: float
    used_frac: float
    sigma_bps_sqrt_s: float
    held_s: float
    duration_s: float

    @property
    def pace(self) -> Pace:
        return Pace.IN_TIME if self.strategy.is_scheduled else Pace.AT_ONCE


@quick_init
@dataclass(frozen=True, slots=True)
class AskedUnits:
    """A CostAsk as a fact carries it: integers, so that a desk's own law can be fitted to its own log."""

    strategy: Strategy
    venue: str
    walk_ubps: int
    touch_ubps: int
    used_ppm: int
    sigma_ubps_sqrt_s: int
    held_ms: int
    duration_ms: int

    @staticmethod
    def of(ask: CostAsk) -> AskedUnits:
        """To the nearest unit."""
        return AskedUnits(
            strategy=ask.strategy,
            venue=ask.venue,
            walk_ubps=round(ask.walk_bps * UBPS),
            touch_ubps=round(ask.touch_bps * UBPS),
            used_ppm=round(ask.used_frac * UBPS),
            sigma_ubps_sqrt_s=round(ask.sigma_bps_sqrt_s * UBPS),
            held_ms=round(ask.held_s * 1_000),
            duration_ms=round(ask.duration_s * 1_000),
        )

    def ask(self) -> CostAsk:
        """The question again."""
        return CostAsk(
            strategy=self.strategy,
            venue=self.venue,
            walk_bps=self.walk_ubps / UBPS,
            touch_bps=self.touch_ubps / UBPS,
            used_frac=self.used_ppm / UBPS,
            sigma_bps_sqrt_s=self.sigma_ubps_sqrt_s / UBPS,
            held_s=self.held_ms / 1_000,
            duration_s=self.duration_ms / 1_000,
        )


@quick_init
@dataclass(frozen=True, slots=True)
class CostEstimate:
    """A distribution of all-in cost in millionths of a basis point, quantiles at LEVELS_PPM, and where it came from.

    `cell`: the group whose errors it carries (pace/venue/size/volatility). `artifact`: name and hash of the law.
    `participation_ppm`: of what is expected to trade meanwhile, ourselves included; 0: not known. `is_extrapolated`:
    beyond the sizes that the law has seen, or beyond what the books display.
    """

    expected_ubps: int
    quantiles_ubps: tuple[int, int, int, int, int]
    participation_ppm: int
    duration_ms: int
    basis: Basis
    artifact: str
    cell: str
    is_extrapolated: bool


@quick_init
@dataclass(frozen=True, slots=True)
class Said:
    """What was said of an order's cost before any child left, and from what; its outcome is judged against this."""

    asked: AskedUnits
    estimate: CostEstimate


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished order beside what was said of it."""

    order_id: str
    done_ts_ns: int
    asked: AskedUnits
    estimate: CostEstimate
    realised_ubps: int


@dataclass(frozen=True, slots=True)
class CostCell:
    """Standardised errors of one group: quantiles at LEVELS_PPM, and how many training parents it had."""

    venue: str
    size_i: int
    sigma_i: int
    n: int
    errors: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CostLaw:
    """One pace's law.

    Mean: walk + intercept of the strategy + offset of the venue + `mean_coefs` (none below 0) x features that never
    fall with size. Scale: `scale_coefs` (none below 0) x features. Quantile: mean + scale x spread of the strategy x
    the cell's errors.
    `size_edges` (of used_frac) and `sigma_edges` part cells. `most_used_frac`: the largest seen.
    """

    pace: Pace
    n_parents: int
    sigma_bps_sqrt_s: float
    most_used_frac: float
    size_edges: tuple[float, ...]
    sigma_edges: tuple[float, ...]
    mean_coefs: tuple[float, ...]
    scale_coefs: tuple[float, ...]
    intercepts: tuple[tuple[str, float], ...]
    offsets: tuple[tuple[str, float], ...]
    spreads: tuple[tuple[str, float], ...]
    cells: tuple[CostCell, ...]


@dataclass(frozen=True, slots=True)
class PretradeLaw:
    """A frozen artifact: laws by pace. `digest`: SHA-256 of everything else in its text."""

    basis: Basis
    source: str
    as_of: str
    digest: str
    laws: tuple[CostLaw, ...]

    @property
    def name(self) -> str:
        """What an estimate names: basis and the first twelve digits of the hash."""
        return f"pretrade-{self.basis.value}-{self.digest[:12]}"
