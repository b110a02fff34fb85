"""A month on the simulated market at three dated fee tiers, and one in which tiers follow the account's own volume.

    python -m loadtests.fee_month [--days N] [--pilot] [--out docs/results/fees.md]

Everything is simulated, and called so. The protocol is fee_month.toml; its SHA-256 stands in the result. `--pilot`
measures, on a market of another seed, how much volume a ppm of tier value moves, and stops.
"""

from __future__ import annotations

import argparse
import hashlib
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.domain.enums import Side
from app.domain.units import NANO
from app.domain.universe import Universe
from app.domain.volume import DAY_NS
from app.execution.context import Planner
from app.offline import ReplayBuilder
from app.routing.router import Router
from app.services.replay_lane import parent_qty_units
from app.services.replay_protocol import ErrorRules
from app.services.replay_stats import Difference, compare, holm
from app.venues.registry import load_universe, ns_of_ms, read_table
from app.venues.simulated_market import MarketSpec, SimulatedMarket, load_market_spec
from loadtests.fee_lane import Hindsight, Instant, Lane, MarketRules, Outcome, Tape, Valued, symbol_of

PROTOCOL: Final = Path(__file__).with_name("fee_month.toml")
OUT: Final = Path(__file__).resolve().parents[1] / "docs" / "results" / "fees.md"
COLUMNS: Final = (
    *("fees", "arm", "", "all-in", "fee", "price"),
    *("all-in - A3 [95 %]", "fee - A3 [95 %]", "price - A3 [95 %]", "p (Holm)", "row is"),
)
_MS: Final = 1_000_000
_SELL_AFTER_NS: Final = 60_000_000_000  # the instant's sell comes after its buy, on the same tape


@dataclass(frozen=True, slots=True)
class Plan:
    """The protocol's figures with everything that is made of them once."""

    raw: Mapping[str, Any]
    sha256: str
    universe: Universe
    market: MarketSpec
    rules: MarketRules

    @property
    def n_days(self) -> int:
        return int(self.raw["month"]["days"])


@dataclass(frozen=True, slots=True)
class Daily:
    """One arm's days: bps of the day's money. `all_in` is price and fee together."""

    all_in: tuple[float, ...]
    price: tuple[float, ...]
    fee: tuple[float, ...]
    n_parents: int
    mean_waves: float
    filled: float
    turnover_usd: float


def read_plan(path: Path = PROTOCOL) -> Plan:
    """The protocol over the shipped simulated venues, its one symbol alone."""
    data = path.read_bytes()
    raw = tomllib.loads(data.decode())
    whole = load_universe()
    name = raw["market"]["symbol"]
    universe = Universe(
        venues=whole.venues,
        symbols={name: whole.symbols[name]},
        instruments={key: i for key, i in whole.instruments.items() if key[1] == name},
        fees=whole.fees,
        schedules=whole.schedules,
    )
    spec = load_market_spec(whole)
    market = MarketSpec(
        spec.step_ns, {name: spec.prices[name]}, {key: b for key, b in spec.books.items() if key[1] == name}
    )
    rules = MarketRules(
        life_ns=ns_of_ms(raw["market"]["life_ms"]),
        clean_up_ns=ns_of_ms(raw["market"]["clean_up_ms"]),
        tick_ns=20 * _MS,
        max_slippage_ppm=raw["month"]["max_slippage_bps"] * 100,
        processing_ns={row["venue_id"]: ns_of_ms(row["processing_ms"]) for row in read_table()["venues"]},
    )
    return Plan(raw, hashlib.sha256(data).hexdigest(), universe, market, rules)


