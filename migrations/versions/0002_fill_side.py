"""A fill is counted once a side: both sides of a trade with oneself have one trade id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_fill_side"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = ["venue", "account", "symbol", "venue_trade_id"]


def upgrade() -> None:
    op.create_index(
        "uq_fills_venue_account_symbol_venue_trade_id_side",
        "fills",
        [*_KEY, sa.text("(signed_qty_units > 0)")],
        unique=True,
    )
    op.drop_index("uq_fills_venue_account_symbol_venue_trade_id", table_name="fills")


def downgrade() -> None:
    op.create_index("uq_fills_venue_account_symbol_venue_trade_id", "fills", _KEY, unique=True)
    op.drop_index("uq_fills_venue_account_symbol_venue_trade_id_side", table_name="fills")
