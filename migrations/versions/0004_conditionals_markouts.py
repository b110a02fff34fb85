"""Conditional orders, and what the market did after fills and at still instants."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004_conditionals_markouts"
down_revision = "0003_schedules"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conditional_orders",
        sa.Column("conditional_id", sa.Text(collation="C"), nullable=False),
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("client_order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("symbol", sa.Text(collation="C"), nullable=False),
        sa.Column("order_class", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cancel_reason", sa.Text(collation="C"), nullable=False),
        sa.Column("done_reason", sa.Text(collation="C"), nullable=False),
        sa.Column("done_detail", sa.Text(collation="C"), nullable=False),
        sa.Column("created_ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("updated_ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("accepted_account_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_account_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("accepted", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("definition", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("legs", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("conditional_id", name=op.f("pk_conditional_orders")),
    )
    op.create_index(
        "ix_conditional_orders_open",
        "conditional_orders",
        ["account", "conditional_id"],
        unique=False,
        postgresql_where=sa.text("done_reason = ''"),
    )
    op.create_index(
        "uq_conditional_orders_account_client_order_id",
        "conditional_orders",
        ["account", "client_order_id"],
        unique=True,
    )
    op.create_table(
        "markouts",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("paths", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("interval_stats", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_markouts")),
    )
    op.create_index("ix_markouts_order_id_seq", "markouts", ["order_id", "seq"], unique=False)
    op.create_table(
        "still_markouts",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seed", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("paths", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_still_markouts")),
    )


def downgrade() -> None:
    op.drop_table("still_markouts")
    op.drop_index("ix_markouts_order_id_seq", table_name="markouts")
    op.drop_table("markouts")
    op.drop_index("uq_conditional_orders_account_client_order_id", table_name="conditional_orders")
    op.drop_index(
        "ix_conditional_orders_open", table_name="conditional_orders", postgresql_where=sa.text("done_reason = ''")
    )
    op.drop_table("conditional_orders")
