"""What forecasts of volume, spread and volatility are worth, and what bending a plan by them saves or costs:
`python -m loadtests.adaptive`.

Written to docs/results/adaptive.md. Simulated worlds of the three families, hidden parameters and noise by seeds that
nothing was fitted on; loadings were fitted on others (`--fit` prints them). Beside them one recorded stretch of six
minutes, which is no evidence.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log, sqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from app.domain.enums import Side
from app.domain.schedule import (
    AdaptiveParameters,
    CostLaw,
    ImpactBelief,
    PlainParameters,
    ScheduleTerms,
    ScheduleUrgency,
    Seen,
    ShortfallParameters,
    TwapParameters,
)
from app.domain.units import PPM
from app.execution import slicer
from app.execution.bending import bend_of, weigh
from app.learning.forecast import N_SERIES, VARIANCE, Forecaster, Look
from app.learning.volume_curve import VolumeCurve
from app.routing.router import Router
from app.tca.intervals import t975
from loadtests.arms.beliefs import world_of
from loadtests.arms.crossing import complete, cross
from loadtests.arms.desk import Desk, Means

NS = 1_000_000_000
FAMILIES = ("queue_reactive", "hawkes", "propagator")
NAMES = ("volume", "spread", "variance")
FIT_SEED, JUDGE_SEED = 9_100_001, 9_200_001
N_FIT, N_SKILL, N_ARMS = 8, 16, 16
WATCH_S, WARM_S, SPAN_S, SLICE_S = 600, 100, 120, 10
HORIZONS_S = (10, 60)
PART = 0.05  # of the volume that is expected over the span
COMPLETE_S = 60
RIDGE = 1e-3
SMALLEST_BPS = 0.1  # the smallest effect of interest
POWER_RATIO = 1 + 0.84 / 1.96  # of a 95 % half width: what 80 % power would see
L2 = Path(__file__).parents[2] / "shared" / "data" / "public" / "l2" / "binance_3mkt_20240808"
RESULTS = Path(__file__).parents[1] / "docs" / "results" / "adaptive.md"
# name -> (strategy, most tilt in ppm, terms of the outlook that are left out)
ARMS: dict[str, tuple[str, int, frozenset[str]]] = {
    "twap": ("twap", 0, frozenset()),
    "twap 2": ("twap", PPM // 10, frozenset()),
    "twap 2, tilt 0.5": ("twap", PPM // 2, frozenset()),
    "twap 2 - volume": ("twap", PPM // 10, frozenset({"volume_ppm"})),
    "twap 2 - spread": ("twap", PPM // 10, frozenset({"spread_ppm"})),
    "twap 2 - volatility": ("twap", PPM // 10, frozenset({"sigma_ppm"})),
    "is": ("is", 0, frozenset()),
    "is 2": ("is", PPM // 10, frozenset()),
}


@dataclass
class Watch:
    """A market looked at once a second, as the service does: the forecaster, the curve, and what really came."""

    forecaster: Forecaster = field(default_factory=Forecaster)
    curve: VolumeCurve = field(default_factory=VolumeCurve)
    real: list[tuple[float, float, float]] = field(default_factory=list)
    _mid_half: float = 0.0

    def see(self, now_ns: int, traded: float, spread_ppm: float, mid_half: float) -> None:
        """One second more: what others traded in it, and the spread and mid at its end (0: none)."""
        self.curve.observe(now_ns, round(traded))
        usual = self.curve.usual_units(now_ns - NS, now_ns)
        self.forecaster.take(Look(now_ns, traded, usual, spread_ppm, mid_half))
        move = log(mid_half / self._mid_half) ** 2 if mid_half and self._mid_half else 0.0
        self._mid_half = mid_half
        self.real.append((traded / usual if usual else 1.0, spread_ppm, move))


@dataclass
class Eyes:
    """A desk's own eyes on its simulated world: own fills are not others' volume."""

    desk: Desk
    watch: Watch = field(default_factory=Watch)
    _own_lots: int = 0

    def look(self) -> None:
        desk = self.desk
        lots = sum(one.lots for one in desk.market.trades() if one.venue_i in desk.lit)
        own = desk.filled_lots - self._own_lots
        self._own_lots = desk.filled_lots
        views = [desk.market.view(v) for v in desk.lit]
        shown = [(one.bids[0][0], one.asks[0][0]) for one in views if one.bids and one.asks and not one.is_halted]
        spread = float(np.mean([(ask - bid) / (ask + bid) * 2e6 for bid, ask in shown])) if shown else 0.0
        self.watch.see(desk.market.now_ns, float(max(lots - own, 0)), max(spread, 0.0), desk.mid_half_ticks())

    def wait(self, until_ns: int) -> None:
        """Lets time pass, with a look at each whole second."""
        market = self.desk.market
        while (market.now_ns // NS + 1) * NS <= until_ns:
            self.desk.wait((market.now_ns // NS + 1) * NS)
            self.look()
        self.desk.wait(until_ns)


def simulated(family: str, seed: int) -> Iterator[tuple[int, Watch]]:
    """A world second by second; (second, the watch) after each look."""
    eyes = Eyes(Desk(world_of(family, seed), 1, 1))
    for second in range(1, WATCH_S + 1):
        eyes.wait(second * NS)
        yield second, eyes.watch


def recorded(market: str) -> Iterator[tuple[int, Watch]]:
    """A recorded market second by second: touches and trades as they were received."""
    bbo, trades = (pl.read_parquet(L2 / f"{market}_{part}.parquet") for part in ("bbo", "trades"))
    bids, asks, at = bbo["bid_price"].to_numpy(), bbo["ask_price"].to_numpy(), bbo["recv_ns"].to_numpy()
    traded_at, qty = trades["recv_ns"].to_numpy(), trades["qty"].to_numpy()
    watch = Watch()
    for second in range(1, int((at[-1] - at[0]) // NS) + 1):
        now = int(at[0]) + second * NS
        row = int(np.searchsorted(at, now, side="right")) - 1
        lots = float(qty[(traded_at > now - NS) & (traded_at <= now)].sum())
        mid_half = float(bids[row] + asks[row])
        watch.see(now, lots, float(asks[row] - bids[row]) / mid_half * 2e6, mid_half)
        yield second, watch


@dataclass(frozen=True, slots=True)
class Told:
    """A forecast and what came, both as parts of the usual of then; `deviations`: what the loadings weigh."""

    series_i: int
    horizon_s: int
    expected: float
    came: float
    deviations: tuple[float, ...]


def forecasts(steps: Iterator[tuple[int, Watch]], least_s: int = 120) -> list[Told]:
    """Forecasts every ten seconds over both horizons, and what came; a watch is read once, front to back."""
    asked: list[tuple[int, int, int, float, float, tuple[float, ...]]] = []
    real: Sequence[tuple[float, float, float]] = ()
    for second, watch in steps:
        real = watch.real
        if second < least_s or second % SLICE_S:
            continue
        for series_i in range(N_SERIES):
            for horizon_s in HORIZONS_S:
                part = watch.forecaster.expected_part(series_i, float(horizon_s))
                deviations = tuple(watch.forecaster.deviations(series_i, float(horizon_s)))
                asked.append((second, series_i, horizon_s, part, watch.forecaster.usual(series_i), deviations))
    found = []
    for second, series_i, horizon_s, part, usual, deviations in asked:
        came = [row[series_i] for row in real[second : second + horizon_s]]
        if len(came) == horizon_s and usual > 0.0:
            found.append(Told(series_i, horizon_s, part, float(np.mean(came)) / usual, deviations))
    return found


def skill(told: Sequence[Told]) -> float:
    """1 - mean square error / that of expecting the usual; what came is cut at five times the usual."""
    came = np.minimum([one.came for one in told], 5.0)
    error = np.mean((np.array([one.expected for one in told]) - came) ** 2)
    plain = float(np.mean((1.0 - came) ** 2))
    return float(1.0 - error / plain) if plain > 0.0 else 0.0


def _not_negative(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> list[float]:
    """Least squares without negative loadings: the most negative one is left out until none is."""
    kept = list(range(x.shape[1]))
    while kept:
        mine = x[:, kept]
        found = np.linalg.solve(mine.T @ mine + RIDGE * len(y) * np.eye(len(kept)), mine.T @ y)
        if found.min() >= 0.0:
            break
        del kept[int(found.argmin())]
    return [float(found[kept.index(j)]) if j in kept else 0.0 for j in range(x.shape[1])]


def fit() -> None:
    """Prints the loadings that least squares give on the fit's own worlds, all families together."""
    told = [one for family in FAMILIES for i in range(N_FIT) for one in forecasts(simulated(family, FIT_SEED + i))]
    for series_i, name in enumerate(NAMES):
        mine = [one for one in told if one.series_i == series_i]
        x = np.array([one.deviations for one in mine])
        y = np.minimum([one.came for one in mine], 5.0) - 1.0
        loading = _not_negative(x, y)
        print(name, [round(float(value), 3) for value in loading], f"n {len(mine)}")


