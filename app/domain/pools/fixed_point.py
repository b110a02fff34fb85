"""Fixed-point numbers as Balancer's contracts use them: integers of 1e-18, each rounded in a stated direction.

Source: the documented arithmetic of Balancer's FixedPoint and LogExpMath. Natural logarithms and exponentials are sums
of constants plus a truncated series; every division truncates toward zero, as the EVM's does.
"""

from __future__ import annotations

from typing import Final, NewType

from app.domain.errors import PoolRefused

Wad = NewType("Wad", int)  # 1e-18 of whatever it counts

ONE: Final = 10**18
ONE_20: Final = 10**20
ONE_36: Final = 10**36
# A power is believed to this relative error and rounded up by it.
POWER_ERROR: Final = 10_000
# Arguments of the exponential for which the contract answers.
MIN_EXPONENT: Final = -41 * ONE
MAX_EXPONENT: Final = 130 * ONE
# Within a tenth of one, the logarithm is taken at 36 decimals.
NEAR_ONE: Final = 10**17

# (exponent at 18 decimals, e**exponent without decimals, as rounded in the contract)
WHOLE_POWERS: Final = (
    (128 * ONE, 38877084059945950922200000000000000000000000000000000000),
    (64 * ONE, 6235149080811616882910000000),
)
# (exponent at 20 decimals, e**exponent at 20 decimals): 32, 16, 8, ... 1/16
PARTIAL_POWERS: Final = (
    (32 * ONE_20, 7896296018268069516100000000000000),
    (16 * ONE_20, 888611052050787263676000000),
    (8 * ONE_20, 298095798704172827474000),
    (4 * ONE_20, 5459815003314423907810),
    (2 * ONE_20, 738905609893065022723),
    (ONE_20, 271828182845904523536),
    (ONE_20 // 2, 164872127070012814685),
    (ONE_20 // 4, 128402541668774148407),
    (ONE_20 // 8, 113314845306682631683),
    (ONE_20 // 16, 106449445891785942956),
)
# The exponential stops at a quarter: its series converges fast enough below that.
N_EXP_POWERS: Final = 8


def mul_down(a: Wad, b: Wad) -> Wad:
    """a x b, rounded down."""
    return Wad(a * b // ONE)


def mul_up(a: Wad, b: Wad) -> Wad:
    """a x b, rounded up."""
    return Wad(-(-a * b // ONE))


def div_down(a: Wad, b: Wad) -> Wad:
    """a / b, rounded down; refused where b is zero."""
    return Wad(a * ONE // _divisor(b))


def div_up(a: Wad, b: Wad) -> Wad:
    """a / b, rounded up; refused where b is zero."""
    return Wad(-(-a * ONE // _divisor(b)))


def complement(a: Wad) -> Wad:
    """1 - a, and 0 above one."""
    return Wad(max(ONE - a, 0))


def ceil_div(numerator: int, denominator: int) -> int:
    """The quotient of two non-negative integers, rounded up; refused where the denominator is zero."""
    return -(-numerator // _divisor(denominator))


def power_up(base: Wad, exponent: Wad) -> Wad:
    """base**exponent rounded up by the error that LogExpMath is allowed."""
    raw = power(base, exponent)
    return Wad(raw + mul_up(raw, Wad(POWER_ERROR)) + 1)


def power_down(base: Wad, exponent: Wad) -> Wad:
    """base**exponent rounded down by the error that LogExpMath is allowed."""
    raw = power(base, exponent)
    return Wad(max(raw - mul_up(raw, Wad(POWER_ERROR)) - 1, 0))


def power(base: Wad, exponent: Wad) -> Wad:
    """base**exponent = exp(exponent x ln base); refused outside the exponents that the contract knows."""
    if exponent == 0:
        return Wad(ONE)
    if base == 0:
        return Wad(0)
    if ONE - NEAR_ONE < base < ONE + NEAR_ONE:
        fine = log_36(base)
        product = _quotient(fine, ONE) * exponent + _quotient(_remainder(fine, ONE) * exponent, ONE)
    else:
        product = log(base) * exponent
    argument = _quotient(product, ONE)
    if not MIN_EXPONENT <= argument <= MAX_EXPONENT:
        raise PoolRefused(reason="exponent", limit=MAX_EXPONENT, value=argument)
    return exp(Wad(argument))


def exp(argument: Wad) -> Wad:
    """e**argument at 18 decimals."""
    if argument < 0:
        return Wad(ONE * ONE // exp(Wad(-argument)))
    left, whole = int(argument), 1
    for exponent, value in WHOLE_POWERS:
        if left >= exponent:
            left, whole = left - exponent, value
            break
    left *= 100
    product = ONE_20
    for exponent, value in PARTIAL_POWERS[:N_EXP_POWERS]:
        if left >= exponent:
            left -= exponent
            product = product * value // ONE_20
    total, term = ONE_20 + left, left
    for n in range(2, 13):
        term = term * left // ONE_20 // n
        total += term
    return Wad(product * total // ONE_20 * whole // 100)


def log(value: Wad) -> Wad:
    """Natural logarithm at 18 decimals."""
    if value < ONE:
        return Wad(-log(Wad(ONE * ONE // value)))
    rest, total = int(value), 0
    for exponent, factor in WHOLE_POWERS:
        if rest >= factor * ONE:
            rest //= factor
            total += exponent
    total, rest = total * 100, rest * 100
    for exponent, factor in PARTIAL_POWERS:
        if rest >= factor:
            rest = rest * ONE_20 // factor
            total += exponent
    return Wad(_quotient(total + _log_series(rest, ONE_20, 11), 100))


def log_36(value: Wad) -> int:
    """Natural logarithm of a number near one, at 36 decimals."""
    return _log_series(value * ONE, ONE_36, 15)


def _log_series(value: int, one: int, last: int) -> int:
    """2 (z + z^3/3 + ... + z^last/last) with z = (value - 1)/(value + 1): the logarithm of a number close to one."""
    z = _quotient((value - one) * one, value + one)
    square = z * z // one
    total = term = z
    for odd in range(3, last + 1, 2):
        term = _quotient(term * square, one)
        total += _quotient(term, odd)
    return 2 * total


def _divisor(value: int) -> int:
    if value == 0:
        raise PoolRefused(reason="empty", limit=1, value=0)
    return value


def _quotient(numerator: int, denominator: int) -> int:
    """Integer quotient toward zero; the denominator is positive."""
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)


def _remainder(numerator: int, denominator: int) -> int:
    return numerator - _quotient(numerator, denominator) * denominator
