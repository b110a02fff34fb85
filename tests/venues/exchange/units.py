"""Exact amounts: every balance, price and fee of the local exchange is a Python int of 1e-18 units, called atoms."""

from __future__ import annotations

from decimal import Context, Decimal

ATOM_PLACES = 18
ATOM = 10**ATOM_PLACES
MILLION = 1_000_000
_WIDE = Context(prec=120)


def atoms(value: str | int | Decimal) -> int:
    """Atoms in a decimal; refuses what is finer than an atom instead of rounding it away."""
    if isinstance(value, float):
        raise TypeError(f"money is never a float: {value!r}")
    scaled = _WIDE.scaleb(_WIDE.create_decimal(value), ATOM_PLACES)
    if not scaled.is_finite() or scaled != scaled.to_integral_value(context=_WIDE):
        raise ValueError(f"no whole number of atoms: {value!r}")
    return int(scaled)


def decimal(amount: int) -> Decimal:
    """The exact Decimal of `amount` atoms, for JSON libraries and tests."""
    return _WIDE.scaleb(Decimal(amount), -ATOM_PLACES)


def text(amount: int) -> str:
    """Plain decimal digits without exponent and without trailing zeros: what most venues print."""
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), ATOM)
    tail = f"{rest:018d}".rstrip("0")
    return f"{sign}{whole}.{tail}" if tail else f"{sign}{whole}"


def fixed(amount: int, places: int) -> str:
    """Exactly `places` digits after the point, cut towards zero: what Binance and Kraken print."""
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), ATOM)
    return f"{sign}{whole}.{f'{rest:018d}'[:places]}" if places else f"{sign}{whole}"


def places_of(step: int) -> int:
    """Digits after the point of a tick or lot."""
    tail = f"{step % ATOM:018d}".rstrip("0")
    return len(tail)
