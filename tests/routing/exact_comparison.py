"""Random small problems against the exact optimum of an integer programme, re-costed by the project's own integers.

`python -m tests.routing.exact_comparison` writes docs/results/exact.md. Feasible lots of a venue are found by trying
each of them, so that neither the router's sizes nor its walk is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csc_array

from app.domain.enums import ContractKind, Side, Strategy
from app.domain.fees import FeeTier, fee_nano
from app.domain.plan import RoutePlan
from app.routing.problem import fixed_cost_nano
from app.routing.router import Router
from tests.routing.scenes import INVERSE, LINEAR, LINEAR_FINE, SPOT, Place, Scene, random_scene

N_PROBLEMS = 1_000  # of each kind: with and without fixed costs
SEED = 20240808
RESULT = Path(__file__).resolve().parents[2] / "docs" / "results" / "exact.md"


@dataclass(frozen=True)
class Compared:
    """One problem: our plan, its bound and the exact optimum of the same quantity, in nano of the money currency."""

    scene: Scene
    plan: RoutePlan
    optimum_nano: int
    money_nano: int

    @property
    def gap_bps(self) -> float:
        return (self.plan.certificate.objective_nano - self.optimum_nano) / self.money_nano * 1e4

    @property
    def bound_gap_bps(self) -> float:
        return (self.optimum_nano - self.plan.certificate.bound_nano) / self.money_nano * 1e4


@dataclass(frozen=True)
class Ladder:
    """A venue by itself: exact cost of every number of lots, None where its rules forbid that number."""

    place: Place
    levels: tuple[tuple[int, int], ...]
    cost_nano: tuple[int | None, ...]


def child_cost(scene: Scene, place: Place, units: int) -> tuple[int, int, int] | None:
    """(signed cost, gross money, worst price) of a child in the money of the symbol; None beyond the book."""
    side, symbol = scene.side, scene.symbol
    levels, money, worst, left = routed(scene, place), 0, 0, units
    for price, qty in levels:
        if left <= 0:
            break
        worst, take = price, min(left, qty)
        money, left = money + symbol.money_nano(price, take), left - take
    if left > 0:
        return None
    fee = fee_nano(money, place.fee_ppm)
    fixed = own_fixed_nano(scene, place)
    return symbol.fungible.cost_sign(side) * money + fee + fixed, money, worst


def own_fixed_nano(scene: Scene, place: Place) -> int:
    """The fixed cost of one child in the money of the symbol."""
    return fixed_cost_nano(scene.symbol, FeeTier(place.name, "", 0, 0, place.fixed_nano, "", ""), scene.mid_half)


def routed(scene: Scene, place: Place) -> tuple[tuple[int, int], ...]:
    """The levels that a child may reach: within the cap as the venue's tick can say it."""
    levels = place.asks if scene.side is Side.BUY else place.bids
    if not scene.cap:
        return tuple(levels)
    tick = place.tick
    cap = scene.cap // tick * tick if scene.side is Side.BUY else -(-scene.cap // tick) * tick
    return tuple(level for level in levels if (level[0] - cap) * scene.side.sign <= 0)


