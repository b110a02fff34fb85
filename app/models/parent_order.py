"""One row per accepted order, as it stands at `last_seq`; `accepted` is the fact that its life began with, amended."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, Table, text

from app.models.metadata import (
    count_column,
    flag_column,
    json_column,
    metadata,
    money_column,
    text_column,
    units_column,
)

parent_orders: Final = Table(
    "parent_orders",
    metadata,
    text_column("order_id", is_key=True),
    text_column("account"),
    text_column("client_order_id"),
    text_column("symbol"),
    text_column("side"),
    text_column("order_type"),
    text_column("time_in_force"),
    text_column("strategy"),
    text_column("mode"),
    units_column("qty_units", is_optional=True),
    money_column("notional_nano", is_optional=True),
    units_column("limit_price_units", is_optional=True),
    text_column("state"),
    text_column("done_reason"),
    text_column("done_detail"),
    units_column("cum_qty_units"),
    money_column("cum_money_nano"),
    money_column("cum_notional_nano"),
    json_column("fees_nano"),
    flag_column("is_canceling"),
    count_column("n_waves"),
    text_column("route_id"),
    units_column("created_ts_ns"),
    units_column("updated_ts_ns"),
    units_column("accepted_account_seq"),
    units_column("last_seq"),
    units_column("last_account_seq"),
    units_column("version"),
    json_column("accepted"),
    # Where a schedule stands, and the acceptance as it was where the order has been amended; JSON's null where not.
    json_column("schedule"),
    json_column("first_accepted"),
    # One order per client id, for ever.
    Index("uq_parent_orders_account_client_order_id", "account", "client_order_id", unique=True),
    Index("ix_parent_orders_account_order_id", "account", "order_id"),
    Index("ix_parent_orders_open", "account", "order_id", postgresql_where=text("state <> 'done'")),
)
