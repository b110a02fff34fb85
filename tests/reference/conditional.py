"""A slow twin of conditional orders: a ledger of venue trades of its own, and triggers by the words of the docs.

Nothing of app/execution is asked here. What a leg may trade comes from the trades that venues made, what a leg should
have triggered on comes from the books that were shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from app.domain.conditions import Condition, Conditional, ConditionKind, OrderClass, OtoTrigger, TriggerSource
from app.domain.enums import Side
from app.domain.orders import ChildOrder


@dataclass
class Sent:
    """A child at its venue: what has traded, and whether the venue has said its last word."""

    child: ChildOrder
    leg: str
    traded_units: int = 0
    is_over: bool = False

    @property
    def leaves_units(self) -> int:
        return 0 if self.is_over else self.child.qty_units - self.traded_units


@dataclass
class Twin:
    """One definition as its desk understands it."""

    definition: Conditional
    sent: list[Sent] = field(default_factory=list)
    triggered: set[str] = field(default_factory=set)
    marks: dict[str, float] = field(default_factory=dict)
    is_canceled: bool = False
    is_entry_over: bool = False

    def traded(self, *legs: str) -> int:
        return sum(one.traded_units for one in self.sent if one.leg in legs)

    def flying(self, *legs: str) -> int:
        return sum(one.leaves_units for one in self.sent if one.leg in legs)

    def shares(self) -> list[tuple[tuple[str, ...], int]]:
        """(names of legs that share, what they may trade together) as of the trades so far."""
        names = [leg.name for leg in self.definition.legs]
        whole = self.definition.legs[0].qty_units
        entry = self.traded(names[0])
        match self.definition.order_class:
            case OrderClass.SIMPLE | OrderClass.OCO:
                return [(tuple(names), whole)]
            case OrderClass.BRACKET:
                may = entry if self._is_armed(entry, whole) or self.is_entry_over else 0
                return [((names[0],), whole), (tuple(names[1:]), may)]
            case OrderClass.OTO:
                legs = self.definition.legs
                parts = [leg.qty_units * entry // whole if self._is_armed(entry, whole) else 0 for leg in legs[1:]]
                return [((names[0],), whole), *[((leg.name,), part) for leg, part in zip(legs[1:], parts, strict=True)]]

    def _is_armed(self, entry: int, whole: int) -> bool:
        return self.definition.oto_trigger is OtoTrigger.PARTIAL or entry >= whole

    def breaches(self) -> list[str]:
        """Shares that traded, or still may, beyond what there is."""
        return [
            f"{legs}: {self.traded(*legs)} traded, {self.flying(*legs)} flying, {most} shared"
            for legs, most in self.shares()
            if self.traded(*legs) + self.flying(*legs) > most
        ]

    def look(self, mids: dict[str, float]) -> None:
        """One look at the believed mids: marks move, conditions trigger."""
        if not mids or self.is_canceled:
            return
        for legs, most in self.shares():
            if most <= self.traded(*legs):
                continue
            for leg in self.definition.legs:
                if leg.name in legs and leg.condition is not None and leg.name not in self.triggered:
                    self._look_at(leg.name, leg.side, leg.condition, mids)

    def _look_at(self, name: str, side: Side, condition: Condition, mids: dict[str, float]) -> None:
        is_up = (side is Side.BUY) != (condition.kind is ConditionKind.TOUCH)
        level = median(mids.values())
        if condition.source is TriggerSource.CROSS_VENUE:
            ordered = sorted(mids.values(), reverse=is_up)
            if len(ordered) < condition.n_venues:
                return
            level = ordered[condition.n_venues - 1]
        stop = float(condition.price_units)
        if condition.trail is not None:
            trail = condition.trail
            start = trail.activation_units
            is_on = name in self.marks or not start or (level >= start if side is Side.SELL else level <= start)
            if not is_on:
                return
            best = max if side is Side.SELL else min
            self.marks[name] = best(self.marks.get(name, level), level)
            offset = trail.offset_units or self.marks[name] * trail.offset_ppm / 1_000_000
            stop = self.marks[name] - offset if side is Side.SELL else self.marks[name] + offset
        if level >= stop if is_up else level <= stop:
            self.triggered.add(name)