def is_allowed(scene: Scene, place: Place, lots: int, worst: int) -> bool:
    """The venue's rules for one child, from the listing alone."""
    symbol, units, tick = scene.symbol, lots * place.lot, place.tick
    limit = -(-worst // tick) * tick if scene.side is Side.BUY else worst // tick * tick
    touch = routed(scene, place)[0][0]
    if not place.min_lots <= lots <= place.max_lots:
        return False
    if symbol.notional_nano(min(touch, limit), units) < place.min_notional_nano:
        return False
    if symbol.fungible.kind is ContractKind.SPOT and scene.side is Side.SELL:
        return units * 10 ** (9 - symbol.qty_scale) <= place.capacity_nano
    notional = symbol.notional_nano(limit if scene.side is Side.BUY else touch, units)
    return notional + fee_nano(notional, max(place.fee_ppm, 0)) + place.fixed_nano <= place.capacity_nano


def ladder(scene: Scene, place: Place) -> Ladder:
    """Every number of lots that the book holds, tried."""
    levels = routed(scene, place)
    costs: list[int | None] = [0]
    for lots in range(1, sum(qty for _, qty in levels) // place.lot + 1):
        found = child_cost(scene, place, lots * place.lot)
        costs.append(found[0] if found is not None and is_allowed(scene, place, lots, found[2]) else None)
    return Ladder(place, levels, tuple(costs))


def _intervals(costs: tuple[int | None, ...]) -> Iterator[tuple[int, int]]:
    """Maximal runs of allowed numbers of lots, without zero."""
    start = 0
    for lots in range(1, len(costs) + 1):
        is_in = lots < len(costs) and costs[lots] is not None
        if is_in and not start:
            start = lots
        elif not is_in and start:
            yield start, lots - 1
            start = 0


def exact_optimum(scene: Scene, units: int | None) -> tuple[int, int] | None:
    """(least cost in nano, units) of a plan of exactly `units`, or of the most units there are when None."""
    ladders = [ladder(scene, place) for place in scene.places]
    unit_costs, kinds, uppers, rows = [], [], [], []
    scale = _scale(scene)
    base = scene.symbol.fungible.cost_sign(scene.side) * scale
    balance: dict[int, float] = {}
    used: dict[int, float] = {}
    lot_columns = []

    def column(cost: float, upper: float, kind: int) -> int:
        unit_costs.append(cost)
        uppers.append(upper)
        kinds.append(kind)
        return len(kinds) - 1

    for item in ladders:
        lot = item.place.lot
        lots = column(0.0, len(item.cost_nano), 1)
        lot_columns.append(lots)
        balance[lots] = lot
        filled: dict[int, float] = {lots: -float(lot)}
        for price, qty in item.levels:
            filled[column(_unit_cost(scene, item.place, price) - base, qty, 0)] = 1.0
        rows.append((filled, 0.0, 0.0))
        least, most = {lots: 1.0}, {lots: 1.0}
        one: dict[int, float] = {}
        fixed = own_fixed_nano(scene, item.place)
        for low, high in _intervals(item.cost_nano):
            switch = column(float(fixed), 1.0, 1)
            least[switch], most[switch], one[switch], used[switch] = -float(low), -float(high), 1.0, 1.0
        rows += [(least, 0.0, np.inf), (most, -np.inf, 0.0), (one, -np.inf, 1.0)]
    if units is not None:
        rows.append((balance, float(units), float(units)))
    elif scene.qty_units is not None:
        rows.append((balance, 0.0, float(scene.qty_units)))
    if scene.max_venues:
        rows.append((used, -np.inf, float(scene.max_venues)))
    goal = np.array(unit_costs) / scale
    if units is None:
        goal = np.zeros(len(kinds))
        goal[list(balance)] = [-value for value in balance.values()]
    answer = _solve(goal, np.array(kinds), np.array(uppers), [row for row in rows if row[0]])
    if answer is None:
        return None
    return _recost(ladders, [round(float(answer[i])) for i in lot_columns])


def _scale(scene: Scene) -> float:
    """Money of one unit near the market, so that the programme's numbers are about one."""
    return max(scene.symbol.money_nano(max(scene.mid_half // 2, 1), 1_000_000) / 1_000_000, 1e-9)


def _unit_cost(scene: Scene, place: Place, price: int) -> float:
    money = scene.symbol.money_nano(price, 1_000_000) / 1_000_000
    return money * (scene.symbol.fungible.cost_sign(scene.side) + place.fee_ppm * 1e-6)


def _solve(goal, kinds, uppers, rows):
    data, row_i, column_i = [], [], []
    for i, (entries, _, _) in enumerate(rows):
        for column_index, value in entries.items():
            data.append(value)
            row_i.append(i)
            column_i.append(column_index)
    matrix = csc_array((data, (row_i, column_i)), shape=(len(rows), goal.size))
    found = milp(
        goal,
        integrality=kinds,
        bounds=Bounds(np.zeros(goal.size), uppers),
        constraints=LinearConstraint(matrix, [row[1] for row in rows], [row[2] for row in rows]),
        options={"mip_rel_gap": 0.0},
    )
    return found.x


def _recost(ladders: list[Ladder], lots: list[int]) -> tuple[int, int]:
    cost = 0
    for item, count in zip(ladders, lots, strict=True):
        own = item.cost_nano[count]
        assert own is not None
        cost += own
    return cost, sum(count * item.place.lot for item, count in zip(ladders, lots, strict=True))


def problems(*, has_fixed: bool, seed: int) -> Iterator[Scene]:
    """Small problems by quantity, least-cost routed, of all classes and both sides, without end."""
    rng = Random(seed)
    while True:
        scene = random_scene(rng, rng.choice([SPOT, SPOT, LINEAR, LINEAR_FINE, INVERSE]), max_places=5, max_levels=5)
        if scene.qty_units is None or len(scene.places) < 3:
            continue
        places = [replace(p, fixed_nano=_fixed(rng, scene) if has_fixed else 0) for p in scene.places]
        yield replace(scene, places=places, strategy=Strategy.SOR, is_whole=False)


def _fixed(rng: Random, scene: Scene) -> int:
    """Up to 30 bps of the order, as a quote amount."""
    worth = scene.symbol.notional_nano(max(scene.mid_half // 2, 1), scene.qty_units or 1)
    return rng.randint(0, max(1, worth * 3 // 1_000))


def compare(scene: Scene, router: Router) -> Compared | None:
    """Our plan and the optimum of its own quantity; None where nothing can be allocated."""
    plan = router.plan(scene.request(), scene.books()).plan
    if not plan.allocations:
        return None
    optimum = exact_optimum(scene, plan.allocated_qty_units)
    assert optimum is not None, "our plan is feasible, so there is an optimum"
    money = sum(item.money_nano for item in plan.allocations)
    return Compared(scene, plan, optimum[0], money)


def campaign(n: int, *, has_fixed: bool, seed: int) -> Iterator[Compared | Scene]:
    """`n` compared problems, and between them the scenes in which nothing could be allocated."""
    router, made = Router(), 0
    for scene in problems(has_fixed=has_fixed, seed=seed):
        if made == n:
            return
        compared = compare(scene, router)
        made += compared is not None
        yield compared or scene


INTRODUCTION = """# Against the exact optimum

Command: `python -m tests.routing.exact_comparison`. Random problems of 3 to 5 venues with up to 5 levels, spot, linear
and inverse, both sides, with lots, ticks, minimums, capacities, caps, rebates and bounds on the number of venues. The
optimum is `scipy.optimize.milp` with `mip_rel_gap=0` for the quantity that our plan allocates; its lots are re-costed
by our integers. Gaps in bps of the plan's gross money. The problems are made up to be awkward: they test the solver
and say nothing of a market. With a few lots per order, one lot in the wrong place is worth several bps.
"""


def _line(name: str, values: list[float]) -> str:
    array = np.array(values)
    figures = (array.mean(), np.quantile(array, 0.5), np.quantile(array, 0.99), array.max())
    return f"| {name} | " + " | ".join(f"{figure:.4f}" for figure in figures) + " |"


def section(title: str, *, has_fixed: bool) -> str:
    """One half of the campaign as Markdown."""
    found, n_empty, n_missed, short_frac = [], 0, 0, []
    for item in campaign(N_PROBLEMS, has_fixed=has_fixed, seed=SEED + has_fixed):
        most = exact_optimum(item if isinstance(item, Scene) else item.scene, None)
        assert most is not None
        if isinstance(item, Scene):
            n_empty += 1
            n_missed += most[1] > 0
            continue
        found.append(item)
        if most[1] > item.plan.allocated_qty_units:
            short_frac.append(1 - item.plan.allocated_qty_units / most[1])
    n_exact = sum(item.plan.certificate.objective_nano <= item.optimum_nano for item in found)
    n_proven = sum(item.plan.certificate.status.value == "optimal" for item in found)
    n_above = sum(item.bound_gap_bps < 0 for item in found)
    rows = [
        f"## {title}",
        "",
        f"{len(found)} problems compared. Plan equal to the optimum: {n_exact}; proven optimal by its own bound:",
        f"{n_proven}. Bound above the optimum: {n_above}. More units could have been placed in {len(short_frac)}",
        f"(mean shortfall {np.mean(short_frac) if short_frac else 0.0:.3f} of the most). Besides, {n_empty} problems",
        f"got no allocation; in {n_missed} of those one existed.",
        "",
        "| bps of notional | mean | median | p99 | max |",
        "|---|---|---|---|---|",
        _line("plan above optimum", [item.gap_bps for item in found]),
        _line("optimum above bound", [item.bound_gap_bps for item in found]),
    ]
    return "\n".join(rows) + "\n"


def report() -> str:
    """The whole campaign as Markdown."""
    without = section("Without fixed costs", has_fixed=False)
    with_fixed = section("With fixed costs, each up to 30 bps of the order", has_fixed=True)
    return "\n".join((INTRODUCTION, without, with_fixed))


if __name__ == "__main__":
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(report())
    print(RESULT.read_text())
