"""Realised cost of late orders against its prediction, on recorded markets: `python -m loadtests.slippage FOLDER`.

Written to docs/results/slippage.md. Everything is out of sample: each law is fitted on earlier parents alone. Errors
are moving block bootstraps over instants (services/replay_stats.py); terms of the law are switched off and on in turn.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from app.domain.calibration import MIN_DAYS, NOT_EVIDENCE
from app.domain.enums import ContractKind
from app.kernels import slippage as kernel
from app.learning.calibrate import (
    PLAIN,
    SHAPES,
    SIGMA_POWERS,
    URGENCIES,
    Judged,
    Shape,
    pinball,
    walk_forward,
)
from app.offline import ReplayBuilder
from app.services.calibrate import DELAYS_MS, SIZES_USD, Measured, measure
from app.services.replay_protocol import ErrorRules, load_protocol
from app.services.replay_stats import compare
from app.store.recording import open_recording

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "slippage.md"
ARMS: dict[str, tuple[Shape, ...]] = {
    "table alone": (PLAIN,),
    "+ volatility": tuple(Shape(power, has_walk=False, has_imbalance=False) for power in SIGMA_POWERS),
    "+ walk": (PLAIN, Shape(0.0, has_walk=True, has_imbalance=False)),
    "+ imbalance": (PLAIN, Shape(0.0, has_walk=False, has_imbalance=True)),
    "all - volatility": tuple(shape for shape in SHAPES if shape.sigma_power_frac == 0.0),
    "all - walk": tuple(shape for shape in SHAPES if not shape.has_walk),
    "all - imbalance": tuple(shape for shape in SHAPES if not shape.has_imbalance),
    "all (as shipped)": SHAPES,
}
PREAMBLE = """# Slippage: prediction against what came

Written by `python -m loadtests.slippage FOLDER`. Recording `{name}`, SHA-256
`{digest}`; Binance, 8 August 2024 (hftbacktest examples, MIT): BTC 344 s, ETH 120 s.

**n = 1 day, {warning}.** Fewer than {days} UTC days show how the method works and say nothing about a desk's costs.

A marketable order of a fixed quote size is decided at t on the book received by t and walks the book received by
t + delay, without a price limit and without fees; cost is against the mid at t, in bps. `soon` sends four equal parts
over 0.75 s and finds what its earlier parts took still taken. The recorded market does not react. Rows beyond 10 % of
what is displayed within 5 bps are `extrapolated` and out of every claim. Two instants a second; each law is fitted on
what was decided two seconds before its test block began (four blocks; the first 40 % only train).

