"""From the log to the ledger: replay folds facts and decides nothing."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.events import Fact
from app.execution.ledger import Ledger, evolve


def recover(facts: Iterable[Fact]) -> Ledger:
    """The ledger of a whole log; raises InvariantBroken where the log does not fold."""
    ledger = Ledger()
    for fact in facts:
        evolve(ledger, fact)
    return ledger
