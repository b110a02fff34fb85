"""What venues charge, with the number's source and date, because a fee without a source is a guess."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.units import PPM, div_up


@dataclass(frozen=True, slots=True)
class FeeTier:
    """The account's tier at one venue. `fixed_nano` is charged once per child (gas, minimum fee), in the quote.

    `source` names the document or `simulated`; `as_of` is an ISO date; `next_tier_volume_nano` 0 means unknown.
    """

    venue: str
    tier: str
    taker_fee_ppm: int
    maker_fee_ppm: int
    fixed_nano: int
    source: str
    as_of: str
    volume_30d_nano: int = 0
    next_tier_volume_nano: int = 0


def fee_nano(money_nano: int, fee_ppm: int) -> int:
    """Fee on `money_nano` in the same currency, rounded up to 1e-9 in the venue's favour; negative is a rebate."""
    return div_up(money_nano * fee_ppm, PPM)
