"""Facts of liquidity that no book shows: whom an order asked for it, and what came of each question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from app.domain.enums import Side
from app.domain.event import Event
from app.domain.quick import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class DarkAsk:
    """One question to one dark venue, quantities in symbol units: its child, and what was believed when it was asked.

    `min_units`: the least execution. `chance_ppm`: that there is at least so much. `expected_units`: of the whole.
    `saving_ppm`: what a fill saves against the cheapest lit touch, fees included; `leak_ppm`: what an unfilled part of
    a question is believed to cost.
    """

    venue: str
    child_id: str
    qty_units: int
    min_units: int
    chance_ppm: int
    expected_units: int
    saving_ppm: int
    leak_ppm: int


@quick_init
@dataclass(frozen=True, slots=True)
class DarkAsked(Event):
    """The dark wave of an order, before its children, which follow in the same turn; empty `asks`: nobody was asked.

    `unit_units`: the unit of the split. `left_out`: (venue, why) of dark venues that were not asked. `wait_until_ns`:
    then what is left goes on, whoever has not answered.
    """

    KIND: ClassVar[str] = "dark_asked"
    order_id: str
    symbol: str
    side: Side
    unit_units: int
    asks: tuple[DarkAsk, ...]
    left_out: tuple[tuple[str, str], ...]
    mid_half_units: int
    wait_until_ns: int


@quick_init
@dataclass(frozen=True, slots=True)
class DarkAnswered(Event):
    """What one question brought: a full fill says that at least so much was there, a part that no more was.

    `asked_units` 0: the child was refused, or a person closed it, and nothing was seen.

    `moved_ppm`: by how much the class mid went against us between question and answer.
    """

    KIND: ClassVar[str] = "dark_answered"
    order_id: str
    child_id: str
    venue: str
    symbol: str
    side: Side
    asked_units: int
    min_units: int
    filled_units: int
    moved_ppm: int


@quick_init
@dataclass(frozen=True, slots=True)
class QuotesAsked(Event):
    """Dealers are asked for firm quotes: (venue, request id, quantity in symbol units). Empty: nobody was asked.

    `left_out`: (venue, why). `wait_until_ns`: then the route is planned with the quotes that are there.
    """

    KIND: ClassVar[str] = "quotes_asked"
    order_id: str
    symbol: str
    side: Side
    asks: tuple[tuple[str, str, int], ...]
    left_out: tuple[tuple[str, str], ...]
    wait_until_ns: int


@quick_init
@dataclass(frozen=True, slots=True)
class DealerQuoted(Event):
    """A dealer's answer: a firm quote up to a quantity until a moment of our clock, or why there is none.

    `mid_half_units`: twice the class mid when it came. `hold_ns`: of his last look.
    """

    KIND: ClassVar[str] = "dealer_quoted"
    order_id: str
    venue: str
    request_id: str
    quote_id: str
    price_units: int
    qty_units: int
    valid_until_ns: int
    hold_ns: int
    mid_half_units: int
    code: str


@quick_init
@dataclass(frozen=True, slots=True)
class DealerAnswered(Event):
    """What became of an accepted quote; `outcome`: `filled`, `declined`, or `nothing` where it was never looked at.

    `moved_ppm`: by how much the class mid went against us since it was quoted."""

    KIND: ClassVar[str] = "dealer_answered"
    order_id: str
    child_id: str
    venue: str
    symbol: str
    side: Side
    outcome: str
    moved_ppm: int
    hold_ns: int


HIDDEN_EVENTS: Final[tuple[type[Event], ...]] = (
    DarkAsked,
    DarkAnswered,
    QuotesAsked,
    DealerQuoted,
    DealerAnswered,
)
