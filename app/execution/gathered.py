"""Orders that a turn has decided and not yet written: what the next decision must count besides the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.domain.enums import Mode
from app.domain.orders import Approved, ParentOrder
from app.domain.plan import Planned
from app.execution.commitments import Parts


class Decided(NamedTuple):
    """A plain order with its first wave. `reply_i`: which of the turn's replies is its; `cap_units`: its price cap, 0
    for none. `rows`: of each child (execution/plain_wave.py). `parts`, `takes`: what Commitments and Taken count of
    it already, for them to be given the names of.
    """

    order: ParentOrder
    mode: Mode
    approved: Approved[ParentOrder]
    order_id: str
    cap_units: int
    planned: Planned
    reply_i: int
    rows: Sequence[tuple[str, int, int, int, int, int]]
    parts: Parts
    takes: Sequence[Any]


@dataclass(slots=True)
class Gathered:
    """`names`: (account, client_order_id) of each. `n_open`: orders by account. `n_facts`: what they will be."""

    orders: list[Decided] = field(default_factory=list)
    names: set[tuple[str, str]] = field(default_factory=set)
    n_open: dict[str, int] = field(default_factory=dict)
    n_facts: int = 0

    def add(self, decided: Decided) -> None:
        """One order more."""
        order = decided.order
        account = order.account
        self.orders.append(decided)
        self.names.add((account, order.client_order_id))
        self.n_open[account] = self.n_open.get(account, 0) + 1
        self.n_facts += 2 + len(decided.rows)