@dataclass(frozen=True, slots=True)
class Row:
    """One parent of one arm: all-in cost against the mid at arrival, and how far it strayed from version 1's plan."""

    family: str
    seed: int
    sign: int
    arm: str
    cost_bps: float
    strayed_frac: float


def volume_of(family: str) -> tuple[float, float]:
    """(lots a second that others trade, volatility in ppm of a root second), of the fit's worlds."""
    rates, sigmas = [], []
    for i in range(4):
        *_, (_, watch) = simulated(family, FIT_SEED + i)
        rates.append(watch.curve.rate_units_per_s(0))
        sigmas.append(sqrt(float(np.mean([row[VARIANCE] for row in watch.real]))) * 1e6)
    return float(np.mean(rates)), float(np.mean(sigmas))


def plan_of(arm: str, side: Side, start_ns: int, believed: tuple[float, float], total_lots: int) -> PlainParameters:
    """The plain plan of an arm; a shortfall's aversion weighs an even plan's risk as a quarter of 10 bps of cost."""
    terms = ScheduleTerms(side, start_ns, start_ns + SPAN_S * NS, SLICE_S * NS, ScheduleUrgency.PASSIVE)
    if ARMS[arm][0] == "twap":
        return TwapParameters(terms)
    rate, sigma_ppm = believed
    urgent = replace(terms, urgency=ScheduleUrgency.NORMAL)
    aversion = 250.0 / (sigma_ppm**2 * SPAN_S / 3 * total_lots)
    return ShortfallParameters(urgent, ImpactBelief(CostLaw.SQUARE_ROOT, 100.0, rate), sigma_ppm, aversion)


