"""Orders in time: what a desk may ask of a schedule, where one stands, and what it sees when it is asked.

A schedule is a pure function of (parameters, progress, seen) -> lots that are due by now. Progress changes only by the
acts of execution/slicer.py (begin, release, give back, pause, resume, amend), each of which will be a fact: the same
facts give the same progress, so a restart continues where the clock is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import ClassVar, Final

from app.domain.bending import Bend
from app.domain.calibration import Decay
from app.domain.enums import Side
from app.domain.errors import BadRequest
from app.domain.units import MAX_UNITS, NANO_SCALE, PPM, decimal_text

MAX_SLICES: Final = 1_000
MAX_BINS: Final = 1_000
MAX_WEIGHT: Final = 10**12
MAX_DISCRETION_TICKS: Final = 10_000
# A quadratic programme of so many slices takes a few milliseconds.
MAX_TRANSIENT_SLICES: Final = 200
# Beyond this a parameter is a mistake of units.
MOST: Final = 1e9


@unique
class ScheduleUrgency(StrEnum):
    """How hard a schedule tries to keep its plan. Published meaning: docs/schedules.md."""

    PASSIVE = "passive"
    NORMAL = "normal"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class UrgencyMeaning:
    """What an urgency changes, and nothing else.

    `rest_frac`: part of its slice for which a child may rest in a book before it crosses. `aversion_frac`: multiplies
    a shortfall's risk aversion; four times the aversion halves the half-life of a linear law. `catch_up_ppm`: part of
    the room between a POV's rate and its cap that may be used to catch up. `behind_ppm`: part of an adaptive plan's
    most tilt by which it may fall behind the plain plan; ahead it may always be by all of it.
    """

    rest_frac: float
    aversion_frac: float
    catch_up_ppm: int
    behind_ppm: int


MEANING: Final = {
    ScheduleUrgency.PASSIVE: UrgencyMeaning(rest_frac=1.0, aversion_frac=0.25, catch_up_ppm=0, behind_ppm=PPM),
    ScheduleUrgency.NORMAL: UrgencyMeaning(
        rest_frac=0.5, aversion_frac=1.0, catch_up_ppm=PPM // 2, behind_ppm=PPM // 2
    ),
    ScheduleUrgency.URGENT: UrgencyMeaning(rest_frac=0.0, aversion_frac=4.0, catch_up_ppm=PPM, behind_ppm=0),
}


@unique
class VolumeBase(StrEnum):
    """What a participation is a part of: what others trade, or all that trades, ourselves included."""

    OF_OTHERS = "of_others"
    OF_TOTAL = "of_total"


@unique
class Disguise(StrEnum):
    """Whether children leave at the slices' begins, or at times and in sizes like the market's own trades."""

    NONE = "none"
    ON = "on"


@unique
class CostLaw(StrEnum):
    """What a shortfall believes of its own impact."""

    LINEAR = "linear"
    SQUARE_ROOT = "square_root"
    TRANSIENT = "transient"


def _require(is_right: bool, pointer: str, detail: str, hint: str = "") -> None:
    if not is_right:
        raise BadRequest("invalid_request", detail, pointer=f"/strategy_params/{pointer}", hint=hint or detail)


@dataclass(frozen=True, slots=True)
class ScheduleTerms:
    """What every schedule takes. Raises BadRequest for what cannot be meant.

    Children begin on a grid of `slice_ns` from `start_ns`; at `end_ns` all is due (a POV's rest is not: it has no end
    of its own). `cap_ppm`: no release is more than this part of what others traded since the release before; None is
    no cap. `limit_price_ticks`: beyond it nothing is released. `would_price_ticks`: at this price or better all is
    due at once, within the cap. `min_clip_lots`: nothing smaller is released, except a parent's last lots.
    """

    side: Side
    start_ns: int
    end_ns: int
    slice_ns: int
    urgency: ScheduleUrgency = ScheduleUrgency.NORMAL
    cap_ppm: int | None = None
    limit_price_ticks: int | None = None
    would_price_ticks: int | None = None
    min_clip_lots: int = 1

    def __post_init__(self) -> None:
        _require(0 <= self.start_ns < self.end_ns < MAX_UNITS, "end_at", "The end must be after the start.")
        _require(0 < self.slice_ns <= self.end_ns - self.start_ns, "slice", "A slice must fit between start and end.")
        least_ns = -(-(self.end_ns - self.start_ns) // MAX_SLICES)
        _require(
            self.n_slices <= MAX_SLICES,
            "slice",
            f"These are {self.n_slices:,} slices from start to end; at most {MAX_SLICES:,}.",
            f"Use a slice of at least {decimal_text(least_ns, NANO_SCALE)} s, or a nearer end.",
        )
        _require(self.cap_ppm is None or 0 < self.cap_ppm <= PPM, "participation_cap", "A cap is above 0, at most 1.")
        _require(self.limit_price_ticks is None or self.limit_price_ticks > 0, "limit_price", "Prices are positive.")
        _require(self.would_price_ticks is None or self.would_price_ticks > 0, "would_price", "Prices are positive.")
        _require(1 <= self.min_clip_lots < MAX_UNITS, "min_clip", "A clip is at least one lot.")

    @property
    def n_slices(self) -> int:
        """Slices from start to end; the last may be shorter."""
        return -(-(self.end_ns - self.start_ns) // self.slice_ns)

    def slice_end_ns(self, now_ns: int) -> int:
        """Where the slice that holds `now_ns` ends, within start and end."""
        if now_ns < self.start_ns:
            return self.start_ns
        k = (now_ns - self.start_ns) // self.slice_ns + 1
        return min(self.start_ns + k * self.slice_ns, self.end_ns)


@dataclass(frozen=True, slots=True)
class TwapParameters:
    """Evenly over time."""

    NAME: ClassVar[str] = "twap"
    VERSION: ClassVar[int] = 1
    terms: ScheduleTerms


@dataclass(frozen=True, slots=True)
class VwapParameters:
    """Along a volume curve: `weights` are the volumes expected in equal bins from start to end, at any scale."""

    NAME: ClassVar[str] = "vwap"
    VERSION: ClassVar[int] = 1
    terms: ScheduleTerms
    weights: tuple[int, ...]

    def __post_init__(self) -> None:
        _require(1 <= len(self.weights) <= MAX_BINS, "curve", f"A curve has 1 to {MAX_BINS} bins.")
        _require(all(0 <= w <= MAX_WEIGHT for w in self.weights), "curve", "Weights are not negative.")
        _require(sum(self.weights) > 0, "curve", "A curve holds some volume.", "Use at least one weight above 0.")


@dataclass(frozen=True, slots=True)
class PovParameters:
    """`rate_ppm` of the volume from now on, and up to the terms' cap to catch up what was missed."""

    NAME: ClassVar[str] = "pov"
    VERSION: ClassVar[int] = 1
    terms: ScheduleTerms
    rate_ppm: int
    base: VolumeBase = VolumeBase.OF_OTHERS

    def __post_init__(self) -> None:
        most = PPM if self.base is VolumeBase.OF_OTHERS else PPM - 1
        of_what = "at most 1 of others' volume" if most == PPM else "below 1 of the total volume"
        _require(0 < self.rate_ppm <= most, "rate", f"A rate is above 0 and {of_what}.")
        cap_ppm = self.terms.cap_ppm
        numerator, denominator = self.of_others
        _require(
            cap_ppm is None or numerator * PPM <= cap_ppm * denominator,
            "participation_cap",
            "A cap is at least the rate, of others' volume.",
            "Use a higher cap or a lower rate.",
        )

    @property
    def of_others(self) -> tuple[int, int]:
        """The rate as a fraction of what others trade: (numerator, denominator)."""
        return self.rate_ppm, PPM if self.base is VolumeBase.OF_OTHERS else PPM - self.rate_ppm


