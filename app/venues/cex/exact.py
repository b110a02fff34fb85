"""Numbers at the vendor's door: our integers as the vendor's decimal strings, and back, exactly.

A float is taken only as the shortest decimal that gives it (what its venue wrote, up to 15 digits); nothing is computed
in floats.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any, Final

from app.domain.instrument import Instrument, Symbol
from app.domain.units import NANO_SCALE

_EXACT: Final = Context(prec=60)
_ONE: Final = Decimal(1)


def decimal_of(value: Any) -> Decimal | None:
    """`value` as the venue wrote it; None where there is no finite number."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def text_of(units: int, scale: int) -> str:
    """`units` at 10**-`scale` as a plain decimal string without superfluous zeros."""
    digits = str(abs(units)).rjust(scale + 1, "0")
    text = digits if scale == 0 else (digits[:-scale] + "." + digits[-scale:]).rstrip("0").rstrip(".")
    return f"-{text}" if units < 0 else text


def places_of(step: Any) -> int:
    """Digits after the point of a tick or a lot."""
    exponent = Decimal(str(step)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def floor_units(value: Decimal, scale: int) -> int:
    return int(value.scaleb(scale, _EXACT).to_integral_value(ROUND_FLOOR))


def ceil_units(value: Decimal, scale: int) -> int:
    return int(value.scaleb(scale, _EXACT).to_integral_value(ROUND_CEILING))


def nano_of(value: Decimal) -> int:
    """`value` in 1e-9; what is finer is rounded half to even, as all money here."""
    return int(value.scaleb(NANO_SCALE, _EXACT).to_integral_value(ROUND_HALF_EVEN))


def price_text(symbol: Symbol, instrument: Instrument, price_ticks: int) -> str:
    return text_of(price_ticks * instrument.tick_units, symbol.price_scale)


def qty_text(symbol: Symbol, instrument: Instrument, qty_lots: int) -> str:
    return text_of(qty_lots * instrument.lot_units, symbol.qty_scale)


def ticks_of(symbol: Symbol, instrument: Instrument, price: Decimal, *, is_up: bool) -> int:
    """`price` in ticks; one between two ticks goes the way that is told."""
    units = price.scaleb(symbol.price_scale, _EXACT) / instrument.tick_units
    return int(units.to_integral_value(ROUND_CEILING if is_up else ROUND_FLOOR))


def lots_floor(symbol: Symbol, instrument: Instrument, qty: Decimal) -> int:
    """Whole lots in `qty`."""
    return int((qty.scaleb(symbol.qty_scale, _EXACT) / instrument.lot_units).to_integral_value(ROUND_FLOOR))
