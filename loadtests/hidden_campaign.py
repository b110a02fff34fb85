"""What asking for hidden liquidity costs and saves on the simulated venues: `python -m loadtests.hidden_campaign`.
Written to docs/results/hidden.md.

The same parents in every arm, each arm in its own copy of one seeded market, in virtual time, through the real core.
Fees, hidden sizes and dealers' spreads are chosen (app/venues/simulated_unlit.toml), so the difference between arms is
mostly theirs; what the page can show is how asking, learning, waiting and last looks behave.
"""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.bootstrap import make_core
from app.domain.book import BookSnapshot
from app.domain.enums import Mode, OrderType, Remainder, Side, Strategy, TimeInForce
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.hidden_facts import DarkAnswered, DarkAsked, DealerAnswered
from app.domain.limits import Limits
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.domain.records import ParentRecord
from app.domain.sweeps import SweepStyle, SweepTerms
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution.simulator import Footprint, Listing, match
from app.routing.router import Router
from app.shm.books import BookBoard
from app.venues.dark.cross import DarkCross
from app.venues.dark.make import unlit_market
from app.venues.registry import SIMULATED, UNLIT, load_universe, ns_of_ms, read_table
from app.venues.simulated_market import SimulatedMarket, load_market_spec

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "hidden.md"
MS = 1_000_000
S = 1_000 * MS
T0_NS = 1_760_000_000 * S
SYMBOL = "BTC/USDT"
SIZES = (20_000, 100_000, 400_000)  # 0.2, 1 and 4 BTC
EVERY_NS = 3 * S
BLOCK = 10
COMPLETION_BPS = 5.2  # what lit venues cost here on average: to finish what an arm has left
DARK = SweepTerms(SweepStyle.DARK_THEN_LIT)
ARMS: dict[str, SweepTerms | None] = {
    "lit only": None,
    "dark first": DARK,
    "dealers": SweepTerms(SweepStyle.SWEEP, asks_dealers=True),
    "dark first, dealers": replace(DARK, asks_dealers=True),
}
LIMITS = Limits(1, *(10**9 * NANO,) * 2, 10_000, *(10**9 * NANO,) * 3, 50_000, 10_000, 10_000, 0, 10**6, 10**6)


