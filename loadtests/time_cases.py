"""Orders in time on five hundred made-up cases a family: schedules, placement, hidden liquidity, each beside rivals.

`python -m loadtests.time_cases` writes docs/results/cases_time.md. Cases are drawn like the given ones, from seeds of
our own. What judges an answer is written here or in tests/reference and shares nothing with what answers.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.optimize import minimize

from app.learning.dark import HopeLaw
from loadtests.cases_dark import DarkSession, true_tails
from loadtests.cases_placement import place_ck
from loadtests.cases_schedule import schedule_ac, schedule_pov, schedule_twap, schedule_vwap
from tests.reference import trajectory as twin

RESULT: Final = Path(__file__).resolve().parents[1] / "docs" / "results" / "cases_time.md"
N_CASES: Final = 500
N_EVALUATED: Final = 40_000
# Searching each problem again by Nelder and Mead takes seconds: every so many.
SEARCH_EVERY: Final = 25
Float64Array = npt.NDArray[np.float64]
Case = dict[str, Any]


# --- schedules -------------------------------------------------------------------------------------------------------


def make_schedule(kind: str, seed: int) -> Case:
    """One case of the kind, drawn like the given ones."""
    rng = np.random.default_rng((21, seed))
    case: Case = {"id": f"{kind}-own-{seed}", "family": kind}
    if kind == "almgren_chriss":
        qty, slices = float(round(10 ** rng.uniform(2, 7))), int(rng.choice([1, 2, 5, 13, 50, 100, 300]))
        span, sigma = float(rng.choice([0.25, 0.5, 1.0, 5.0])), 10 ** rng.uniform(-1, 3)
        eta = 10 ** rng.uniform(-6, -1)
        bend = 10 ** rng.uniform(-4, 2)  # how strongly risk bends the plan over the horizon
        return case | {
            "X": qty, "T": span, "N": slices, "sigma": sigma, "eta": eta, "gamma": 0.1 * eta / span,
            "epsilon": 10 ** rng.uniform(-2, 1), "risk_aversion": bend * eta / (sigma * span) ** 2,
        }  # fmt: skip
    if kind == "pov":
        others = [round(float(v), 2) for v in rng.lognormal(7.0, 1.0, int(rng.choice([5, 20, 60])))]
        return case | {
            "quantity": round(float(sum(others) * rng.uniform(0.02, 0.4)), 3),
            "participation": float(rng.choice([0.05, 0.1, 0.2, 0.3])),
            "participation_base": str(rng.choice(["of_others", "of_total"])),
            "others_volume": others,
        }
    lot = rng.choice(["0.001", "0.01", "1", "10"])
    case |= {"lot_size": float(lot), "quantity": float(f"{int(10 ** rng.uniform(0.5, 5)) * float(lot):.3f}")}
    if kind == "twap":
        return case | {"n_slices": int(rng.choice([1, 3, 4, 7, 48, 288]))}
    weights = rng.gamma(2.0, 1.0, int(rng.choice([6, 12, 48, 144])))
    return case | {"volume_curve": [round(float(w), 9) for w in weights / weights.sum()]}


def schedule_error(case: Case) -> float:
    """Largest distance from the definition: of trades as a part of the order; of cumulative lots for twap and vwap."""
    kind = case["family"]
    if kind == "almgren_chriss":
        slice_s = case["T"] / case["N"]
        eta = case["eta"] - case["gamma"] * slice_s / 2
        exact = twin.almgren_chriss(eta, case["risk_aversion"] * case["sigma"] ** 2, slice_s, case["X"], case["N"])
        return max(abs(a - float(b)) for a, b in zip(schedule_ac(case)["trades"], exact, strict=True)) / case["X"]
    if kind == "pov":
        rate = case["participation"]
        rate = rate if case["participation_base"] == "of_others" else rate / (1 - rate)
        exact_lots = np.minimum(rate * np.cumsum(case["others_volume"]), case["quantity"])
        return float(np.abs(np.cumsum(schedule_pov(case)["children"]) - exact_lots).max() / case["quantity"])
    curve = case["volume_curve"] if kind == "vwap" else [1.0] * case["n_slices"]
    lots = [
        float(text) / case["lot_size"]
        for text in (schedule_vwap if kind == "vwap" else schedule_twap)(case)["schedule"]
    ]
    total = round(case["quantity"] / case["lot_size"])
    if abs(sum(lots) - total) > 1e-6:
        return math.inf
    return float(np.abs(np.cumsum(lots) - total * np.cumsum(curve) / sum(curve)).max())


def largest_remainder_error(case: Case) -> float:
    """The rival of twap and vwap: bins floored, the largest remainders get the rest; its distance in lots."""
    curve = np.array(case["volume_curve"] if case["family"] == "vwap" else [1.0] * case["n_slices"])
    total = round(case["quantity"] / case["lot_size"])
    exact = total * curve / curve.sum()
    lots = np.floor(exact)
    lots[np.argsort(lots - exact, kind="stable")[: total - int(lots.sum())]] += 1
    return float(np.abs(np.cumsum(lots) - np.cumsum(exact)).max())


# --- placement -------------------------------------------------------------------------------------------------------


def make_placement(seed: int) -> Case:
    """One to six queues whose outflow is 1.05 to 1.8 times what is ahead, on average, as in the given cases."""
    rng = np.random.default_rng((22, seed))
    venues = []
    for k in range(int(rng.integers(1, 7))):
        queue = float(round(rng.uniform(300, 2_200)))
        mean = queue * rng.uniform(1.05, 1.8)
        kind = str(rng.choice(["exponential", "lognormal", "gamma"]))
        law: Case = {"type": kind, "mean": mean}
        if kind == "lognormal":
            sigma = float(rng.choice([0.5, 0.8, 1.1]))
            law = {"type": kind, "sigma": sigma, "mu": math.log(mean) - sigma * sigma / 2}
        elif kind == "gamma":
            shape = float(rng.choice([1.5, 3.0, 6.0]))
            law = {"type": kind, "shape": shape, "scale": mean / shape}
        rebate = float(rng.choice([0.0, 0.001, 0.002, 0.0025, 0.003]))
        venues.append({"id": f"v{k}", "queue": queue, "rebate": rebate, "outflow": law})
    return {
        "id": f"ck-own-{seed}", "S": 1_000.0, "half_spread": 0.02, "market_fee": 0.003,
        "theta": float(rng.choice([0.0, 0.0005])), "lambda_u": round(float(rng.uniform(0.05, 0.12)), 4),
        "lambda_o": round(float(rng.uniform(0.04, 0.09)), 4), "venues": venues,
    }  # fmt: skip


def outflow_draws(case: Case, n: int, seed: int) -> Float64Array:
    """Independent random draws of every venue's outflow, float64[n, k]."""
    uniform = np.random.default_rng((23, seed)).random((n, len(case["venues"])))
    columns = []
    for k, venue in enumerate(case["venues"]):
        law = venue["outflow"]
        if law["type"] == "exponential":
            columns.append(-law["mean"] * np.log1p(-uniform[:, k]))
        elif law["type"] == "lognormal":
            columns.append(np.exp(law["mu"] + law["sigma"] * stats.norm.ppf(uniform[:, k])))
        else:
            columns.append(stats.gamma.ppf(uniform[:, k], law["shape"], scale=law["scale"]))
    return np.column_stack(columns)


