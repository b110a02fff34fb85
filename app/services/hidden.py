"""What is believed of venues without books, beside what they were asked: read from the ledger, worked out anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.domain.enums import Side
from app.domain.instrument import Symbol
from app.domain.units import PPM
from app.domain.venue import VenueKind
from app.execution.hidden import MINUTE_NS
from app.learning.hidden import LookBelief, believe, believe_look
from app.services.engine import Engine

# How far the chances are told: so many of the venue's own least executions.
UNITS_TOLD: Final = 8


@dataclass(frozen=True, slots=True)
class DarkView:
    """One dark venue, symbol and side. `chance_ppm`: that there are at least 1, 2, ... units. `n_answers`: as are kept.

    `asked_units`, `filled_units`: of the asker's own among them, in symbol units. `leak_ppm`: what an unfilled question
    is believed to cost.
    """

    venue: str
    symbol: Symbol
    side: Side
    unit_units: int
    n_answers: int
    asked_units: int
    filled_units: int
    chance_ppm: tuple[int, ...]
    leak_ppm: int
    n_pings: int


@dataclass(frozen=True, slots=True)
class DealerView:
    """One dealer, symbol and side: what is believed of his last look at a quote held as long as his newest one."""

    venue: str
    symbol: Symbol
    side: Side
    belief: LookBelief
    hold_ns: int
    n_pings: int


@dataclass(frozen=True, slots=True)
class HiddenView:
    """Everything of one instant, by venue, symbol and side. `max_pings`: of one venue in a minute."""

    max_pings: int
    dark: tuple[DarkView, ...]
    dealers: tuple[DealerView, ...]


def hidden_view(engine: Engine, account: str = "") -> HiddenView:
    """What the shard believes now of every venue without a book; quantities of `account` alone, empty is of all."""
    universe, dark, dealers = engine.universe, list[DarkView](), list[DealerView]()
    since_ns = engine.now_ns() - MINUTE_NS
    for venue, name in sorted(universe.instruments):
        kind, symbol = universe.venues[venue].kind, universe.symbols[name]
        n_pings = engine.ledger.hidden.n_pings_since(venue, since_ns)
        for side in Side:
            if kind is VenueKind.DARK:
                dark.append(_dark(engine, (venue, symbol, side), account, n_pings))
            elif kind is VenueKind.DEALER:
                dealers.append(_dealer(engine, venue, symbol, side, n_pings))
    return HiddenView(engine.core.world.max_pings, tuple(dark), tuple(dealers))


def _dark(engine: Engine, key: tuple[str, Symbol, Side], account: str, n_pings: int) -> DarkView:
    venue, symbol, side = key
    unit_units = _unit_units(engine, symbol.name)
    answers = engine.ledger.hidden.answers.get((venue, symbol.name, side), ())
    belief = believe(answers, unit_units, UNITS_TOLD)
    own = [answer for answer in answers if account in ("", answer.account)]
    return DarkView(
        venue=venue,
        symbol=symbol,
        side=side,
        unit_units=unit_units,
        n_answers=len(answers),
        asked_units=sum(answer.asked_units for answer in own),
        filled_units=sum(answer.filled_units for answer in own),
        chance_ppm=tuple(round(chance * PPM) for chance in belief.tail_frac.tolist()),
        leak_ppm=belief.leak_ppm,
        n_pings=n_pings,
    )


def _unit_units(engine: Engine, symbol: str) -> int:
    """The unit in which an order that may ask every dark venue asks: the largest of their least executions."""
    listings, venues = engine.universe.listings(symbol), engine.universe.venues
    dark = [one for venue, one in listings.items() if venues[venue].kind is VenueKind.DARK]
    return max(one.min_qty_lots * one.lot_units for one in dark)


def _dealer(engine: Engine, venue: str, symbol: Symbol, side: Side, n_pings: int) -> DealerView:
    looks = engine.ledger.hidden.looks.get((venue, symbol.name, side), ())
    hold_ns = looks[-1].hold_ns if looks else 0
    belief = believe_look(looks, engine.ledger.costs.sigma_bps_sqrt_s(symbol.name), hold_ns)
    return DealerView(venue, symbol, side, belief, hold_ns, n_pings)