class Tapes:
    """The market of one seed, told instant by instant."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self._plan = plan
        self._market = SimulatedMarket(plan.market, seed, 0)
        self._step = 0

    def next_tape(self) -> Tape:
        """The books around the next instant, after the gap that the protocol sets."""
        market, step_ns = self._plan.raw["market"], self._plan.market.step_ns
        before, life = (ns_of_ms(market[name]) // step_ns for name in ("before_ms", "life_ms"))
        self._step += ns_of_ms(market["gap_ms"]) // step_ns
        (symbol,) = self._plan.universe.symbols
        times: dict[str, list[int]] = {venue: [] for venue in self._plan.universe.venues}
        books: dict[str, list[Any]] = {venue: [] for venue in times}
        for i in range(-before, life + 1):
            self._step += 1
            for venue, seen in books.items():
                sides = self._market.sides(venue, symbol, self._step * step_ns)
                if not seen or sides.update_n != seen[-1].update_n:
                    seen.append(sides)
                    times[venue].append(i * step_ns)
        return Tape(times, books)


def planner_of(arm: str) -> Planner:
    """The routing of an arm: one solver alone for the rivals, everything for Bestex."""
    if arm.startswith("A5"):
        return Valued(Router()) if arm == "A5v" else Router()
    return ReplayBuilder().planner(arm[:2])


def held_universe(universe: Universe, tier_name: str) -> Universe:
    """The universe with every venue's fees held at one row of its schedule."""
    fees = dict(universe.fees)
    for (venue, _), schedule in universe.schedules.items():
        rule = next(rule for rule in schedule.tiers if rule.tier == tier_name)
        fees[venue] = replace(
            fees[venue],
            tier=rule.tier,
            taker_fee_ppm=rule.taker_fee_ppm,
            maker_fee_ppm=rule.maker_fee_ppm,
            as_of=schedule.as_of,
        )
    return replace(universe, fees=fees, schedules={})


def make_lanes(plan: Plan) -> dict[tuple[str, str], Lane | Hindsight]:
    """(table, arm) -> its lane; the tables are the held tiers and `moving`."""
    refill_ns = {venue: book.refill_ns for (venue, _), book in plan.market.books.items()}
    lanes: dict[tuple[str, str], Lane | Hindsight] = {}
    for tier in plan.raw["held"]["tiers"]:
        universe = held_universe(plan.universe, tier)
        for arm in plan.raw["held"]["arms"]:
            is_known = arm == "A6"
            lanes[(tier, arm)] = (
                Hindsight(universe) if is_known else Lane(universe, universe, planner_of(arm), refill_ns)
            )
    for arm in plan.raw["moving"]["arms"]:
        believed = replace(plan.universe, schedules={}) if arm == "A3f" else plan.universe
        response_ppm = plan.raw["tier_value"]["response_ppm"] if arm == "A5v" else 0
        lanes[("moving", arm)] = Lane(believed, plan.universe, planner_of(arm), refill_ns, response_ppm)
    return lanes


def run_month(plan: Plan, seed: int, n_days: int, lanes: Mapping[tuple[str, str], Lane | Hindsight]) -> None:
    """Trades the month in every lane, day by day, each instant in all of them before the next."""
    month = plan.raw["month"]
    first_ns = int(datetime.fromisoformat(month["first_day"]).replace(tzinfo=UTC).timestamp()) * NANO
    per_day, sizes = month["instants_per_day"], month["sizes_usd"]
    tapes, symbol = Tapes(plan, seed), symbol_of(plan.universe)
    instruments = list(plan.universe.instruments.values())
    for lane in lanes.values():
        lane.open(first_ns)
    for day in range(n_days):
        for lane in lanes.values():
            lane.outcomes.append([])
        for i in range(per_day):
            number = day * per_day + i
            ts_ns = first_ns + day * DAY_NS + (2 * i + 1) * DAY_NS // (2 * per_day)
            instant = Instant(number, ts_ns, sizes[number % len(sizes)], tapes.next_tape())
            first = next(iter(plan.universe.venues))
            top = instant.tape.at(first, 0)
            qty_units = parent_qty_units(symbol, instruments, instant.size_usd, top.bids[0][0] + top.asks[0][0])
            for lane in lanes.values():
                for side, at_ns in ((Side.BUY, ts_ns), (Side.SELL, ts_ns + _SELL_AFTER_NS)):
                    lane.outcomes[-1].append(lane.trade(instant, side, qty_units, at_ns, plan.rules))


