"""The families by name, each with the world that is committed beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.domain.errors import BadRequest
from app.venues.markets.hawkes import HAWKES, hawkes_markets
from app.venues.markets.propagator import PROPAGATOR, propagator_markets
from app.venues.markets.queue_reactive import QUEUE_REACTIVE, queue_reactive_markets
from app.venues.markets.world import Markets


@dataclass(frozen=True, slots=True)
class Family:
    """`make(table, seed, hidden_seed)` gives a world; `path` is its committed file."""

    make: Callable[[Mapping[str, Any], int, int], Markets]
    path: Path


FAMILIES: Final[Mapping[str, Family]] = {
    "queue_reactive": Family(queue_reactive_markets, QUEUE_REACTIVE),
    "hawkes": Family(hawkes_markets, HAWKES),
    "propagator": Family(propagator_markets, PROPAGATOR),
}


def family_of(name: str) -> Family:
    """The family of that name; an unknown one is refused with the names that there are."""
    if name not in FAMILIES:
        raise BadRequest("validation_failed", f"Families are {', '.join(FAMILIES)}.")
    return FAMILIES[name]
