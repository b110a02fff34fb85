"""What is traded: fungibility classes, symbols with their scales, and a venue's listing of a symbol.

Laws: one RouteProblem holds one FungibilityClass. Spot, linear and inverse contracts of one coin are three classes.
A symbol's integer units divide every listed venue's tick and lot exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.enums import ContractKind, Side
from app.domain.errors import InvariantBroken
from app.domain.units import NANO, NANO_SCALE, div_half_even


@dataclass(frozen=True, slots=True)
class FungibilityClass:
    """Things that are the same thing wherever they trade.

    `multiplier_nano`: one contract's exact size in 1e-9 of the base (linear) or of the quote (inverse); spot is 1e9.
    `expiry`: ISO date of a dated contract, empty for spot and perpetuals.
    """

    base: str
    quote: str
    settle: str
    kind: ContractKind
    expiry: str = ""
    multiplier_nano: int = NANO

    @property
    def is_inverse(self) -> bool:
        return self.kind is ContractKind.INVERSE

    def cost_sign(self, side: Side) -> int:
        """+1 where money leaves the buyer per unit bought; an inverse contract is bought with a growing coin claim."""
        return -side.sign if self.is_inverse else side.sign


@dataclass(frozen=True, slots=True)
class Symbol:
    """A CCXT unified symbol with the integer scales that every enabled venue's tick and lot divide into.

    Quantities are base units (spot), or contracts (linear and inverse) at `qty_scale`.
    Money of the symbol is nano of `money_currency`: the quote (spot, linear) or the coin (inverse).
    """

    name: str
    fungible: FungibilityClass
    price_scale: int
    qty_scale: int

    def __hash__(self) -> int:
        """Of its name: symbols are keys of what each decision looks up, and two of one name are rare."""
        return hash(self.name)

    def __post_init__(self) -> None:
        if not 0 <= self.price_scale <= NANO_SCALE or not 0 <= self.qty_scale <= NANO_SCALE:
            raise InvariantBroken(symbol=self.name, price_scale=self.price_scale, qty_scale=self.qty_scale)
        if self.fungible.kind is ContractKind.SPOT and self.price_scale + self.qty_scale > NANO_SCALE:
            raise InvariantBroken(symbol=self.name, reason="notional would not be exact in 1e-9 of the quote")

    @property
    def money_currency(self) -> str:
        return self.fungible.settle

    @property
    def qty_currency(self) -> str:
        return self.fungible.base if self.fungible.kind is ContractKind.SPOT else "contract"

    def money_nano(self, price_units: int, qty_units: int) -> int:
        """Gross settlement money of a trade, in nano of `money_currency`; never negative.

        Exact for spot; for contracts rounded half to even at 1e-9 (an inverse contract pays multiplier / price coin).
        """
        kind = self.fungible.kind
        product = price_units * qty_units
        if kind is ContractKind.SPOT:
            scale: int = 10 ** (NANO_SCALE - self.price_scale - self.qty_scale)
            return product * scale
        if kind is ContractKind.LINEAR:
            return div_half_even(product * self.fungible.multiplier_nano, 10 ** (self.price_scale + self.qty_scale))
        usd_nano = qty_units * self.fungible.multiplier_nano
        return div_half_even(usd_nano * 10**self.price_scale, price_units * 10**self.qty_scale)

    def notional_nano(self, price_units: int, qty_units: int) -> int:
        """Gross quote notional in 1e-9 of the quote: what limits and `notional` orders speak of."""
        if self.fungible.kind is ContractKind.INVERSE:
            return int(qty_units * self.fungible.multiplier_nano // 10**self.qty_scale)
        return self.money_nano(price_units, qty_units)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One venue's listing of a symbol.

    `tick_units`, `lot_units`: the venue's tick and lot in the symbol's integer units (exact by construction).
    `min_qty_lots`: least lots of one order; `min_notional_nano`: least quote notional of one order.
    """

    venue: str
    symbol: str
    venue_symbol: str
    fungible: FungibilityClass
    tick_units: int
    lot_units: int
    min_qty_lots: int = 1
    min_notional_nano: int = 0
    max_qty_lots: int = 2**40

    def __post_init__(self) -> None:
        if self.tick_units < 1 or self.lot_units < 1 or self.min_qty_lots < 1:
            raise InvariantBroken(venue=self.venue, symbol=self.symbol, tick=self.tick_units, lot=self.lot_units)
