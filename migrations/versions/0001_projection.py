"""The projection: orders, children, fills, routes, costs, refusals, accounts, switches, watermarks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_limits",
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("limits", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("account", "version", name=op.f("pk_account_limits")),
    )
    op.create_table(
        "accounts",
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("last_account_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_accounts")),
    )
    op.create_table(
        "api_keys",
        sa.Column("prefix", sa.Text(collation="C"), nullable=False),
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("mode", sa.Text(collation="C"), nullable=False),
        sa.Column("scopes", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("created_ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revoked_ts_ns", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("prefix", name=op.f("pk_api_keys")),
    )
    op.create_index("ix_api_keys_account", "api_keys", ["account"], unique=False)
    op.create_table(
        "balances",
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("venue", sa.Text(collation="C"), nullable=False),
        sa.Column("currency", sa.Text(collation="C"), nullable=False),
        sa.Column("amount_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.PrimaryKeyConstraint("account", "venue", "currency", name=op.f("pk_balances")),
    )
    op.create_table(
        "child_orders",
        sa.Column("child_id", sa.Text(collation="C"), nullable=False),
        sa.Column("client_id", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("child_i", sa.Integer(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("venue", sa.Text(collation="C"), nullable=False),
        sa.Column("symbol", sa.Text(collation="C"), nullable=False),
        sa.Column("side", sa.Text(collation="C"), nullable=False),
        sa.Column("time_in_force", sa.Text(collation="C"), nullable=False),
        sa.Column("price_ticks", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("qty_lots", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tick_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("deadline_ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("venue_order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("cum_qty_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cum_money_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("is_canceling", sa.Boolean(), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("text", sa.Text(collation="C"), nullable=False),
        sa.Column("sent_ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("acked_ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("updated_ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mid_half_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("child_id", name=op.f("pk_child_orders")),
    )
    op.create_index("ix_child_orders_order_id_child_i", "child_orders", ["order_id", "child_i"], unique=False)
    op.create_index("uq_child_orders_client_id", "child_orders", ["client_id"], unique=True)
    op.create_table(
        "fills",
        sa.Column("exec_id", sa.Text(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("child_id", sa.Text(collation="C"), nullable=False),
        sa.Column("venue", sa.Text(collation="C"), nullable=False),
        sa.Column("symbol", sa.Text(collation="C"), nullable=False),
        sa.Column("venue_trade_id", sa.Text(collation="C"), nullable=False),
        sa.Column("price_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("qty_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("qty_lots", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("money_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("notional_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("fee_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("gas_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("fee_currency", sa.Text(collation="C"), nullable=False),
        sa.Column("liquidity", sa.Text(collation="C"), nullable=False),
        sa.Column("venue_ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("received_ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("venue_mid_half_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("class_mid_half_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        sa.Column("signed_qty_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("moves", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("exec_id", name=op.f("pk_fills")),
    )
    op.create_index("ix_fills_account_account_seq", "fills", ["account", "account_seq"], unique=False)
    op.create_index("ix_fills_order_id_seq", "fills", ["order_id", "seq"], unique=False)
    op.create_index(
        "uq_fills_venue_account_symbol_venue_trade_id",
        "fills",
        ["venue", "account", "symbol", "venue_trade_id"],
        unique=True,
    )
    op.create_table(
        "kill_switches",
        sa.Column("scope", sa.Text(collation="C"), nullable=False),
        sa.Column("target", sa.Text(collation="C"), nullable=False),
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("action", sa.Text(collation="C"), nullable=False),
        sa.Column("reason", sa.Text(collation="C"), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("set_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("set_ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("scope", "target", name=op.f("pk_kill_switches")),
    )
    op.create_table(
        "parent_orders",
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("client_order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("symbol", sa.Text(collation="C"), nullable=False),
        sa.Column("side", sa.Text(collation="C"), nullable=False),
        sa.Column("order_type", sa.Text(collation="C"), nullable=False),
        sa.Column("time_in_force", sa.Text(collation="C"), nullable=False),
        sa.Column("strategy", sa.Text(collation="C"), nullable=False),
        sa.Column("mode", sa.Text(collation="C"), nullable=False),
        sa.Column("qty_units", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("notional_nano", sa.Numeric(precision=38, scale=0), nullable=True),
        sa.Column("limit_price_units", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("done_reason", sa.Text(collation="C"), nullable=False),
        sa.Column("done_detail", sa.Text(collation="C"), nullable=False),
        sa.Column("cum_qty_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cum_money_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("cum_notional_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("fees_nano", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("is_canceling", sa.Boolean(), nullable=False),
        sa.Column("n_waves", sa.Integer(), nullable=False),
        sa.Column("route_id", sa.Text(collation="C"), nullable=False),
        sa.Column("created_ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("updated_ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("accepted_account_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_account_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("accepted", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_parent_orders")),
    )
    op.create_index("ix_parent_orders_account_order_id", "parent_orders", ["account", "order_id"], unique=False)
    op.create_index(
        "ix_parent_orders_open",
        "parent_orders",
        ["account", "order_id"],
        unique=False,
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_index(
        "uq_parent_orders_account_client_order_id", "parent_orders", ["account", "client_order_id"], unique=True
    )
    op.create_table(
        "positions",
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("venue", sa.Text(collation="C"), nullable=False),
        sa.Column("symbol", sa.Text(collation="C"), nullable=False),
        sa.Column("qty_units", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.PrimaryKeyConstraint("account", "venue", "symbol", name=op.f("pk_positions")),
    )
    op.create_table(
        "refusals",
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("account_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("refusal_id", sa.Text(collation="C"), nullable=False),
        sa.Column("client_order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("symbol", sa.Text(collation="C"), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("n_refused", sa.Integer(), nullable=False),
        sa.Column("event", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("account", "account_seq", name=op.f("pk_refusals")),
    )
    op.create_table(
        "routes",
        sa.Column("route_id", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("plan", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "certificate",
            postgresql.JSONB(astext_type=sa.Text()),
            sa.Computed("plan -> 'certificate'", persisted=True),
            nullable=False,
        ),
        sa.Column("receipt_sha256", sa.Text(collation="C"), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("route_id", name=op.f("pk_routes")),
    )
    op.create_index("ix_routes_order_id_seq", "routes", ["order_id", "seq"], unique=False)
    op.create_table(
        "tca_reports",
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("account", sa.Text(collation="C"), nullable=False),
        sa.Column("account_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reference", sa.Text(collation="C"), nullable=False),
        sa.Column("reference_mid_half_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("decision_mid_half_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("received_mid_half_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("approved_mid_half_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_sent_mid_half_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("closing_mid_half_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("filled_qty_units", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("filled_money_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("reference_money_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("delay_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("spread_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("impact_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("timing_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("fee_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("gas_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("basis_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("opportunity_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("total_nano", sa.Numeric(precision=38, scale=0), nullable=False),
        sa.Column("fee_unconverted", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_tca_reports")),
    )
    op.create_index("ix_tca_reports_account_account_seq", "tca_reports", ["account", "account_seq"], unique=False)
    op.create_table(
        "venue_switches",
        sa.Column("venue", sa.Text(collation="C"), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("venue", name=op.f("pk_venue_switches")),
    )
    op.create_table(
        "watermarks",
        sa.Column("shard", sa.Text(collation="C"), nullable=False),
        sa.Column("epoch", sa.Text(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("chain_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("shard", name=op.f("pk_watermarks")),
    )


def downgrade() -> None:
    op.drop_table("watermarks")
    op.drop_table("venue_switches")
    op.drop_index("ix_tca_reports_account_account_seq", table_name="tca_reports")
    op.drop_table("tca_reports")
    op.drop_index("ix_routes_order_id_seq", table_name="routes")
    op.drop_table("routes")
    op.drop_table("refusals")
    op.drop_table("positions")
    op.drop_index("uq_parent_orders_account_client_order_id", table_name="parent_orders")
    op.drop_index("ix_parent_orders_open", table_name="parent_orders", postgresql_where=sa.text("state <> 'done'"))
    op.drop_index("ix_parent_orders_account_order_id", table_name="parent_orders")
    op.drop_table("parent_orders")
    op.drop_table("kill_switches")
    op.drop_index("uq_fills_venue_account_symbol_venue_trade_id", table_name="fills")
    op.drop_index("ix_fills_order_id_seq", table_name="fills")
    op.drop_index("ix_fills_account_account_seq", table_name="fills")
    op.drop_table("fills")
    op.drop_index("uq_child_orders_client_id", table_name="child_orders")
    op.drop_index("ix_child_orders_order_id_child_i", table_name="child_orders")
    op.drop_table("child_orders")
    op.drop_table("balances")
    op.drop_index("ix_api_keys_account", table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_table("accounts")
    op.drop_table("account_limits")
