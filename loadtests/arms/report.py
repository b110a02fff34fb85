"""The page of results, signs first: every arm, size and side, losers too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from loadtests.arms.beliefs import Beliefs
from loadtests.arms.campaign import BARE, BASE, BOUND, CALM_OWN, LIT_OWN, OWN, SCHEDULE, TAKER, Excluded, Row, own_terms
from loadtests.arms.figures import Costs, Difference, by_world, compare, costs_of, frontier, holm, share, spread
from loadtests.arms.protocol import Protocol

Key = tuple[str, str, str]
BOTH = (1, -1)
SIDES = ((1, "buy"), (-1, "sell"))
TITLE = {TAKER: "Takers: at once", SCHEDULE: "Schedules: over the horizon"}
KINDS = (SCHEDULE, TAKER)
TIERED = ("B1", "B3", "A3", "A5")


@dataclass(frozen=True, slots=True)
class Campaign:
    """What was run. `n_done`, `n_planned`: worlds by family; `cpu_s` of all worlds, without what learning took."""

    protocol: Protocol
    rows: Sequence[Row]
    excluded: Sequence[Excluded]
    beliefs: Mapping[str, Beliefs]
    n_done: Mapping[str, int]
    n_planned: Mapping[str, int]
    cpu_s: float

    @property
    def sizes(self) -> list[str]:
        return list(self.protocol.parents["participation"])

    def costs(self, tier: str = BASE) -> Mapping[Key, Costs]:
        """As paid."""
        return costs_of(self.rows, tier)

    def adjusted(self, tier: str = BASE) -> Mapping[Key, Costs]:
        """Schedules' less the control: for differences."""
        return costs_of(self.rows, tier, self.protocol.control)


def rival_of(kind: str, protocol: Protocol) -> str:
    """The arm that is the number to beat."""
    return str(protocol.arms[f"rival_{kind}"])


def render(campaign: Campaign) -> str:
    """The whole page."""
    lines = [*_head(campaign), "", "## Signs", "", *signs(campaign), "", "## Fee tiers", "", *tier_table(campaign)]
    for kind in KINDS:
        lines += ["", f"## {TITLE[kind]}", "", *_titles(kind, campaign.protocol)]
        for family in campaign.protocol.families:
            lines += ["", f"### {family}, {kind}", "", *arm_table(campaign, family, kind)]
            lines += ["", "By side, Holm's p over sizes and sides:", "", *side_table(campaign, family, kind)]
            lines += ["", *_terms_title(kind), "", *term_table(campaign, family, kind)]
    return "\n".join([*lines, "", *_tail(campaign)]) + "\n"


def _head(campaign: Campaign) -> list[str]:
    protocol, worlds = campaign.protocol, campaign.protocol.worlds
    parts = ", ".join(f"{name} {part:.0%}" for name, part in protocol.parents["participation"].items())
    done = ", ".join(f"{family} {campaign.n_done[family]} of {n}" for family, n in campaign.n_planned.items())
    weights = ", ".join(f"{family} {weight:g}" for family, weight in protocol.control.items())
    return [
        "# Arms on simulated markets",
        "",
        f"Written by `python -m loadtests.arms`; protocol SHA-256 `{protocol.sha256}` "
        f"([the file](../../loadtests/arms/protocol.toml), committed before the run). {campaign.cpu_s / 60:.1f} CPU "
        "minutes. **Everything here is simulated: it shows the order of methods under stated mechanisms, never bps for "
        "a desk.**",
        "",
        f"Worlds: {done}; hidden parameters and noise by seeds from {worlds['first_seed']} on, which no tuning used. "
        f"Beliefs (volume, outflows, what a post keeps, fade) come from {worlds['n_tuning']} other worlds, the terms "
        f"that A5 and B3 use from {worlds['n_select']} more; both hold for a family, not for a world. Each arm has its "
        f"own copy of a world, buys and sells on the same path. Sizes: {parts} of what the family's books are expected "
        f"to trade, over {protocol.parents['horizon_s']} s (takers: {protocol.parents['taker_volume_s']} s of it, at "
        "once). "
        f"Cost: {protocol.metric['title']}.",
        "",
        "A difference is rival minus arm, **positive: the arm is cheaper**; its unit is the world, its interval 95 %. "
        "Differences of schedules are less a fixed multiple of a control whose mean is zero by construction: the part "
        f"still to trade x the walk under the prices, which no arm can know ([how](../../loadtests/arms/control.py); "
        f"{weights}). The column *raw* is without it: the same mean in expectation, more noise.",
    ]


