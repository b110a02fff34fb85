"""A receipt's place in the log: the seq of the RoutePlanned that names it by SHA-256."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.errors import InvariantBroken
from app.domain.events import Fact, RoutePlanned


def placed(facts: Sequence[Fact], receipts: Sequence[tuple[str, bytes]]) -> list[tuple[str, int, bytes]]:
    """(sha256, seq, bytes) of one turn's receipts; raises InvariantBroken for one that none of its routes names."""
    if not receipts:
        return []
    seqs = {
        fact.event.plan.certificate.receipt_sha256: fact.seq
        for fact in reversed(facts)
        if isinstance(fact.event, RoutePlanned)
    }
    rows = []
    for sha256, body in receipts:
        if sha256 not in seqs:
            raise InvariantBroken(reason="a receipt that no route of its turn names", sha256=sha256)
        rows.append((sha256, seqs[sha256], body))
    return rows
