"""One row per refusal, and per second's aggregate of refusals (`n_refused` above one). Not orders."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Table

from app.models.metadata import count_column, json_column, metadata, text_column, units_column

refusals: Final = Table(
    "refusals",
    metadata,
    text_column("account", is_key=True),
    units_column("account_seq", is_key=True),
    units_column("seq"),
    units_column("ts_ns"),
    text_column("kind"),
    text_column("refusal_id"),
    text_column("client_order_id"),
    text_column("symbol"),
    text_column("code"),
    count_column("n_refused"),
    json_column("event"),
)