@dataclass
class Lane:
    """One arm: its own core, market and venues, and a heap of what happens next."""

    terms: SweepTerms | None
    seed: int
    now_ns: int = T0_NS
    facts: list[Any] = field(default_factory=list)
    events: list[tuple[int, int, Callable[[], object]]] = field(default_factory=list)
    numbers: Any = field(default_factory=count)

    def __post_init__(self) -> None:
        self.universe = load_universe(unlit=UNLIT)
        self.lit = SimulatedMarket(load_market_spec(self.universe), self.seed, T0_NS)
        rows = {row["venue_id"]: row for path in (SIMULATED, UNLIT) for row in read_table(path)["venues"]}
        self.wait_ns = {v: ns_of_ms(row["processing_ms"]) for v, row in rows.items()}
        venues = self.universe.venues.items()
        self.unlit: Any = {
            v: unlit_market(self.universe, rows[v], self.lit, self.seed) for v, venue in venues if not venue.is_lit
        }
        self.board = BookBoard(list(self.universe.instruments))
        self.core = make_core(self.universe, self.board, Mode.PAPER, Router())
        self.core.world = replace(self.core.world, max_pings=1_000)
        self.prints = {v: Footprint(self.lit.refill_ns(v, SYMBOL), 1) for v, venue in venues if venue.is_lit}
        self.turn(inp.Start("s0", "epoch", "campaign", Mode.PAPER), inp.SetLimits("desk", LIMITS, "campaign"))
        for venue in self.universe.venues:
            for currency in ("USDT", "BTC"):
                self.turn(inp.SetBalance("desk", venue, currency, 10**9 * NANO, "campaign"))
        self.at(0, self.publish)
        self.at(20 * MS, self.tick)

    def at(self, after_ns: int, act: Callable[[], object]) -> None:
        heapq.heappush(self.events, (self.now_ns + after_ns, next(self.numbers), act))

    def run_until(self, end_ns: int) -> None:
        while self.events[0][0] <= end_ns:
            self.now_ns, _, act = heapq.heappop(self.events)
            act()
        self.now_ns = end_ns

    def turn(self, *items: inp.Input) -> inp.Turn:
        turn = self.core.turn(items, self.now_ns)
        self.facts += [(fact.ts_ns, fact.event) for fact in turn.facts]
        for command in turn.commands:
            if isinstance(command, inp.SendChild):
                child = command.approved.value
                way_ns = self.universe.venues[child.venue].latency_ns
                self.at(way_ns + self.wait_ns[child.venue], lambda child=child: self.work(child))  # type: ignore[misc]
            elif isinstance(command, inp.AskQuote):
                way_ns = self.universe.venues[command.request.venue].latency_ns
                self.at(way_ns, lambda command=command: self.quote(command))  # type: ignore[misc]
        return turn

    def tick(self) -> None:
        self.turn(inp.Tick())
        self.at(20 * MS, self.tick)

    def publish(self) -> None:
        for venue in self.prints:
            bids, asks = self.shown(venue)
            way_ns = self.universe.venues[venue].latency_ns
            book = BookSnapshot(venue, SYMBOL, next(self.numbers) + 1, self.now_ns, self.now_ns + way_ns, bids, asks)
            self.at(way_ns, lambda book=book: self.board.write_snapshot(book))  # type: ignore[misc]
        self.at(100 * MS, self.publish)

    def shown(self, venue: str) -> tuple[Any, Any]:
        sides, footprint = self.lit.sides(venue, SYMBOL, self.now_ns), self.prints[venue]
        return footprint.left(Side.SELL, sides.bids, self.now_ns), footprint.left(Side.BUY, sides.asks, self.now_ns)

    def quote(self, command: inp.AskQuote) -> None:
        venue = command.request.venue
        found = self.unlit[venue].quote(command.request, self.now_ns)
        self.at(self.universe.venues[venue].latency_ns, lambda: self.turn(inp.Quoted(command.order_id, found)))

    def work(self, child: ChildOrder) -> None:
        """The venue meets the child; its word is on its way back."""
        symbol, instrument = self.universe.symbols[SYMBOL], self.universe.instruments[(child.venue, SYMBOL)]
        if child.venue in self.unlit:
            levels = self.unlit[child.venue].trade(child, self.now_ns)
        else:
            bids, asks = self.shown(child.venue)
            levels = asks if child.side is Side.BUY else bids
        reports, cum = [], 0
        for fill in match(child, Listing(symbol, instrument, self.universe.fees[child.venue]), levels):
            cum = fill.cum_qty_lots
            if child.venue in self.prints:
                units = (fill.price_ticks * instrument.tick_units, fill.qty_lots * instrument.lot_units)
                self.prints[child.venue].take(child.side, *units, self.now_ns)
            reports.append(
                ExecutionReport(
                    ReportKind.FILLED,
                    child.venue,
                    child.client_id,
                    f"v{child.client_id}",
                    f"t{next(self.numbers)}",
                    fill.price_ticks,
                    fill.qty_lots,
                    fill.cum_qty_lots,
                    fill.fee_nano,
                    "USDT",
                )
            )
        if cum < child.qty_lots:
            ended = ExecutionReport(ReportKind.CANCELED, child.venue, child.client_id, f"v{child.client_id}")
            reports.append(replace(ended, cum_qty_lots=cum))
        way_ns = self.universe.venues[child.venue].latency_ns
        self.at(way_ns, lambda: self.turn(*(inp.Report(report) for report in reports)))

    def place(self, i: int, side: Side, qty_units: int) -> ParentRecord:
        order = ParentOrder(
            account="desk",
            client_order_id=f"c{i}",
            symbol=SYMBOL,
            side=side,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.IOC,
            strategy=Strategy.SOR,
            remainder=Remainder.NONE,
            qty_units=qty_units,
            notional_nano=None,
            limit_price_units=None,
            max_slippage_ppm=None,
            expire_ts_ns=0,
            venues=VenueFilter(),
            is_full_fill_required=False,
            decision_ts_ns=0,
            decision_price_units=None,
            received_ts_ns=self.now_ns,
            body_hash=f"h{i}",
            sweep=self.terms,
        )
        (reply,) = self.turn(inp.Submit(order, Mode.PAPER)).replies
        assert isinstance(reply, inp.Accepted), reply
        return self.core.ledger.parents[reply.fact.order_id]


