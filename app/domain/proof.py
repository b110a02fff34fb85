"""The gate's proof of one child as it crosses process borders: what a signature may be given for, in canonical bytes.

`ChildTerms` are the child in the venue's own words, exact and without a table beside them: whoever checks a request
against them needs no instrument, no scale and no clock but its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final

from app.domain.enums import ContractKind, Side, TimeInForce
from app.domain.errors import Refused
from app.domain.instrument import Instrument, Symbol
from app.domain.orders import ChildOrder
from app.domain.units import NANO_SCALE
from app.domain.venue_stops import StopSource

TERMS_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class RiskToken:
    """A MAC over `child` (canonical bytes of its terms) and the three numbers. `epoch`: of the signer's own start."""

    child: bytes
    limits_version: int
    decision_seq: int
    mac: bytes
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class ChildTerms:
    """What a placement must say. `qty_nano`: 1e-9 of the base (spot) or of a contract, each `multiplier_nano` big.

    `stop_nano`: the price that a stop waits for, 0 for none; `stop_by`: whose price that is, empty for none.
    """

    account: str
    venue: str
    venue_symbol: str
    kind: ContractKind
    client_id: str
    side: Side
    time_in_force: TimeInForce
    price_nano: int
    qty_nano: int
    multiplier_nano: int
    deadline_ts_ns: int
    stop_nano: int = 0
    stop_by: StopSource | None = None

    def encoded(self) -> bytes:
        """Canonical bytes: one sequence of fields, integers, text and null only."""
        return _encode([TERMS_VERSION, *_values(self)]).encode()


_N_FIELDS: Final = len(fields(ChildTerms))
_values: Final[Callable[[ChildTerms], tuple[object, ...]]] = attrgetter(*(field.name for field in fields(ChildTerms)))
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
_TEXTS: Final = 7  # the fields before the numbers


def decode_terms(child: bytes) -> ChildTerms:
    """The terms in `child`; raises Refused for bytes that `encoded` never makes."""
    try:
        version, *values = json.loads(child)
        texts, numbers, by = values[:_TEXTS], values[_TEXTS:-1], values[-1]
        if version != TERMS_VERSION or len(values) != _N_FIELDS:
            raise ValueError(version)
        if not all(type(text) is str for text in texts) or not all(type(number) is int for number in numbers):
            raise TypeError(child)
        account, venue, venue_symbol, kind, client_id, side, time_in_force = texts
        price_nano, qty_nano, multiplier_nano, deadline_ts_ns, stop_nano = numbers
        terms = ChildTerms(
            account,
            venue,
            venue_symbol,
            ContractKind(kind),
            client_id,
            Side(side),
            TimeInForce(time_in_force),
            price_nano,
            qty_nano,
            multiplier_nano,
            deadline_ts_ns,
            stop_nano,
            None if by is None else StopSource(by),
        )
        if (terms.stop_nano > 0) is (terms.stop_by is None):
            raise ValueError(by)
    except (ValueError, TypeError, IndexError):
        raise Refused(reason="token_malformed") from None
    if terms.encoded() != child:
        raise Refused(reason="token_malformed")
    return terms


def terms_of(child: ChildOrder, instrument: Instrument, symbol: Symbol) -> ChildTerms:
    """`child` in the words of the venue that lists it as `instrument`."""
    stop, unit_nano = child.stop, 10 ** (NANO_SCALE - symbol.price_scale)
    return ChildTerms(
        account=child.account,
        venue=child.venue,
        venue_symbol=instrument.venue_symbol,
        kind=instrument.fungible.kind,
        client_id=child.client_id,
        side=child.side,
        time_in_force=child.time_in_force,
        price_nano=child.price_units * unit_nano,
        qty_nano=child.qty_units * 10 ** (NANO_SCALE - symbol.qty_scale),
        multiplier_nano=instrument.fungible.multiplier_nano,
        deadline_ts_ns=child.deadline_ts_ns,
        stop_nano=0 if stop is None else stop.price_ticks * child.tick_units * unit_nano,
        stop_by=None if stop is None else stop.by,
    )
