"""Definitions as they stand after a fold of facts. Mutable on purpose, and touched by `evolve` only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from app.domain.conditional_events import ConditionalAccepted
from app.domain.conditions import Conditional, Pool, pools
from app.domain.enums import DoneReason, Mode


@dataclass(slots=True)
class LegRecord:
    """`mark_half_units`: a trail's last written water mark, 0 before its first. `order_ids`: oldest first."""

    triggered_ts_ns: int = 0
    stop_half_units: int = 0
    mark_half_units: int = 0
    marked_ts_ns: int = 0
    n_refused: int = 0
    refused_ts_ns: int = 0
    refusal_code: str = ""
    cancel_reason: str = ""
    order_ids: list[str] = field(default_factory=list)

    @property
    def is_triggered(self) -> bool:
        return self.triggered_ts_ns > 0

    @property
    def is_canceled(self) -> bool:
        return bool(self.cancel_reason)


@dataclass(slots=True)
class ConditionalRecord:
    """`version` counts acceptance and amendments: what `if_version` is held against. `pools` is of the definition."""

    accepted: ConditionalAccepted
    definition: Conditional
    legs: list[LegRecord]
    version: int
    cancel_reason: str
    done_reason: DoneReason | None
    done_detail: str
    created_ts_ns: int
    updated_ts_ns: int
    accepted_account_seq: int
    last_seq: int
    last_account_seq: int
    pools: tuple[Pool, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.pools = pools(self.definition)

    def amend(self, definition: Conditional) -> None:
        """`definition` stands from here on."""
        self.definition, self.pools = definition, pools(definition)
        self.version += 1

    @property
    def conditional_id(self) -> str:
        return self.accepted.conditional_id

    @property
    def account(self) -> str:
        return self.accepted.account

    @property
    def mode(self) -> Mode:
        return self.accepted.mode

    @property
    def is_done(self) -> bool:
        return self.done_reason is not None

    @property
    def is_canceling(self) -> bool:
        return bool(self.cancel_reason)


CONDITIONAL_COLUMNS: Final = (
    "conditional_id",
    "account",
    "client_order_id",
    "symbol",
    "order_class",
    "version",
    "cancel_reason",
    "done_reason",
    "last_seq",
)
