"""How far each shard's log is projected: written in the same transaction as the rows, so that each fact counts once.

`epoch` and `chain_hash` say of which log: rows of another log, or of a log that was changed, are never continued.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, LargeBinary, Table

from app.models.metadata import metadata, text_column, units_column

watermarks: Final = Table(
    "watermarks",
    metadata,
    text_column("shard", is_key=True),
    text_column("epoch"),
    units_column("seq"),
    units_column("ts_ns"),
    Column("chain_hash", LargeBinary, nullable=False),
)
