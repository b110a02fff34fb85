"""Children that show a part of what rests. What was sent before showed all of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007_icebergs"
down_revision = "0006_hidden_children"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("display_lots", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("child_orders", column)
    op.alter_column("child_orders", column.name, server_default=None)


def downgrade() -> None:
    op.drop_column("child_orders", "display_lots")
