"""What other ways of routing were planned to cost on the same books, how wrong plans have been, and how far it reaches.

An arm's figure is planned against planned: both priced on the books of the decision, the same quantity. Nobody knows
what an arm would have realised; the error beside it is what plans of this account's own orders missed by (realised less
planned, per parent), as a 95 % interval of one more such miss. Reach (EVIDENCE): a taker of one wave, at most 1 s long
and at most 10 % of what was displayed within 5 bps; anything else is `extrapolated` and out of every claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import Final

from app.domain.enums import Liquidity
from app.domain.instrument import Symbol
from app.domain.plan import Alternative, RoutePlan
from app.domain.records import ParentRecord
from app.tca.benchmarks import mid_money_nano
from app.tca.intervals import t975

MAX_SHOWN_FRAC: Final = 0.1
MAX_LIFE_NS: Final = 1_000_000_000
MIN_MISSES: Final = 5
CHOSEN: Final = "chosen"
_BPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class PlanError:
    """Realised less planned cost of earlier parents, in basis points; None where fewer than MIN_MISSES are known."""

    n: int
    mean_bps: float | None
    sd_bps: float | None

    def interval_bps(self, planned_bps: float) -> tuple[float, float] | None:
        """Where one more parent planned at `planned_bps` would end, 95 %."""
        if self.mean_bps is None or self.sd_bps is None:
            return None
        wide_bps = t975(self.n - 1) * self.sd_bps * sqrt(1 + 1 / self.n)
        centre_bps = planned_bps + self.mean_bps
        return centre_bps - wide_bps, centre_bps + wide_bps


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a counterfactual may be believed: `why` not, empty where it may.

    `shown_frac`: asked over displayed, None unknown.
    """

    why: str
    shown_frac: float | None

    @property
    def is_within(self) -> bool:
        return not self.why


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of routing the first wave. None where it could place less than was chosen: not comparable."""

    name: str
    venue: str
    n_venues: int
    is_chosen: bool
    planned_bps: float | None
    low_bps: float | None
    high_bps: float | None
    saved_bps: float | None


def arms(record: ParentRecord, symbol: Symbol, error: PlanError) -> list[Arm]:
    """The chosen plan and its verified rivals, cheapest first; those that are not comparable last."""
    if not record.routes or not record.routes[0][1].plan.allocated_qty_units:
        return []
    plan = record.routes[0][1].plan
    base_nano = _base_nano(plan, symbol)
    if base_nano <= 0:
        return []
    chosen_bps = plan.cost.total_nano / base_nano * _BPS
    chosen = Alternative(CHOSEN, plan.allocated_qty_units, plan.certificate.objective_nano, len(plan.allocations))
    rows = [_arm(chosen, chosen_bps, chosen_bps, error)]
    for rival in plan.alternatives:
        planned_bps = None
        if rival.qty_units == plan.allocated_qty_units:
            # Both price the same quantity at the same mid: costs differ by exactly what the objectives differ by.
            planned_bps = chosen_bps + (rival.cost_nano - plan.certificate.objective_nano) / base_nano * _BPS
        rows.append(_arm(rival, planned_bps, chosen_bps, error))
    return sorted(rows, key=lambda arm: (arm.planned_bps is None, arm.planned_bps or 0.0, not arm.is_chosen))


def plan_error(records: Iterable[ParentRecord], symbols: Mapping[str, Symbol], leave_out: str = "") -> PlanError:
    """How far realised cost was from planned, over done orders of one wave that filled what was planned."""
    misses = []
    for record in records:
        symbol = symbols.get(record.accepted.order.symbol)
        if record.order_id != leave_out and symbol is not None:
            miss = _miss_bps(record, symbol)
            misses += [] if miss is None else [miss]
    if len(misses) < MIN_MISSES:
        return PlanError(len(misses), None, None)
    return PlanError(len(misses), fmean(misses), stdev(misses))


def reach(record: ParentRecord) -> Reach:
    """Whether the order lies where counterfactuals on recorded books are valid."""
    interval = record.interval
    if interval is None:
        return Reach("not measured yet", None)
    shown, asked = interval.shown_qty_units, record.accepted.order.qty_units or record.cum_qty_units
    share = asked / shown if shown else None
    n_waves = max(record.n_waves, len(record.routes))  # one that was posted has no route
    if n_waves > 1:
        return Reach(f"{n_waves} waves: only one is priced on its books", share)
    if interval.end_ts_ns - interval.start_ts_ns > MAX_LIFE_NS:
        return Reach("longer than 1 s", share)
    if any(fill.fill.liquidity is Liquidity.MAKER for fill in record.fills):
        return Reach("not a taker alone", share)
    if share is None:
        return Reach("nothing displayed was seen", None)
    if share > MAX_SHOWN_FRAC:
        return Reach(f"{share:.0%} of what was displayed within 5 bps; 10 % is the reach", share)
    return Reach("", share)


def _arm(rival: Alternative, planned_bps: float | None, chosen_bps: float, error: PlanError) -> Arm:
    low_bps, high_bps = (planned_bps is not None and error.interval_bps(planned_bps)) or (None, None)
    is_chosen = rival.name == CHOSEN
    saved_bps = None if planned_bps is None or is_chosen else planned_bps - chosen_bps
    return Arm(rival.name, rival.venue, rival.n_venues, is_chosen, planned_bps, low_bps, high_bps, saved_bps)


def _base_nano(plan: RoutePlan, symbol: Symbol) -> int:
    if not plan.mid_half_units:
        return 0
    return mid_money_nano(symbol, plan.mid_half_units, plan.allocated_qty_units)


def _miss_bps(record: ParentRecord, symbol: Symbol) -> float | None:
    """Realised less planned cost against the plan's mid, fees included, of the same quantity."""
    report = record.tca
    if (
        report is None
        or len(record.routes) != 1
        or record.n_waves != 1
        or report.fee_unconverted
        or not report.filled_qty_units
    ):
        return None
    plan = record.routes[0][1].plan
    base_nano = _base_nano(plan, symbol)
    if base_nano <= 0 or report.filled_qty_units != plan.allocated_qty_units:
        return None
    sign = symbol.fungible.cost_sign(record.accepted.order.side)
    realised_nano = sign * (report.filled_money_nano - base_nano) + report.fee_nano + report.gas_nano
    return (realised_nano - plan.cost.total_nano) / base_nano * _BPS
