"""One row per done order: its cost by the declared waterfall, in nano of the symbol's money. The parts sum to total."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, Table

from app.models.metadata import json_column, metadata, money_column, text_column, units_column

tca_reports: Final = Table(
    "tca_reports",
    metadata,
    text_column("order_id", is_key=True),
    text_column("account"),
    units_column("account_seq"),
    units_column("seq"),
    units_column("ts_ns"),
    text_column("reference"),
    units_column("reference_mid_half_units"),
    units_column("decision_mid_half_units"),
    units_column("received_mid_half_units"),
    units_column("approved_mid_half_units"),
    units_column("first_sent_mid_half_units"),
    units_column("closing_mid_half_units"),
    units_column("filled_qty_units"),
    money_column("filled_money_nano"),
    money_column("reference_money_nano"),
    money_column("delay_nano"),
    money_column("spread_nano"),
    money_column("impact_nano"),
    money_column("timing_nano"),
    money_column("fee_nano"),
    money_column("gas_nano"),
    money_column("basis_nano"),
    money_column("opportunity_nano"),
    money_column("total_nano"),
    json_column("fee_unconverted"),
    Index("ix_tca_reports_account_account_seq", "account", "account_seq"),
)
