"""Facts about plans that are tables, as canonical JSON: the bytes that the plans' values would give, without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from struct import Struct, error
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from app.domain.enums import SolveStatus
from app.domain.events import RoutePlanned
from app.domain.tabled import REASONS, TabledPlan
from app.kernels import jit, spell

_json: Final = msgspec.json.Encoder().encode
_json_lines: Final = msgspec.json.Encoder().encode_lines
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
    b"null",
    *[_json(reason) for reason in REASONS],
)
# More than the fixed words of any row.
_ROW_BYTES: Final = sum(map(len, _PIECES))
_DIGITS: Final = 20
_NO_NUMBER: Final = -(2**63)
_scalars: Final = attrgetter(
    "order_id",
    "route_id",
    "side",
    "unallocated_code",
    "wave",
    "requested_qty_units",
    "requested_notional_nano",
    "allocated_qty_units",
    "allocated_notional_nano",
    "unallocated_qty_units",
    "unallocated_notional_nano",
    "conversions",
    "symbol",
    "mid_half_units",
    "best_bid_units",
    "best_ask_units",
)
_pack: Final = Struct(f"{spell.N_NUMBERS}q").pack


# Rivals, venues, symbol; status, solver, certified terms, and whether the bound was searched.
_Said = tuple[tuple[str, ...], tuple[str, ...], str, SolveStatus, str, tuple[str, ...], bool]


class _Form(NamedTuple):
    """What facts about plans of one market share: pieces one after the other, where each ends, the most bytes of one
    fact beside its numbers and lines.
    """

    pieces: UInt8Array
    ends: Int64Array
    most_bytes: int


@lru_cache(maxsize=256)
def _form(said: _Said) -> _Form:
    rivals, venues, symbol, *words = said
    status, solver, certified, is_searched = map(_json, words)
    frame = [
        b'{"account":',
        b',"order_id":',
        b',"plan":{"route_id":',
        b',"order_id":',
        b',"wave":',
        b',"symbol":%b,"side":' % _json(symbol),
        b',"requested_qty_units":',
        b',"requested_notional_nano":',
        b',"allocated_qty_units":',
        b',"allocated_notional_nano":',
        b',"unallocated_qty_units":',
        b',"unallocated_notional_nano":',
        b',"unallocated_code":',
        b',"mid_half_units":',
        b',"best_bid_units":',
        b',"best_ask_units":',
        b",",
        b',"certificate":{"objective_nano":',
        b',"bound_nano":',
        b',"gap_ubps":',
        b',"status":%b,"solver":%b,"books":[' % (status, solver),
        b'],"certified_terms":%b,"estimated_terms":' % certified,
        b',"receipt_sha256":',
        b',"estimated_nano":',
        b',"estimated_low_nano":',
        b',"estimated_high_nano":',
        b',"is_bound_searched":%b},"conversions":[]}}' % is_searched,
    ]
    names = [_json(name) for name in (*rivals, *venues)]
    pieces = [*_PIECES, *names, *frame]
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    ends.flags.writeable = False
    n_rows = 2 * len(venues) + len(rivals) + 1
    most_bytes = sum(map(len, frame)) + n_rows * (_ROW_BYTES + 2 * max(map(len, names), default=0))
    return _Form(np.frombuffer(b"".join(pieces), np.uint8), ends, most_bytes)


def is_ready() -> bool:
    """Whether `texts_of` can run without compiling; from a cold start's first seconds on it is so for ever."""
    return jit.is_compiled(spell.spell_plans)


@dataclass(slots=True)
class _Group:
    """The facts of one form: which they are, their tables, numbers and lines."""

    form: _Form
    indices: list[int] = field(default_factory=list)
    words: list[bytes] = field(default_factory=list)
    numbers: list[bytes] = field(default_factory=list)
    lines: list[object] = field(default_factory=list)


def texts_of(events: Sequence[RoutePlanned]) -> list[bytes]:
    """Canonical JSON of each event whose plan is a table; empty for one that another way must tell: without a table, or
    with a number that is no integer of 64 bits. Raises UnicodeEncodeError for a lone surrogate.
    """
    found = [b""] * len(events)
    groups: dict[_Said, _Group] = {}
    for i, event in enumerate(events):
        plan = event.plan
        if type(plan) is not TabledPlan:
            continue
        words, venues, rivals, left_out, seal, _ = plan.table
        objective, bound, gap, status, solver, certified, estimated, receipt, mean, low, high, is_searched = seal
        order_id, route_id, side, code, wave, *amounts, conversions, symbol, mid, bid, ask = _scalars(plan)
        if order_id != event.order_id or conversions or _NO_NUMBER in amounts:
            continue
        amounts = [_NO_NUMBER if value is None else value for value in amounts]
        try:
            numbers = _pack(wave, *amounts, mid, bid, ask, objective, bound, gap, mean, low, high)
        except error:
            continue
        said = rivals, venues, symbol, status, solver, certified, is_searched
        group = groups.get(said)
        if group is None:
            group = groups[said] = _Group(_form(said))
        group.indices.append(i)
        group.words.append(words)
        group.numbers.append(numbers)
        group.lines += (left_out, event.account, order_id, route_id, side, code, estimated, receipt)
    for group in groups.values():
        _spell(group, found)
    return found


def _spell(group: _Group, found: list[bytes]) -> None:
    """Writes the texts of a group into their places of `found`."""
    form, n = group.form, len(group.indices)
    words = np.frombuffer(b"".join(group.words), np.int64)
    numbers = np.frombuffer(b"".join(group.numbers), np.int64)
    lines = np.frombuffer(_json_lines(group.lines), np.uint8)
    n_bytes = n * form.most_bytes + (words.size + numbers.size) * _DIGITS + 2 * lines.size
    out, ends = np.empty(n_bytes, np.uint8), np.empty(n, np.int64)
    spell.spell_plans(words, numbers, lines, form.pieces, form.ends, out, ends)
    text, start = out.data, 0
    for i, end in zip(group.indices, ends.tolist(), strict=True):
        found[i] = bytes(text[start:end])
        start = end
