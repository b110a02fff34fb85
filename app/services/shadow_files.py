"""A desk's parents and fills as CSV, read strictly: every line is exact or told, nothing is guessed.

Decimal strings, RFC 3339 with a zone, symbols in any unique spelling. A bad line is told with file, line and column; it
is skipped and counted, or stops everything where that was asked for. docs/shadow.md lists the columns.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO
from typing import Final

from app.domain.enums import Side
from app.domain.errors import BadDecimal, BadRequest
from app.domain.instrument import Symbol
from app.domain.shadow import DeskParent, Execution
from app.domain.units import NANO_SCALE, parse_decimal, units_exact

Resolve = Callable[[str], Symbol | None]
PARENT_COLUMNS: Final = ("parent_id", "symbol", "side", "qty", "decision_at")
PARENT_OPTIONS: Final = ("end_at", "limit_price", "decision_price")
FILL_COLUMNS: Final = ("parent_id", "fill_id", "at", "price", "qty", "fee", "fee_currency", "venue")
MAX_LINES: Final = 2_000_000
MAX_FIELD_CHARS: Final = 4_096
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z0-9]{1,16}", re.ASCII)
_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|([+-])(\d\d):(\d\d))?", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_TIME_NS: Final = 2**62


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line that was not taken. `line`: 1 is the head; `column`: its name, and `column_number` from 1."""

    file: str
    line: int
    column: str
    column_number: int
    code: str
    value: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: column {self.column_number} ({self.column})"
        return f"{where}: {self.code}: {self.value[:80]!r}"


@dataclass(slots=True)
class DeskFiles:
    """What was read. `suspect`: parents with a line that was not taken, whose fills are therefore not all known."""

    parents: list[DeskParent] = field(default_factory=list)
    fills: dict[str, list[Execution]] = field(default_factory=dict)
    bad: list[BadLine] = field(default_factory=list)
    suspect: set[str] = field(default_factory=set)


class _Bad(Exception):
    """A field that cannot be taken: its column's name and why."""

    def __init__(self, column: str, code: str) -> None:
        super().__init__(column, code)
        self.column, self.code = column, code


def read_files(
    parents: tuple[str, bytes],
    fills: tuple[str, bytes],
    resolve: Resolve,
    *,
    clock_offset_ns: int = 0,
    is_strict: bool = False,
) -> DeskFiles:
    """Both files, each (name, bytes). `clock_offset_ns` is added to every time of theirs.

    Raises BadRequest for a file whose head is wrong or that is not UTF-8 CSV, and for the first bad line if strict.
    """
    found = DeskFiles()
    by_id: dict[str, DeskParent] = {}
    named: set[str] = set()
    for line, row, numbers in _rows(*parents, PARENT_COLUMNS, PARENT_OPTIONS, found.bad):
        try:
            named.add(row.get("parent_id", ""))
            parent = _parent(row, resolve, clock_offset_ns)
            if parent.parent_id in by_id:
                raise _Bad("parent_id", "duplicate")
        except _Bad as bad:
            found.bad.append(_told(parents[0], line, numbers, row, bad))
            continue
        by_id[parent.parent_id] = parent
    symbols = {parent.symbol: resolve(parent.symbol) for parent in by_id.values()}
    seen: set[tuple[str, str]] = set()
    for line, row, numbers in _rows(*fills, FILL_COLUMNS, (), found.bad):
        try:
            parent_id = _id(row, "parent_id")
            if parent_id not in by_id:
                raise _Bad("parent_id", "parent_was_not_taken" if parent_id in named else "unknown_parent")
            symbol = symbols[by_id[parent_id].symbol]
            assert symbol is not None
            fill = _fill(row, symbol, clock_offset_ns)
            if (parent_id, fill.fill_id) in seen:
                raise _Bad("fill_id", "duplicate")
        except _Bad as bad:
            found.bad.append(_told(fills[0], line, numbers, row, bad))
            if bad.code != "duplicate":
                found.suspect.add(row.get("parent_id", ""))
            continue
        seen.add((parent_id, fill.fill_id))
        found.fills.setdefault(parent_id, []).append(fill)
    if is_strict and found.bad:
        raise BadRequest("bad_line", str(found.bad[0]), hint="Repair it, or leave --strict away to skip bad lines.")
    found.parents = sorted(by_id.values(), key=lambda parent: (parent.decision_ts_ns, parent.parent_id))
    for own in found.fills.values():
        own.sort(key=lambda fill: (fill.ts_ns, fill.fill_id))
    return found


def symbol_resolver(symbols: Sequence[Symbol]) -> Resolve:
    """Exact names first; then any spelling (`BTC-USDT`, `btcusdt`) that means one symbol alone."""
    exact = {symbol.name: symbol for symbol in symbols}
    loose: dict[str, list[Symbol]] = {}
    for symbol in exact.values():
        loose.setdefault(_letters(symbol.name), []).append(symbol)

    def resolve(text: str) -> Symbol | None:
        if text in exact:
            return exact[text]
        candidates = loose.get(_letters(text), [])
        return candidates[0] if len(candidates) == 1 else None

    return resolve


