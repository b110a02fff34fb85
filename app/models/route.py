"""One row per wave's plan: the plan with its certificate, and the receipt from which a stranger recomputes it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Computed, Index, LargeBinary, Table
from sqlalchemy.dialects.postgresql import JSONB

from app.models.metadata import count_column, document_column, metadata, text_column, units_column

routes: Final = Table(
    "routes",
    metadata,
    text_column("route_id", is_key=True),
    text_column("order_id"),
    text_column("account"),
    count_column("wave"),
    units_column("seq"),
    units_column("ts_ns"),
    document_column("plan"),
    Column("certificate", JSONB, Computed("plan -> 'certificate'", persisted=True), nullable=False),
    text_column("receipt_sha256"),
    Column("receipt", LargeBinary, nullable=True),
    Index("ix_routes_order_id_seq", "order_id", "seq"),
)
