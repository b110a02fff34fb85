"""How an engine is, for whoever watches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
