"""How long touches stand, for an engine that wants to know."""

from __future__ import annotations

from dataclasses import replace

from app.learning.quote_age import QuoteAges
from app.services.engine import Engine


def open_ages(engine: Engine) -> QuoteAges:
    """From here on every touch that comes is looked at: what the loop's fade goes by. Before the engine is opened."""
    ages = engine.market.ages = QuoteAges()
    engine.core.world = replace(engine.core.world, ages=ages)
    return ages
