"""A fact about a plan that is a table, as canonical JSON: the bytes that the plan's values would give, without them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from app.domain.events import RoutePlanned
from app.domain.tabled import REASONS, PlanTable
from app.kernels import jit, spell

_json: Final = msgspec.json.Encoder().encode
Int64Array = npt.NDArray[np.int64]
UInt8Array = npt.NDArray[np.uint8]

# The order of kernels/spell.py.
_PIECES: Final = (
    b'"allocations":[',
    b'{"venue":',
    b',"qty_lots":',
    b',"qty_units":',
    b',"limit_ticks":',
    b',"worst_price_units":',
    b',"money_nano":',
    b',"fee_nano":',
    b',"fixed_nano":',
    b',"rank":',
    b'],"excluded":[',
    b',"code":',
    b',"limit":',
    b',"value":',
    b'],"alternatives":[',
    b'{"name":',
    b',"qty_units":',
    b',"cost_nano":',
    b',"n_venues":',
    b',"venue":',
    b'],"cost":{"spread_nano":',
    b',"impact_nano":',
    b',"fee_nano":',
    b',"gas_nano":',
    b',"total_nano":',
    b"}",
    b",",
    b'""',
    b',"book_seq":',
    b',"age_ns":',
    *[_json(reason) for reason in REASONS],
)
# More than the fixed words of any row, and of all that is no row.
_ROW_BYTES: Final = sum(map(len, _PIECES))
_DIGITS: Final = 20
_NOTHING: Final = np.zeros(0, np.uint8)
_NOTHING.flags.writeable = False
_TEXT: Final = (
    b'{"account":%b,"order_id":%b,"plan":{"route_id":%b,"order_id":%b,"wave":%d,"symbol":%b,"side":%b,'
    b'"requested_qty_units":%b,"requested_notional_nano":%b,"allocated_qty_units":%d,"allocated_notional_nano":%d,'
    b'"unallocated_qty_units":%b,"unallocated_notional_nano":%b,"unallocated_code":%b,"mid_half_units":%d,'
    b'"best_bid_units":%d,"best_ask_units":%d,%b,"certificate":{"objective_nano":%d,"bound_nano":%d,"gap_ubps":%d,'
    b'"status":%b,"solver":%b,"books":[%b],"certified_terms":%b,"estimated_terms":%b,"receipt_sha256":"%b",'
    b'"estimated_nano":%d,"estimated_low_nano":%d,"estimated_high_nano":%d,"is_bound_searched":%b},"conversions":%b}}'
)


class _Words(NamedTuple):
    """The pieces of one market's plans: one after the other, where each ends, the length of the longest name."""

    pieces: UInt8Array
    ends: Int64Array
    longest: int


@lru_cache(maxsize=256)
def _words(rivals: tuple[str, ...], venues: tuple[str, ...]) -> _Words:
    names = [_json(name) for name in (*rivals, *venues)]
    pieces = [*_PIECES, *names]
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    ends.flags.writeable = False
    return _Words(np.frombuffer(b"".join(pieces), np.uint8), ends, max(map(len, names), default=0))


# Of words that come again: a name, a code, the terms of a certificate.
_word: Final = lru_cache(maxsize=1_024)(_json)


def is_ready() -> bool:
    """Whether `text_of` can run without compiling; from a cold start's first seconds on it is so for ever."""
    return jit.is_compiled(spell.spell_plan)


def text_of(event: RoutePlanned, table: PlanTable) -> bytes:
    """Canonical JSON of `event`, whose plan has this table. Raises UnicodeEncodeError for a lone surrogate."""
    plan, seal, order_id = event.plan, table.seal, _json(event.order_id)
    rows, books = _spelled(table)
    return _TEXT % (
        _json(event.account),
        order_id,
        _json(plan.route_id),
        order_id if plan.order_id == event.order_id else _json(plan.order_id),
        plan.wave,
        _word(plan.symbol),
        _word(plan.side),
        _or_null(plan.requested_qty_units),
        _or_null(plan.requested_notional_nano),
        plan.allocated_qty_units,
        plan.allocated_notional_nano,
        _or_null(plan.unallocated_qty_units),
        _or_null(plan.unallocated_notional_nano),
        _word(plan.unallocated_code),
        plan.mid_half_units,
        plan.best_bid_units,
        plan.best_ask_units,
        rows,
        seal.objective_nano,
        seal.bound_nano,
        seal.gap_ubps,
        _word(seal.status),
        _word(seal.solver),
        books,
        _word(seal.certified_terms),
        _json(seal.estimated_terms) if seal.estimated_terms else b"[]",
        seal.receipt_sha256.encode(),
        seal.estimated_nano,
        seal.estimated_low_nano,
        seal.estimated_high_nano,
        b"true" if seal.is_bound_searched else b"false",
        _json(plan.conversions) if plan.conversions else b"[]",
    )


def _spelled(table: PlanTable) -> tuple[memoryview, memoryview]:
    """The rows up to the split of the cost, and the books."""
    words = np.frombuffer(table.words, np.int64)
    known = _words(table.rivals, table.venues)
    left_out = np.frombuffer(_json(table.left_out)[1:-1], np.uint8) if table.left_out else _NOTHING
    n_rows = 2 * len(table.venues) + len(table.rivals) + 1
    out = np.empty(n_rows * (_ROW_BYTES + 2 * known.longest) + words.size * _DIGITS + left_out.size, dtype=np.uint8)
    found = spell.spell_plan(words, known.pieces, known.ends, left_out, out)
    books, text = found >> 32, out.data
    return text[:books], text[books : found & 0xFFFF_FFFF]


def _or_null(value: int | None) -> bytes:
    return b"null" if value is None else b"%d" % value
