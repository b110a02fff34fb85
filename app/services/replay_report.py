"""A replay's result as Markdown: every arm, size and side, losers too; fixed decimals, fixed order, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.services.replay_protocol import BOUND_ARM, OWN_ARM, RIVAL_ARM, Protocol
from app.services.replay_run import GroupResult, RunResult, costs_bps
from app.services.replay_stats import Difference, compare, holm, summarise

# Column -> parts. Timing and basis are one column: the class mid of a fill is read when its report arrives, when our
# own footprint is in it, while the own-venue mid is of the fill's instant; only their sum is free of that.
COLUMNS = {
    "delay": ("delay",),
    "drift": ("timing", "basis"),
    "spread": ("spread",),
    "impact": ("impact",),
    "fee": ("fee",),
    "gas": ("gas",),
    "clean-up": ("clean_up",),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One group with its differences to the own arm, by rival arm; `p_holm` of A3's, over sizes and sides."""

    group: GroupResult
    differences: dict[str, Difference]
    p_holm: float
    is_extrapolated: bool


def judge(result: RunResult, protocol: Protocol) -> list[Judged]:
    """Differences and flags of every group with parents; Holm over sizes and sides within a tier."""
    judged = []
    for tier in dict.fromkeys(group.tier for group in result.groups):
        groups = [g for g in result.groups if g.tier == tier and len(g.bound_nano) > 1]
        differences = [_differences(group, protocol) for group in groups]
        rival = RIVAL_ARM if groups and RIVAL_ARM in differences[0] else BOUND_ARM
        adjusted = holm([difference[rival].p_value for difference in differences])
        for group, difference, p_holm in zip(groups, differences, adjusted, strict=True):
            n_beyond = sum(group.is_beyond)
            is_beyond = n_beyond > protocol.reach.max_parents_beyond_frac * len(group.is_beyond)
            judged.append(Judged(group, difference, p_holm, is_beyond))
    return judged


def render_run(result: RunResult, protocol: Protocol) -> str:
    """One run's section."""
    judged = judge(result, protocol)
    n_excluded = max((group.n_excluded for group in result.groups), default=0)
    lines = [
        f"## {result.title}",
        "",
        f"{result.n_events} book events, {result.n_instants} instants of decision, at most {n_excluded} of them "
        f"excluded in a group; {result.n_facts} facts in the arms' logs, SHA-256 over their heads "
        f"`{result.log_sha256[:32]}`.",
        "",
    ]
    if not judged:
        return "\n".join([*lines, "No group has parents enough to judge: nothing is claimed.", ""])
    arms = [arm for arm in protocol.arms if arm in judged[0].group.outcomes]
    if RIVAL_ARM in arms and len(arms) > 1:
        lines += _headline(judged)
    lines += _all_arms(judged, [*arms, BOUND_ARM], protocol)
    lines += _waterfall(judged)
    return "\n".join(lines)


def bps(value: float, n_decimals: int = 3) -> str:
    """A figure in bps with fixed decimals; never a negative zero."""
    text = f"{value:.{n_decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Markdown table, followed by an empty line."""
    marks = ["---"] * len(header)
    return [f"| {' | '.join(row)} |" for row in (header, marks, *rows)] + [""]


def _differences(group: GroupResult, protocol: Protocol) -> dict[str, Difference]:
    rivals = [
        arm for arm in (*protocol.arms, BOUND_ARM) if arm != OWN_ARM and (arm in group.outcomes or arm == BOUND_ARM)
    ]
    found = compare(costs_bps(group, OWN_ARM), [costs_bps(group, arm) for arm in rivals], protocol.errors)
    return dict(zip(rivals, found, strict=True))


def _row_head(group: GroupResult) -> list[str]:
    return [group.tier, f"{group.size_usd:,}", group.side.value]


def _interval(difference: Difference) -> str:
    if difference.is_identical:
        return "0, identical"
    return f"{bps(difference.mean)} [{bps(difference.low)}, {bps(difference.high)}]"


def _flags(judged: Judged, difference: Difference) -> str:
    if judged.is_extrapolated:
        return "extrapolated"  # out of every claim
    flags = []
    if difference.is_underpowered:
        flags.append("underpowered")
    if difference.is_equivalent:
        flags.append("equivalent")
    return ", ".join(flags)


def _headline(judged: Sequence[Judged]) -> list[str]:
    rows = []
    for item in judged:
        group, difference = item.group, item.differences[RIVAL_ARM]
        attainable = difference.mean - item.differences[BOUND_ARM].mean
        share = f"{bps(100 * difference.mean / attainable, 0)} %" if attainable > 1e-3 else "none attainable"
        displayed = sorted(group.displayed_frac)[len(group.displayed_frac) // 2]
        rows.append(
            [
                *_row_head(group),
                str(len(group.bound_nano)),
                _interval(difference),
                f"{difference.n_eff:.0f} / {difference.block}",
                f"{item.p_holm:.3f}",
                share,
                f"{100 * displayed:.1f} %",
                _flags(item, difference),
            ]
        )
    header = (
        "fees",
        "USD",
        "side",
        "parents",
        "A3 - A5 bps [95 %]",
        "N_eff / block",
        "p (Holm)",
        "(A3-A5)/(A3-A6)",
        "of displayed, median",
        "row is",
    )
    return ["### Against fee-aware greedy (A3); positive: Bestex is cheaper", "", *table(header, rows)]


def _all_arms(judged: Sequence[Judged], arms: Sequence[str], protocol: Protocol) -> list[str]:
    rows = []
    for item in judged:
        group = item.group
        for arm in arms:
            summary = summarise(costs_bps(group, arm))
            outcomes = group.outcomes.get(arm, ())
            filled = sum(o.filled_units for o in outcomes) / sum(o.qty_units for o in outcomes) if outcomes else 1.0
            waves = sum(o.n_waves for o in outcomes) / len(outcomes) if outcomes else 0.0
            difference = item.differences.get(arm)
            rows.append(
                [
                    *_row_head(group),
                    arm,
                    *(bps(v) for v in (summary.mean, summary.median, summary.q95, summary.cvar95)),
                    f"{100 * filled:.2f} %" if outcomes else "-",
                    f"{waves:.2f}" if outcomes else "-",
                    _interval(difference) if difference else "-",
                    _flags(item, difference) if difference else "extrapolated" if item.is_extrapolated else "",
                ]
            )
    titles = "; ".join(f"{arm} {protocol.arm_titles[arm]}" for arm in arms)
    header = (
        "fees",
        "USD",
        "side",
        "arm",
        "mean bps",
        "median",
        "95 %",
        "CVaR95",
        "filled",
        "waves",
        "arm - A5 bps [95 %]",
        "row is",
    )
    return [f"### All arms ({titles})", "", *table(header, rows)]


def _waterfall(judged: Sequence[Judged]) -> list[str]:
    rows = []
    for item in judged:
        outcomes = item.group.outcomes[OWN_ARM]
        means = [
            sum(o.parts_nano[part] * 1e4 / o.reference_nano for o in outcomes for part in parts) / len(outcomes)
            for parts in COLUMNS.values()
        ]
        total = summarise(costs_bps(item.group, OWN_ARM)).mean
        rows.append([*_row_head(item.group), *(bps(mean) for mean in means), bps(total)])
    header = ("fees", "USD", "side", *COLUMNS, "total")
    return [
        "### Where Bestex's cost came from (mean bps; drift is timing and basis together)",
        "",
        *table(header, rows),
    ]
