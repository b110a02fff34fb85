"""Orders that are worked in time: where a schedule stands, and the acceptance of an order that was amended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003_schedules"
down_revision = "0002_fill_side"
branch_labels = None
depends_on = None

_COLUMNS = ("schedule", "first_accepted")


def upgrade() -> None:
    """Orders of before have neither: JSON's null. The default is for them alone; the projector always says."""
    for name in _COLUMNS:
        column = sa.Column(name, postgresql.JSON(astext_type=sa.Text()), nullable=False, server_default="null")
        op.add_column("parent_orders", column)
        op.alter_column("parent_orders", name, server_default=None)


def downgrade() -> None:
    for name in reversed(_COLUMNS):
        op.drop_column("parent_orders", name)
