"""One row per conditional order, as it stands at `last_seq`; `accepted` is the fact that its life began with."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, Table, text

from app.models.metadata import json_column, metadata, text_column, units_column

conditional_orders: Final = Table(
    "conditional_orders",
    metadata,
    text_column("conditional_id", is_key=True),
    text_column("account"),
    text_column("client_order_id"),
    text_column("symbol"),
    text_column("order_class"),
    units_column("version"),
    text_column("cancel_reason"),
    text_column("done_reason"),
    text_column("done_detail"),
    units_column("created_ts_ns"),
    units_column("updated_ts_ns"),
    units_column("accepted_account_seq"),
    units_column("last_seq"),
    units_column("last_account_seq"),
    json_column("accepted"),
    json_column("definition"),
    json_column("legs"),
    Index("uq_conditional_orders_account_client_order_id", "account", "client_order_id", unique=True),
    Index("ix_conditional_orders_open", "account", "conditional_id", postgresql_where=text("done_reason = ''")),
)
