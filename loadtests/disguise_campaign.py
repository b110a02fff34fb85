"""Whether a parent's children can be told from chance, and what a sniper gains:
`python -m loadtests.disguise_campaign`.

Written to docs/results/disguise.md. Sizes are recorded (Binance spot BTC, hftbacktest examples, MIT), all else
is simulated. Needs scikit-learn. Seeds of training and of judging are apart; the judging seed was seen while the method
was still changed. On seeds that nobody had seen (0xA11CE, 0xB0B57) the largest bound without a band was 0.528.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from app.execution.disguise import Bounds, Clip, Crowd, Window, disguise, tracking_error_frac

Array = npt.NDArray[np.float64]
L2 = Path(__file__).parents[2] / "shared" / "data" / "public" / "l2" / "binance_3mkt_20240808"
RESULTS = Path(__file__).parents[1] / "docs" / "results" / "disguise.md"
SPAN_NS = 1_800_000_000_000
WINDOW = Window(0, SPAN_NS)
LOT = 100_000  # 1e-3 BTC in the recording's 1e-8
SEQUENCE = 48
PER_PARENT = 40.0  # children of a parent, on average
TRAIN, JUDGE = 0x5EED0001, 0x5EED0002
FALLBACK_SIZES = tuple(int(x) for x in (1, 1, 1, 2, 2, 3, 5, 5, 7, 10, 10, 20, 32, 50, 100, 160, 400))


@dataclass(frozen=True, slots=True)
class Arm:
    """A way of working parents: (random generator, lots) -> children."""

    name: str
    make: Callable[[np.random.Generator, int], Sequence[Clip]]


@dataclass(frozen=True, slots=True)
class Told:
    """How well a classifier tells an arm from the null, on parents it has not seen."""

    arm: str
    classifier: str
    auc: float
    high: float


def recorded_sizes() -> tuple[int, ...]:
    """Sizes in lots of 0.001 BTC of the recorded spot trades from one lot on, cut to whole ones."""
    found = pl.read_parquet(L2 / "binance_spot_BTCUSDT_trades.parquet")["qty"].to_numpy() // LOT
    return tuple(int(x) for x in found[(found >= 1) & (found <= 1_000)])


def null_parent(rng: np.random.Generator, lots: int, sizes: npt.NDArray[np.int64]) -> tuple[Clip, ...]:
    """The null: a Poisson process of the parent's own intensity, sizes drawn from the market's, independent."""
    n = max(int(rng.poisson(lots / sizes.mean())), 1)
    at = np.sort(rng.integers(0, SPAN_NS, n))
    return tuple(Clip(int(t), int(s)) for t, s in zip(at, rng.choice(sizes, n), strict=True))


def twap(rng: np.random.Generator, lots: int) -> tuple[Clip, ...]:
    """Undisguised: equal parts on a grid."""
    n = min(int(PER_PARENT), lots)
    return tuple(Clip(SPAN_NS * k // n, lots * (k + 1) // n - lots * k // n) for k in range(n))


def jittered(rng: np.random.Generator, lots: int) -> tuple[Clip, ...]:
    """The usual half measure: the grid with 30 % noise on times and sizes."""
    n = min(int(PER_PARENT), lots)
    cuts = np.cumsum(1.0 + rng.uniform(-0.3, 0.3, n))
    ends = np.rint(cuts / cuts[-1] * lots).astype(int)
    parts = np.diff(np.concatenate(([0], ends)))
    at = (np.arange(n) + 0.5 + rng.uniform(-0.3, 0.3, n)) * SPAN_NS / n
    return tuple(Clip(int(t), int(s)) for t, s in zip(at, parts, strict=True) if s > 0)


def disguised(sizes: Sequence[int], tolerance_ppm: int) -> Callable[[np.random.Generator, int], Sequence[Clip]]:
    def make(rng: np.random.Generator, lots: int) -> Sequence[Clip]:
        seed = int(rng.integers(0, 2**63))
        return disguise(seed, lots, WINDOW, Crowd(sizes, PER_PARENT), Bounds(tolerance_ppm=tolerance_ppm))

    return make


def arms(sizes: Sequence[int]) -> tuple[Arm, ...]:
    return (
        Arm("TWAP, undisguised", twap),
        Arm("grid with 30 % noise", jittered),
        Arm("disguised, band 10 %", disguised(sizes, 100_000)),
        Arm("disguised, band 25 %", disguised(sizes, 250_000)),
        Arm("disguised, no band", disguised(sizes, 1_000_000)),
    )


def parent_lots(rng: np.random.Generator, sizes: npt.NDArray[np.int64]) -> int:
    """Parents differ: what a null parent of another stream happened to come to, so that a sum tells nobody apart."""
    return sum(clip.qty_lots for clip in null_parent(rng, flow_lots(rng, sizes), sizes))


def flow_lots(rng: np.random.Generator, sizes: npt.NDArray[np.int64]) -> int:
    """Lots that a stranger's flow is expected to come to: lognormal about 40 mean trades."""
    return max(int(PER_PARENT * sizes.mean() * np.exp(rng.normal(0.0, 0.4))), 1)


