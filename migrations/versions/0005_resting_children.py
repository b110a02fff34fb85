"""Children that rest in a book: post-only, and until when. What was sent before rested nowhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_resting_children"
down_revision = "0004_conditionals_markouts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("is_post_only", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("rest_until_ns", sa.BigInteger(), nullable=False, server_default="0"),
    ):
        op.add_column("child_orders", column)
        op.alter_column("child_orders", column.name, server_default=None)


def downgrade() -> None:
    op.drop_column("child_orders", "rest_until_ns")
    op.drop_column("child_orders", "is_post_only")
