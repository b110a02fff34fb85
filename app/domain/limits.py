"""An account's limits, as one versioned value. None never means unlimited: every limit has a number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Money in quote nano; positions in the symbol's quantity as nano of base (or contracts).

    `price_collar_ppm`: a limit price further than this through the reference is refused.
    `default_slippage_ppm`: the cap of market orders that bring none; 0 means they are refused.
    `duplicate_window_ns`: 0 turns the look-alike check (P05) off.
    `message_rate_per_s`, `message_burst`: new orders' token bucket; cancels have their own.
    """

    version: int
    max_order_notional_nano: int
    max_order_qty_nano: int
    max_open_orders: int
    max_open_notional_nano: int
    max_position_nano: int
    venue_credit_nano: int
    price_collar_ppm: int
    max_slippage_ppm: int
    default_slippage_ppm: int
    duplicate_window_ns: int
    message_rate_per_s: int
    message_burst: int
    allowed_symbols: tuple[str, ...] = ()
