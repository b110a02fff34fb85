"""Numbers and times as text: integers in, shortest plain strings out; nothing here is a float."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from app.domain.instrument import Symbol
from app.domain.units import NANO_SCALE, decimal_text, div_half_even

BPS_DECIMALS: Final = 4
_NS: Final = 1_000_000_000


def time_text(ts_ns: int) -> str:
    """RFC 3339 in UTC, microseconds truncated."""
    second, ns = divmod(ts_ns, _NS)
    return f"{_second_text(second)}.{ns // 1_000:06d}Z"


def time_or_none(ts_ns: int) -> str | None:
    """`time_text`, None for 0 (not known)."""
    return time_text(ts_ns) if ts_ns else None


@lru_cache(maxsize=64)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def money(amount_nano: int) -> str:
    """An amount of 1e-9 of a currency."""
    return decimal_text(amount_nano, NANO_SCALE)


def ms_text(duration_ns: int) -> str:
    """Milliseconds with microseconds behind the point, truncated."""
    return decimal_text(max(0, duration_ns) // 1_000, 3)


def bps_of_ppm(ppm: int) -> str:
    return decimal_text(ppm, 2)


def mid_or_none(mid_half_units: int, price_scale: int) -> str | None:
    """A mid from twice itself, so that a half tick is exact; None for 0."""
    return decimal_text(mid_half_units * 5, price_scale + 1) if mid_half_units else None


def price_or_none(price_units: int | None, price_scale: int) -> str | None:
    return decimal_text(price_units, price_scale) if price_units else None


def average_price(symbol: Symbol, money_nano: int, qty_units: int) -> str | None:
    """Price at which `qty_units` made `money_nano`, to 1e-9, half to even.

    Exact sums go in, so it is the quantity-weighted mean (for an inverse contract the harmonic one).
    """
    money_nano = abs(money_nano)
    if not qty_units or not money_nano:
        return None
    scale = NANO_SCALE
    multiplier_nano = symbol.fungible.multiplier_nano
    if symbol.fungible.is_inverse:
        value = div_half_even(qty_units * multiplier_nano * 10**scale, 10**symbol.qty_scale * money_nano)
    else:
        value = div_half_even(money_nano * 10 ** (symbol.qty_scale + scale), multiplier_nano * qty_units)
    return decimal_text(value, scale)


def money_at_mid(symbol: Symbol, mid_half_units: int, qty_units: int) -> int:
    """Settlement money of `qty_units` at the mid, in nano: the base of basis points."""
    if not mid_half_units or not qty_units:
        return 0
    at_twice_nano = symbol.money_nano(mid_half_units, qty_units)
    return at_twice_nano * 2 if symbol.fungible.is_inverse else at_twice_nano // 2


def bps_or_none(cost_nano: int, base_nano: int) -> str | None:
    """`cost_nano` in basis points of `base_nano`; None without a base."""
    if base_nano <= 0:
        return None
    return decimal_text(div_half_even(cost_nano * 10 ** (4 + BPS_DECIMALS), base_nano), BPS_DECIMALS)


def bps_split(parts_nano: Sequence[int], base_nano: int) -> tuple[list[str], str]:
    """The parts in basis points of `base_nano`, and their total: the texts sum exactly.

    Each part is the difference of two rounded running totals, so no rounding is lost; ("0", …) without a base.
    """
    if base_nano <= 0:
        return ["0"] * len(parts_nano), "0"
    texts: list[str] = []
    running_nano = told = 0
    for part_nano in parts_nano:
        running_nano += part_nano
        rounded = div_half_even(running_nano * 10 ** (4 + BPS_DECIMALS), base_nano)
        texts.append(decimal_text(rounded - told, BPS_DECIMALS))
        told = rounded
    return texts, decimal_text(told, BPS_DECIMALS)
