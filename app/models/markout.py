"""What the market did after an order, and at instants of none: one row per measurement, never updated."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, Table

from app.models.metadata import json_column, metadata, text_column, units_column

markouts: Final = Table(
    "markouts",
    metadata,
    units_column("seq", is_key=True),
    units_column("account_seq"),
    units_column("ts_ns"),
    text_column("account"),
    text_column("order_id"),
    json_column("paths"),
    json_column("interval_stats"),
    Index("ix_markouts_order_id_seq", "order_id", "seq"),
)
still_markouts: Final = Table(
    "still_markouts",
    metadata,
    units_column("seq", is_key=True),
    units_column("ts_ns"),
    units_column("seed"),
    json_column("paths"),
)