def cost_bps(parent: ParentRecord) -> float:
    """All-in cost of the whole order against the mid at acceptance, in bps of it.

    What did not fill is charged the move of the mid until the order's end, and COMPLETION_BPS.
    """
    accepted, tca, sign = parent.accepted, parent.tca, parent.accepted.order.side.sign
    assert tca is not None
    arrival, asked = accepted.approved_mid_half_units / 2, accepted.order.qty_units or 1
    filled_nano = sign * (parent.cum_money_nano - arrival * parent.cum_qty_units * 100.0)
    moved_bps = sign * (tca.closing_mid_half_units / 2 - arrival) / arrival * 1e4
    left_frac = 1.0 - parent.cum_qty_units / asked
    whole_nano = arrival * asked * 100.0  # of USDT
    paid_bps = (filled_nano + parent.fees_nano.get("USDT", 0)) / whole_nano * 1e4
    return float(paid_bps + left_frac * (moved_bps + COMPLETION_BPS))


@dataclass(frozen=True, slots=True)
class Run:
    """One arm's parents, in order: cost, part filled, seconds to the end; and its lane."""

    cost: npt.NDArray[np.float64]
    filled: npt.NDArray[np.float64]
    took_s: npt.NDArray[np.float64]
    lane: Lane


def run_arm(terms: SweepTerms | None, n_parents: int, seed: int, *, drifts: bool = False) -> Run:
    """`drifts`: half way, what the two dark venues hide changes places."""
    lane, chance = Lane(terms, seed), np.random.default_rng(seed)
    lane.run_until(T0_NS + S)
    parents = []
    for i in range(n_parents):
        if drifts and i == n_parents // 2:
            golf, hotel = lane.unlit["sim_golf"], lane.unlit["sim_hotel"]
            assert isinstance(golf, DarkCross)
            golf.laws, hotel.laws = hotel.laws, golf.laws
        side, size = (Side.BUY, Side.SELL)[int(chance.integers(2))], SIZES[int(chance.integers(len(SIZES)))]
        parents.append(lane.place(i, side, size))
        lane.run_until(lane.now_ns + EVERY_NS)
    asked = np.array([p.accepted.order.qty_units or 1 for p in parents])
    return Run(
        cost=np.array([cost_bps(p) for p in parents]),
        filled=np.array([p.cum_qty_units for p in parents]) / asked,
        took_s=np.array([(p.updated_ts_ns - p.created_ts_ns) * 1e-9 for p in parents]),
        lane=lane,
    )


