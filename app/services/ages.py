"""How long touches stand, for an engine that wants to know."""

from __future__ import annotations

from dataclasses import replace

from app.learning.quote_age import QuoteAges
from app.services.engine import Engine


def open_ages(engine: Engine, *, is_wanted: bool) -> QuoteAges | None:
    """From here on every touch that comes is looked at: what the loop's fade goes by. Before the engine is opened.

    None where it is not wanted: then nobody looks.
    """
    ages = engine.market.ages = QuoteAges() if is_wanted else None
    engine.core.world = replace(engine.core.world, ages=ages)
    return ages