def placement_cost(case: Case, market: float, limits: Sequence[float], outflow: Float64Array) -> float:
    """Cont and Kukanov's expected cost over the draws."""
    queue = np.array([v["queue"] for v in case["venues"]])
    gain = case["half_spread"] + np.array([v["rebate"] for v in case["venues"]])
    fills = np.clip(outflow - queue, 0.0, np.asarray(limits))
    short = case["S"] - market - fills.sum(axis=1)
    missing, excess = np.maximum(short, 0.0), np.maximum(-short, 0.0)
    costs = case["lambda_u"] * missing + case["lambda_o"] * excess - fills @ gain
    costs += case["theta"] * (market + sum(limits) + missing)
    return float(costs.mean()) + (case["half_spread"] + case["market_fee"]) * market


def searched_cost(case: Case, outflow: Float64Array) -> float:
    """The best of Nelder and Mead from several points on 8,000 draws of its own, at the evaluation's draws."""
    k, size = len(case["venues"]), case["S"]
    own = outflow_draws(case, 8_000, 1)

    def goal(x: Float64Array) -> float:
        return placement_cost(case, abs(x[-1]), np.abs(x[:-1]).tolist(), own)

    starts = [
        np.full(k + 1, size / (k + 1)),
        np.append(np.full(k, 0.4 * size), 0.25 * size),
        np.append(np.zeros(k), size),
    ]
    found = min(
        (
            minimize(goal, x, method="Nelder-Mead", options={"maxfev": 120 * (k + 1), "xatol": 0.1, "fatol": 1e-4})
            for x in starts
        ),
        key=lambda result: float(result.fun),
    )
    return placement_cost(case, abs(found.x[-1]), np.abs(found.x[:-1]).tolist(), outflow)