@dataclass(frozen=True, slots=True)
class ImpactBelief:
    """Own impact as a shortfall believes it: `impact_ppm` is paid at `rate_lots_per_s`, or displaced by
    `rate_lots_per_s` lots at once for the transient law, of which `stays_frac` remains and the rest fades.
    """

    law: CostLaw
    impact_ppm: float
    rate_lots_per_s: float
    decay: Decay = Decay.EXPONENTIAL
    decay_s: float = 1.0
    decay_power_frac: float = 1.0
    stays_frac: float = 0.0

    def __post_init__(self) -> None:
        for value in (self.impact_ppm, self.rate_lots_per_s, self.decay_s, self.decay_power_frac):
            _require(
                1.0 / MOST <= value <= MOST, "impact", f"Impact, rate and decay are within {1 / MOST:g} and {MOST:g}."
            )
        _require(0.0 <= self.stays_frac <= 1.0, "impact/stays", "What stays is a part: 0 to 1.")


@dataclass(frozen=True, slots=True)
class ShortfallParameters:
    """Least expected cost plus aversion times variance: `aversion_per_ppm_lots` weighs (ppm x lots) squared."""

    NAME: ClassVar[str] = "is"
    VERSION: ClassVar[int] = 1
    terms: ScheduleTerms
    belief: ImpactBelief
    sigma_ppm_sqrt_s: float
    aversion_per_ppm_lots: float

    def __post_init__(self) -> None:
        of_risk = (("volatility_bps", self.sigma_ppm_sqrt_s), ("risk_aversion", self.aversion_per_ppm_lots))
        for name, value in of_risk:
            _require(0.0 <= value <= MOST, name, f"{name} is too large to be meant.", "Use a smaller one.")
        is_heavy = self.belief.law is CostLaw.TRANSIENT and self.terms.n_slices > MAX_TRANSIENT_SLICES
        _require(
            not is_heavy,
            "slice",
            f"The transient law takes at most {MAX_TRANSIENT_SLICES} slices.",
            "Use a longer slice.",
        )


