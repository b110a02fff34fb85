"""An account besides its orders: its place in the log, limits, keys without secrets, balances, positions."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, Table

from app.models.metadata import document_column, json_column, metadata, money_column, text_column, units_column

accounts: Final = Table(
    "accounts",
    metadata,
    text_column("account", is_key=True),
    units_column("last_account_seq"),
)

account_limits: Final = Table(
    "account_limits",
    metadata,
    text_column("account", is_key=True),
    units_column("version", is_key=True),
    units_column("seq"),
    units_column("ts_ns"),
    text_column("actor"),
    document_column("limits"),
)

api_keys: Final = Table(
    "api_keys",
    metadata,
    text_column("prefix", is_key=True),
    text_column("account"),
    text_column("mode"),
    json_column("scopes"),
    units_column("created_ts_ns"),
    units_column("revoked_ts_ns", is_optional=True),
    Index("ix_api_keys_account", "account"),
)

balances: Final = Table(
    "balances",
    metadata,
    text_column("account", is_key=True),
    text_column("venue", is_key=True),
    text_column("currency", is_key=True),
    money_column("amount_nano"),
)

positions: Final = Table(
    "positions",
    metadata,
    text_column("account", is_key=True),
    text_column("venue", is_key=True),
    text_column("symbol", is_key=True),
    money_column("qty_units"),
)