def mean_with_error(values: npt.NDArray[np.float64], seed: int) -> tuple[float, float]:
    """Mean, and its standard error by a moving block bootstrap."""
    chance, n = np.random.default_rng(seed), values.size
    starts = chance.integers(0, n - BLOCK + 1, (2_000, n // BLOCK))
    means = np.array([np.mean(np.concatenate([values[s : s + BLOCK] for s in row])) for row in starts])
    return float(np.mean(values)), float(means.std())


def page(n_parents: int, seed: int) -> str:
    runs = {name: run_arm(terms, n_parents, seed) for name, terms in ARMS.items()}
    base = runs["lit only"]
    lines = [
        "# Hidden liquidity on the simulated venues",
        "",
        f"`python -m loadtests.hidden_campaign`: {n_parents} parents of 0.2, 1 and 4 BTC, 3 s apart, seed {seed};",
        "the same in every arm, each in its own copy of the basic simulated market, in virtual time. **Simulated, and",
        "every fee, hidden size and spread of the unlit venues is chosen: what is saved below is those choices', and",
        "says nothing of a desk.** The basic market does not answer to trades, so nothing leaks in it.",
        "",
        *_misses(runs),
        "",
        "| arm | cost, bps of the mid at acceptance | difference to lit only | CVaR95 | filled | median s to the end |",
        "|---|---|---|---|---|---|",
    ]
    for name, run in runs.items():
        mean, error = mean_with_error(run.cost, seed)
        gap, gap_error = mean_with_error(run.cost - base.cost, seed)
        told = "" if run is base else f"{gap:+.3f} ± {1.96 * gap_error:.3f}"
        lines.append(
            f"| {name} | {mean:.3f} ± {1.96 * error:.3f} | {told} | {_worst(run):.2f} | {run.filled.mean():.4f} "
            f"| {np.median(run.took_s):.3f} |"
        )
    lines += [
        "",
        "± is 1.96 standard errors by a moving block bootstrap, 10 parents a block. What an arm left is charged the",
        f"move of the mid until the order's end and {COMPLETION_BPS} bps.",
        "",
    ]
    return "\n".join([*lines, *_asked(runs), *_drifted(n_parents, seed)]) + "\n"


def _worst(run: Run) -> float:
    """The mean of the dearest twentieth."""
    return float(np.sort(run.cost)[-max(1, run.cost.size // 20) :].mean())


def _hoped(run: Run) -> tuple[float, float]:
    """Of what was asked for in the dark: the part that was expected, and the part that filled."""
    events = [event for _, event in run.lane.facts]
    asks = [ask for event in events if isinstance(event, DarkAsked) for ask in event.asks]
    answers = [event for event in events if isinstance(event, DarkAnswered)]
    asked = sum(ask.qty_units for ask in asks) or 1
    return sum(ask.expected_units for ask in asks) / asked, sum(a.filled_units for a in answers) / asked


def _misses(runs: dict[str, Run]) -> list[str]:
    """What is worse than lit only, in words; nothing where nothing is."""
    base, told = runs["lit only"], list[str]()
    for name, run in runs.items():
        if _worst(run) > _worst(base):
            told.append(
                f"* **{name}**: the dearest twentieth costs {_worst(run):.2f} bps, lit only {_worst(base):.2f}."
            )
        if run.filled.mean() < base.filled.mean():
            told.append(f"* **{name}**: {run.filled.mean():.4f} is filled, lit only {base.filled.mean():.4f}.")
        hoped, filled = _hoped(run)
        if filled and abs(hoped - filled) > 0.02:
            told.append(f"* **{name}**: {hoped:.3f} of what was asked for in the dark was expected, {filled:.3f} came.")
        if run is not base:
            told.append(
                f"* **{name}**: {np.median(run.took_s):.3f} s to the end, lit only {np.median(base.took_s):.3f}."
            )
    return ["## Where it loses", "", *told, "", "## Costs"]


def _asked(runs: dict[str, Run]) -> list[str]:
    lines = [
        "## What asking brought",
        "",
        "| arm | dark questions | quantity filled of asked | expected of asked | accepted quotes | declined |",
        "|---|---|---|---|---|---|",
    ]
    for name, run in runs.items():
        events = [event for _, event in run.lane.facts]
        n_asks = sum(len(event.asks) for event in events if isinstance(event, DarkAsked))
        looks = [event.outcome for event in events if isinstance(event, DealerAnswered)]
        hoped, got = (f"{part:.3f}" if n_asks else "" for part in _hoped(run))
        declined = f"{looks.count('declined')} of {len(looks)}" if looks else ""
        lines.append(f"| {name} | {n_asks or ''} | {got} | {hoped} | {looks.count('filled') or ''} | {declined} |")
    return [*lines, ""]


def _drifted(n_parents: int, seed: int) -> list[str]:
    """How the split follows when the two dark venues change places half way."""
    run = run_arm(DARK, n_parents, seed, drifts=True)
    lines = [
        "## When the venues change places half way",
        "",
        "Parts of what is asked for, by quarters of the run; the change is after the second.",
        "",
        "| quarter | to sim_golf | filled of asked |",
        "|---|---|---|",
    ]
    for quarter in range(4):
        ends = [T0_NS + S + EVERY_NS * n_parents * k // 4 for k in (quarter, quarter + 1)]
        events = [event for ts_ns, event in run.lane.facts if ends[0] <= ts_ns < ends[1]]
        answers = [event for event in events if isinstance(event, DarkAnswered) and event.asked_units]
        asked = sum(a.asked_units for a in answers)
        golf = sum(a.asked_units for a in answers if a.venue == "sim_golf")
        lines.append(f"| {quarter + 1} | {golf / asked:.3f} | {sum(a.filled_units for a in answers) / asked:.3f} |")
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parents", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0xDA2)
    given = parser.parse_args()
    text = page(given.parents, given.seed)
    RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