# --- hidden liquidity ------------------------------------------------------------------------------------------------


def make_dark(seed: int) -> Case:
    """Two to eight venues, drawn like the given ones."""
    rng = np.random.default_rng((24, seed))
    venues = [
        {
            "id": f"d{k:02}",
            "p_zero": round(float(rng.uniform(0.2, 0.95)), 3),
            "beta": round(float(rng.uniform(0.5, 1.8)), 3),
            "s_max": int(rng.choice([20, 40, 50, 80, 100, 200, 250])),
        }
        for k in range(int(rng.integers(2, 9)))
    ]
    return {"id": f"dark-own-{seed}", "volume": int(rng.choice([20, 40, 50, 100])), "rounds": 2_000, "venues": venues}


class Uniform:
    """Rival: the same to every venue."""

    def __init__(self, n_venues: int, _volume: int) -> None:
        self._n = n_venues

    def allocate(self, volume: int) -> list[int]:
        return [volume // self._n + (k < volume % self._n) for k in range(self._n)]

    def feedback(self, sent: Sequence[int], filled: Sequence[int]) -> None:
        """Learns nothing."""


class Greedy:
    """Rival: takes what filled for all there was, sends units where that was most often enough, the rest evenly."""

    def __init__(self, n_venues: int, volume: int) -> None:
        self._seen = np.zeros((n_venues, volume))
        self._first = Uniform(n_venues, volume)
        self._n = 0

    def allocate(self, volume: int) -> list[int]:
        if self._n == 0:
            return self._first.allocate(volume)
        order = np.argsort(-self._seen, axis=None, kind="stable")[: min(volume, np.count_nonzero(self._seen))]
        known = np.bincount(order // self._seen.shape[1], minlength=self._seen.shape[0])
        rest: list[int] = (known + self._first.allocate(volume - order.size)).tolist()
        return rest

    def feedback(self, sent: Sequence[int], filled: Sequence[int]) -> None:
        self._n += 1
        for k, units in enumerate(filled):
            self._seen[k, :units] += 1


SHOWN: Final = ("ours", "uniform", "greedy")
ABLATED_EVERY: Final = 5
ARMS: Final[dict[str, Callable[[int, int], Any]]] = {
    "ours": lambda n, volume: DarkSession(n, volume, HopeLaw()),
    "no bonus": lambda n, volume: DarkSession(n, volume, HopeLaw(bonus_frac=0.0)),
    "no prior": lambda n, volume: DarkSession(n, volume, HopeLaw(n_prior_rounds=0.5, end_frac=0.0, empty_frac=0.0)),
    "large bonus": lambda n, volume: DarkSession(n, volume, HopeLaw(bonus_frac=1.0)),
    "uniform": Uniform,
    "greedy": Greedy,
}


def dark_regret(case: Case, make: Callable[[int, int], Any], seed: int) -> float:
    """Mean over rounds of (optimum's expected fill - the arm's), as a part of the optimum's."""
    tails = true_tails(case)
    volume, n = case["volume"], len(case["venues"])
    optimum = float(np.sort(tails, axis=None)[::-1][:volume].sum())
    # P(hidden >= s + 1) as a falling staircase: its length below a uniform number is the hidden size, up to the volume.
    uniform = np.random.default_rng((25, seed)).random((case["rounds"], n))
    hidden = np.stack([np.searchsorted(-tails[k], -uniform[:, k], side="left") for k in range(n)], axis=1)
    reach = np.concatenate([np.zeros((n, 1)), np.cumsum(tails, axis=1)], axis=1)
    arm, regret = make(n, volume), 0.0
    for row in hidden:
        sent = arm.allocate(volume)
        regret += optimum - float(reach[np.arange(n), sent].sum())
        arm.feedback(sent, np.minimum(row, sent).tolist())
    return regret / case["rounds"] / optimum


# --- the page --------------------------------------------------------------------------------------------------------


def figures(values: Iterable[float], form: str) -> str:
    """Cells: mean, median, 95th percentile, worst."""
    found = np.array(list(values))
    if found.size == 0:
        return "- | - | - | -"
    cells = (found.mean(), np.median(found), np.quantile(found, 0.95), found.max())
    return " | ".join(format(float(cell), form) for cell in cells)


def schedule_rows(n_cases: int) -> list[str]:
    rows = []
    for kind in ("almgren_chriss", "pov", "twap", "vwap"):
        cases = [make_schedule(kind, seed) for seed in range(n_cases)]
        rows.append(f"| {kind} | {n_cases} | {figures(map(schedule_error, cases), '.1e')} |")
        if kind in ("twap", "vwap"):
            rows.append(
                f"| {kind}, largest remainder | {n_cases} | {figures(map(largest_remainder_error, cases), '.1e')} |"
            )
    return rows


def placement_rows(n_cases: int) -> list[str]:
    """Excess over other answers, in % of what crossing all costs; each row over the cases that it names."""
    excess: dict[str, list[float]] = {"search again": [], "all market": [], "equal limits": [], "half market": []}
    ratios, spent_ms = [], []
    for seed in range(n_cases):
        case = make_placement(seed)
        outflow = outflow_draws(case, N_EVALUATED, 0)
        started = time.process_time()
        found = place_ck(case)
        spent_ms.append((time.process_time() - started) * 1e3)
        cost = placement_cost(case, found["M"], found["L"], outflow)
        k, size = len(case["venues"]), case["S"]
        crossing = placement_cost(case, size, [0.0] * k, outflow)
        others = {
            "all market": crossing,
            "equal limits": placement_cost(case, 0.0, [size / k] * k, outflow),
            "half market": placement_cost(case, size / 2, [size / 2 / k] * k, outflow),
        }
        if seed % SEARCH_EVERY == 0:
            others["search again"] = searched_cost(case, outflow)
            if others["search again"] > 0.25 * crossing:
                ratios.append(cost / others["search again"] - 1.0)
        for name, value in others.items():
            excess[name].append((cost - value) / crossing * 100.0)
    rows = [f"| {name} | {len(values)} | {figures(values, '.3f')} |" for name, values in excess.items()]
    rows.append(f"| search again, % of its cost | {len(ratios)} | {figures((100 * r for r in ratios), '.3f')} |")
    rows.append(f"| CPU ms of one placement | {n_cases} | {figures(spent_ms, '.1f')} |")
    return rows


def dark_rows(n_cases: int) -> list[str]:
    rows = []
    for name, make in ARMS.items():
        n = n_cases if name in SHOWN else -(-n_cases // ABLATED_EVERY)
        regrets = [100 * dark_regret(make_dark(seed), make, seed) for seed in range(n)]
        rows.append(f"| {name} | {n} | {figures(regrets, '.2f')} |")
    return rows


HEAD: Final = "| {} | n | mean | median | p95 | worst |\n|---|---|---|---|---|---|"


def page(rows: Mapping[str, Sequence[str]]) -> str:
    """The page: what was done, then a table a family."""
    text = PAGE.replace("CK_GIVEN", CK_GIVEN).replace("DARK_GIVEN", DARK_GIVEN)
    for name, lines in rows.items():
        text = text.replace(f"@{name}@", "\n".join((HEAD.format(name), *lines)))
    return text


# Printed by score.py on the given cases.
CK_GIVEN: Final = "1.000014 of the reference's cost at worst"
DARK_GIVEN: Final = "known: optimal; unknown: regret 0.5 % of the optimum fill, 0.7 at worst"
PAGE: Final = """# Orders in time: solved problems

Given cases: `score.py --adapter loadtests/cases_adapter.py --family schedule,cont_kukanov,dark_pool`.
Own cases: `python -m loadtests.time_cases`, 500 a family (schedules: 500 a kind), drawn like the given ones from seeds
of our own. Made-up problems: they test the arithmetic and say nothing of a market. The service uses the
schedules, `place_within` (which never posts more than the slice) and `allocate`.

## The given cases

| family | answered | result | threshold |
|---|---|---|---|
| `almgren_chriss` | 7 of 7 | trades within 5e-15 of the order, utility within 4e-16 | 1e-9 |
| `ac_frontier` | 1 of 1 | cost and variance within 6e-15 | 1e-9 |
| `vwap`, `twap` | 5 of 5 | each equal to the reference's; at most half a lot from the exact curve | half a lot |
| `pov` | 3 of 3 | within 1e-13 of the quantity | 1e-9 |
| `cont_kukanov` | 3 of 3 | CK_GIVEN | 1.002 |
| `dark_pool` | 3 of 3 | DARK_GIVEN | 4.3 % |

## Schedules

Largest distance from the definition. `almgren_chriss`: each trade against its difference equation in 60 decimals, as
a part of the order; `pov`: cumulative, as a part of the order; `twap`, `vwap`: cumulative, in lots. Answers are what
the product's schedules release, in whole lots (of the linear shortfall: its trades before they are rounded). *Largest
remainder* is the rounding we do not use: its sum is exact too, but nothing holds its cumulative distance below half a
lot, and it needs the whole day at once, where ours is a function of the instant.

@schedules@

## Placement

Our expected cost less another answer's, in % of the cost of crossing all (negative: ours is cheaper), at 40,000 random
draws that no answer was fitted to. *Search again*: Nelder and Mead from three points on 8,000 random draws, on every
25th case; the row below it is the excess as a part of its cost, where that is at least a quarter of crossing. Outflows
are independent and known exactly: a desk's are neither.

@placement@

## Hidden liquidity

Regret per round over 2,000 rounds, in % of the optimum's expected fill; one run a case. *Greedy* takes what filled for
all there was. *No prior*, *no bonus*, *large bonus* (1 standard error instead of 0.05) are ours with a part changed, on
the first hundred cases. Prior and bonus were chosen on 80 other cases of the same kind: the 30 best of 108 choices lie
between 0.51 and 0.57 % there. Of the two parts the prior does the work: without the small bonus nothing much changes,
and a large one is as bad as asking everywhere alike. Venues neither drift nor answer back here.

@dark@
"""


def main() -> None:
    n_cases = int(sys.argv[1]) if len(sys.argv) > 1 else N_CASES
    place_ck(make_placement(0))  # compiled before it is timed
    rows = {"schedules": schedule_rows(n_cases), "placement": placement_rows(n_cases), "dark": dark_rows(n_cases)}
    RESULT.write_text(page(rows))


if __name__ == "__main__":
    main()
