"""Numbers that travel: their types, and the one exact road between decimal text and scaled integers.

Prices and quantities of a symbol are integers at the symbol's `price_scale` and `qty_scale` (powers of ten);
money is an integer of 1e-9 of its currency. Floats exist only inside kernels.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, NewType

from app.domain.errors import BadDecimal

PriceUnits = NewType("PriceUnits", int)  # price x 10**price_scale of the symbol
QtyUnits = NewType("QtyUnits", int)  # quantity x 10**qty_scale of the symbol
PriceTicks = NewType("PriceTicks", int)  # price / the venue's tick
QtyLots = NewType("QtyLots", int)  # quantity / the venue's lot
Nano = NewType("Nano", int)  # 1e-9 of a currency
FeePpm = NewType("FeePpm", int)  # 1 ppm = 0.01 bps; negative is a rebate
TsNs = NewType("TsNs", int)  # UTC nanoseconds since 1970

NANO_SCALE: Final = 9
NANO: Final = 10**NANO_SCALE
PPM: Final = 1_000_000
MAX_INTEGER_DIGITS: Final = 20
MAX_FRACTION_DIGITS: Final = 18
# Headroom below int64, so that a sum of two scaled values never wraps inside a kernel.
MAX_UNITS: Final = 2**62

# ASCII digits only: `\d` would let full-width digits through. No sign, no exponent, no leading zeros.
DECIMAL_PATTERN: Final = r"^(0|[1-9][0-9]{0,19})(\.[0-9]{1,18})?$"
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,19})(?:\.([0-9]{1,18}))?", re.ASCII)


def parse_decimal(text: str) -> Decimal:
    """The value of a plain non-negative decimal string of at most 20.18 digits.

    Raises BadDecimal for anything else: signs, exponents, NaN, Infinity, blanks, non-ASCII digits, excess digits.
    """
    if len(text) > MAX_INTEGER_DIGITS + MAX_FRACTION_DIGITS + 1:
        raise BadDecimal(reason="digits", limit=f"{MAX_INTEGER_DIGITS}.{MAX_FRACTION_DIGITS}", value=text[:48])
    if _DECIMAL.fullmatch(text) is None:
        whole, _, fraction = text.partition(".")
        is_plain = text.isascii() and whole.isdigit() and fraction.isdigit()
        if is_plain and len(fraction) > MAX_FRACTION_DIGITS:
            raise BadDecimal(reason="digits", limit=f"{MAX_INTEGER_DIGITS}.{MAX_FRACTION_DIGITS}", value=text)
        raise BadDecimal(reason="form", limit=DECIMAL_PATTERN, value=text)
    return Decimal(text)


def units_exact(value: Decimal, scale: int) -> int:
    """`value` x 10**scale as an integer; raises BadDecimal where a remainder would be lost or int64 overflow."""
    scaled = value.scaleb(scale)
    units = int(scaled)
    if units != scaled:
        raise BadDecimal(reason="increment", limit=decimal_text(1, scale), value=format(value, "f"))
    if units >= MAX_UNITS:
        raise BadDecimal(reason="size", limit=decimal_text(MAX_UNITS, scale), value=format(value, "f"))
    return units


def decimal_text(units: int, scale: int) -> str:
    """Shortest plain decimal of `units` / 10**scale: no exponent, no trailing zeros, sign only when negative."""
    sign, digits = ("-", str(-units)) if units < 0 else ("", str(units))
    if scale <= 0:
        return sign + digits + "0" * -scale if units else "0"
    digits = digits.rjust(scale + 1, "0")
    whole, fraction = digits[:-scale], digits[-scale:].rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else sign + whole


def div_half_even(numerator: int, denominator: int) -> int:
    """`numerator` / `denominator` rounded to the nearest integer, ties to even; the denominator is positive."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient & 1):
        return quotient + 1
    return quotient


def div_up(numerator: int, denominator: int) -> int:
    """`numerator` / `denominator` rounded towards plus infinity; the denominator is positive."""
    return -(-numerator // denominator)
