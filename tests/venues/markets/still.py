"""A market in which nobody acts but us: the frame alone."""

from __future__ import annotations

from app.venues.markets.spec import VenueSpec
from app.venues.markets.steady import SteadyEngine, SteadyParameters
from app.venues.markets.world import Markets

NOBODY = SteadyParameters(
    start_ticks=10_000, limit_per_s=0.0, cancel_per_s=0.0, market_per_s=0.0, mean_lots=1.0, n_levels=0
)


def still_market(*more, seed=1, **venue):
    """Venue 0 as told, then `more` venues; empty books."""
    specs = (VenueSpec("still", **venue), *more)
    return Markets(specs, seed, SteadyEngine(specs, NOBODY))
