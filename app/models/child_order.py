"""One row per order at a venue, as it stands at `last_seq`. `child_i`: its place among its parent's children."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, Table

from app.models.metadata import count_column, flag_column, metadata, money_column, text_column, units_column

child_orders: Final = Table(
    "child_orders",
    metadata,
    text_column("child_id", is_key=True),
    text_column("client_id"),
    text_column("order_id"),
    text_column("account"),
    count_column("child_i"),
    count_column("wave"),
    text_column("venue"),
    text_column("symbol"),
    text_column("side"),
    text_column("time_in_force"),
    units_column("price_ticks"),
    units_column("qty_lots"),
    units_column("tick_units"),
    units_column("lot_units"),
    units_column("deadline_ts_ns"),
    flag_column("is_post_only"),
    units_column("rest_until_ns"),
    units_column("stop_price_ticks"),
    text_column("stop_by"),
    text_column("replaces"),
    units_column("display_lots"),
    units_column("min_qty_lots"),
    text_column("quote_id"),
    text_column("state"),
    text_column("venue_order_id"),
    units_column("cum_qty_units"),
    money_column("cum_money_nano"),
    flag_column("is_canceling"),
    text_column("code"),
    text_column("text"),
    units_column("sent_ts_ns"),
    units_column("acked_ts_ns"),
    units_column("updated_ts_ns"),
    units_column("last_seq"),
    units_column("mid_half_units"),
    # What the venue sees is used once ever.
    Index("uq_child_orders_client_id", "client_id", unique=True),
    Index("ix_child_orders_order_id_child_i", "order_id", "child_i"),
)