PlainParameters = TwapParameters | VwapParameters | PovParameters | ShortfallParameters


@dataclass(frozen=True, slots=True)
class DisguisedParameters:
    """The plain schedule's curve, worked in clips that look like trades of others.

    `seed_bits`: the parent's own secret. `sizes_lots`: sizes that trade in this market, in lots, any order.
    """

    terms: ScheduleTerms
    plain: PlainParameters
    seed_bits: int
    sizes_lots: tuple[int, ...]

    def __post_init__(self) -> None:
        _require(not isinstance(self.plain, PovParameters), "disguise", "volume has no clock to be disguised along")
        _require(bool(self.sizes_lots) and min(self.sizes_lots) > 0, "disguise", "sizes to hide among are positive")


@dataclass(frozen=True, slots=True)
class AdaptiveParameters:
    """Version 2 of the plain schedule: its curve, bent by what was forecast when the newest slice began.

    `bend`: None before any slice has been bent. It holds for the plan of its own anchor only.
    """

    VERSION: ClassVar[int] = 2
    terms: ScheduleTerms
    plain: PlainParameters
    bend: Bend | None = None

    def __post_init__(self) -> None:
        _require(not isinstance(self.plain, PovParameters), "version", "a POV follows volume itself; it has version 1")


ScheduleParameters = PlainParameters | DisguisedParameters | AdaptiveParameters


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a schedule stands, in lots. The plan runs from the anchor: what was given out before it is not its own.

    `released_lots`: in children, filled or open. `mark_others_lots`: others' volume at the last release, from which
    the cap counts.
    """

    total_lots: int
    anchor_ns: int
    anchor_lots: int
    anchor_others_lots: int
    released_lots: int
    mark_others_lots: int
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen at one instant: the clock, what others have traded since the parent came, and the price on the far
    side (what a taker of its side would pay), None while there is none.
    """

    now_ns: int
    others_lots: int = 0
    price_ticks: int | None = None
