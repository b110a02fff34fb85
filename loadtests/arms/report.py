"""The page of results, signs first: every arm, size and side, losers too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from loadtests.arms.beliefs import Beliefs
from loadtests.arms.campaign import BOUND, OWN, SCHEDULE, TAKER, Excluded, Row, arms_of
from loadtests.arms.figures import Costs, Difference, by_world, compare, costs_of, frontier, holm, share, spread
from loadtests.arms.protocol import Protocol

BOTH = (1, -1)
SIDES = ((BOTH, "both"), ((1,), "buy"), ((-1,), "sell"))
TITLE = {TAKER: "Takers: at once", SCHEDULE: "Schedules: over the horizon"}


@dataclass(frozen=True, slots=True)
class Campaign:
    """What was run. `cpu_s` of all worlds, without what learning took."""

    protocol: Protocol
    rows: Sequence[Row]
    excluded: Sequence[Excluded]
    beliefs: Mapping[str, Beliefs]
    n_worlds: int
    cpu_s: float

    @property
    def costs(self) -> Mapping[tuple[str, str, str], Costs]:
        return costs_of(self.rows)

    @property
    def sizes(self) -> list[str]:
        return list(self.protocol.parents["participation"])


def rival_of(kind: str, protocol: Protocol) -> str:
    """The arm that is the number to beat."""
    return str(protocol.arms[f"rival_{kind}"])


def render(campaign: Campaign) -> str:
    """The whole page."""
    lines = [*_head(campaign), "", "## Signs", "", *signs(campaign)]
    for kind in (SCHEDULE, TAKER):
        lines += ["", f"## {TITLE[kind]}", "", *_titles(kind, campaign.protocol)]
        for family in campaign.protocol.families:
            lines += ["", f"### {family}, {kind}", "", *arm_table(campaign, family, kind)]
            lines += ["", "By side, and Holm's p over sizes and sides:", "", *side_table(campaign, family, kind)]
            lines += ["", f"{OWN[kind]} with one term off:", "", *ablation_table(campaign, family, kind)]
    return "\n".join([*lines, "", *_tail(campaign)]) + "\n"


def _head(campaign: Campaign) -> list[str]:
    protocol, worlds = campaign.protocol, campaign.protocol.worlds
    parts = ", ".join(f"{name} {part:.0%}" for name, part in protocol.parents["participation"].items())
    return [
        "# Arms on simulated markets",
        "",
        f"Written by `python -m loadtests.arms --worlds {campaign.n_worlds}`; protocol SHA-256 `{protocol.sha256}` "
        f"([the file](../../loadtests/arms/protocol.toml), committed before the run). {campaign.cpu_s / 60:.1f} CPU "
        "minutes. **Everything here is simulated: it shows the order of methods under stated mechanisms, never bps for "
        "a desk.**",
        "",
        f"{campaign.n_worlds} worlds a family, hidden parameters and noise by seeds from {worlds['first_seed']} on, "
        f"which no tuning used; beliefs (volume, outflows, adverse moves, fade) come from {worlds['n_tuning']} other "
        "worlds and hold for a family, not for a world. Each arm has its own copy of a world, buys and sells on the "
        f"same path. Sizes: {parts} of what the family's books are expected to trade, over "
        f"{protocol.parents['horizon_s']} s (takers: {protocol.parents['taker_volume_s']} s of it, at once). Cost: "
        f"{protocol.metric['title']}. A difference is rival minus arm, **positive: the arm is cheaper**; its unit is "
        "the world, its interval 95 %.",
    ]


def signs(campaign: Campaign) -> list[str]:
    """Whether the own arm beats the number to beat in every family, by size; where it does not comes first."""
    protocol, costs, failed, held = campaign.protocol, campaign.costs, [], []
    pairs = [(kind, OWN[kind], rival_of(kind, protocol)) for kind in (SCHEDULE, TAKER)]
    for (_, own, rival), size in product(pairs, campaign.sizes):
        found = {f: _gap(costs, f, size, rival, own, BOTH, protocol) for f in protocol.families}
        told = ", ".join(f"{f} {_interval(d)}" for f, d in found.items())
        if all(d.low > 0 for d in found.values()):
            held.append(f"* {own} beats {rival}, {size}: in all families, each interval above 0: {told}.")
        elif all(d.mean > 0 for d in found.values()):
            held.append(
                f"* {own} cheaper than {rival}, {size}: in all families, **not each interval above 0**: {told}."
            )
        else:
            where = ", ".join(f for f, d in found.items() if d.mean <= 0)
            failed.append(f"* **{own} does not beat {rival}, {size}, in {where}**: {told}.")
    return failed + held + [_risks(campaign, own, rival) for _, own, rival in pairs]


def _risks(campaign: Campaign, own: str, rival: str) -> str:
    """The other axis of the frontier: both arms' standard deviations and tails, by family and size."""
    cells = []
    for family, size in product(campaign.protocol.families, campaign.sizes):
        one, other = (spread(campaign.costs[family, size, arm]) for arm in (own, rival))
        cells.append(f"{family} {size} {one.sd:.2f} / {other.sd:.2f}, {one.cvar95:.2f} / {other.cvar95:.2f}")
    return f"* Risk, sd and CVaR95 of {own} / {rival}: {'; '.join(cells)}."


