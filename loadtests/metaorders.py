"""What a metaorder of ours does to a simulated price: the same worlds with a buyer and with a seller of equal size.

Half the difference of the two paths is the impact: everything that is not ours cancels out, because chance is keyed by
agent and event. Ten immediate children go out over 10 s, shared over the lit venues.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.venues.markets.port import Force, Order, VenueKind
from app.venues.markets.world import Markets

Floats = npt.NDArray[np.float64]
SIZES_LOTS = (40, 120, 400, 1_200, 4_000)
N_CHILDREN, SECONDS, AFTER_S = 10, 10, (0, 10, 60)
WARM_NS = 5_000_000_000


@dataclass(frozen=True)
class Impact:
    """impact_bp: float64[sizes, AFTER_S], mean over worlds; `error_bp` its standard error over worlds; `filled_frac` of
    what was sent. `power`: slope of the log of impact at the end on that of size; `left_frac` of the impact after 60 s.
    """

    impact_bp: Floats
    error_bp: Floats
    filled_frac: Floats
    power: float
    left_frac: float


def mid_bp(market: Markets, start_ticks: float) -> float:
    """Mean log mid of the lit venues that have one, bp from `start_ticks`."""
    found = []
    for v, spec in enumerate(market.specs):
        if spec.kind is VenueKind.LIT:
            view = market.true_view(v)
            if view.bids and view.asks:
                found.append(np.log((view.bids[0][0] + view.asks[0][0]) / 2 / start_ticks) * 1e4)
    return float(np.mean(found))


def path(market: Markets, sign: int, qty_lots: int, start_ticks: float) -> tuple[list[float], float]:
    """The price at the end and afterwards, and the part that was filled."""
    market.advance(WARM_NS)
    lit = [v for v, spec in enumerate(market.specs) if spec.kind is VenueKind.LIT]
    done = 0
    for child in range(N_CHILDREN):
        for v in lit:
            lots = max(1, qty_lots // (N_CHILDREN * len(lit)))
            market.send(Order(v, sign, round(start_ticks * (1 + sign * 0.02)), lots, Force.IOC))
        market.advance(WARM_NS + (child + 1) * SECONDS * 1_000_000_000 // N_CHILDREN)
        done += sum(r.lots for r in market.reports() if r.lots and not r.is_maker)
    end, prices = market.now_ns, []
    for after in AFTER_S:
        market.advance(end + after * 1_000_000_000)
        prices.append(mid_bp(market, start_ticks))
    return prices, done / (max(1, qty_lots // (N_CHILDREN * len(lit))) * N_CHILDREN * len(lit))


def sweep(make: Callable[[int, int], Markets], start_ticks: float, seeds: Sequence[int]) -> Impact:
    """`make(seed, hidden_seed)`; each seed is a world with hidden numbers of its own."""
    moves = np.zeros((len(seeds), len(SIZES_LOTS), len(AFTER_S)))
    filled = np.zeros((len(seeds), len(SIZES_LOTS)))
    for i, seed in enumerate(seeds):
        for j, qty in enumerate(SIZES_LOTS):
            bought, part = path(make(seed, seed), 1, qty, start_ticks)
            sold, _ = path(make(seed, seed), -1, qty, start_ticks)
            moves[i, j] = (np.array(bought) - np.array(sold)) / 2
            filled[i, j] = part
    mean = moves.mean(axis=0)
    # The signature of a report's lots is the fill's; what was filled bounds the claim, so the power uses sent size.
    slope = np.polyfit(np.log(SIZES_LOTS), np.log(np.maximum(mean[:, 0], 1e-6)), 1)[0]
    return Impact(
        mean,
        moves.std(axis=0, ddof=1) / np.sqrt(len(seeds)),
        filled.mean(axis=0),
        float(slope),
        float(mean[:, -1].sum() / mean[:, 0].sum()),
    )