def signs(campaign: Campaign) -> list[str]:
    """Whether the own arm beats the number to beat in every family, by size; where it does not comes first."""
    protocol, failed, held = campaign.protocol, [], []
    pairs = [(rival_of(kind, protocol), OWN[kind]) for kind in KINDS]
    pairs += [(rival_of(SCHEDULE, protocol), BARE[SCHEDULE]), (rival_of(TAKER, protocol), LIT_OWN)]
    for (rival, own), size in product(pairs, campaign.sizes):
        found = {f: _gap(campaign, f, size, rival, own) for f in protocol.families}
        told = ", ".join(f"{f} {_interval(d)}{_mark(d)}" for f, d in found.items())
        if all(d.low > 0 for d in found.values()):
            held.append(f"* {own} beats {rival}, {size}: in all families, each interval above 0: {told}.")
        elif all(d.mean > 0 for d in found.values()):
            held.append(
                f"* {own} cheaper than {rival}, {size}: in all families, **not each interval above 0**: {told}."
            )
        else:
            where = ", ".join(f for f, d in found.items() if d.mean <= 0)
            failed.append(f"* **{own} does not beat {rival}, {size}, in {where}**: {told}.")
    pairs = [(rival_of(kind, protocol), OWN[kind]) for kind in KINDS]
    pairs.insert(1, (rival_of(SCHEDULE, protocol), CALM_OWN))
    return failed + held + [_risks(campaign, rival, own) for rival, own in pairs]


def _risks(campaign: Campaign, rival: str, own: str) -> str:
    """The other axis of the frontier: both arms' standard deviations and tails, by family and size."""
    cells, costs = [], campaign.costs()
    for family, size in product(campaign.protocol.families, campaign.sizes):
        one, other = (spread(costs[family, size, arm]) for arm in (own, rival))
        cells.append(f"{family} {size} {one.sd:.2f} / {other.sd:.2f}, {one.cvar95:.2f} / {other.cvar95:.2f}")
    return f"* Risk, sd and CVaR95 of {own} / {rival}: {'; '.join(cells)}."


def _titles(kind: str, protocol: Protocol) -> list[str]:
    return [f"* {arm}: {protocol.arms['title'][arm]}" for arm in protocol.arms[kind]]