def _titles(kind: str, protocol: Protocol) -> list[str]:
    return [f"* {arm}: {protocol.arms['title'][arm]}" for arm in protocol.arms[kind]]


def arm_table(campaign: Campaign, family: str, kind: str) -> list[str]:
    """Every arm and size: location, tail, difference to the number to beat, share of the attainable."""
    protocol, costs, rival = campaign.protocol, campaign.costs, rival_of(kind, campaign.protocol)
    lines = [
        f"| size | arm | mean | sd | median | 95 % | CVaR95 | to {rival} | share of attainable | maker | needs |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    made = _made(campaign)
    for size in campaign.sizes:
        arms = [arm for arm in protocol.arms[kind] if (family, size, arm) in costs]
        spreads = {arm: spread(costs[family, size, arm]) for arm in arms}
        efficient = frontier({arm: one for arm, one in spreads.items() if arm != BOUND[kind]})
        bound = costs.get((family, size, BOUND[kind]), {})
        for arm, one in spreads.items():
            gap = _gap(costs, family, size, rival, arm, BOTH, protocol)
            part = share(costs[family, size, rival], costs[family, size, arm], bound)
            mark = " (frontier)" if arm in efficient else ""
            told = "" if arm == rival else _interval(gap)
            lines.append(
                f"| {size} | {arm}{mark} | {one.mean:.3f} | {one.sd:.3f} | {one.median:.3f} | {one.q95:.3f} | "
                f"{one.cvar95:.3f} | {told} | {part:.0%} | {made.get((family, size, arm), 0.0):.0%} | {_power(gap)} |"
            )
    return lines


def side_table(campaign: Campaign, family: str, kind: str) -> list[str]:
    """Each side alone, of every arm; Holm over sizes x sides of one arm."""
    protocol, costs, rival = campaign.protocol, campaign.costs, rival_of(kind, campaign.protocol)
    lines = [f"| arm | size | side | to {rival} | p | Holm |", "|---|---|---|---:|---:|---:|"]
    for arm in protocol.arms[kind]:
        if arm in {rival, BOUND[kind]}:
            continue
        cells = [(size, signs, name) for size in campaign.sizes for signs, name in SIDES if name != "both"]
        gaps = [_gap(costs, family, size, rival, arm, signs, protocol) for size, signs, _ in cells]
        adjusted = holm([gap.p_value for gap in gaps])
        for (size, _, name), gap, p in zip(cells, gaps, adjusted, strict=True):
            lines.append(f"| {arm} | {size} | {name} | {_interval(gap)} | {gap.p_value:.3f} | {p:.3f} |")
    return lines


def ablation_table(campaign: Campaign, family: str, kind: str) -> list[str]:
    """What is lost without each term: the ablated arm's cost less the whole arm's."""
    protocol, costs, own = campaign.protocol, campaign.costs, OWN[kind]
    lines = ["| off | size | term is worth, bps | sd without / with | needs |", "|---|---|---:|---:|---:|"]
    for name, _, off in arms_of(kind, protocol):
        if not off:
            continue
        for size in campaign.sizes:
            gap = _gap(costs, family, size, name, own, BOTH, protocol)
            without, whole = spread(costs[family, size, name]), spread(costs[family, size, own])
            lines.append(f"| {off} | {size} | {_interval(gap)} | {without.sd:.2f} / {whole.sd:.2f} | {_power(gap)} |")
    return lines


def _tail(campaign: Campaign) -> list[str]:
    lines = ["## What was left out, and what this cannot say", ""]
    why = Counter((one.family, one.kind, one.size, one.why.split(":")[0]) for one in campaign.excluded)
    lines += [
        f"* Left out of all arms: {family}, {kind}, {size}: {n} x {what}."
        for (family, kind, size, what), n in sorted(why.items())
    ] or ["* No parent was left out."]
    for family, belief in campaign.beliefs.items():
        faded = ", ".join(f"{part:.0%}" for part in belief.fade_frac)
        adverse = ", ".join(f"{part:.0f}" for part in belief.adverse_ppm)
        lines.append(
            f"* Believed of {family}: {belief.volume_lots_per_s:.0f} lots/s in {belief.trades_per_s:.1f} trades/s; "
            f"crossing one lot {belief.cross_ppm:.0f} ppm; by venue, faded of what was shown {faded}; mid against us "
            f"after a filled post {adverse} ppm."
        )
    needs = _all_own_gaps(campaign)
    n_under = sum(gap.is_underpowered for gap in needs)
    lines += [
        f"* Power: {n_under} of {len(needs)} comparisons of A5 and B3 could not have seen 0.1 bp at 80 % and are "
        "`underpowered` (column needs: the least effect that would have been seen). CVaR95 of so few parents is the "
        "mean of the dearest one or two.",
        "* B4 and A6 know everything that was shown or filled in any arm and take each level once a slice; over a "
        "horizon that is mostly knowing where the price goes, which no method has: "
        "shares of the attainable are small by that.",
        "* The baselines B0 and B1 know one venue, the one with the lowest fees; B2 - B1 is what the router adds.",
        "* The disguise decides how much is due in each slice; times within it are the grid's in every arm, and no "
        "agent of these worlds hunts schedules, so what it is for cannot show here, only what it costs.",
        "* Dealers are not asked by any arm. Dark venues are asked by A5 and B3 before they cross, never rested in.",
    ]
    return lines


def _all_own_gaps(campaign: Campaign) -> list[Difference]:
    protocol, costs = campaign.protocol, campaign.costs
    return [
        _gap(costs, family, size, rival_of(kind, protocol), OWN[kind], BOTH, protocol)
        for kind in (SCHEDULE, TAKER)
        for family in protocol.families
        for size in campaign.sizes
    ]


def _gap(
    costs: Mapping[tuple[str, str, str], Costs],
    family: str,
    size: str,
    rival: str,
    own: str,
    signs: Sequence[int],
    protocol: Protocol,
) -> Difference:
    return compare(by_world(costs[family, size, rival], costs[family, size, own], signs), protocol)


def _made(campaign: Campaign) -> dict[tuple[str, str, str], float]:
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in campaign.rows:
        found.setdefault((row.family, row.size, row.arm), []).append(row.maker_frac)
    return {key: float(np.mean(parts)) for key, parts in found.items()}


def _interval(gap: Difference) -> str:
    return f"{gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"


def _power(gap: Difference) -> str:
    return f"{gap.needs_bps:.2f}" + (" `underpowered`" if gap.is_underpowered else "")
