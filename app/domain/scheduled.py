"""A scheduled order as it is asked for and written down: one typed, versioned shape of integers and decimal texts.

`parameters_of` turns it into what the schedules themselves take (domain/schedule.py), in lots of `lot_units`. The shape
holds every strategy's members, for facts know no unions; `Schedule.check` says which belong to which.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from app.domain.bending import Bend
from app.domain.calibration import Decay
from app.domain.enums import Side, Strategy
from app.domain.errors import InvariantBroken
from app.domain.posting import RestTerms
from app.domain.schedule import (
    AdaptiveParameters,
    CostLaw,
    Disguise,
    ImpactBelief,
    PlainParameters,
    PovParameters,
    Progress,
    ScheduleTerms,
    ScheduleUrgency,
    ShortfallParameters,
    TwapParameters,
    VolumeBase,
    VwapParameters,
)
from app.domain.units import NANO, div_half_even, div_up

# Strategies that have an adaptive version (AdaptiveParameters.VERSION) beside the plain one.
ADAPTIVE: Final = frozenset({Strategy.TWAP, Strategy.VWAP, Strategy.SHORTFALL})
# A plan that nobody gave slices for: so many, and none shorter than a second.
DEFAULT_SLICES: Final = 60
LEAST_SLICE_NS: Final = NANO
_BPS_IN_PPM: Final = 100.0


@dataclass(frozen=True, slots=True)
class ShortfallAsk:
    """What a shortfall believes and minds, as decimal texts.

    `impact_bps` is paid at `rate_units` (symbol units a second, or at once for the transient law); `decay_s`,
    `decay_power` and `stays` are the transient law's. `volatility_bps` over one second. `risk_aversion`: what one unit
    of variance (quote money squared) is worth in quote money. `unit_money`: quote money of one quantity unit at a price
    of one price unit.
    """

    law: CostLaw
    impact_bps: str
    rate_units: str
    unit_money: str
    volatility_bps: str
    risk_aversion: str
    decay: Decay = Decay.EXPONENTIAL
    decay_s: str = "1"
    decay_power: str = "1"
    stays: str = "0"


@dataclass(frozen=True, slots=True)
class Schedule:
    """How an order is worked in time; times in UTC ns, quantities and prices in symbol units.

    `start_ns` 0: when it is accepted; `slice_ns` 0: `default_slice_ns`. `weights`: a VWAP's volume curve in equal bins
    from start to end; empty: the learned one, which the fact that begins it carries. `cap_ppm`: the participation cap.
    `crowd_units`: sizes of others' trades that a disguised one hides among, as they were when it began. `resting`: what
    it says of children that rest; None: nothing.
    `max_tilt_ppm`: most part of the parent by which an adaptive version bends its plan. `discretion_units`: how far
    beyond the price at which it would rest a slice may cross; `is_discretion_past_limit`: beyond the limit price, too.
    """

    strategy: Strategy
    version: int
    start_ns: int
    end_ns: int
    slice_ns: int
    urgency: ScheduleUrgency = ScheduleUrgency.NORMAL
    cap_ppm: int | None = None
    would_price_units: int | None = None
    min_clip_units: int = 0
    weights: tuple[int, ...] = ()
    rate_ppm: int = 0
    volume_base: VolumeBase = VolumeBase.OF_OTHERS
    shortfall: ShortfallAsk | None = None
    disguise: Disguise = Disguise.NONE
    crowd_units: tuple[int, ...] = ()
    max_tilt_ppm: int = 0
    discretion_units: int = 0
    is_discretion_past_limit: bool = False
    resting: RestTerms | None = None

    @property
    def is_adaptive(self) -> bool:
        return self.version == AdaptiveParameters.VERSION

    @property
    def past_limit_units(self) -> int:
        """How far beyond its limit price the order may trade."""
        return self.discretion_units if self.is_discretion_past_limit else 0

    @property
    def needs_volume(self) -> bool:
        """Whether it cannot go on without knowing what others trade."""
        return self.strategy is Strategy.POV or self.cap_ppm is not None

    @property
    def needs_curve(self) -> bool:
        return self.strategy is Strategy.VWAP and not self.weights

    def crowd_lots(self, lot_units: int) -> tuple[int, ...]:
        """Sizes to hide among in whole lots, none below one."""
        return _in_lots(self.crowd_units, lot_units)


@lru_cache(maxsize=1_024)
def _in_lots(sizes_units: tuple[int, ...], lot_units: int) -> tuple[int, ...]:
    return tuple(max(1, div_half_even(size_units, lot_units)) for size_units in sizes_units)


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """Where a scheduled order stands: what is asked now, in lots of `lot_units`, and how far it is.

    `mid_half_units` is the arrival's, by which a shortfall's aversion to money becomes one to lots. `bend`: of an
    adaptive version, as it was decided for the newest slice.
    """

    schedule: Schedule
    lot_units: int
    mid_half_units: int
    progress: Progress
    bend: Bend | None = None


@dataclass(frozen=True, slots=True)
class Amendment:
    """What changes of an order, in symbol units and UTC ns; None stays. `if_version` 0: whatever the version is.

    `is_cap_dropped`, `is_would_price_dropped`: it has none from now on.
    """

    qty_units: int | None = None
    limit_price_units: int | None = None
    end_ns: int | None = None
    cap_ppm: int | None = None
    would_price_units: int | None = None
    urgency: ScheduleUrgency | None = None
    is_cap_dropped: bool = False
    is_would_price_dropped: bool = False
    if_version: int = 0

    @property
    def is_of_schedule(self) -> bool:
        """Whether it names anything that only an order in time has."""
        members = (self.end_ns, self.cap_ppm, self.would_price_units, self.urgency)
        return self.is_cap_dropped or self.is_would_price_dropped or any(member is not None for member in members)


def parameters_of(
    schedule: Schedule, side: Side, price_cap_units: int, lot_units: int, mid_half_units: int
) -> PlainParameters:
    """The schedule's own parameters, prices in symbol units. Raises BadRequest with a pointer for what cannot be meant.

    `price_cap_units`: 0 for none.
    """
    terms = ScheduleTerms(
        side=side,
        start_ns=schedule.start_ns,
        end_ns=schedule.end_ns,
        slice_ns=schedule.slice_ns,
        urgency=schedule.urgency,
        cap_ppm=schedule.cap_ppm,
        limit_price_ticks=price_cap_units or None,
        would_price_ticks=schedule.would_price_units,
        min_clip_lots=max(1, div_up(schedule.min_clip_units, lot_units)),
    )
    match schedule.strategy:
        case Strategy.TWAP:
            return TwapParameters(terms)
        case Strategy.VWAP:
            return VwapParameters(terms, schedule.weights)
        case Strategy.POV:
            return PovParameters(terms, schedule.rate_ppm, schedule.volume_base)
        case _:
            return _shortfall(schedule, terms, lot_units, mid_half_units)


def _shortfall(schedule: Schedule, terms: ScheduleTerms, lot_units: int, mid_half_units: int) -> ShortfallParameters:
    """Money becomes ppm of lots: one ppm of a lot is worth lot x price x 1e-6 in quote money."""
    ask = schedule.shortfall
    if ask is None:
        raise InvariantBroken(strategy=schedule.strategy.value, reason="no shortfall in the schedule")
    ppm_lot_money = 1e-6 * lot_units * float(Decimal(ask.unit_money)) * (mid_half_units / 2)
    belief = ImpactBelief(
        law=ask.law,
        impact_ppm=float(Decimal(ask.impact_bps)) * _BPS_IN_PPM,
        rate_lots_per_s=float(Decimal(ask.rate_units)) / lot_units,
        decay=ask.decay,
        decay_s=float(Decimal(ask.decay_s)),
        decay_power_frac=float(Decimal(ask.decay_power)),
        stays_frac=float(Decimal(ask.stays)),
    )
    return ShortfallParameters(
        terms,
        belief,
        sigma_ppm_sqrt_s=float(Decimal(ask.volatility_bps)) * _BPS_IN_PPM,
        aversion_per_ppm_lots=float(Decimal(ask.risk_aversion)) * ppm_lot_money,
    )


def default_slice_ns(span_ns: int) -> int:
    """The slice of a plan that names none: a sixtieth of it, a whole number of seconds, at most the plan."""
    wanted_ns = max(LEAST_SLICE_NS, span_ns // DEFAULT_SLICES // NANO * NANO)
    return min(wanted_ns, span_ns)
