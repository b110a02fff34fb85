"""What it saves to believe fade by the age of a quote: `python -m loadtests.fade_campaign`. Written to
docs/results/fade.md.

Simulated venues through the real engine and router. The same markets for every arm; no seed chose a constant.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.domain.book import BookSnapshot
from app.domain.enums import Mode, Side
from app.domain.fills import ReportKind
from app.execution import inputs as inp
from app.learning.quote_age import QuoteAges
from tests.worlds import MS, TICKS, VENUES, Desk, make_desk, make_order, make_universe, sent

Array = npt.NDArray[np.float64]
RESULTS = Path(__file__).parents[1] / "docs" / "results" / "fade.md"
SEED, SYMBOL, MID, QTY, DEPTH = 0xFADE, "BTC/USDT", 6_000_000, 1_000, 5_000
REFILL_PPM = 100.0  # what does not fill costs 1 bp more elsewhere: recorded books a second later
FIRM = 0.03  # part of a firm touch that is gone, at any age
LEARNED = 300  # orders before anything is counted as learned
FLICKERING = "ven_b"


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of market: how much better the one venue's new touch looks, what of it goes, and of its old one."""

    name: str
    better_bps: float
    gone: float
    gone_old: float = FIRM


CASES = (
    Case("one venue flickers, 0.3 bp better", 0.3, 0.8),
    Case("one venue flickers, 0.6 bp better", 0.6, 0.8),
    Case("one venue flickers, 1.0 bp better", 1.0, 0.8),
    Case("one venue fades at any age", 0.0, 0.33, 0.33),
    Case("every venue is healthy", 0.0, FIRM),
)


@dataclass(frozen=True, slots=True)
class Market:
    """What every arm meets: per order and venue the ask in bps from the mid, its age in ms, and what of it goes."""

    ask_bps: Array
    age_ms: Array
    gone: Array


def market(case: Case, n: int, repeat: int) -> Market:
    """Asks differ by 0.5 bp (sd). New touches are 20 ms old, the others 5 s; every venue has as many of both."""
    rng = np.random.default_rng((SEED, CASES.index(case), repeat))
    ask = 1.0 + rng.normal(0.0, 0.5, (n, len(VENUES)))
    is_new = rng.random((n, len(VENUES))) < 0.5
    gone = np.full((n, len(VENUES)), FIRM)
    i = VENUES.index(FLICKERING)
    ask[is_new[:, i], i] -= case.better_bps
    gone[:, i] = np.where(is_new[:, i], case.gone, case.gone_old)
    return Market(np.maximum(ask, 0.02), np.where(is_new, 20.0, 5_000.0), gone)


def by_nothing(desk: Desk) -> None:
    """The loop is off."""


def by_venue(desk: Desk) -> None:
    """The loop as it was: one fade a venue."""
    begin(desk, None)


def by_age(desk: Desk) -> None:
    begin(desk, QuoteAges())


def begin(desk: Desk, ages: QuoteAges | None) -> None:
    desk.core.world = replace(desk.core.world, may_loop=True, ages=ages)
    desk.turn(inp.Start("s0", "epoch", "campaign", Mode.PAPER), inp.SetLoop(is_on=True, actor="campaign"))


ARMS: dict[str, Callable[[Desk], None]] = {"off": by_nothing, "by venue": by_venue, "by age": by_age}


