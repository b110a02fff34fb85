"""What venues say back, in our words."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum, unique
from typing import Final

from app.domain.enums import Liquidity
from app.domain.quick import changed, quick_init


@unique
class ReportKind(StrEnum):
    ACKED = "acked"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"  # the request left, and nothing is proven
    NOT_FOUND = "not_found"  # the venue answered a query: no such client id
    CANCEL_REJECTED = "cancel_rejected"


# The `code` of an UNKNOWN about a child that its adapter does not hold any more, of which its venue speaks.
UNHELD: Final = "unheld"


@quick_init
@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """One message about one child. Fill fields are zero unless `kind` is FILLED.

    `price_ticks`, `qty_lots` in the venue's units; `fee_nano` of `fee_currency`, negative is a rebate; `gas_nano` is
    the part of it that did not depend on the size (gas, a fixed cost per child).
    `cum_qty_lots` is the venue's own running total (-1: not told). `evidence` identifies the venue's message.
    `mid_half_units`: twice the venue's own mid when it filled, 0 if not told.
    """

    kind: ReportKind
    venue: str
    client_id: str
    venue_order_id: str = ""
    venue_trade_id: str = ""
    price_ticks: int = 0
    qty_lots: int = 0
    cum_qty_lots: int = -1
    fee_nano: int = 0
    fee_currency: str = ""
    liquidity: Liquidity = Liquidity.TAKER
    venue_ts_ns: int = 0
    received_ts_ns: int = 0
    mid_half_units: int = 0
    code: str = ""
    text: str = ""
    evidence: str = ""
    gas_nano: int = 0


_TEXTS: Final = tuple(field.name for field in fields(ExecutionReport) if field.type == "str")


def legible(report: ExecutionReport) -> ExecutionReport:
    """`report` without what neither the log nor the database can hold, and what JSON's escapes let through: half a
    surrogate pair becomes `?`, NUL a space.
    """
    told = {name: getattr(report, name) for name in _TEXTS}
    clean = {name: text.encode("utf-8", "replace").decode().replace("\0", " ") for name, text in told.items()}
    return report if clean == told else changed(report, **clean)
