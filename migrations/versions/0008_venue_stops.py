"""Children that wait at their venue as stops. What was sent before was none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_venue_stops"
down_revision = "0007_icebergs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("stop_price_ticks", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("stop_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("replaces", sa.Text(), nullable=False, server_default=""),
    ):
        op.add_column("child_orders", column)
        op.alter_column("child_orders", column.name, server_default=None)


def downgrade() -> None:
    for name in ("replaces", "stop_by", "stop_price_ticks"):
        op.drop_column("child_orders", name)