def time_ns(text: str) -> int:
    """UTC nanoseconds of an RFC 3339 time with its zone; raises ValueError("no_zone", "time_form" or "time_range")."""
    form = _TIME.fullmatch(text)
    if form is None:
        raise ValueError("time_form")
    *numbers, fraction, zone, sign, off_hours, off_minutes = form.groups()
    if zone is None:
        raise ValueError("no_zone")
    place = UTC
    try:
        if sign is not None:
            offset = timedelta(hours=int(off_hours), minutes=int(off_minutes))
            place = timezone(-offset if sign == "-" else offset)
        year, month, day, hour, minute, second = map(int, numbers)
        since = datetime(year, month, day, hour, minute, second, tzinfo=place) - _EPOCH
    except (ValueError, OverflowError) as error:
        raise ValueError("time_form") from error
    ns = (since.days * 86_400 + since.seconds) * 10**9 + int((fraction or "").ljust(9, "0"))
    if not 0 < ns < _MAX_TIME_NS:
        raise ValueError("time_range")
    return ns


def _rows(
    file: str, content: bytes, needed: Sequence[str], options: Sequence[str], bad: list[BadLine]
) -> Iterator[tuple[int, dict[str, str], Mapping[str, int]]]:
    """(line, fields by column, column numbers from 1) of every row that has as many fields as the head."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadRequest("not_utf8", f"{file}:{line}: byte {error.start} is not UTF-8") from error
    if "\0" in text:
        raise BadRequest("not_csv", f"{file}:{text[: text.index(chr(0))].count(chr(10)) + 1}: a NUL character")
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    head: list[str] = []
    try:
        for row in reader:
            if not head:
                head = row
                _check_head(file, head, needed, options)
                numbers = {name: i for i, name in enumerate(head, 1)}
            elif row and reader.line_num > MAX_LINES:
                raise BadRequest("too_long", f"{file}: more than {MAX_LINES} lines")
            elif row and (len(row) != len(head) or max(map(len, row)) > MAX_FIELD_CHARS):
                column = min(len(row), len(head))
                bad.append(BadLine(file, reader.line_num, head[column - 1], column, "field_count", str(len(row))))
            elif row:
                yield reader.line_num, dict(zip(head, row, strict=True)), numbers
    except csv.Error as error:
        raise BadRequest("not_csv", f"{file}:{reader.line_num}: {error}") from error
    if not head:
        raise BadRequest("not_csv", f"{file}: empty; the first line names the columns: {','.join(needed)}")


def _check_head(file: str, head: Sequence[str], needed: Sequence[str], options: Sequence[str]) -> None:
    missing = [name for name in needed if name not in head]
    unknown = [name for name in head if name not in (*needed, *options)]
    if missing or unknown or len(set(head)) < len(head):
        raise BadRequest(
            "bad_columns",
            f"{file}:1: missing {missing}, unknown {unknown}, of {len(head)} names {len(set(head))} are different",
            hint=f"Needed: {', '.join(needed)}. Allowed: {', '.join(options) or 'nothing else'}.",
        )


def _told(file: str, line: int, numbers: Mapping[str, int], row: Mapping[str, str], bad: _Bad) -> BadLine:
    return BadLine(file, line, bad.column, numbers.get(bad.column, 0), bad.code, row.get(bad.column, ""))


def _parent(row: Mapping[str, str], resolve: Resolve, offset_ns: int) -> DeskParent:
    parent_id = _id(row, "parent_id")
    symbol = resolve(row["symbol"])
    if symbol is None:
        raise _Bad("symbol", "unknown_symbol")
    if row["side"].lower() not in tuple(Side):
        raise _Bad("side", "not_buy_or_sell")
    decision_ns = _time(row, "decision_at", offset_ns)
    end_ns = _time(row, "end_at", offset_ns) if row.get("end_at") else 0
    if end_ns and end_ns < decision_ns:
        raise _Bad("end_at", "before_decision")
    prices = [
        _positive(row, name, symbol.price_scale) if row.get(name) else None
        for name in ("limit_price", "decision_price")
    ]
    qty_units = _positive(row, "qty", symbol.qty_scale)
    side = Side(row["side"].lower())
    return DeskParent(parent_id, symbol.name, side, qty_units, decision_ns, end_ns, *prices)


def _fill(row: Mapping[str, str], symbol: Symbol, offset_ns: int) -> Execution:
    fee, sign = row["fee"], 1
    if fee.startswith("-"):
        fee, sign = fee[1:], -1
    if not _CURRENCY.fullmatch(row["fee_currency"]):
        raise _Bad("fee_currency", "currency_form")
    return Execution(
        fill_id=_id(row, "fill_id"),
        venue=_id(row, "venue"),
        ts_ns=_time(row, "at", offset_ns),
        price_units=_positive(row, "price", symbol.price_scale),
        qty_units=_positive(row, "qty", symbol.qty_scale),
        fee_nano=sign * _units("fee", fee, NANO_SCALE),
        fee_currency=row["fee_currency"],
    )


def _id(row: Mapping[str, str], column: str) -> str:
    if not _ID.fullmatch(row[column]):
        raise _Bad(column, "id_form")
    return row[column]


def _time(row: Mapping[str, str], column: str, offset_ns: int) -> int:
    try:
        return time_ns(row[column]) + offset_ns
    except ValueError as error:
        raise _Bad(column, str(error)) from error


def _positive(row: Mapping[str, str], column: str, scale: int) -> int:
    units = _units(column, row[column], scale)
    if units < 1:
        raise _Bad(column, "not_positive")
    return units


def _units(column: str, text: str, scale: int) -> int:
    """A price finer than the symbol's is an average, not a fill: `increment`."""
    try:
        return units_exact(parse_decimal(text), scale)
    except BadDecimal as error:
        raise _Bad(column, f"decimal_{error.reason}") from error


def _letters(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", text.upper())