def work(family: str, seed: int, sign: int, arm: str, believed: tuple[float, float]) -> Row | None:
    """One parent in its own copy of the world, every slice crossed when it begins; None where it is not complete."""
    total_lots = max(20, round(PART * believed[0] * SPAN_S))
    desk = Desk(world_of(family, seed), sign, total_lots)
    eyes, means = Eyes(desk), Means(Router(), desk.lit)
    eyes.wait(WARM_S * NS)
    mid_half, start_ns = desk.mid_half_ticks(), desk.market.now_ns
    plain = plan_of(arm, Side.BUY if sign > 0 else Side.SELL, start_ns, believed, total_lots)
    _, tilt_ppm, off = ARMS[arm]
    progress, bend, strayed = slicer.begin(total_lots, Seen(start_ns)), None, []
    for k in range(plain.terms.n_slices):
        at_ns = start_ns + k * SLICE_S * NS
        eyes.wait(at_ns)
        if tilt_ppm:
            outlook = replace(eyes.watch.forecaster.outlook(float(SLICE_S)), **dict.fromkeys(off, PPM))
            begin_lots = slicer.plain_lots(plain, progress, at_ns - 1) if k else 0
            weight_ppm = weigh(plain, outlook, total_lots - begin_lots, plain.terms.end_ns - at_ns)
            bend = bend_of(plain, progress, bend, (at_ns, at_ns), (weight_ppm, tilt_ppm))
        found = AdaptiveParameters(plain.terms, plain, bend)
        target = slicer.target_lots(found, progress, Seen(at_ns))
        strayed.append(abs(bend.lead_lots) / total_lots if bend is not None else 0.0)
        if target > desk.filled_lots:
            cross(desk, means, target - desk.filled_lots, 3)
    complete(desk, means, start_ns + (SPAN_S + COMPLETE_S) * NS)
    if desk.left_lots or not mid_half:
        return None
    return Row(family, seed, sign, arm, desk.cost_bps(mid_half), float(np.mean(strayed)))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """(mean, half width of the 95 % interval) of one value a world."""
    n = len(values)
    return float(np.mean(values)), t975(n - 1) * float(np.std(values, ddof=1)) / sqrt(n)