def daily(lane: Lane | Hindsight) -> Daily:
    """A lane's days in bps of their money."""

    def bps(day: Sequence[Outcome], price: int, fee: int) -> float:
        cost = sum(price * o.price_nano + fee * o.fee_nano for o in day)
        return 1e4 * cost / sum(o.reference_nano for o in day)

    every = [outcome for day in lane.outcomes for outcome in day]
    return Daily(
        all_in=tuple(bps(day, 1, 1) for day in lane.outcomes),
        price=tuple(bps(day, 1, 0) for day in lane.outcomes),
        fee=tuple(bps(day, 0, 1) for day in lane.outcomes),
        n_parents=len(every),
        mean_waves=sum(o.n_waves for o in every) / len(every),
        filled=sum(o.filled_frac for o in every) / len(every),
        turnover_usd=sum(o.reference_nano for o in every) / NANO,
    )


def error_rules(raw: Mapping[str, Any]) -> ErrorRules:
    """The protocol's rules of error."""
    errors = raw["errors"]
    return ErrorRules(
        n_replications=errors["replications"],
        seed=errors["seed"],
        min_block_iat=errors["min_block_iat"],
        t_below_blocks=errors["t_below_blocks"],
        confidence=float(errors["confidence"]),
        equivalence_bps=float(errors["equivalence_bps"]),
        power=float(errors["power"]),
        smallest_effect_bps=float(errors["smallest_effect_bps"]),
    )


def measure_response(plan: Plan, n_days: int, value_ppm: int = 10) -> dict[str, float]:
    """Venue -> part of all volume (ppm) that one ppm of value there moved to it, on the pilot market.

    Each venue's fee is lowered by `value_ppm` in the eyes of one arm alone; what it is charged stays.
    """
    refill_ns = {venue: book.refill_ns for (venue, _), book in plan.market.books.items()}
    base = held_universe(plan.universe, "base")
    believed = {"": base}
    for venue, tier in base.fees.items():
        cheaper = replace(tier, taker_fee_ppm=tier.taker_fee_ppm - value_ppm)
        believed[venue] = replace(base, fees={**base.fees, venue: cheaper})
    lanes = {("pilot", name): Lane(u, base, Router(), refill_ns) for name, u in believed.items()}
    run_month(plan, plan.raw["month"]["pilot_seed"], n_days, dict(lanes))
    volumes = {name: venue_volumes_nano(lane) for (_, name), lane in lanes.items()}
    total = sum(volumes[""].values())
    return {
        venue: 1e6 * (volumes[venue].get(venue, 0) - volumes[""].get(venue, 0)) / total / value_ppm
        for venue in base.venues
    }


def venue_volumes_nano(lane: Lane) -> dict[str, int]:
    """Everything the lane's account traded, by venue."""
    found: dict[str, int] = {}
    for parent in lane.core.ledger.parents.values():
        for record in parent.fills:
            found[record.fill.venue] = found.get(record.fill.venue, 0) + record.fill.notional_nano
    return found


def last_tiers(lane: Lane) -> dict[str, str]:
    """Venue -> tier that the account ended in, as its own facts say."""
    return {venue: event.tier for (_, venue, _), event in lane.core.ledger.fees.sets.items()}


def attainable(tier: str, days: Mapping[tuple[str, str], Daily]) -> str:
    """How much of what hindsight would have saved was saved."""
    own, best, known = (days[(tier, arm)].all_in for arm in ("A3", "A5", "A6"))
    saved = sum(a - b for a, b in zip(own, best, strict=True)) / len(own)
    had = sum(a - b for a, b in zip(own, known, strict=True)) / len(own)
    return f"| {tier} | {saved:.3f} | {had:.3f} | {100 * saved / had:.1f} % |"