def features(clips: Sequence[Clip]) -> list[float]:
    """What a watcher can compute of one parent's children: counts, gaps, sizes, order, period, roundness, evenness."""
    at = np.asarray([c.at_ns for c in clips], dtype=np.float64) / SPAN_NS
    size = np.asarray([c.qty_lots for c in clips], dtype=np.float64)
    gap = np.diff(np.concatenate(([0.0], at, [1.0])))
    log = np.log(size)
    share = np.cumsum(size) / size.sum()
    periods = np.asarray([abs(np.exp(2j * np.pi * k * at).mean()) for k in range(1, 81)])
    return [
        float(size.size),
        float(size.sum()),
        float(size.mean()),
        float(size.std() / size.mean()),
        float(size.max() / size.sum()),
        float(size.min()),
        *np.quantile(log, (0.1, 0.25, 0.5, 0.75, 0.9)).tolist(),
        float(gap.std() / gap.mean()),
        *np.quantile(gap * size.size, (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)).tolist(),
        float(gap[0]),
        float(gap[-1]),
        _lag(gap),
        _lag(log),
        _corr(gap[1:], log),
        _corr(gap[:-1], log),
        float(np.abs(share - at).max()),
        float(np.abs(share - at).mean()),
        float(periods.max()),
        float(periods[int(size.size) - 1 if size.size <= 80 else 79]),
        float((periods**2).mean()),
        float(np.mean(size % 10 == 0)),
        float(np.mean(size % 5 == 0)),
        float(np.unique(size).size / size.size),
        float(log[-1]),
        float(log[0]),
        float(np.var(np.histogram(at, 10, (0, 1), weights=size)[0] / size.sum())),
    ]


def sequence(clips: Sequence[Clip]) -> list[float]:
    """The children themselves: gap and size of the first SEQUENCE, then the end."""
    at = np.asarray([c.at_ns for c in clips], dtype=np.float64) / SPAN_NS
    size = np.log(np.asarray([c.qty_lots for c in clips], dtype=np.float64))
    gap = np.diff(np.concatenate(([0.0], at)))
    table = np.full((SEQUENCE, 2), -1.0)
    n = min(SEQUENCE, gap.size)
    table[:n, 0], table[:n, 1] = gap[:n] * PER_PARENT, size[:n]
    return [*table.ravel().tolist(), float(gap.size)]


def _lag(x: Array) -> float:
    return _corr(x[1:], x[:-1])


def _corr(a: Array, b: Array) -> float:
    n = min(a.size, b.size)
    if n < 3 or a[:n].std() < 1e-12 or b[:n].std() < 1e-12:
        return 0.0
    return float(np.corrcoef(a[:n], b[:n])[0, 1])


def classifiers() -> dict[str, tuple[Callable[[Sequence[Clip]], list[float]], Callable[[], Any]]]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    boost = lambda: HistGradientBoostingClassifier(max_iter=120, learning_rate=0.08, max_leaf_nodes=12, random_state=1)  # noqa: E731
    line = lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, C=0.3))  # noqa: E731
    return {
        "boosting, features": (features, boost),
        "logistic, features": (features, line),
        "boosting, sequence": (sequence, boost),
        "logistic, sequence": (sequence, line),
    }


def auc_bound(y: Array, score: Array) -> tuple[float, float]:
    """AUC and its one-sided 95 % upper bound by DeLong's variance (DeLong 1988)."""
    positive, negative = score[y == 1], score[y == 0]
    order = np.sort(negative)
    wins = (np.searchsorted(order, positive, "left") + np.searchsorted(order, positive, "right")) / 2 / negative.size
    order = np.sort(positive)
    loss = (
        1 - (np.searchsorted(order, negative, "left") + np.searchsorted(order, negative, "right")) / 2 / positive.size
    )
    auc = float(wins.mean())
    se = float(np.sqrt(wins.var(ddof=1) / positive.size + loss.var(ddof=1) / negative.size))
    return auc, auc + 1.645 * se