def arms_table(family: str, rows: Sequence[Row]) -> list[str]:
    """Each arm's cost, and what it saves on version 1 of its strategy: one value a world, both sides together."""
    lines = ["| arm | cost bps | sd | strayed | version 1 less it, bps [95 %] |", "|---|---|---|---|---|"]
    seeds = sorted({row.seed for row in rows if row.family == family})
    cost = {(row.seed, row.sign, row.arm): row for row in rows if row.family == family}
    whole = [s for s in seeds if all((s, sign, arm) in cost for sign in (1, -1) for arm in ARMS)]
    for arm, (strategy, tilt_ppm, _) in ARMS.items():
        mine = [cost[s, sign, arm] for s in whole for sign in (1, -1)]
        saved = [
            sum(cost[s, sign, strategy].cost_bps - cost[s, sign, arm].cost_bps for sign in (1, -1)) / 2 for s in whole
        ]
        mean, half = interval(saved)
        said = f"{mean:+.3f} [{mean - half:+.3f}, {mean + half:+.3f}]" if tilt_ppm else ""
        costs = [row.cost_bps for row in mine]
        strayed = float(np.mean([row.strayed_frac for row in mine]))
        lines.append(f"| {arm} | {np.mean(costs):.3f} | {np.std(costs, ddof=1):.3f} | {strayed:.1%} | {said} |")
    return [f"{family}: {len(whole)} worlds, both sides.", "", *lines]


def skill_table() -> list[str]:
    """Skill by series, family and horizon, one value a world; and of the recorded stretch, whose n is one."""
    lines = ["| forecast | of | " + " | ".join(f"{h} s" for h in HORIZONS_S) + " |", "|---|---|---|---|"]
    told = {(family, i): forecasts(simulated(family, JUDGE_SEED + i)) for family in FAMILIES for i in range(N_SKILL)}
    for series_i, name in enumerate(NAMES):
        for family in FAMILIES:
            cells = []
            for horizon_s in HORIZONS_S:
                by_world = [
                    skill([t for t in told[family, i] if (t.series_i, t.horizon_s) == (series_i, horizon_s)])
                    for i in range(N_SKILL)
                ]
                mean, half = interval(by_world)
                cells.append(f"{mean:+.1%} ± {half:.1%}")
            lines.append(f"| {name} | {family} | " + " | ".join(cells) + " |")
    for market in ("binance_spot_BTCUSDT", "binance_usdm_BTCUSDT") if L2.is_dir() else ():
        found = forecasts(recorded(market), 60)
        for series_i, name in enumerate(NAMES):
            mine = [t for t in found if (t.series_i, t.horizon_s) == (series_i, HORIZONS_S[0])]
            lines.append(f"| {name} | {market}, recorded, n = 1 | {skill(mine):+.1%} ({len(mine)} asked) | |")
    return lines