def table_rows(
    table: str, days: Mapping[tuple[str, str], Daily], rules: ErrorRules, titles: Mapping[str, str]
) -> list[str]:
    """One Markdown row an arm: cost, fee and price apart, and its difference to A3 with the interval."""
    arms = [arm for name, arm in days if name == table]
    own = days[(table, "A3")]
    rivals = [arm for arm in arms if arm != "A3"]
    parts: dict[str, list[Difference]] = {}
    for part in ("all_in", "fee", "price"):
        parts[part] = compare(getattr(own, part), [getattr(days[(table, arm)], part) for arm in rivals], rules)
    p_values = holm([d.p_value for d in parts["all_in"]])
    rows = []
    for arm in arms:
        of = days[(table, arm)]
        means = [sum(series) / len(series) for series in (of.all_in, of.fee, of.price)]
        cells = [table, arm, titles[arm], *(f"{mean:.3f}" for mean in means)]
        if arm == "A3":
            cells += ["-", "-", "-", "", ""]
        else:
            k = rivals.index(arm)
            cells += [interval(parts[part][k]) for part in ("all_in", "fee", "price")]
            cells += [f"{p_values[k]:.3f}", verdict(parts["all_in"][k])]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def value_row(days: Mapping[tuple[str, str], Daily], rules: ErrorRules) -> str:
    """What tier value does to the same routing, in the month whose tiers move."""
    off, on = days[("moving", "A5")], days[("moving", "A5v")]
    found = [compare(getattr(off, part), [getattr(on, part)], rules)[0] for part in ("all_in", "fee", "price")]
    return f"| {' | '.join(interval(difference) for difference in found)} | {verdict(found[0])} |"


def interval(difference: Difference) -> str:
    if difference.is_identical:
        return "0, identical"
    return f"{difference.mean:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


def verdict(difference: Difference) -> str:
    """What the row may be called."""
    words = []
    if difference.is_equivalent:
        words.append("equivalent within 0.1 bp")
    if difference.high < 0:
        words.append("cheaper")
    if difference.low > 0:
        words.append("dearer")
    if difference.is_underpowered:
        words.append("underpowered")
    return ", ".join(words) or "not told apart"


def ends(lanes: Mapping[tuple[str, str], Lane | Hindsight], days: Mapping[tuple[str, str], Daily]) -> list[str]:
    """One row for each account whose tiers moved."""
    rows = []
    for (table, arm), lane in lanes.items():
        if table == "moving" and isinstance(lane, Lane):
            of, tiers = days[(table, arm)], last_tiers(lane)
            volumes = ", ".join(
                f"{venue.removeprefix('sim_')} {nano / NANO / 1e6:.1f} {tiers.get(venue, 'not followed')}"
                for venue, nano in sorted(venue_volumes_nano(lane).items())
            )
            told = f"{of.mean_waves:.2f} | {100 * of.filled:.2f} % | {lane.n_alarms} | {lane.n_valued}"
            rows.append(f"| {arm} | {told} | {volumes} |")
    return rows


