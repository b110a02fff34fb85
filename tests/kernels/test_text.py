"""Bytes to integers: the kernels against the standard parser and Decimal, on good text, odd text and cut text."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import text
from tests.reference import depth as twin

plain = st.from_regex(r"-?[0-9]{1,12}(\.[0-9]{0,9})?", fullmatch=True)
odd = st.text(alphabet="0123456789.-+eE", max_size=14)


def raw(words):
    return np.frombuffer(words.encode() if isinstance(words, str) else words, np.uint8)


@given(st.one_of(plain, odd), st.integers(0, 9), st.booleans())
def test_a_number_is_exact_or_refused(number, scale, is_quoted):
    quoted = f'"{number}"' if is_quoted else number
    found, place = text.read_units(raw(quoted + ","), 0, scale)
    expected = twin.units(number, scale)
    if place >= 0:
        assert (found, place) == (expected, len(quoted))
    elif expected is not None:
        # Refused though exact: only a number whose form JSON does not know, or one too large.
        is_odd = number.count("-") > number.startswith("-") or number.rstrip("0123456789.") not in {"", "-"}
        assert is_odd or abs(expected) > text.MOST_UNITS


@pytest.mark.parametrize("number", ["", "-", ".", "1e5", "1E5", "0x1", "1.2.3", "--1", "NaN", "9" * 19, "nul"])
def test_what_is_no_plain_number_is_refused(number):
    for quoted in (number, f'"{number}"'):
        assert text.read_units(raw(quoted + "]"), 0, 2)[1] == -1


def test_an_unfinished_number_is_refused():
    assert text.read_units(raw('"12.5'), 0, 2)[1] == -1
    assert text.read_units(raw(b""), 0, 2)[1] == -1


levels = st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 10**9)), max_size=12)


@given(levels, st.booleans(), st.booleans())
def test_levels_are_the_parsers(pairs, is_spaced, has_more):
    rows = [[f"{p / 100:.2f}", f"{q / 1000:.3f}", *(["0", "1"] if has_more else [])] for p, q in pairs]
    words = json.dumps(rows, separators=None if is_spaced else (",", ":"))
    out = np.zeros((16, 2), np.int64)
    n = text.find_levels(raw(words), 0, 2, 3, out)
    assert [tuple(row) for row in out[:n].tolist()] == twin.levels(words, 2, 3) == pairs


@given(levels.filter(bool), st.data())
def test_cut_levels_are_refused(pairs, data):
    words = json.dumps([[f"{p}", f"{q}"] for p, q in pairs])
    cut = words[: data.draw(st.integers(0, len(words) - 1))]
    assert text.find_levels(raw(cut), 0, 0, 0, np.zeros((16, 2), np.int64)) == -1


@pytest.mark.parametrize(
    "words",
    [
        '[["0","1"]]',
        '[["1","-1"]]',
        '[["1"]]',
        "[1,2]",
        '{"a":1}',
        '[["1","2"]',
        '[["1.005","2"]]',
        "[[1 2,1]]",
        '[["1 2","1"]]',
    ],
)
def test_what_is_no_level_is_refused(words):
    assert text.find_levels(raw(words), 0, 2, 2, np.zeros((4, 2), np.int64)) == -1


def test_more_levels_than_there_is_room_for_are_refused():
    out = np.zeros((2, 2), np.int64)
    assert text.find_levels(raw('[["1","1"],["2","1"]]'), 0, 0, 0, out) == 2
    assert text.find_levels(raw('[["1","1"],["2","1"],["3","1"]]'), 0, 0, 0, out) == -1


names = st.sampled_from(["b", "a", "u", "U", "pu", "seqId", "prevSeqId", "x", ""])
leaves = st.one_of(
    st.integers(-(10**15), 10**15), st.text(max_size=8), st.booleans(), st.none(), st.floats(allow_nan=False)
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=8,
)
WANTED = ["b", "u", "U", "pu", "seqId", "prevSeqId"]


def members(words):
    wanted = np.array([text.word_of(name) for name in WANTED])
    places, numbers = np.zeros((2, len(WANTED)), np.int64)
    end = text.find_members(raw(words), 0, wanted, places, numbers)
    return end, places.tolist(), numbers.tolist()


@given(st.dictionaries(names, values, max_size=8), st.booleans(), st.booleans())
def test_members_are_found_where_they_are(body, is_ascii, is_spaced):
    words = json.dumps(body, ensure_ascii=is_ascii, separators=None if is_spaced else (",", ":")).encode()
    end, places, numbers = members(words)
    assert end == len(words)
    for name, place, number in zip(WANTED, places, numbers, strict=True):
        if name not in body:
            assert (place, number) == (-1, text.NO_NUMBER)
            continue
        found, _ = json.JSONDecoder().raw_decode(words[place:].decode())
        assert found == body[name]
        if isinstance(body[name], int) and not isinstance(body[name], bool):
            assert number == body[name]
        elif number != text.NO_NUMBER:
            assert float(body[name]) == number, "a quoted or whole number"


@given(st.dictionaries(names, values, min_size=1, max_size=4), st.data())
def test_a_cut_object_is_broken(body, data):
    words = json.dumps(body).encode()
    assert members(words[: data.draw(st.integers(0, len(words) - 1))])[0] == -1


@given(st.binary(max_size=60))
def test_any_bytes_end_without_harm(words):
    end, places, _ = members(words)
    assert -1 <= end <= len(words)
    assert all(-1 <= place < max(len(words), 1) for place in places)
