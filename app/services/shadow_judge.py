"""The shadow's result: differences to the incumbent with honest errors, losers, exclusions (EVIDENCE's rules).

Positive: Bestex is cheaper. Unit: the parent. Error: stationary bootstrap in blocks of parents, and once more with days
as the unit where there are four days or more; the wider of the two stands. Rows are all parents and each size and side;
Holm over the latter. Parents beyond the reach are in one row of their own and in no claim.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from app.domain.calibration import MIN_DAYS
from app.domain.enums import Side
from app.domain.shadow import PRICE_NAMES, Excluded, ShadowExclusion
from app.domain.units import NANO
from app.services.replay_stats import Summary, holm, summarise
from app.tca.intervals import NEEDED_PARENTS, SMALLEST_BPS, Spread, spread
from app.tca.shadow import Compared

SIZE_EDGES: Final = (10_000, 50_000, 250_000, 1_000_000)  # of the parent's notional, in its quote currency
ALL: Final = "all"
EXTRAPOLATED: Final = "extrapolated"
N_WORST: Final = 10
_ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True)
class ShadowRow:
    """One group. `loss`: own less incumbent, so that its tail is where Bestex did worst.

    `low_bps`, `high_bps`: 95 %, None below four blocks. `p_holm`: 1 for rows outside Holm's family.
    """

    size: str
    side: str
    n: int
    n_days: int
    difference: Summary
    loss: Summary
    incumbent: Summary
    own: Summary
    low_bps: float | None
    high_bps: float | None
    n_eff: float
    n_blocks: float
    is_by_day: bool
    detectable_bps: float | None
    p_holm: float
    is_claimable: bool

    @property
    def is_underpowered(self) -> bool:
        """0.1 bp would be missed more than one time in five."""
        return self.detectable_bps is None or self.detectable_bps > SMALLEST_BPS

    @property
    def is_equivalent(self) -> bool:
        """The whole 95 % interval is within 0.1 bp: two one-sided tests at 2.5 %."""
        return (
            self.low_bps is not None
            and self.high_bps is not None
            and -SMALLEST_BPS < self.low_bps <= self.high_bps < SMALLEST_BPS
        )

    @property
    def n_needed(self) -> int | None:
        """Parents like these that would tell 0.1 bp, None where the error is not known."""
        if self.detectable_bps is None:
            return None
        return max(self.n, round(self.n * (self.detectable_bps / SMALLEST_BPS) ** 2 + 0.5))

    @property
    def verdict(self) -> str:
        if not self.is_claimable:
            return EXTRAPOLATED
        words = []
        if self.low_bps is not None and self.high_bps is not None and self.p_holm < _ALPHA:
            words += ["Bestex cheaper"] if self.low_bps > 0 else ["Bestex DEARER"] if self.high_bps < 0 else []
        if self.is_equivalent:
            words.append("equivalent")
        if self.is_underpowered:
            words.append("underpowered")
        return ", ".join(words) or "no difference shown"

    @property
    def is_loser(self) -> bool:
        return self.difference.mean < 0


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """`rows`: all first, then sizes and sides, then what is extrapolated. `prices`: (name, incumbent, own) mean bps.

    `incomplete_frac`: part of the parents' quantity that the incumbent did not fill within its own time.
    """

    rows: tuple[ShadowRow, ...]
    prices: tuple[tuple[str, float, float], ...]
    worst: tuple[Compared, ...]
    excluded: tuple[Excluded, ...]
    n_told: int
    n_late_fills: int
    incomplete_frac: float
    days: tuple[str, ...]

    @property
    def evidence(self) -> str:
        n = len(self.days)
        told = f"n = {n} UTC day{'' if n == 1 else 's'}"
        return told if n >= MIN_DAYS else f"{told} of {MIN_DAYS}, not evidence: no saving may be claimed"

    @property
    def n_by_reason(self) -> dict[str, int]:
        reasons = [item.reason for item in self.excluded]
        return {reason.value: reasons.count(reason) for reason in ShadowExclusion if reason in reasons}


def judge(compared: Sequence[Compared], excluded: Sequence[Excluded]) -> ShadowReport:
    """The report of what could be compared and what could not."""
    ordered = sorted(compared, key=lambda item: (item.ts_ns, item.parent_id))
    within = [item for item in ordered if not item.is_extrapolated]
    beyond = [item for item in ordered if item.is_extrapolated]
    groups = [(size, side) for size in SIZES for side in Side]
    chosen = [[i for i in within if (size_of(i), i.side) == group] for group in groups]
    spreads = [_spread(items)[0] for items in chosen if items]
    adjusted = iter(holm([found.p_value_frac for found in spreads]))
    rows = [_row(ALL, ALL, within, None)] if within else []
    for (size, side), items in zip(groups, chosen, strict=True):
        if items:
            rows.append(_row(size, side.value, items, next(adjusted)))
    if beyond:
        rows.append(_row(EXTRAPOLATED, ALL, beyond, 1.0, is_claimable=False))
    left_out = [Excluded(i.parent_id, ShadowExclusion.EXTRAPOLATED) for i in beyond]
    wanted = sum(i.notional_nano for i in ordered)
    open_nano = sum(i.notional_nano * (i.parent_qty_units - i.qty_units) / i.parent_qty_units for i in ordered)
    return ShadowReport(
        rows=tuple(rows),
        prices=_prices(within),
        worst=tuple(sorted((i for i in within if i.difference_bps < 0), key=lambda i: i.difference_bps)[:N_WORST]),
        excluded=(*excluded, *left_out),
        n_told=len(ordered) + len(excluded),
        n_late_fills=sum(i.n_late_fills for i in ordered),
        incomplete_frac=open_nano / wanted if wanted else 0.0,
        days=tuple(sorted({i.day for i in within})),
    )


def size_of(item: Compared) -> str:
    """The group of the parent's whole notional in its quote currency."""
    return SIZES[sum(item.notional_nano >= edge * NANO for edge in SIZE_EDGES)]


