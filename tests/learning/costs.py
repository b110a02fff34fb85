"""Parents whose costs come from a known law, for tests of its fit."""

from __future__ import annotations

import numpy as np

from app.domain.enums import Strategy
from app.domain.pretrade import MANY, Basis, CostAsk, PretradeLaw
from app.learning.pretrade_artifact import sealed
from app.learning.pretrade_fit import Sample, fit


def made_ask(strategy: Strategy = Strategy.SWEEP, **changes: object) -> CostAsk:
    """A usual question, changed where said."""
    values = {
        "strategy": strategy,
        "venue": MANY,
        "walk_bps": 2.0,
        "touch_bps": 1.0,
        "used_frac": 0.3,
        "sigma_bps_sqrt_s": 1.0,
        "held_s": 20.0 if strategy.is_scheduled else 0.0,
        "duration_s": 55.0 if strategy.is_scheduled else 0.0,
    }
    return CostAsk(**(values | changes))  # type: ignore[arg-type]


def made_samples(n_worlds: int, seed: int, per_world: int = 20) -> list[Sample]:
    """Half sweeps, half TWAPs; cost = walk + 0.5 x sigma x root of size + noise that a world shares a part of."""
    rng = np.random.default_rng(seed)
    found = []
    for world in range(n_worlds):
        shared, sigma = float(rng.normal()), float(np.exp(rng.normal(0.0, 0.5)))
        for k in range(per_world):
            strategy = Strategy.TWAP if k % 2 else Strategy.SWEEP
            used = float(np.exp(rng.uniform(-3.0, 0.5)))
            held = float(rng.uniform(5.0, 40.0)) if k % 2 else 0.0
            ask = made_ask(
                strategy,
                venue=("lead", MANY)[int(rng.integers(2))],
                walk_bps=1.0 + used,
                used_frac=used,
                sigma_bps_sqrt_s=sigma,
                held_s=held,
            )
            noise = 0.3 * shared + float(rng.normal())
            cost = ask.walk_bps + 0.5 * sigma * used**0.5 + sigma * (held + 0.25) ** 0.5 * noise
            found.append(Sample(f"w{seed}-{world}", "made", ask, cost))
    return found


def made_law(basis: Basis = Basis.SIMULATED) -> PretradeLaw:
    """A law fitted to 60 made worlds."""
    return sealed(fit(made_samples(60, 1), basis, "made up", "2026-01-31"))
