"""Gathers the tables, so that one import gives a complete MetaData."""

from app.models.account import account_limits, accounts, api_keys, balances, positions
from app.models.child_order import child_orders
from app.models.conditional_order import conditional_orders
from app.models.fill import fills
from app.models.markout import markouts, still_markouts
from app.models.metadata import metadata
from app.models.parent_order import parent_orders
from app.models.refusal import refusals
from app.models.route import routes
from app.models.switch import kill_switches, venue_switches
from app.models.tca_report import tca_reports
from app.models.watermark import watermarks

__all__ = [
    "account_limits",
    "accounts",
    "api_keys",
    "balances",
    "child_orders",
    "conditional_orders",
    "fills",
    "kill_switches",
    "markouts",
    "metadata",
    "parent_orders",
    "positions",
    "refusals",
    "routes",
    "still_markouts",
    "tca_reports",
    "venue_switches",
    "watermarks",
]