Intervals are 95 % of a moving block bootstrap over instants, blocks of two autocorrelation times. Rivals add to the
book walk a constant per quantile, learned on the same parents: one for everything, or one for each delay, urgency and
size. A law that loses to them is shown losing; intervals are not corrected for the number of rows. The form of the law
was chosen on this same recording, after a first form (powers of volatility and walk on one table) did not beat the
constant by cell: its skill here flatters it. An interval around an atom covers too much: most books are unchanged 5 ms
later, so that a 50 % interval of no width holds more than half of the costs."""
ORDER = (ContractKind.SPOT, ContractKind.LINEAR, ContractKind.INVERSE)


def run(folder: Path) -> str:
    """The whole result as Markdown."""
    recording, rules = open_recording(folder), load_protocol().errors
    markets = sorted(recording.markets, key=lambda m: (m.symbol.fungible.base, ORDER.index(m.symbol.fungible.kind)))
    lines = list(_preamble(recording.name, recording.digest))
    for market in markets:
        measured = measure(recording, market, ReplayBuilder())
        arms = {name: walk_forward(measured.samples, shapes) for name, shapes in ARMS.items()}
        lines += ["", *_section(measured, arms, rules)]
    return "\n".join(lines) + "\n"


def _preamble(name: str, digest: str) -> Iterator[str]:
    yield PREAMBLE.format(name=name, digest=digest, days=MIN_DAYS, warning=NOT_EVIDENCE)


def _section(measured: Measured, arms: dict[str, Judged], rules: ErrorRules) -> Iterator[str]:
    market, shipped = measured.market, arms["all (as shipped)"]
    yield f"## {market.symbol.name} on {market.instrument.venue}"
    yield ""
    n_instants = np.unique(shipped.samples.parent).size
    yield (
        f"n = {measured.n_days} day, {NOT_EVIDENCE}. {shipped.samples.n:,} parents judged at "
        f"{n_instants} instants; {measured.n_short:,} rows of the whole recording could not "
        "be filled by the displayed book and are left out."
    )
    yield ""
    yield "Realised minus predicted mean, immediate orders, both sides (positive: dearer than predicted):"
    yield ""
    yield "| size | delay ms | walk at t | realised | predicted | difference | within 50 % | within 90 % | N_eff | |"
    yield "|---:|---:|---:|---:|---:|---|---:|---:|---:|---|"
    for size_i in range(len(SIZES_USD)):
        for delay_i in range(len(DELAYS_MS)):
            yield _cell(shipped, size_i, delay_i, rules)
    yield ""
    yield "Pinball loss (mean over 5, 25, 50, 75, 95 %) and skill; within the replay's reach:"
    yield ""
    yield "| law | loss bps | skill over constant | skill over constant by cell | within 50 % | within 90 % |"
    yield "|---|---:|---|---|---:|---:|"
    yield from _ablation(arms, rules)


def _cell(judged: Judged, size_i: int, delay_i: int, rules: ErrorRules) -> str:
    samples = judged.samples
    mask = (samples.size == size_i) & (samples.cell == delay_i * len(URGENCIES))
    head = f"| {SIZES_USD[size_i]:,} | {DELAYS_MS[delay_i]} |"
    if not mask.any():
        return f"{head} | | | | | | | book too short |"
    realised = by_instant(judged, mask, samples.cost_ppm) / 100
    predicted = by_instant(judged, mask, judged.predicted_ppm[:, kernel.N_OUT - 1]) / 100
    (gap,) = compare(predicted, [realised], rules)
    beyond = float(samples.is_beyond[mask].mean())
    walk = float(samples.features[mask, kernel.WALK_PPM].mean()) / 100
    hits = f"{judged.within50[mask].mean():.0%} | {judged.within90[mask].mean():.0%} | {gap.n_eff:.0f}"
    return (
        f"{head} {walk:.3f} | {realised.mean():.3f} | {predicted.mean():.3f} | {gap.mean:+.3f} [{gap.low:+.3f}, "
        f"{gap.high:+.3f}] | {hits} | {'extrapolated' if beyond > 0.05 else ''} |"
    )


def _ablation(arms: dict[str, Judged], rules: ErrorRules) -> Iterator[str]:
    first = next(iter(arms.values()))
    reach = ~first.samples.is_beyond
    constant = by_instant(first, reach, first.constant_loss_ppm)
    by_cell = by_instant(first, reach, first.cell_loss_ppm)
    walk = first.samples.features[:, kernel.WALK_PPM, None] + np.zeros(len(kernel.LEVELS))
    rows = [
        ("book walk alone", by_instant(first, reach, pinball(first.samples.cost_ppm, walk)), None),
        ("book walk + constant", constant, None),
        ("book walk + constant by cell", by_cell, None),
        *((name, by_instant(judged, reach, judged.loss_ppm), judged) for name, judged in arms.items()),
    ]
    for name, loss, judged in rows:
        hits = (
            ("", "")
            if judged is None
            else (f"{judged.within50[reach].mean():.1%}", f"{judged.within90[reach].mean():.1%}")
        )
        skills = " | ".join(skill_text(loss, rival, rules) for rival in (constant, by_cell))
        yield f"| {name} | {loss.mean() / 100:.4f} | {skills} | {' | '.join(hits)} |"


def skill_text(own: np.ndarray, rival: np.ndarray, rules: ErrorRules) -> str:
    """1 - own / rival with the interval of the paired difference over the rival's mean."""
    (gap,) = compare(own, [rival], rules)
    if gap.is_identical:
        return "0"
    scale = float(rival.mean())
    return f"{gap.mean / scale:+.1%} [{gap.low / scale:+.1%}, {gap.high / scale:+.1%}]"


def by_instant(judged: Judged, mask: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean of the masked rows of each instant, in time."""
    _, place = np.unique(judged.samples.parent[mask], return_inverse=True)
    return np.bincount(place, values[mask]) / np.bincount(place)


def main(arguments: Sequence[str]) -> None:
    RESULTS.write_text(run(Path(arguments[0])))
    print(RESULTS)


if __name__ == "__main__":
    main(sys.argv[1:])