def report(plan: Plan, lanes: Mapping[tuple[str, str], Lane | Hindsight], n_days: int, seed: int, cpu_s: float) -> str:
    """The result as Markdown; every arm, losers too."""
    days = {key: daily(lane) for key, lane in lanes.items()}
    rules, titles = error_rules(plan.raw), plan.raw["arms"]
    some = next(iter(days.values()))
    month = plan.raw["month"]
    sizes = ", ".join(f"{size:,}" for size in month["sizes_usd"])
    as_of = next(iter(plan.universe.schedules.values())).as_of
    lines = [
        "# A month of fees, simulated",
        "",
        f"Written by `python -m loadtests.fee_month`. Protocol SHA-256 `{plan.sha256}`; market seed {seed}; "
        f"{n_days} UTC days, {some.n_parents} parents an arm (buy and sell on the same path), USD {sizes} in turn, "
        f"USD {some.turnover_usd / 1e6:.0f} million an arm. {cpu_s:.0f} s of CPU.",
        "",
        "The market is the simulated one ([calibration](calibration.md)): it says how methods are ordered under its",
        "mechanisms, never bps for a desk. Decisions see books received by then, fills happen on the book of the",
        f"arrival, the rest is cleaned up {plan.raw['market']['clean_up_ms']} ms after arrival. Fees are those of",
        "`fees_simulated.toml`, chosen and no real venue's. The unit of error is the UTC day: moving block bootstrap",
        "over days, all arms together.",
        "",
        "## Cost against fee-aware greedy (A3), in bps; negative: cheaper",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|" + " --- |" * len(COLUMNS),
    ]
    for table in [*plan.raw["held"]["tiers"], "moving"]:
        lines += table_rows(table, days, rules, titles)
    lines += [
        "",
        f"`base`, `middle`, `top`: every venue's fee is held at that row of its table, as of {as_of}. `moving`: every",
        "account begins in the first tier without volume; its venues judge it each UTC day by what it has traded",
        "there, and the engine follows by its own fills.",
        "",
        "## Tier value on against off (A5v - A5), in bps; negative: cheaper with it",
        "",
        "| all-in [95 %] | fee [95 %] | price [95 %] | row is |",
        "| --- | --- | --- | --- |",
        value_row(days, rules),
        "",
        "## Of what was to be had",
        "",
        "| fees | A3 - A5 bps | A3 - A6 bps | share |",
        "| --- | --- | --- | --- |",
        *(attainable(tier, days) for tier in plan.raw["held"]["tiers"]),
        "",
        "## Where the moving accounts ended",
        "",
        "| arm | waves | filled | deviations alarmed | days x venues with a value | volume in USD million, last tier |",
        "| --- | --- | --- | --- | --- | --- |",
        *ends(lanes, days),
    ]
    return "\n".join(lines) + "\n"


def value_report(plan: Plan, seeds: Sequence[int], n_days: int) -> str:
    """A5v against A5 alone in the month whose tiers move, on markets of other seeds: outside the protocol, said so."""
    rules = error_rules(plan.raw)
    rows = []
    for seed in seeds:
        lanes = {key: lane for key, lane in make_lanes(plan).items() if key in (("moving", "A5"), ("moving", "A5v"))}
        run_month(plan, seed, n_days, lanes)
        days = {key: daily(lane) for key, lane in lanes.items()}
        rows.append(f"| {seed} {value_row(days, rules)}")
        rows += [f"| {seed}, account {row.removeprefix('| ')}" for row in ends(lanes, days)]
    lines = [
        "# Tier value on other markets, simulated",
        "",
        f"Written by `python -m loadtests.fee_month --tier-value {' '.join(map(str, seeds))}`; {n_days} days each.",
        "Exploratory: made after [the month of the protocol](fees.md), in which the plan gave no venue a value on any",
        "day, so no claim rests on it. First row of a seed: A5v - A5 in bps, negative is cheaper with tier value:",
        "all-in, fee, price. Then each account: waves, filled, alarms, days x venues with a value, volume in USD",
        "million and last tier.",
        "",
        "| seed | | | | | |",
        "| --- | --- | --- | --- | --- | --- |",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=0, help="fewer than the protocol's, to try it out")
    parser.add_argument("--pilot", action="store_true")
    parser.add_argument("--tier-value", type=int, nargs="+", metavar="SEED")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    plan = read_plan()
    n_days = arguments.days or plan.n_days
    if arguments.pilot:
        for venue, ppm in measure_response(plan, n_days).items():
            print(f"{venue}: {ppm:.0f} ppm of all volume for each ppm")
        return
    if arguments.tier_value:
        text = value_report(plan, arguments.tier_value, n_days)
        OUT.with_name("fees_tier_value.md").write_text(text, encoding="utf-8")
        print(text)
        return
    seed = plan.raw["month"]["seed"] if n_days == plan.n_days else plan.raw["month"]["pilot_seed"]
    lanes = make_lanes(plan)
    started_ns = time.process_time_ns()
    run_month(plan, seed, n_days, lanes)
    text = report(plan, lanes, n_days, seed, (time.process_time_ns() - started_ns) / NANO)
    arguments.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
