"""Children of hidden liquidity: the least execution, and the dealer's quote that one accepts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_hidden_children"
down_revision = "0005_resting_children"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("min_qty_lots", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("quote_id", sa.Text(), nullable=False, server_default=""),
    ):
        op.add_column("child_orders", column)
        op.alter_column("child_orders", column.name, server_default=None)


def downgrade() -> None:
    op.drop_column("child_orders", "quote_id")
    op.drop_column("child_orders", "min_qty_lots")
