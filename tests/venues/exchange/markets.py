"""What can be traded: a market with its tick, lot, minimums and fees, and the habits of the venue that lists it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal

from .units import ATOM, MILLION, atoms, places_of, text


class Refused(Exception):
    """The exchange says no, for `code`; the protocol finds the venue's words for it."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail = code, detail


class Kind(StrEnum):
    SPOT = "spot"
    LINEAR = "linear"  # perpetual or dated, margined and settled in the quote currency
    INVERSE = "inverse"  # quantity in quote currency, settled in the base currency
    OPTION = "option"  # premium and settlement in `settle`


FeeIn = Literal["received", "quote", "settle"]


@dataclass(frozen=True)
class Market:
    """One listed instrument. Decimals are strings: they are printed as they are written here.

    `contract` is the amount of base (linear) or quote (inverse) that quantity 1 stands for. `mid` is where the
    background makers begin. Fees are parts per million of the notional; `fee_in` names the currency they are taken in.
    """

    id: str
    base: str
    quote: str
    tick: str
    lot: str
    mid: str
    kind: Kind = Kind.SPOT
    settle: str = ""
    contract: str = "1"
    min_qty: str = ""
    min_notional: str = "0"
    maker_ppm: int = 1000
    taker_ppm: int = 1000
    fee_in: FeeIn = "received"
    fee_places: int = 8
    expiry_ms: int = 0
    strike: str = ""
    option_type: str = ""
    alias: str = ""  # the venue's own name, where two of its markets share one (`name` gives it)

    @cached_property
    def tick_atoms(self) -> int:
        return atoms(self.tick)

    @cached_property
    def lot_atoms(self) -> int:
        return atoms(self.lot)

    @cached_property
    def price_places(self) -> int:
        return places_of(self.tick_atoms)

    @cached_property
    def qty_places(self) -> int:
        return places_of(self.lot_atoms)

    @cached_property
    def min_lots(self) -> int:
        return atoms(self.min_qty) // self.lot_atoms if self.min_qty else 1

    @cached_property
    def unit_atoms(self) -> int:
        """Cash of one lot at a price of one tick; exact by construction of the market."""
        product = self.tick_atoms * self.lot_atoms * atoms(self.contract)
        unit, rest = divmod(product, ATOM * ATOM)
        if rest:
            raise ValueError(f"{self.id}: tick x lot x contract is finer than an atom")
        return unit

    @property
    def name(self) -> str:
        """What the venue calls it on the wire."""
        return self.alias or self.id

    @property
    def is_derivative(self) -> bool:
        return self.kind is not Kind.SPOT

    @property
    def cash(self) -> str:
        """The currency that pays for a trade."""
        return self.settle or self.quote if self.is_derivative else self.quote

    def notional(self, price_ticks: int, lots: int) -> int:
        """Atoms of `cash` that `lots` are worth at a price."""
        if self.kind is Kind.INVERSE:
            return lots * self.lot_atoms * atoms(self.contract) // (price_ticks * self.tick_atoms)
        return price_ticks * lots * self.unit_atoms

    def base_atoms(self, lots: int) -> int:
        return lots * self.lot_atoms

    def fee(self, amount: int, ppm: int) -> int:
        """The fee on `amount` atoms, cut to the venue's decimals as venues do."""
        grain = 10 ** (18 - self.fee_places)
        return amount * ppm // MILLION // grain * grain

    def ticks(self, price: str) -> int:
        """A price in ticks; refuses one that is not on the grid."""
        return self._grid(price, self.tick_atoms, "price_precision")

    def lots(self, qty: str) -> int:
        """A quantity in lots; refuses one that is not on the grid."""
        return self._grid(qty, self.lot_atoms, "qty_precision")

    def _grid(self, value: str, step: int, code: str) -> int:
        try:
            whole, rest = divmod(atoms(value), step)
        except (ValueError, ArithmeticError) as error:
            raise Refused(code, value) from error
        if rest or whole <= 0:
            raise Refused(code, value)
        return whole

    def price(self, ticks: int) -> str:
        return text(ticks * self.tick_atoms)

    def qty(self, lots: int) -> str:
        return text(lots * self.lot_atoms)


@dataclass(frozen=True)
class Habits:
    """What a venue does with the same order: the differences that an adapter has to survive."""

    client_id: str = r"[A-Za-z0-9_-]{1,36}"
    client_id_unique: Literal["open", "ever", "never"] = "open"
    post_only: Literal["refuse", "cancel", "shift"] = "refuse"
    self_trade: Literal["none", "taker", "maker", "both"] = "none"
    leverage: int = 10
    stop_through: Literal["refuse", "trigger"] = "refuse"  # a stop whose price the last trade has reached already
    stop_holds: bool = True  # whether a stop that waits holds what it would pay
    first_order_id: int = 1
    first_trade_id: int = 1

    def accepts(self, client_id: str) -> bool:
        return re.fullmatch(self.client_id, client_id) is not None