def _size_names() -> tuple[str, ...]:
    edges = [f"{edge:,}" for edge in SIZE_EDGES]
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    return (f"below {edges[0]}", *between, f"{edges[-1]} and more")


SIZES: Final = _size_names()


def _spread(items: Sequence[Compared]) -> tuple[Spread, bool]:
    """(the wider error of parents and of days, whether it is that of days)."""
    values = [item.difference_bps for item in items]
    parents = spread(values, [f"{item.ts_ns} {item.parent_id}" for item in items])
    days = spread(values, [item.day for item in items])
    wide = days.half_width_bps
    is_by_day = wide is not None and wide > (parents.half_width_bps or 0.0)
    return (days, True) if is_by_day else (parents, False)


def _row(
    size: str, side: str, items: Sequence[Compared], p_holm: float | None, *, is_claimable: bool = True
) -> ShadowRow:
    found, is_by_day = _spread(items)
    wide = found.half_width_bps
    bps: Callable[[Callable[[Compared], float]], Summary] = lambda of: summarise([of(item) for item in items])  # noqa: E731
    return ShadowRow(
        size=size,
        side=side,
        n=len(items),
        n_days=len({item.day for item in items}),
        difference=bps(lambda i: i.difference_bps),
        loss=bps(lambda i: -i.difference_bps),
        incumbent=bps(lambda i: i.incumbent_nano * 1e4 / i.reference_nano),
        own=bps(lambda i: i.own_nano * 1e4 / i.reference_nano),
        low_bps=None if wide is None else found.mean_bps - wide,
        high_bps=None if wide is None else found.mean_bps + wide,
        n_eff=found.n_eff_units,
        n_blocks=found.n_blocks,
        is_by_day=is_by_day,
        detectable_bps=found.detectable_bps,
        p_holm=found.p_value_frac if p_holm is None else p_holm,
        is_claimable=is_claimable,
    )


def _prices(items: Sequence[Compared]) -> tuple[tuple[str, float, float], ...]:
    if not items:
        return ()
    found = []
    for place, name in enumerate(PRICE_NAMES):
        incumbent = sum(i.prices_nano[place][1] * 1e4 / i.reference_nano for i in items) / len(items)
        own = sum(i.prices_nano[place][2] * 1e4 / i.reference_nano for i in items) / len(items)
        found.append((name, incumbent, own))
    return tuple(found)


def needed_sentence(report: ShadowReport) -> str:
    """EVIDENCE's figure for schedules beside what these parents' own spread asks for."""
    claim = report.rows[0] if report.rows and report.rows[0].is_claimable else None
    own = "unknown (fewer than four blocks)" if claim is None or claim.n_needed is None else f"about {claim.n_needed:,}"
    n = claim.n if claim else 0
    return (
        f"{n:,} parents compared; parents with this spread that would tell {SMALLEST_BPS} bp at 80 % power: {own}. "
        f"Two unpaired arms of 30-minute arrival slippage need {NEEDED_PARENTS:,} parents an arm for 1 bp"
        f"{'' if n >= NEEDED_PARENTS else ': fewer is underpowered for parents worked over time'}."
    )
