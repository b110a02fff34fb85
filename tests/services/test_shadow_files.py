"""A desk's CSV: exact or told. Every hostile line has its place and its reason; nothing is repaired in silence."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import Side
from app.domain.errors import BadRequest
from app.services.shadow_files import (
    FILL_COLUMNS,
    PARENT_COLUMNS,
    PARENT_OPTIONS,
    DeskFiles,
    read_files,
    symbol_resolver,
    time_ns,
)
from tests.conftest import REPOSITORY
from tests.services.replay_scene import CLASSES

RESOLVE = symbol_resolver(list(CLASSES.values()))
PARENT = "p1,BTC-USDT,buy,0.5,2026-03-02T09:30:00.123456789Z"
FILL = "p1,f1,2026-03-02T09:30:01+00:00,60000.5,0.25,3.75,USDT,alpha"
PARENTS_HEAD = ",".join(PARENT_COLUMNS)
FILLS_HEAD = ",".join(FILL_COLUMNS)


def read(parents: list[str], fills: list[str], *, strict: bool = False, offset_ns: int = 0) -> DeskFiles:
    contents = ["\n".join([head, *lines]).encode() for head, lines in ((PARENTS_HEAD, parents), (FILLS_HEAD, fills))]
    told = ("parents.csv", contents[0]), ("fills.csv", contents[1])
    return read_files(*told, RESOLVE, clock_offset_ns=offset_ns, is_strict=strict)


def test_a_good_pair_is_read_exactly() -> None:
    found = read([PARENT], [FILL])
    parent, fill = found.parents[0], found.fills["p1"][0]
    assert not found.bad
    assert (parent.symbol, parent.side, parent.qty_units) == ("BTC/USDT", Side.BUY, 50_000)
    assert parent.decision_ts_ns == 1_772_443_800_123_456_789
    assert (fill.price_units, fill.qty_units, fill.fee_nano) == (6_000_050, 25_000, 3_750_000_000)
    assert read([PARENT], [FILL], offset_ns=-7).parents[0].decision_ts_ns == 1_772_443_800_123_456_782


BAD_PARENTS = [
    (PARENT.replace("BTC-USDT", "DOGE"), "symbol", "unknown_symbol"),
    (PARENT.replace("BTC-USDT", "BTCUSD T"), "", ""),
    (PARENT.replace("buy", "long"), "side", "not_buy_or_sell"),
    (PARENT.replace("0.5", "5e-1"), "qty", "decimal_form"),
    (PARENT.replace("0.5", "+0.5"), "qty", "decimal_form"),
    (PARENT.replace("0.5", "-0.5"), "qty", "decimal_form"),
    (PARENT.replace("0.5", ""), "qty", "decimal_form"),
    (PARENT.replace("0.5", "NaN"), "qty", "decimal_form"),
    (PARENT.replace("0.5", "0.50000000001"), "qty", "decimal_increment"),
    (PARENT.replace("0.5", "99999999999999999999"), "qty", "decimal_size"),
    (PARENT.replace("0.5", "0"), "qty", "not_positive"),
    (PARENT.replace("0.5", "٠.٥"), "qty", "decimal_form"),
    (PARENT.removesuffix("Z"), "decision_at", "no_zone"),
    (PARENT.replace("T09", " 09"), "decision_at", "time_form"),
    (PARENT.replace("03-02", "02-30"), "decision_at", "time_form"),
    (PARENT.replace("2026", "0000"), "decision_at", "time_form"),
    (PARENT.replace("2026", "1969"), "decision_at", "time_range"),
    (PARENT.replace("p1", "p 1"), "parent_id", "id_form"),
    (PARENT.replace("p1", "=cmd()"), "parent_id", "id_form"),
    (PARENT + ",more", "decision_at", "field_count"),
    ("p1,BTC-USDT", "symbol", "field_count"),
]


@pytest.mark.parametrize(("line", "column", "code"), BAD_PARENTS)
def test_a_bad_parent_is_told_with_its_line_and_column(line: str, column: str, code: str) -> None:
    found = read([PARENT.replace("p1", "p0"), line], [])
    if not code:  # blanks and marks within a symbol are a spelling
        assert not found.bad
        return
    assert [(b.line, b.column, b.code) for b in found.bad] == [(3, column, code)]
    assert found.bad[0].column_number == PARENT_COLUMNS.index(column) + 1
    assert f"parents.csv:3: column {found.bad[0].column_number} ({column}): {code}" in str(found.bad[0])
    assert [p.parent_id for p in found.parents] == ["p0"]
    with pytest.raises(BadRequest, match=f"parents.csv:3: .*{code}"):
        read([PARENT.replace("p1", "p0"), line], [], strict=True)


BAD_FILLS = [
    (FILL.replace("f1", "f1;drop"), "fill_id", "id_form"),
    (FILL.replace("p1", "p9"), "parent_id", "unknown_parent"),
    (FILL.replace("60000.5", "60000.123"), "price", "decimal_increment"),
    (FILL.replace("60000.5", '"60,000.5"'), "price", "decimal_form"),
    (FILL.replace("3.75", "--3.75"), "fee", "decimal_form"),
    (FILL.replace("3.75", ""), "fee", "decimal_form"),
    (FILL.replace("USDT", "usdt"), "fee_currency", "currency_form"),
    (FILL.replace("+00:00", ""), "at", "no_zone"),
    (FILL.replace("+00:00", "+25:00"), "at", "time_form"),
    (FILL.replace("alpha", ""), "venue", "id_form"),
]


@pytest.mark.parametrize(("line", "column", "code"), BAD_FILLS)
def test_a_bad_fill_is_told_and_its_parent_is_suspect(line: str, column: str, code: str) -> None:
    found = read([PARENT], [FILL.replace("f1", "f0"), line])
    assert [(b.file, b.line, b.column, b.code) for b in found.bad] == [("fills.csv", 3, column, code)]
    assert len(found.fills["p1"]) == 1
    assert found.suspect == {line.split(",", maxsplit=1)[0]}


def test_repeated_lines_count_once() -> None:
    found = read([PARENT, PARENT], [FILL, FILL])
    assert [(b.file, b.line, b.column, b.code) for b in found.bad] == [
        ("parents.csv", 3, "parent_id", "duplicate"),
        ("fills.csv", 3, "fill_id", "duplicate"),
    ]
    assert (len(found.parents), len(found.fills["p1"]), found.suspect) == (1, 1, set())


def test_the_fills_of_a_parent_that_was_not_taken_say_so() -> None:
    found = read([PARENT.replace("buy", "hold")], [FILL])
    assert [b.code for b in found.bad] == ["not_buy_or_sell", "parent_was_not_taken"]


def test_a_rebate_is_a_negative_fee() -> None:
    assert read([PARENT], [FILL.replace("3.75", "-0.5")]).fills["p1"][0].fee_nano == -500_000_000


def test_an_end_before_the_decision_and_prices_finer_than_the_market_are_told() -> None:
    head = PARENTS_HEAD + ",end_at,limit_price,decision_price"
    lines = [
        f"{PARENT},2026-03-02T09:29:00Z,,",
        f"{PARENT.replace('p1', 'p2')},2026-03-02T09:31:00Z,60000,60000.001",
        f"{PARENT.replace('p1', 'p3')},2026-03-02T09:31:00Z,60000,60000.01",
        f"{PARENT.replace('p1', 'p4')},,,",
    ]
    content = "\n".join([head, *lines]).encode()
    found = read_files(("p.csv", content), ("f.csv", FILLS_HEAD.encode()), RESOLVE)
    assert [(b.column, b.code) for b in found.bad] == [
        ("end_at", "before_decision"),
        ("decision_price", "decimal_increment"),
    ]
    told = {p.parent_id: p for p in found.parents}
    assert (told["p3"].limit_price_units, told["p3"].decision_price_units) == (6_000_000, 6_000_001)
    assert (told["p4"].end_ts_ns, told["p4"].limit_price_units) == (0, None)


HOSTILE = [
    (b"", "not_csv"),
    (b"\xff\xfe\x00", "not_utf8"),
    (b"parent_id,symbol,side,qty\n", "bad_columns"),
    (PARENTS_HEAD.encode() + b",colour\n", "bad_columns"),
    (PARENTS_HEAD.encode() + b",qty\n", "bad_columns"),
    (PARENTS_HEAD.encode() + b"\np1,\x00\n", "not_csv"),
    (PARENTS_HEAD.encode() + b'\n"p1,BTC-USDT\n', "not_csv"),
    (PARENTS_HEAD.encode() + b'\n"p1"x,BTC-USDT,buy,1,2\n', "not_csv"),
    (PARENTS_HEAD.encode() + b"\n" + b"9" * 200_000, "not_csv"),
]


@pytest.mark.parametrize(("content", "code"), HOSTILE, ids=[code + str(i) for i, (_, code) in enumerate(HOSTILE)])
def test_what_is_no_such_file_is_refused_whole(content: bytes, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_files(("parents.csv", content), ("fills.csv", FILLS_HEAD.encode()), RESOLVE)
    assert refused.value.code == code
    assert "parents.csv" in refused.value.detail


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.lists(st.text(max_size=20), max_size=8))
def test_any_bytes_are_told_or_taken_and_never_break(tail: bytes, cells: list[str]) -> None:
    row = io.StringIO()
    csv.writer(row).writerow(cells)
    for content in (PARENTS_HEAD.encode() + b"\n" + tail, f"{PARENTS_HEAD}\n{row.getvalue()}".encode(errors="replace")):
        try:
            found = read_files(("p", content), ("f", FILLS_HEAD.encode()), RESOLVE)
        except BadRequest:
            continue
        assert all(b.line >= 2 and b.column_number >= 1 for b in found.bad)


def test_marks_and_line_ends_of_other_machines_are_read() -> None:
    content = "\ufeff" + "\r\n".join([PARENTS_HEAD, PARENT, "", PARENT.replace("p1", "p2")])
    found = read_files(("p", content.encode()), ("f", FILLS_HEAD.encode()), RESOLVE)
    assert [p.parent_id for p in found.parents] == ["p1", "p2"]


def test_a_spelling_that_means_two_symbols_means_none() -> None:
    assert RESOLVE("btcusdt") is CLASSES["spot"]
    assert RESOLVE("BTC/USDT:USDT") is CLASSES["linear"]
    twice = symbol_resolver([CLASSES["linear"], CLASSES["spot"]])
    assert twice("BTCUSDTUSDT") is CLASSES["linear"]
    assert RESOLVE("BTC") is None


@pytest.mark.parametrize("text", ["2026-03-02T09:30:60Z", "2026-03-02T24:00:00Z", "2026-03-02", "9999999999", ""])
def test_times_that_do_not_exist_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time_form"):
        time_ns(text)


def test_zones_move_the_instant() -> None:
    assert time_ns("2026-03-02T09:30:00+05:30") == time_ns("2026-03-02T04:00:00Z")


def test_the_documented_pair_is_what_is_read() -> None:
    """docs/shadow.md shows both files; what it shows is read without a bad line, and its columns are all there are."""
    page = Path(REPOSITORY / "docs" / "shadow.md").read_text()
    parents, fills = re.findall(r"```csv\n(.*?)```", page, re.S)
    found = read_files(("parents.csv", parents.encode()), ("fills.csv", fills.encode()), RESOLVE, is_strict=True)
    assert len(found.parents) == 2
    assert sum(map(len, found.fills.values())) == 3
    for column in (*PARENT_COLUMNS, *PARENT_OPTIONS, *FILL_COLUMNS):
        assert f"| `{column}` |" in page
