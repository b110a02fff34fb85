"""Schedules as JSON-ready values: the shapes of schemas/schedule.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from app.api.wire.text import price_or_none, time_or_none, time_text
from app.domain.calibration import Decay
from app.domain.enums import Strategy
from app.domain.instrument import Symbol
from app.domain.orders import ParentOrder
from app.domain.posting import RestTerms
from app.domain.scheduled import Schedule, ScheduleState, ShortfallAsk
from app.domain.units import NANO_SCALE, decimal_text, parse_decimal

Json = dict[str, Any]
_PPM_SCALE: Final = 6


def schedule_json(
    asked: Schedule | None, state: ScheduleState | None, symbol: Symbol, *, done_units: int | None = None
) -> Json:
    """The member `schedule` of an order that has one; nothing for others, which read as they always did.

    `done_units`: what a done order has filled: nothing else of it is out, whatever its last slice had released.
    """
    schedule = state.schedule if state is not None else asked
    if schedule is None:
        return {}
    progress = state.progress if state is not None else None
    released_units = progress.released_lots * state.lot_units if progress is not None and state is not None else 0
    if done_units is not None:
        released_units = done_units
    is_pov, ask = schedule.strategy is Strategy.POV, schedule.shortfall
    return {
        "schedule": {
            "strategy": schedule.strategy.value,
            "version": schedule.version,
            "start_at": time_or_none(schedule.start_ns),
            "end_at": time_text(schedule.end_ns),
            "slice": decimal_text(schedule.slice_ns, NANO_SCALE) if schedule.slice_ns else None,
            "urgency": schedule.urgency.value,
            "participation_cap": _ppm_or_none(schedule.cap_ppm),
            "would_price": price_or_none(schedule.would_price_units, symbol.price_scale),
            "min_clip": decimal_text(schedule.min_clip_units, symbol.qty_scale) if schedule.min_clip_units else None,
            "rate": _ppm_or_none(schedule.rate_ppm) if is_pov else None,
            "volume_base": schedule.volume_base.value if is_pov else None,
            "disguise": schedule.disguise.value,
            "discretion": price_or_none(schedule.discretion_units or None, symbol.price_scale),
            "discretion_past_limit": schedule.is_discretion_past_limit,
            "max_tilt": _ppm_or_none(schedule.max_tilt_ppm) if schedule.is_adaptive else None,
            "lead_qty": _lead(state, symbol),
            **_resting(schedule.resting or RestTerms(), symbol),
            "curve": list(schedule.weights) or None,
            "impact": _impact(ask, symbol) if ask is not None else None,
            "volatility_bps": ask.volatility_bps if ask is not None else None,
            "risk_aversion": ask.risk_aversion if ask is not None else None,
            "is_paused": progress.is_paused if progress is not None else False,
            "released_qty": decimal_text(released_units, symbol.qty_scale),
        }
    }


def _lead(state: ScheduleState | None, symbol: Symbol) -> str | None:
    if state is None or state.bend is None or state.bend.anchor_ns != state.progress.anchor_ns:
        return None
    return decimal_text(state.bend.lead_lots * state.lot_units, symbol.qty_scale)


def _resting(terms: RestTerms, symbol: Symbol) -> Json:
    shown = decimal_text(terms.display_units, symbol.qty_scale) if terms.display_units else None
    return {
        "posting": terms.posting.value if terms.posting is not None else None,
        "post_only": terms.post_only.value if terms.post_only is not None else None,
        "peg": terms.peg.value,
        "display_qty": shown,
    }


class Slice(Protocol):
    """A slice as a plan has it."""

    @property
    def at_ts_ns(self) -> int: ...

    @property
    def qty_units(self) -> int: ...


class Rests(Protocol):
    """A child as it would rest."""

    @property
    def venue(self) -> str: ...

    @property
    def price_units(self) -> int: ...

    @property
    def qty_units(self) -> int: ...

    @property
    def ahead_qty_units(self) -> int: ...

    @property
    def rest_until_ns(self) -> int: ...


Foreseen = tuple[Sequence[Slice], Sequence[Rests]]


def foreseen_json(order: ParentOrder, state: ScheduleState | None, found: Foreseen, symbol: Symbol) -> Json:
    """The members of a preview of an order in time; nothing for others."""
    told = schedule_json(order.schedule, state, symbol)
    if not told:
        return {}
    slices, resting = found
    plan = [{"at": time_text(item.at_ts_ns), "qty": decimal_text(item.qty_units, symbol.qty_scale)} for item in slices]
    rests = [
        {
            "venue": item.venue,
            "price": decimal_text(item.price_units, symbol.price_scale),
            "qty": decimal_text(item.qty_units, symbol.qty_scale),
            "ahead_qty": decimal_text(item.ahead_qty_units, symbol.qty_scale),
            "until": time_text(item.rest_until_ns),
        }
        for item in resting
    ]
    return told | {"slices": plan, "resting": rests}


def _ppm_or_none(value_ppm: int | None) -> str | None:
    return None if value_ppm is None else decimal_text(value_ppm, _PPM_SCALE)


def _impact(ask: ShortfallAsk, symbol: Symbol) -> Json:
    per_base = parse_decimal(ask.rate_units).scaleb(-symbol.qty_scale)
    is_power = ask.decay is Decay.POWER
    return {
        "law": ask.law.value,
        "bps": ask.impact_bps,
        "at_rate": format(per_base.normalize(), "f"),
        "decay": ask.decay.value,
        "decay_s": ask.decay_s,
        "decay_power": ask.decay_power if is_power else None,
        "stays": ask.stays,
    }
