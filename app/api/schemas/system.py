"""Health, time and version."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.api.schemas.base import Answer, Dec, Time
from app.domain.enums import Mode


class Liveness(Answer):
    status: Literal["up"]


class SymbolReadiness(Answer):
    """Up is not "can price"."""

    can_price: bool
    n_fresh_books: int
    oldest_age_ms: Dec | None


class Readiness(Answer):
    status: Literal["ready", "degraded", "not_ready"]
    is_journal_writable: bool
    database: Literal["up", "down", "none"] = Field(description="Where history is projected to; orders need it not.")
    database_lag_facts: int
    is_draining: bool
    seq: int
    durable_seq: int
    verified_seq: int = Field(
        description="The log's chain of hashes is verified up to here; behind `durable_seq` for a while after a start."
    )
    n_open_orders: int
    n_live_children: int
    symbols: dict[str, SymbolReadiness]
    degraded: list[Annotated[str, StringConstraints(min_length=1)]] = Field(description="What is not as it should be.")


class Clock(Answer):
    time: Time
    time_ns: int


class Version(Answer):
    name: Literal["bestex"]
    release: str
    api: Literal["v1"]
    mode: Mode