def verdicts(skills: Sequence[str], tables: Mapping[str, Sequence[str]]) -> list[str]:
    """What loses, what is not told from nothing, and what helps: read off the simulated rows' intervals."""
    found: dict[str, list[str]] = {"loses": [], "not told from no forecast": [], "helps": []}
    for line in skills:
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        for horizon_s, cell in zip(HORIZONS_S, cells[2:], strict=False):
            told = re.fullmatch(r"([+-][\d.]+)% \u00b1 ([\d.]+)%", cell)
            if told is not None:
                found[_word(float(told[1]), float(told[2]))].append(f"{cells[0]} over {horizon_s} s in {cells[1]}")
    lines = [f"* A forecast **{word}**: {', '.join(places) or 'nowhere'}." for word, places in found.items()]
    for arm in ("twap 2", "is 2"):
        signs: dict[str, list[str]] = {"loses": [], "not told from no forecast": [], "helps": []}
        for family, table in tables.items():
            (row,) = (line for line in table if line.startswith(f"| {arm} |"))
            told = re.search(r"([+-][\d.]+) \[([+-][\d.]+), ([+-][\d.]+)\]", row)
            assert told is not None
            half = float(told[3]) - float(told[1])
            weak = ", underpowered" if half * POWER_RATIO > SMALLEST_BPS else ""
            signs[_word(float(told[1]), half)].append(f"{family} {told[0]} bps{weak}")
        said = [f"{word} in {'; '.join(places)}" for word, places in signs.items() if places]
        is_claim = len(signs["helps"]) == len(tables)
        end = "the sign holds in every family" if is_claim else "**no claim: the sign does not hold in every family**"
        lines.append(f"* `{arm}` against version 1: {'. '.join(said).replace('no forecast', 'version 1')}; {end}.")
    return lines


def _word(mean: float, half: float) -> str:
    if mean + half < 0.0:
        return "loses"
    return "helps" if mean - half > 0.0 else "not told from no forecast"


def render(skills: Sequence[str], tables: Mapping[str, Sequence[str]], cpu_s: float) -> str:
    """The whole page."""
    lines = [
        "# Adaptive schedules",
        "",
        f"Written by `python -m loadtests.adaptive`, {cpu_s / 60:.1f} CPU minutes. **Simulated, but for the recorded "
        "rows, which are six minutes of one day and no evidence.** Hidden parameters and noise by seeds from "
        f"{JUDGE_SEED} on; loadings were fitted on others (from {FIT_SEED}), and nothing was changed after this run.",
        "",
        "## Losses first",
        "",
        *verdicts(skills, tables),
        "",
        "## What the forecasts are worth",
        "",
        "Skill: 1 - mean square error over that of *no forecast*, which expects the usual: the longest span's mean. "
        f"One value a world of {WATCH_S} s, {N_SKILL} worlds a family, mean and 95 %. Above 0 a forecast helps.",
        "",
        *skills,
        "",
        "## What bending by them saves",
        "",
        f"{PART:.0%} of what a family's lit venues trade in {SPAN_S} s, in slices of {SLICE_S} s that the router "
        "crosses when they begin. Cost: all in (price, fees, own impact) against the mid at arrival. Each arm has its "
        "own copy of a world; the unit is the world, its two sides together. A difference above 0: version 2 is "
        "cheaper. `twap` is `passive` (the whole band both ways), `is` is `normal`. *- volume* and the like: that "
        "forecast left out. A VWAP has a flat curve here, and is the TWAP.",
    ]
    for table in tables.values():
        lines += ["", *table]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fit", action="store_true", help="prints loadings and ends")
    parser.add_argument("--worlds", type=int, default=N_ARMS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if arguments.fit:
        fit()
        return
    started_s = time.process_time()
    rows = []
    for family in FAMILIES:
        believed = volume_of(family)
        for i in range(arguments.worlds):
            for sign in (1, -1):
                found = [work(family, JUDGE_SEED + i, sign, arm, believed) for arm in ARMS]
                rows += [row for row in found if row is not None]
    skills, tables = skill_table(), {family: arms_table(family, rows) for family in FAMILIES}
    arguments.out.write_text(render(skills, tables, time.process_time() - started_s), encoding="utf-8")


if __name__ == "__main__":
    main()
