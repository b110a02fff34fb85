"""Constant-product pools (Uniswap v2 and kin): reserve x reserve never falls. Source: Uniswap v2 whitepaper, 3.2.1."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.errors import PoolRefused
from app.domain.units import PPM


@dataclass(frozen=True, slots=True)
class ConstantProduct:
    """Two reserves and the fee taken from the input."""

    reserves_wei: tuple[int, int]
    fee_ppm: int

    @property
    def n_tokens(self) -> int:
        return 2

    def quote_out_wei(self, in_i: int, out_i: int, amount_in_wei: int) -> int:
        """reserve_out * x' / (reserve_in + x'), x' = amount less fee, rounded down once at the end."""
        after_fee = amount_in_wei * (PPM - self.fee_ppm)
        return self.reserves_wei[out_i] * after_fee // (self.reserves_wei[in_i] * PPM + after_fee)

    def quote_in_wei(self, in_i: int, out_i: int, amount_out_wei: int) -> int:
        """The least input that pays `amount_out_wei`: rounded down, plus one."""
        left = self.reserves_wei[out_i] - amount_out_wei
        if left <= 0:
            raise PoolRefused(reason="reserve", limit=self.reserves_wei[out_i] - 1, value=amount_out_wei)
        return self.reserves_wei[in_i] * amount_out_wei * PPM // (left * (PPM - self.fee_ppm)) + 1
