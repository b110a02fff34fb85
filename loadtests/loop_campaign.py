"""How soon the loop catches a venue that has gone bad, how often it is wrong, and what it saves and costs:
`python -m loadtests.loop_campaign`. Written to docs/results/loop.md.

Simulated venues; the noise of a markout is recorded (one-second moves of Binance spot BTC, hftbacktest examples, MIT).
No seed of this page was used to choose a law.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats

from app.domain.belief import BeliefKey, Measure, Observation
from app.domain.enums import Side
from app.learning.beliefs import MAX_TRIED_PPM, MIN_TRIED_PPM, BeliefBook, draw_ppm
from app.learning.watch import LAWS, Watch

Array = npt.NDArray[np.float64]
L2 = Path(__file__).parents[2] / "shared" / "data" / "public" / "l2" / "binance_3mkt_20240808"
RESULTS = Path(__file__).parents[1] / "docs" / "results" / "loop.md"
SEED = 0x100B
S = 1_000_000_000
VENUES = ("a", "b", "c", "d")
MAX_PPM = 100  # the bound on estimated terms: 1 bp
Draw = Callable[[np.random.Generator, int, int], Array]


def recorded_noise(*, at_trades: bool) -> Array:
    """One-second moves of the recorded spot mid in bps, centred: on a 100 ms grid, or after trades, signed by them."""
    quotes = pl.read_parquet(L2 / "binance_spot_BTCUSDT_bbo.parquet").sort("recv_ns")
    at = quotes["recv_ns"].to_numpy()
    mid = (quotes["bid_price"] + quotes["ask_price"]).to_numpy() / 2.0
    sign: Array | float = 1.0
    when = np.arange(at[0], at[-1] - S, S // 10)
    if at_trades:
        trades = pl.read_parquet(L2 / "binance_spot_BTCUSDT_trades.parquet").sort("recv_ns")
        when = trades["recv_ns"].to_numpy()
        is_inside = (when > at[0]) & (when < at[-1] - S)
        sign = np.where(trades["buyer_is_maker"].to_numpy()[is_inside], 1.0, -1.0)
        when = when[is_inside]
    moved = (
        sign * (mid[np.searchsorted(at, when + S, "right") - 1] / mid[np.searchsorted(at, when, "right") - 1] - 1) * 1e4
    )
    centred: Array = moved - moved.mean()
    return centred


@dataclass(frozen=True, slots=True)
class Case:
    """One way of going bad: values while healthy (0) and sick (1), and what a fill then costs more, in bps."""

    name: str
    measure: Measure
    draw: Draw
    cost_bps: float


def cases(noise: Array) -> tuple[Case, ...]:
    def fade(rng: np.random.Generator, n: int, is_sick: int) -> Array:
        chance, left = (0.6, 0.6) if is_sick else (0.12, 0.3)  # how often short, and by how much then
        return np.where(rng.random(n) < chance, np.minimum(rng.exponential(left, n), 1.0), 0.0)

    return (
        Case("toxic, 1.0 bp", Measure.MARKOUT, lambda rng, n, bad: rng.choice(noise, n) + bad, 1.0),
        Case("slow, 3 x", Measure.LATENCY, lambda rng, n, bad: rng.normal(np.log(3.0) * bad, 0.5, n), 0.5),
        Case("fading, about 3 % to 33 %", Measure.FADE, fade, 0.5),
    )


def delays(case: Case, n_repeats: int, gap_ns: int) -> tuple[Array, int]:
    """Fills from the change to the alarm, for venues that were healthy before; and how many alarmed before."""
    found, n_early = [], 0
    for repeat in range(n_repeats):
        rng = np.random.default_rng((SEED, 1, len(case.name), gap_ns // 1_000, repeat))
        watch, n_before = Watch(LAWS[case.measure]), int(rng.integers(50, 500))
        values = np.concatenate((case.draw(rng, n_before, 0), case.draw(rng, 2_000, 1))).tolist()
        at = np.cumsum(rng.exponential(gap_ns, len(values))).astype(np.int64).tolist()
        for i, value in enumerate(values):
            if watch.take(value, at[i]):
                if i < n_before:
                    n_early += 1
                    watch = Watch(LAWS[case.measure])
                    continue
                found.append(i - n_before + 1)
                break
        else:
            found.append(2_000)
    return np.asarray(found, dtype=np.float64), n_early


def false_alarms(case: Case, n_fills: int, gap_ns: int) -> int:
    """Alarms of healthy venues in so many fills; each alarm begins a new watch."""
    rng = np.random.default_rng((SEED, 2, len(case.name), gap_ns // 1_000))
    values = case.draw(rng, n_fills, 0).tolist()
    at = np.cumsum(rng.exponential(gap_ns, n_fills)).astype(np.int64).tolist()
    watch, n_alarms = Watch(LAWS[case.measure]), 0
    for i, value in enumerate(values):
        if watch.take(value, at[i]):
            n_alarms += 1
            watch = Watch(LAWS[case.measure])
    return n_alarms


def fills_per_alarm(n_alarms: int, n_fills: int) -> float:
    """The exact Poisson 95 % lower bound (one-sided) of fills between false alarms."""
    return n_fills / float(stats.chi2.ppf(0.95, 2 * n_alarms + 2) / 2.0)


@dataclass(frozen=True, slots=True)
class Told:
    """One run: the sick venue's share before, while sick (after the first 200 orders), and after it healed; regrets in
    bps of an order against who knows the truth, for the loop and for no loop; orders from healing to its restored use.
    """

    share: tuple[float, float, float]
    regret_bps: tuple[float, float, float]
    without_bps: tuple[float, float, float]
    n_to_return: float


PHASE = (1_000, 2_000, 3_000)


def run(case: Case, repeat: int) -> Told:
    """Orders go to the cheapest of four venues as believed. Prices differ by 0.5 bp; `a` is sick in the middle."""
    rng = np.random.default_rng((SEED, 3, len(case.name), repeat))
    n = sum(PHASE)
    prices = rng.normal(0.0, 0.5, (n, len(VENUES)))
    healthy, sick = case.draw(rng, n, 0), case.draw(rng, n, 1)
    is_sick = (np.arange(n) >= PHASE[0]) & (np.arange(n) < PHASE[0] + PHASE[1])
    book = BeliefBook()
    keys = [BeliefKey(case.measure, venue, "BTC/USDT", Side.BUY) for venue in VENUES]
    penalty, is_demoted, tried_ppm = [0.0] * len(VENUES), [False] * len(VENUES), [0] * len(VENUES)
    took = np.zeros(n, dtype=np.int64)
    n_return = float(PHASE[2])
    for i in range(n):
        believed = [
            p + (0.0 if is_demoted[k] and draw_ppm(f"o{repeat}_{i}", VENUES[k]) < tried_ppm[k] else penalty[k])
            for k, p in enumerate(prices[i].tolist())
        ]
        k = took[i] = int(np.argmin(believed))
        value = float(sick[i] if k == 0 and is_sick[i] else healthy[i])
        has_changed = book.take(Observation(keys[k], str(i), value, i * 10 * S))
        if has_changed or i % 20 == 0:
            for j, key in enumerate(keys):
                found = book.belief(key)
                is_demoted[j], tried_ppm[j] = found.is_demoted, found.tried_ppm
                per_ppm = 1.0 / 100.0 if case.measure is Measure.MARKOUT else case.cost_bps / 0.33e6
                bounded = min(max(found.ppm * per_ppm, -MAX_PPM / 100.0), MAX_PPM / 100.0)
                penalty[j] = (
                    MAX_PPM / 100.0 if found.is_demoted else bounded if case.measure is not Measure.LATENCY else 0.0
                )
            if has_changed and k == 0 and not is_demoted[0] and i >= PHASE[0] + PHASE[1]:
                n_return = min(n_return, i - PHASE[0] - PHASE[1])
    truth = prices.copy()
    truth[is_sick, 0] += case.cost_bps
    best = truth.min(axis=1)
    regret = truth[np.arange(n), took] - best
    without = truth[np.arange(n), prices.argmin(axis=1)] - best
    ends = (0, PHASE[0], PHASE[0] + PHASE[1], n)

    def cut(x: Array) -> tuple[float, ...]:
        return tuple(float(x[a:b].mean()) for a, b in pairwise(ends))

    late = slice(ends[2] + 1_500, n)
    shares = (took[: ends[1]] == 0, took[ends[1] + 200 : ends[2]] == 0, took[late] == 0)
    return Told(tuple(float(s.mean()) for s in shares), cut(regret), cut(without), n_return)  # type: ignore[arg-type]


def vpin_verdict() -> str:
    """Whether VPIN adds to volume, volatility and signed flow in telling the next ten seconds' move, out of sample."""
    rows = []
    for market in ("binance_spot_BTCUSDT", "binance_usdm_BTCUSDT"):
        quotes = pl.read_parquet(L2 / f"{market}_bbo.parquet").sort("recv_ns")
        trades = pl.read_parquet(L2 / f"{market}_trades.parquet").sort("recv_ns")
        at, mid = quotes["recv_ns"].to_numpy(), ((quotes["bid_price"] + quotes["ask_price"]) / 2.0).to_numpy()
        when, qty = trades["recv_ns"].to_numpy(), trades["qty"].to_numpy().astype(float)
        signed = np.where(trades["buyer_is_maker"].to_numpy(), -qty, qty)
        grid = np.arange(at[0] + 40 * S, at[-1] - 10 * S, S // 2)
        total, flow = np.concatenate(([0.0], qty.cumsum())), np.concatenate(([0.0], signed.cumsum()))
        bucket = total[-1] / 343.0 / 2.0 * 1.0  # half a second of mean volume
        table = []
        for now in grid:
            i, j = np.searchsorted(when, now), np.searchsorted(when, now - 10 * S)
            path = mid[np.searchsorted(at, np.arange(now - 10 * S, now + 1, S // 10), "right") - 1]
            ends = total[i] - bucket * np.arange(51)
            inside = flow[np.clip(np.searchsorted(total, ends), 0, i)]
            vpin = np.abs(np.diff(inside)).mean() / bucket
            after = mid[np.searchsorted(at, now + 10 * S, "right") - 1] / path[-1] - 1
            volume = total[i] - total[j]
            table.append(
                (
                    np.log1p(volume),
                    np.log(np.diff(np.log(path)).std() + 1e-7),
                    abs(flow[i] - flow[j]) / max(volume, 1e-9),
                    vpin,
                    np.log(abs(after) * 1e4 + 0.01),
                )
            )
        x = np.asarray(table)
        half = x.shape[0] // 2
        loss = []
        for columns in ([0, 1], [0, 1, 2], [0, 1, 3]):
            design = np.column_stack((np.ones(x.shape[0]), x[:, columns]))
            fitted = np.linalg.lstsq(design[: half - 20], x[: half - 20, 4], rcond=None)[0]
            loss.append(float(1 - np.mean((x[half:, 4] - design[half:] @ fitted) ** 2) / x[half:, 4].var()))
        kept = "yes" if loss[2] > max(*loss[:2], 0.0) + 0.01 else "no"
        rows.append(f"| {market} | {loss[0]:+.3f} | {loss[1]:+.3f} | {loss[2]:+.3f} | {kept} |")
    return "\n".join(rows)


def interval(x: Array) -> str:
    half = 1.96 * x.std(ddof=1) / np.sqrt(x.size)
    return f"{x.mean():.3f} ± {half:.3f}"


def page(n_repeats: int, n_fills: int, n_runs: int) -> str:
    """The whole campaign as Markdown."""
    noise, harsh = recorded_noise(at_trades=False), recorded_noise(at_trades=True)
    caught, wrong, shares = [], [], []
    harsher = Case(
        "toxic, 1.0 bp, noise after trades", Measure.MARKOUT, lambda r, n, bad: r.choice(harsh, n) + bad, 1.0
    )
    for case in (*cases(noise), harsher):
        for gap_ns in (10 * S, S // 5) if case.measure is Measure.MARKOUT else (10 * S,):
            d, n_early = delays(case, n_repeats, gap_ns)
            n_late = int((d > 200).sum())
            low = 1 - float(stats.beta.ppf(0.95, n_late + 1, n_repeats - n_late)) if n_late < n_repeats else 0.0
            caught.append(
                f"| {case.name} | {gap_ns / S:g} s | {np.median(d):.0f} | {np.quantile(d, 0.95):.0f} | {d.max():.0f} |"
                f" {1 - n_late / n_repeats:.1%} | {low:.1%} | {n_early} |"
            )
            alarms = false_alarms(case, n_fills, gap_ns)
            bound = fills_per_alarm(alarms, n_fills)
            wrong.append(
                f"| {case.name} | {gap_ns / S:g} s | {n_fills:,} |"
                f" {alarms} | {bound:,.0f} | {'yes' if bound >= 20_000 else '**no**'} |"
            )
    for case in cases(noise):
        told = [run(case, r) for r in range(n_runs)]
        share = np.asarray([t.share for t in told])
        regret, without = np.asarray([t.regret_bps for t in told]), np.asarray([t.without_bps for t in told])
        back = np.asarray([t.n_to_return for t in told])
        shares.append(
            f"| {case.name} | {share[:, 0].mean():.1%} | {share[:, 1].mean():.1%} | {share[:, 2].mean():.1%} |"
            f" {np.median(back):.0f} | {np.quantile(back, 0.95):.0f} | "
            + " | ".join(f"{interval(regret[:, i])} ({without[:, i].mean():.3f})" for i in range(3))
            + " |"
        )
    return TEXT.format(
        n_repeats=n_repeats,
        n_runs=n_runs,
        sd=noise.std(),
        harsh=harsh.std(),
        least=MIN_TRIED_PPM / 1e4,
        most=MAX_TRIED_PPM / 1e4,
        phase=PHASE,
        caught="\n".join(caught),
        wrong="\n".join(wrong),
        shares="\n".join(shares),
        vpin=vpin_verdict(),
    )


TEXT = """# The loop: venues that go bad, and get well

Written by `python -m loadtests.loop_campaign`. **Simulated venues**; a markout's noise is drawn from recorded
one-second moves of Binance spot BTC (8 August 2024, hftbacktest examples, MIT): sd {sd:.2f} bp on a grid,
{harsh:.2f} bp after trades (343 s, one regime: how noisy, not how often venues go bad). Draws are independent:
recorded moves come in clusters, and the bound of the detector (`app/learning/watch.py`) allows that where their
mean, given the past, stays healthy.

## Caught

A venue that was healthy for 50 to 500 fills turns. {n_repeats} repeats; the bound on the share caught within 200
fills is one-sided 95 %, exact. With 0.2 s between fills most markouts overlap and are not looked at, so more fills
pass.

| venue turns | fills come every | median fills | 95 % | most | within 200 | at least | alarms before |
|---|---|---:|---:|---:|---:|---:|---:|
{caught}

## False alarms on healthy venues

By the law of the detector P(alarm within n) is at most n / 40,000 for any noise. Counted (exact Poisson, one-sided
95 %):

| watched | fills come every | fills | alarms | fills an alarm, at least | 20,000 |
|---|---|---:|---:|---:|---|
{wrong}

## Share, healing, regret

{n_runs} runs. Orders go to the cheapest of four venues as believed; their prices differ by 0.5 bp (sd). Venue `a`
is healthy for {phase[0]:,} orders, sick for {phase[1]:,}, healthy for {phase[2]:,}. A demoted venue is ranked 1 bp
dearer, the whole bound of estimated terms, but in {least:g} to {most:g} % of the orders (more, the more it looks
well), by a hash of the order: the propensity. Shares: while sick after the first 200 orders, healed for the last
{late:,}. Regret is against who knows the truth, in bps of an order, with a 95 % interval; in brackets a route
without the loop. **Where the loop's regret is larger than the one in brackets it loses**: 1 bp is more than a slow
or fading venue costs here (0.5 bp), and trying it costs, too.

| venue | share before | sick | healed | back after orders, median | 95 % | regret before | sick | after |
|---|---:|---:|---:|---:|---:|---|---|---|
{shares}

## VPIN

Explained variance out of sample of the next ten seconds' absolute move (logarithm): first half trains, second
judges. One day of 343 s: **not evidence**; it only decides the default. VPIN is kept only where it explains
anything at all out of sample and 0.01 more than the others. Below zero is worse than the mean: then nothing is
learned, and VPIN is not kept.

| market | volume, volatility | + signed flow | + VPIN instead | kept |
|---|---:|---:|---:|---|
{vpin}
""".replace("{late:,}", "1,500")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--fills", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=20)
    asked = parser.parse_args()
    began = time.monotonic()
    text = page(asked.repeats, asked.fills, asked.runs)
    RESULTS.write_text(text)
    print(text)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