def run(met: Market, arm: str) -> Array:
    """Regret of each order in bps against who knows what goes: expected cost of what was sent, less the least."""
    desk = make_desk()
    fees = {v: replace(tier, taker_fee_ppm=500) for v, tier in make_universe().fees.items()}
    desk.core.world = replace(desk.core.world, universe=replace(desk.core.world.universe, fees=fees))
    ARMS[arm](desk)
    truth = met.ask_bps + met.gone * REFILL_PPM / 100.0
    regret = np.zeros(met.ask_bps.shape[0])
    for i in range(regret.size):
        desk.now_ns += 10_000 * MS
        asks = [show(desk, met, i, k) for k in range(len(VENUES))]
        turn = desk.turn(inp.Submit(make_order(qty_units=QTY), Mode.PAPER))
        children = sent(turn)
        paid = 0.0
        desk.now_ns += MS
        for k in range(len(VENUES)):
            write(desk, k, MID * 101 // 100)  # the market has gone: what did not fill is not sent again
        for child in children:
            k = VENUES.index(child.venue)
            paid += ((asks[k] / MID - 1) * 1e4 + met.gone[i, k] * REFILL_PPM / 100.0) * child.qty_units / QTY
            lots = round(child.qty_lots * (1.0 - met.gone[i, k]))
            desk.fill(child, lots)
            if lots < child.qty_lots:
                desk.report(child, ReportKind.CANCELED, cum_qty_lots=lots)
        best = min((ask / MID - 1) * 1e4 + truth[i, k] - met.ask_bps[i, k] for k, ask in enumerate(asks))
        regret[i] = paid - best
    return regret


def show(desk: Desk, met: Market, i: int, k: int) -> int:
    """Venue `k`'s book of order `i` is there, its touch as old as the market says; the ask in units."""
    venue, tick = VENUES[k], TICKS[VENUES[k]]
    ask = round(MID * (1 + float(met.ask_bps[i, k]) / 1e4) / tick) * tick
    write(desk, k, ask)
    ages = desk.core.world.ages
    if ages is not None:
        ages.note(venue, SYMBOL, Side.BUY, (0, 0), desk.now_ns - 9_000 * MS)
        ages.note(venue, SYMBOL, Side.BUY, (ask, DEPTH), desk.now_ns - round(met.age_ms[i, k]) * MS)
    return ask


def write(desk: Desk, k: int, ask: int) -> None:
    """Venue `k` shows three levels a side, the asks from `ask` up."""
    tick = TICKS[VENUES[k]]
    ask = -(-ask // tick) * tick
    bids = tuple((MID - (j + 11) * tick, DEPTH) for j in range(3))
    asks = tuple((ask + j * tick, DEPTH) for j in range(3))
    desk.board.write_snapshot(
        BookSnapshot(VENUES[k], SYMBOL, next(desk.book_seqs), desk.now_ns, desk.now_ns, bids, asks)
    )


def interval(x: Array) -> str:
    half = 1.96 * x.std(ddof=1) / np.sqrt(x.size)
    return f"{x.mean():.4f} ± {half:.4f}"


def row(case: Case, n: int, n_repeats: int) -> str:
    """One case: every arm's regret once learned, and what `by age` saves against the others, pair by pair."""
    late = {arm: np.zeros(n_repeats) for arm in ARMS}
    for repeat in range(n_repeats):
        met = market(case, n, repeat)
        for arm in ARMS:
            late[arm][repeat] = run(met, arm)[LEARNED:].mean()
    told = " | ".join(interval(late[arm]) for arm in ARMS)
    saved = " | ".join(interval(late[arm] - late["by age"]) for arm in ("off", "by venue"))
    is_lost = any((late[arm] - late["by age"]).mean() < 0 for arm in ("off", "by venue"))
    return f"| {case.name} | {told} | {saved} | {'**yes**' if is_lost else 'no'} |"


TEXT = """# Fade by the age of a quote

Written by `python -m loadtests.fade_campaign`. **Simulated venues** through the real engine and router: three venues
with one fee, asks that differ by 0.5 bp (sd), orders that fit in one touch, 10 s apart. Half of all touches are new
(20 ms), the others have stood for 5 s. {firm:.0%} of a firm touch is gone when a child comes; at the venue that
flickers {gone:.0%} of a new one, at the one that fades {any:.0%} of all. What does not fill costs 1 bp more.
{n_repeats} repeats of {n:,} orders; the first {learned} are not counted. Regret is against who knows what goes, in bps
of an order, with a 95 % interval over repeats; what is saved is taken pair by pair, on the same markets. **Where a
saving is below zero, age loses**, and the last column says so.

| market | off | loop by venue | loop by age | saved against off | saved against by venue | loses |
|---|---:|---:|---:|---:|---:|---|
{rows}

Age is worth something where new and old touches of one venue fade differently. It costs where they do not: what is
known of a venue is then split over more numbers, and a venue that fades at any age is no longer demoted by its new
touches. A discount is at most what fades times 1 bp, and within the bound of all estimates.
"""


def page(n: int, n_repeats: int) -> str:
    """The whole campaign as Markdown."""
    rows = "\n".join(row(case, n, n_repeats) for case in CASES)
    return TEXT.format(
        rows=rows, firm=FIRM, gone=CASES[0].gone, any=CASES[3].gone, n_repeats=n_repeats, n=n, learned=LEARNED
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=900)
    parser.add_argument("--repeats", type=int, default=6)
    asked = parser.parse_args()
    began = time.monotonic()
    text = page(asked.orders, asked.repeats)
    RESULTS.write_text(text)
    print(text)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
