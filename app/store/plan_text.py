"""Facts about plans that are tables, spelled as store/unnamed.py would spell the plans' values, without making them."""

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
from app.domain.plan import Exclusion
from app.domain.tabled import REASONS, TabledPlan
from app.kernels import jit, spell
from app.store.unnamed import writer_of

_json: Final = msgspec.json.Encoder().encode
_json_lines: Final = msgspec.json.Encoder().encode_lines
Int64Array = npt.NDArray[np.int64]
UInt8Array = npt.NDArray[np.uint8]

_reasons: Final = [_json(reason) for reason in REASONS]
_unnamed: Final = writer_of(Exclusion)
# Of a number of 64 bits, with its sign and what parts it from the next.
_DIGITS: Final = 21
_NO_NUMBER: Final = -(2**63)
_NOBODY: Final = ()
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


# Rivals, venues, symbol; status, solver and certified terms.
_Said = tuple[tuple[str, ...], tuple[str, ...], str, SolveStatus, str, tuple[str, ...]]


class _Form(NamedTuple):
    """What facts about plans of one market share: pieces one after the other, where each ends, the most bytes of one
    fact beside its numbers and lines.
    """

    pieces: UInt8Array
    ends: Int64Array
    most_bytes: int


@lru_cache(maxsize=256)
def _form(said: _Said) -> _Form:
    """The pieces in the order of kernels/spell.py."""
    rivals, venues, symbol, status, solver, certified = said
    names = [_json(name) for name in (*rivals, *venues)]
    words = [_json(symbol), b"%b,%b" % (_json(status), _json(solver)), _json(certified), b"null", b"true"]
    pieces = [*_reasons, *names, *words]
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    ends.flags.writeable = False
    n_rows = 2 * len(venues) + len(rivals) + 4
    row_bytes = max(map(len, _reasons)) + 2 * max(map(len, names), default=0) + len(b"[,],[],")
    most_bytes = n_rows * row_bytes + sum(map(len, words)) + len(b"[,,[,,,,,,],,[,,,,,],]]")
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
    """The spelling of each event whose plan is a table; empty for one that another way must tell: without a table, or
    with a number that is no integer of 64 bits. Raises UnicodeEncodeError for a lone surrogate.
    """
    found = [b""] * len(events)
    groups: dict[_Said, _Group] = {}
    group, last = None, None  # of one market all plans of a turn say the same
    for i, event in enumerate(events):
        plan = event.plan
        if type(plan) is not TabledPlan:
            continue
        words, venues, rivals, left_out, seal, _ = plan.table
        objective, bound, gap, status, solver, certified, estimated, receipt, mean, low, high, is_searched = seal
        order_id, route_id, side, code, wave, *amounts, conversions, symbol, mid, bid, ask = _scalars(plan)
        if order_id != event.order_id or conversions or _NO_NUMBER in amounts:
            continue
        said = rivals, venues, symbol, status, solver, certified
        if said != last:
            last, group = said, groups.get(said)
            if group is None and "" not in venues:
                group = groups[said] = _Group(_form(said))
        if group is None:
            continue
        qty, notional, placed, spent, rest, rest_notional = amounts
        try:
            numbers = _pack(
                wave,
                _NO_NUMBER if qty is None else qty,
                _NO_NUMBER if notional is None else notional,
                placed,
                spent,
                _NO_NUMBER if rest is None else rest,
                _NO_NUMBER if rest_notional is None else rest_notional,
                mid,
                bid,
                ask,
                objective,
                bound,
                gap,
                mean,
                low,
                high,
                is_searched,
            )
        except error:
            continue
        group.indices.append(i)
        group.words.append(words)
        group.numbers.append(numbers)
        before = [_unnamed(one) for one in left_out] if left_out else _NOBODY
        group.lines += (before, event.account, order_id, route_id, side, code, estimated, receipt)
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
