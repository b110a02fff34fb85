"""What was learned of volume becomes a fact, so that a start goes on where the process before it was."""

from __future__ import annotations

from app.domain.timing_facts import VolumeLearned
from app.execution import inputs as inp
from app.execution.context import Context
from app.execution.inputs import Done, Reply


def learn_volume(ctx: Context, item: inp.LearnVolume) -> Reply:
    """Writes down bins that changed; of a symbol that is not listed they are nobody's and left."""
    if not item.bins or item.symbol not in ctx.world.universe.symbols:
        return Done()
    event = VolumeLearned("", item.symbol, item.bins)
    ctx.emit(event)
    return Done((event,))
