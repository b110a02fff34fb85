"""How an engine is, for whoever watches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.execution.step import Core


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """What an operator sees first. Ages in ns; -1 is none yet."""

    seq: int
    durable_seq: int
    n_open_orders: int
    n_live_children: int
    n_waiting_inputs: int
    is_draining: bool
    book_age_ns: Mapping[tuple[str, str], int]
    n_duplicate_fills: int
    n_foreign_reports: int
    n_overfills: int
    n_late_fills: int


def health_of(
    core: Core,
    durable_seq: int,
    n_waiting_inputs: int,
    book_age_ns: Mapping[tuple[str, str], int],
    *,
    is_draining: bool,
) -> EngineHealth:
    """What the core and its driver say of themselves now."""
    memory, ledger = core.memory, core.ledger
    return EngineHealth(
        seq=ledger.seq,
        durable_seq=durable_seq,
        n_open_orders=len(ledger.open_parents),
        n_live_children=len(ledger.live_children),
        n_waiting_inputs=n_waiting_inputs,
        is_draining=is_draining,
        book_age_ns=book_age_ns,
        n_duplicate_fills=memory.n_duplicate_fills,
        n_foreign_reports=memory.n_foreign_reports,
        n_overfills=ledger.n_overfills,
        n_late_fills=ledger.n_late_fills,
    )