def tell(arm: Arm, sizes: Sequence[int], n_train: int, n_judge: int) -> list[Told]:
    """Trains every classifier on `n_train` parents of each kind and judges it on as many new ones as said."""
    table = np.asarray(sizes, dtype=np.int64)
    sets = []
    for seed, n in ((TRAIN, n_train), (JUDGE, n_judge)):
        rng = np.random.default_rng(seed)
        ours = [arm.make(rng, parent_lots(rng, table)) for _ in range(n)]
        theirs = [null_parent(rng, flow_lots(rng, table), table) for _ in range(n)]
        sets.append((ours, theirs))
    found = []
    for name, (view, make) in classifiers().items():
        (x, y), (z, w) = (
            (np.asarray([view(c) for c in (*ours, *theirs)]), np.repeat([1.0, 0.0], len(ours))) for ours, theirs in sets
        )
        fitted = make().fit(x, y)
        found.append(Told(arm.name, name, *auc_bound(w, fitted.predict_proba(z)[:, 1])))
    return found


# The sniper's market: a child of q lots moves the price by IMPACT_BPS x sqrt(q / mean); it fades with FADE_S.
STEP_S, FADE_S, IMPACT_BPS, NOISE_BPS, HALF_SPREAD_BPS = 1.0, 10.0, 2.0, 1.0, 0.003
SNIPER_PART = 1.0  # of the mean child; its own impact is by the same law


@dataclass(frozen=True, slots=True)
class Sniped:
    """In bp of a parent's notional: what the sniper gains, and what an oracle that knows the times does."""

    arm: str
    gain: Array
    oracle: Array
    n_shots: float


def states(clips: Sequence[Clip]) -> tuple[Array, Array]:
    """At each second: what the sniper knows (gaps, phase, counts, sizes so far), and the lots that come in it."""
    n = int(SPAN_NS / 1e9 / STEP_S)
    at = np.asarray([c.at_ns for c in clips], dtype=np.float64) / 1e9
    size = np.asarray([c.qty_lots for c in clips], dtype=np.float64)
    coming = np.bincount(np.minimum((at / STEP_S).astype(int), n - 1), weights=size, minlength=n).astype(np.float64)
    known = np.zeros((n, 7))
    seen = 0
    for k in range(n):
        now = k * STEP_S
        while seen < at.size and at[seen] < now:
            seen += 1
        if seen >= 2:
            gaps = np.diff(at[max(seen - 6, 0) : seen])
            since, mean = now - at[seen - 1], gaps.mean()
            known[k] = since, mean, since / mean, since - gaps[-1], gaps.std() / mean, size[seen - 1], seen
        else:
            known[k] = -1.0
    return known, coming


def shots(coming: Array, fire: npt.NDArray[np.bool_], rng: np.random.Generator, mean_lots: float) -> Array:
    """What each shot gains, in bp x lots: bought before the second, sold after it, both across the spread."""
    own = SNIPER_PART * mean_lots
    fade = np.exp(-STEP_S / FADE_S)
    jump = IMPACT_BPS * np.sqrt(coming / mean_lots)
    displaced = np.zeros(coming.size + 1)
    for k in range(coming.size):
        displaced[k + 1] = (displaced[k] + jump[k]) * fade
    move = displaced[:-1] * (fade - 1.0) + jump * fade + rng.normal(0.0, NOISE_BPS, coming.size)
    # Its own purchase moves the price, of which `fade` is left when it sells and moves it back.
    cost = 2 * HALF_SPREAD_BPS + IMPACT_BPS * np.sqrt(SNIPER_PART) * (1.0 - fade)
    return np.where(fire, own * (move - cost), 0.0)


