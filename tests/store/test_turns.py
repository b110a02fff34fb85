"""A row's lines, hashes and frames: what goes in comes out, and nothing else is taken for a record."""

from __future__ import annotations

import hashlib
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvariantBroken
from app.store.chain import GENESIS, link
from app.store.codec import encode_fact
from app.store.encoder import Records
from app.store.turns import (
    account_lines,
    account_needle,
    accounts_text,
    decode_line,
    frame_receipts,
    make_turn,
    name_in_record,
    receipts_in,
    seq_of,
)
from tests.store.logs import named_at, story_facts

FACTS, RECEIPTS = story_facts(400, seed=8)
ENCODED = [encode_fact(fact) for fact in FACTS]
PLACED = [(sha256, seq, RECEIPTS[sha256]) for sha256, seq in named_at(FACTS).items()]
TURN = make_turn(GENESIS, Records.of_rows(ENCODED), PLACED)


def test_every_fact_comes_back_from_its_line() -> None:
    assert [decode_line(line) for line in TURN.lines()] == FACTS
    assert [seq_of(line) for line in TURN.lines()] == [fact.seq for fact in FACTS]
    assert (TURN.first_seq, TURN.last_seq, TURN.ts_ns) == (1, len(FACTS), FACTS[-1].ts_ns)


def test_the_chain_is_that_of_the_facts_however_they_are_grouped() -> None:
    chain_hash = GENESIS
    for fact in ENCODED:
        chain_hash = link(chain_hash, fact.seq, fact.record)
        assert TURN.hash_at(fact.seq) == chain_hash
    assert TURN.chain_hash == chain_hash
    first = make_turn(GENESIS, Records.of_rows(ENCODED[:37]), [])
    second = make_turn(first.chain_hash, Records.of_rows(ENCODED[37:]), [])
    assert (first.hashes + second.hashes, first.facts + b"\n" + second.facts) == (TURN.hashes, TURN.facts)
    assert second.hash_at(38) == TURN.hash_at(38)


@pytest.mark.parametrize("after_seq", [0, 1, 399, 400, 1_000])
def test_lines_after_a_seq(after_seq: int) -> None:
    assert [decode_line(line).seq for line in TURN.lines(after_seq)] == [f.seq for f in FACTS if f.seq > after_seq]
    later = make_turn(GENESIS, Records.of_rows(ENCODED[37:]), [])
    assert later.lines(5) == later.lines()


def test_accounts_say_the_last_of_each() -> None:
    for account in {fact.account for fact in FACTS}:
        last = max(fact.account_seq for fact in FACTS if fact.account == account)
        said = f"{account_needle(account)}{last}"
        assert (said in "," + TURN.accounts[1:]) == bool(account), (account, TURN.accounts)


ACCOUNTS = st.text(st.sampled_from('a",:\\{}ä1'), min_size=1, max_size=6) | st.text(
    st.characters(codec="utf-8"), min_size=1
)


@given(st.lists(ACCOUNTS, min_size=1, max_size=6, unique=True))
def test_a_needle_finds_its_account_alone_whatever_its_name(names: list[str]) -> None:
    """As the log's reader looks for it, in SQL."""
    text = accounts_text({name: 10 + i for i, name in enumerate(names)})
    connection = sqlite3.connect(":memory:")
    for i, name in enumerate(names):
        ((found, n),) = connection.execute(
            "select count(*), cast(substr(?1, instr(',' || substr(?1, 2), ?2) + length(?2)) as integer)"
            " where instr(',' || substr(?1, 2), ?2) > 0",
            (text, account_needle(name)),
        ).fetchall()
        assert (found, n) == (1, 10 + i)
        assert account_needle(name) not in "," + accounts_text({other: 1 for other in names if other != name})[1:]
        assert name_in_record(name) in text.encode()
    connection.close()


def test_lines_of_an_account_after_its_number() -> None:
    mine = [fact for fact in FACTS if fact.account == "desk-a"]
    for after in (0, 7, mine[-1].account_seq):
        lines = list(account_lines(TURN, "desk-a", after))
        assert [f for f in map(decode_line, lines) if f.account == "desk-a"] == [
            f for f in mine if f.account_seq > after
        ]
    assert list(account_lines(TURN, "nobody", 0)) == []


@given(st.lists(st.binary(max_size=300), unique=True))
def test_receipts_come_back_in_order(bodies: list[bytes]) -> None:
    receipts = [(hashlib.sha256(body).hexdigest(), i, body) for i, body in enumerate(bodies)]
    framed = frame_receipts(receipts)
    assert list(receipts_in(framed)) == receipts
    assert frame_receipts([*receipts, *receipts]) == framed
    for n_bytes in range(1, min(60, len(framed))):
        with pytest.raises(InvariantBroken, match="cut off"):
            if len(list(receipts_in(framed[:-n_bytes]))) < len(receipts):
                raise InvariantBroken(reason="cut off at a frame's end")


@given(fact=st.sampled_from(ENCODED), place=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_no_other_bytes_say_the_same_fact(fact, place: int, byte: int) -> None:  # type: ignore[no-untyped-def]
    line = bytearray(fact.record)
    line[place % len(line)] = byte
    if bytes(line) == fact.record:
        return
    try:
        told = decode_line(bytes(line))
    except InvariantBroken:
        return
    assert encode_fact(told).record == bytes(line) != fact.record


SPELLINGS = {
    "leading_zero": lambda line: line.replace(b'"seq":1,', b'"seq":01,'),
    "zero": lambda line: line.replace(b'"seq":1,', b'"seq":0,'),
    "negative": lambda line: line.replace(b'"seq":1,', b'"seq":-1,'),
    "space": lambda line: line.replace(b'"v":', b'"v": '),
    "order": lambda line: line.replace(b'"seq":1,', b"").replace(b'"account_seq"', b'"seq":1,"account_seq"'),
    "end": lambda line: line[:-1] + b" ",
    "more": lambda line: line + b"}",
    "before": lambda line: b" " + line,
    "nothing": lambda line: b"",
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_another_spelling_is_no_record(spell) -> None:  # type: ignore[no-untyped-def]
    line = spell(ENCODED[0].record)
    assert line != ENCODED[0].record
    with pytest.raises(InvariantBroken):
        decode_line(line)
