"""Switches of the shard: kills that are set, venues that were turned off or on."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Table

from app.models.metadata import flag_column, metadata, text_column, units_column

kill_switches: Final = Table(
    "kill_switches",
    metadata,
    text_column("scope", is_key=True),
    text_column("target", is_key=True),
    text_column("account"),
    text_column("action"),
    text_column("reason"),
    text_column("actor"),
    units_column("set_seq"),
    units_column("set_ts_ns"),
)

venue_switches: Final = Table(
    "venue_switches",
    metadata,
    text_column("venue", is_key=True),
    flag_column("is_enabled"),
    text_column("actor"),
    units_column("seq"),
    units_column("ts_ns"),
)