def snipe(arm: Arm, sizes: Sequence[int], n_train: int, n_judge: int) -> Sniped:
    """Learns when a child comes, takes the threshold that gained most in training, and is judged on new parents."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    table = np.asarray(sizes, dtype=np.int64)
    mean = float(table.mean())
    rng = np.random.default_rng(TRAIN + 7)
    seen = [states(arm.make(rng, parent_lots(rng, table))) for _ in range(n_train)]
    x, y = np.concatenate([s[0] for s in seen]), np.concatenate([s[1] for s in seen]) > 0
    model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=12, random_state=1).fit(x, y)
    gained = np.concatenate([shots(s[1], np.ones(s[1].size, bool), rng, mean) for s in seen])
    chance = model.predict_proba(x)[:, 1]
    levels = np.unique(np.quantile(chance, np.linspace(0.0, 0.999, 60)))
    totals = [gained[chance >= level].sum() for level in levels]
    best = int(np.argmax(totals))
    level = levels[best] if totals[best] > 0 else 2.0
    rng = np.random.default_rng(JUDGE + 7)
    gain, oracle, n_fired = [], [], 0
    for _ in range(n_judge):
        lots = parent_lots(rng, table)
        known, coming = states(arm.make(rng, lots))
        fire = model.predict_proba(known)[:, 1] >= level
        n_fired += int(fire.sum())
        gain.append(shots(coming, fire, rng, mean).sum() / lots)
        oracle.append(shots(coming, coming > 0, rng, mean).sum() / lots)
    return Sniped(arm.name, np.asarray(gain), np.asarray(oracle), n_fired / n_judge)


def upper(x: Array) -> float:
    """One-sided 95 % upper bound of the mean over independent parents."""
    return float(x.mean() + 1.645 * x.std(ddof=1) / np.sqrt(x.size))


def page(sizes: Sequence[int], n_train: int, n_judge: int, n_sniped: int, chosen: Sequence[int]) -> str:
    """The whole campaign as Markdown."""
    table = np.asarray(sizes, dtype=np.int64)
    told_rows, cost_rows, snipe_rows = [], [], []
    for arm in (arms(sizes)[i] for i in chosen):
        told = tell(arm, sizes, n_train, n_judge)
        told_rows += [
            f"| {t.arm} | {t.classifier} | {t.auc:.3f} | {t.high:.3f} | {'yes' if t.high <= 0.55 else '**no**'} |"
            for t in told
        ]
        rng = np.random.default_rng(JUDGE + 9)
        error = [tracking_error_frac(tuple(arm.make(rng, parent_lots(rng, table))), WINDOW, 100) for _ in range(200)]
        cost_rows.append(f"| {arm.name} | {np.mean(error):.1%} | {np.quantile(error, 0.95):.1%} |")
    for arm in (arms(sizes)[i] for i in chosen):
        s = snipe(arm, sizes, n_sniped, n_sniped)
        snipe_rows.append(
            f"| {s.arm} | {s.n_shots:.1f} | {s.gain.mean():+.4f} | {upper(s.gain):+.4f} | {s.oracle.mean():+.3f} |"
            f" {'yes' if upper(s.gain) <= 0.1 else '**no**'} |"
        )
    return TEXT.format(
        n_train=n_train,
        n_judge=n_judge,
        n_sniped=n_sniped,
        n_sizes=len(sizes),
        mean=table.mean(),
        most=table.max(),
        told="\n".join(told_rows),
        cost="\n".join(cost_rows),
        sniped="\n".join(snipe_rows),
        impact=IMPACT_BPS,
        fade=FADE_S,
        noise=NOISE_BPS,
        spread=HALF_SPREAD_BPS,
        part=SNIPER_PART,
    )


TEXT = """# Disguise: can children be told from chance, and does a sniper gain?

Written by `python -m loadtests.disguise_campaign`. **Simulated**, with {n_sizes:,} recorded trade sizes (Binance
spot BTC, 8 August 2024, hftbacktest examples, MIT; lots of 0.001 BTC from one lot on, mean {mean:.1f}, at most
{most}).

**The null.** Children of a parent in 30 minutes are compared with a stranger's flow: a homogeneous Poisson process
whose sizes are drawn from the recorded trades, independently, at an intensity that is lognormal about 40 trades (sd
of the logarithm 0.4). The parents' totals are totals of other such flows, so that a total tells nothing: the test
is about times and sizes. The disguise knows the sizes and how many trades such a flow has; where a desk's market is
another, so is the result. Real trades come in clusters: whoever compares with a real tape has a harder null than
this one, and that is not shown here.

## A classifier

Trained on {n_train:,} parents of each kind, judged on {n_judge:,} new ones of each. The bound is DeLong's,
one-sided 95 %, for each row alone; wanted is at most 0.55. A band holds what has left within so much of the parent
around its curve.

| arm | classifier | AUC | upper bound | at most 0.55 |
|---|---|---:|---:|---|
{told}

## What it costs

Root mean square distance between what has left and the even clock, as a part of the parent. A tight band is what a
watcher sees; a wide one is risk against the benchmark.

| arm | mean | 95 % quantile |
|---|---:|---:|
{cost}

## A sniper

The market: a child of q lots moves the price by {impact} bp x sqrt(q / mean size), which fades with {fade:.0f} s;
noise {noise} bp a second; half spread {spread} bp; no fee at all, the best case for a sniper. It knows the
direction, sees every child at once, and learns from {n_sniped} parents of the same arm (gradient boosting on gaps,
phase, sizes) whether a child comes within the next second. It fires {part} of a mean child before that second and
sells after it; its own impact is by the same law. Its threshold is the one that gained most in training. Judged on
{n_sniped} new parents. The oracle knows the times and shows what there is to gain. It holds for one second: riding
a known direction for minutes is another agent, and not this test.

| arm | shots a parent | gain, bp of the parent | upper 95 % | oracle | at most 0.1 |
|---|---:|---:|---:|---:|---|
{sniped}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=int, default=1_000)
    parser.add_argument("--judge", type=int, default=1_000)
    parser.add_argument("--sniped", type=int, default=60)
    parser.add_argument("--arms", type=int, nargs="*", default=(0, 1, 2, 3, 4))
    asked = parser.parse_args()
    began = time.monotonic()
    text = page(recorded_sizes(), asked.train, asked.judge, asked.sniped, asked.arms)
    RESULTS.write_text(text)
    print(text)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
