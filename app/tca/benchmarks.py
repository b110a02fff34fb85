"""Reference prices and basis points: how money at a mid is counted, and how a cost is written for people.

Six benchmarks of an order, each priced on what was filled, without fees, positive is a cost: arrival (class mid when it
was received), decision (the client's own price), interval TWAP (time-weighted class mid, accepted to done), interval
VWAP (what the public traded at in that time, own fills left out), close (class mid when done), and opportunity (what
stayed unfilled, reference to close).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.domain.enums import ContractKind
from app.domain.errors import InvariantBroken
from app.domain.instrument import Symbol
from app.domain.records import ParentRecord
from app.domain.units import NANO_SCALE, decimal_text, div_half_even

BPS_SCALE: Final = 4  # costs are shown to 1e-4 bp; the smallest effect of interest is 0.1 bp
_BPS: Final = 10_000


def mid_money_nano(symbol: Symbol, mid_half_units: int, qty_units: int) -> int:
    """Settlement money of `qty_units` at a mid given as twice its price, in nano of the symbol's money currency.

    The same rule as Symbol.money_nano at half the price, rounded half to even at 1e-9; raises InvariantBroken for a
    mid that is not positive.
    """
    if mid_half_units < 1:
        raise InvariantBroken(symbol=symbol.name, mid_half_units=mid_half_units)
    product = mid_half_units * qty_units
    kind = symbol.fungible.kind
    if kind is ContractKind.SPOT:
        return div_half_even(product * 10 ** (NANO_SCALE - symbol.price_scale - symbol.qty_scale), 2)
    scale: int = 10 ** (symbol.price_scale + symbol.qty_scale)
    if kind is ContractKind.LINEAR:
        return div_half_even(product * symbol.fungible.multiplier_nano, 2 * scale)
    quote_nano = qty_units * symbol.fungible.multiplier_nano
    return div_half_even(2 * quote_nano * 10**symbol.price_scale, mid_half_units * 10**symbol.qty_scale)


def cost_bps(cost_nano: int, reference_nano: int) -> str:
    """`cost_nano` in basis points of `reference_nano` as a plain decimal of at most four decimals.

    Rounded half to even at 1e-4 bp, no exponent, no trailing zeros; positive is a cost. Without a reference (nothing
    filled) there is no ratio and the text is "0" for no cost; raises InvariantBroken for a cost without a reference.
    """
    if reference_nano == 0 and cost_nano == 0:
        return "0"
    if reference_nano < 1:
        raise InvariantBroken(cost_nano=cost_nano, reference_nano=reference_nano)
    return decimal_text(div_half_even(cost_nano * _BPS * 10**BPS_SCALE, reference_nano), BPS_SCALE)


def mid_text(mid_half_units: int, price_scale: int) -> str:
    """A mid given as twice its price, as an exact plain decimal."""
    return decimal_text(mid_half_units * 5, price_scale + 1)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What the fills cost against one price, twice which is `half_units`; 0 and a `missing` reason where there is none.

    `cost_nano` of `base_nano`, which is the same quantity at the benchmark.
    """

    name: str
    half_units: int
    cost_nano: int
    base_nano: int
    missing: str = ""


def benchmarks(record: ParentRecord, symbol: Symbol) -> list[Benchmark]:
    """The benchmarks of a done order with a cost report, in the order of the module's list."""
    report, interval = record.tca, record.interval
    assert report is not None
    not_yet = "measured a minute after the end" if interval is None else ""
    prices = (
        ("arrival", report.received_mid_half_units, "no mid at arrival"),
        ("decision", report.decision_mid_half_units, "the client gave no decision price"),
        ("twap", interval.twap_half_units if interval else 0, not_yet or "no mid was seen"),
        ("vwap", 2 * interval.vwap_units if interval else 0, not_yet or "unavailable: no public trades were seen"),
        ("close", report.closing_mid_half_units, "no valid book at the end"),
    )
    sign = symbol.fungible.cost_sign(record.accepted.order.side)
    rows = []
    for name, half_units, missing in prices:
        if not half_units or not report.filled_qty_units:
            rows.append(Benchmark(name, half_units, 0, 0, missing if not half_units else "nothing was filled"))
            continue
        at_nano = mid_money_nano(symbol, half_units, report.filled_qty_units)
        rows.append(Benchmark(name, half_units, sign * (report.filled_money_nano - at_nano), at_nano))
    base_nano = report.reference_money_nano
    half_units = report.closing_mid_half_units
    rows.append(
        Benchmark("opportunity", half_units, report.opportunity_nano, base_nano, "" if half_units else "no close")
    )
    return rows


def average_units(symbol: Symbol, money_nano: int, qty_units: int) -> float:
    """The average price of `qty_units` > 0 that made `money_nano`, in price units; 0 of no money."""
    if not money_nano:
        return 0.0
    if symbol.fungible.is_inverse:
        return symbol.money_nano(1, qty_units) / abs(money_nano)
    # At a price of 1e9 units rather than one, so that what a unit is worth does not vanish below 1e-9.
    return abs(money_nano) / (symbol.money_nano(10**9, qty_units) / 10**9)
