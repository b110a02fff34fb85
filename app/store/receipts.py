"""A receipt's place in the log: the seq of the fact that names it by SHA-256, a RoutePlanned or a ShadowPlanned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.domain import tabled
from app.domain.errors import InvariantBroken
from app.domain.events import Event, Fact, RoutePlanned
from app.domain.shadow_events import ShadowPlanned

_NAMING: Final = frozenset({RoutePlanned, ShadowPlanned})


def receipt_of(event: Event) -> str:
    """The SHA-256 of the receipt that `event` names, empty where it names none."""
    if isinstance(event, RoutePlanned):
        return tabled.receipt_of(event.plan)
    return event.receipt_sha256 if isinstance(event, ShadowPlanned) else ""


def placed(facts: Sequence[Fact], receipts: Sequence[tuple[str, bytes]]) -> list[tuple[str, int, bytes]]:
    """(sha256, seq, bytes) of one turn's receipts; raises InvariantBroken for one that none of its routes names."""
    if not receipts:
        return []
    seqs = {receipt_of(fact.event): fact.seq for fact in reversed(facts) if type(fact.event) in _NAMING}
    rows = []
    for sha256, body in receipts:
        if sha256 not in seqs:
            raise InvariantBroken(reason="a receipt that no route of its turn names", sha256=sha256)
        rows.append((sha256, seqs[sha256], body))
    return rows
