"""Requests for quotes and what dealers answer: a firm price for a quantity, until a moment, with a last look."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.enums import Side
from app.domain.quick import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """One question to one dealer, in the venue's lots. `request_id` is used once ever."""

    request_id: str
    venue: str
    account: str
    symbol: str
    side: Side
    qty_lots: int
    min_qty_lots: int = 0


@quick_init
@dataclass(frozen=True, slots=True)
class Quote:
    """A dealer's answer. Firm up to `qty_lots` at `price_ticks` until `valid_until_ns` of the venue's clock, but for
    his last look of `hold_ns` after it is accepted. Without a `quote_id` he quotes nothing, and `code` says why.
    """

    request_id: str
    venue: str
    quote_id: str = ""
    price_ticks: int = 0
    qty_lots: int = 0
    valid_until_ns: int = 0
    hold_ns: int = 0
    code: str = ""
