"""One row per fill, counted once by (venue, account, symbol, venue_trade_id, side); never updated."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, Table, text

from app.models.metadata import flag_column, json_column, metadata, money_column, text_column, units_column

fills: Final = Table(
    "fills",
    metadata,
    text_column("exec_id", is_key=True),
    units_column("seq"),
    units_column("account_seq"),
    units_column("ts_ns"),
    text_column("account"),
    text_column("order_id"),
    text_column("child_id"),
    text_column("venue"),
    text_column("symbol"),
    text_column("venue_trade_id"),
    units_column("price_units"),
    units_column("qty_units"),
    units_column("qty_lots"),
    money_column("money_nano"),
    money_column("notional_nano"),
    money_column("fee_nano"),
    money_column("gas_nano"),
    text_column("fee_currency"),
    text_column("liquidity"),
    units_column("venue_ts_ns"),
    units_column("received_ts_ns"),
    units_column("venue_mid_half_units"),
    units_column("class_mid_half_units"),
    flag_column("is_late"),
    units_column("signed_qty_units"),
    json_column("moves"),
    Index(
        "uq_fills_venue_account_symbol_venue_trade_id_side",
        "venue",
        "account",
        "symbol",
        "venue_trade_id",
        text("(signed_qty_units > 0)"),
        unique=True,
    ),
    Index("ix_fills_account_account_seq", "account", "account_seq"),
    Index("ix_fills_order_id_seq", "order_id", "seq"),
)