def tier_table(campaign: Campaign) -> list[str]:
    """The headline arms at every fee tier that was run: the own arm against the number to beat."""
    protocol = campaign.protocol
    told = "; ".join(
        f"{name}: takers x {tier['taker']:g}, makers x {tier['maker']:g}, rebates x {tier['rebate']:g}"
        for name, tier in protocol.tiers.items()
    )
    lines = [
        f"Fees of the families' files times: {told}. Terms and beliefs are those of the base tier.",
        "",
        "| family | size | tier | B1 mean | B3 mean | B3 to B1 | A3 mean | A5 mean | A5 to A3 | worlds |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for family, size, tier in product(protocol.families, campaign.sizes, protocol.tiers):
        costs = campaign.costs(tier)
        if any((family, size, arm) not in costs for arm in TIERED):
            continue
        mean = {arm: f"{spread(costs[family, size, arm]).mean:.3f}" for arm in TIERED}
        gaps = [_gap(campaign, family, size, rival, own, tier=tier) for rival, own in (("B1", "B3"), ("A3", "A5"))]
        lines.append(
            f"| {family} | {size} | {tier} | {mean['B1']} | {mean['B3']} | {_interval(gaps[0])} | {mean['A3']} | "
            f"{mean['A5']} | {_interval(gaps[1])} | {gaps[0].n_worlds} |"
        )
    return lines


def arm_table(campaign: Campaign, family: str, kind: str) -> list[str]:
    """Every arm and size: location, tail, difference to the number to beat, share of the attainable."""
    protocol, costs, rival = campaign.protocol, campaign.costs(), rival_of(kind, campaign.protocol)
    raw = kind == SCHEDULE
    lines = [
        f"| size | arm | mean | sd | median | 95 % | CVaR95 | to {rival} |{' raw |' if raw else ''} needs | attainable "
        "| maker |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|" + ("---:|" if raw else ""),
    ]
    made = _made(campaign)
    for size in campaign.sizes:
        arms = [arm for arm in protocol.arms[kind] if (family, size, arm) in costs]
        spreads = {arm: spread(costs[family, size, arm]) for arm in arms}
        efficient = frontier({arm: one for arm, one in spreads.items() if arm != BOUND[kind]})
        bound = costs.get((family, size, BOUND[kind]), {})
        for arm, one in spreads.items():
            gap = _gap(campaign, family, size, rival, arm)
            plain = compare(by_world(costs[family, size, rival], costs[family, size, arm], BOTH), protocol)
            part = share(costs[family, size, rival], costs[family, size, arm], bound)
            is_rival = arm == rival
            lines.append(
                f"| {size} | {arm}{' (frontier)' if arm in efficient else ''} | {one.mean:.3f} | {one.sd:.3f} | "
                f"{one.median:.3f} | {one.q95:.3f} | {one.cvar95:.3f} | {'' if is_rival else _interval(gap)} | "
                + ((f"{'' if is_rival else _interval(plain)} | ") if raw else "")
                + f"{'' if is_rival else _power(gap)} | {part:.0%} | {made.get((family, size, arm), 0.0):.0%} |"
            )
    return lines


def side_table(campaign: Campaign, family: str, kind: str) -> list[str]:
    """Each side alone, of every arm; Holm over sizes x sides of one arm."""
    protocol, costs, rival = campaign.protocol, campaign.costs(), rival_of(kind, campaign.protocol)
    head = " | ".join(f"{size} {name}" for size in campaign.sizes for _, name in SIDES)
    lines = [f"| arm to {rival} | {head} |", "|---|" + "---:|" * (len(campaign.sizes) * len(SIDES))]
    for arm in protocol.arms[kind]:
        if arm in {rival, BOUND[kind]} or (family, campaign.sizes[0], arm) not in costs:
            continue
        gaps = [_gap(campaign, family, size, rival, arm, (sign,)) for size in campaign.sizes for sign, _ in SIDES]
        adjusted = holm([gap.p_value for gap in gaps])
        cells = [f"{gap.mean:+.3f} (p {p:.3f})" for gap, p in zip(gaps, adjusted, strict=True)]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return lines


def _terms_title(kind: str) -> list[str]:
    return [
        f"Terms one at a time: what each is worth, bps, within {OWN[kind]} (with it against without it, whether "
        f"{OWN[kind]} uses it or not) and alone on {BARE[kind]}, which has none:"
    ]


def term_table(campaign: Campaign, family: str, kind: str) -> list[str]:
    """Each term off (or on, where the own arm does not use it) and alone; in those worlds in which terms were run."""
    protocol, costs, own, bare = campaign.protocol, campaign.costs(), OWN[kind], BARE[kind]
    lines = [
        f"| term | size | used | within {own} | sd without / with | needs | alone on {bare} | needs |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for term, size in product(protocol.terms[own], campaign.sizes):
        used = own_terms(family, kind, size, protocol)
        other, alone = f"{own} {'-' if term in used else '+'} {term}", f"{bare} + {term}"
        if (family, size, other) not in costs:
            continue
        without, having = (other, own) if term in used else (own, other)
        gap = _gap(campaign, family, size, without, having)
        single = _gap(campaign, family, size, bare, alone)
        keys = costs[family, size, other]
        sds = [spread({key: costs[family, size, arm][key] for key in keys}).sd for arm in (without, having)]
        lines.append(
            f"| {term} | {size} | {'yes' if term in used else 'no'} | {_interval(gap)} | {sds[0]:.2f} / {sds[1]:.2f} | "
            f"{_power(gap)} | {_interval(single)} | {_power(single)} |"
        )
    return lines


def _tail(campaign: Campaign) -> list[str]:
    protocol = campaign.protocol
    lines = ["## What was left out, and what this cannot say", ""]
    why = Counter((one.family, one.tier, one.kind, one.size, one.why.split(":")[0]) for one in campaign.excluded)
    lines += [
        f"* Left out of all arms: {family}, tier {tier}, {kind}, {size}: {n} x {what}."
        for (family, tier, kind, size, what), n in sorted(why.items())
    ] or ["* No parent was left out."]
    for family, belief in campaign.beliefs.items():
        faded = ", ".join(f"{part:.0%}" for part in belief.fade_frac)
        adverse = ", ".join(f"{part:.0f}" for part in belief.adverse_ppm)
        lines.append(
            f"* Believed of {family}: {belief.volume_lots_per_s:.0f} lots/s in {belief.trades_per_s:.1f} trades/s; "
            f"crossing one lot {belief.cross_ppm:.0f} ppm; by venue, faded of what was shown {faded}; what a fill of a "
            f"post had lost of its edge a second later {adverse} ppm."
        )
    gaps = [
        _gap(campaign, family, size, rival_of(kind, protocol), own)
        for kind, own in ((SCHEDULE, "B3"), (SCHEDULE, "B2"), (TAKER, "A5"))
        for family in protocol.families
        for size in campaign.sizes
    ]
    n_under = sum(gap.is_underpowered for gap in gaps)
    return [
        *lines,
        f"* Power: {n_under} of {len(gaps)} comparisons of A5, B3 and B2 could not have seen 0.1 bp at 80 % and are "
        "`underpowered` (column needs: the least effect that would have been seen).",
        *_LIMITS,
    ]


_LIMITS = (
    "* B4 and A6 know everything that was shown or filled in any arm and take each level once a slice; over a horizon "
    "that is mostly knowing where the price goes, which no method has: shares of the attainable are small by that.",
    "* B0 and B1 know one venue, the one with the lowest fees; B2 - B1 is what the router adds. A5 may ask the dealer, "
    "A3 may not: A5L has the venues that A3 has.",
    "* A toxic venue's push after our fill is planted: it moves the price our way for all that we still trade. It is "
    "charged to that fill and to all later ones; without that, resting in the dark saved over 1 bp in tuning worlds.",
    "* The terms fair and carry are the campaign's, not yet the product's: the service posts at one touch "
    "([schedules](../schedules.md#placement)). A post is moved up to four times a second; messages cost nothing here.",
    "* The disguise decides how much is due in each slice; times within it are the grid's in every arm, and no agent "
    "of these worlds hunts schedules, so what it is for cannot show here, only what it costs.",
    "* A3P is our reading of the ccxt package's router, whose planning is a remote service: taker fees only, one plan, "
    "no re-route. Each term was judged on a few tuning worlds; one that pays little may stand on the wrong side.",
)


def _gap(
    campaign: Campaign,
    family: str,
    size: str,
    rival: str,
    own: str,
    signs: Sequence[int] = BOTH,
    tier: str = BASE,
) -> Difference:
    costs = campaign.costs(tier) if own in BOUND.values() else campaign.adjusted(tier)
    return compare(by_world(costs[family, size, rival], costs[family, size, own], signs), campaign.protocol)


def _made(campaign: Campaign) -> dict[Key, float]:
    found: dict[Key, list[float]] = {}
    for row in campaign.rows:
        if row.tier == BASE:
            found.setdefault((row.family, row.size, row.arm), []).append(row.maker_frac)
    return {key: float(np.mean(parts)) for key, parts in found.items()}


def _interval(gap: Difference) -> str:
    return f"{gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"


def _mark(gap: Difference) -> str:
    return " `underpowered`" if gap.is_underpowered else ""


def _power(gap: Difference) -> str:
    return f"{gap.needs_bps:.2f}{_mark(gap)}"
