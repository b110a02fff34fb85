"""Every recorded message is read or refused for its kind, every checksum is right, and spoiled ones are seen."""

from __future__ import annotations

import itertools
import json
import re

import numpy as np
import pytest

from app.kernels import depth, status
from app.shm.books import BookBoard
from app.venues.cex.direct.depth_book import DepthBook, DepthSpec
from app.venues.cex.messages.words import UnknownShape, Unused, VenueSaysNo
from loadtests import wire
from loadtests.wire_recorded import Recorded, fixture, messages, unpack

RULES = {
    "reasons": {"own": "own orders", "server": "a test server"},
    "rule": [
        {"path": "order", "unless": "book", "kind": "own"},
        {"path": "book", "kind": "books"},
        {"path": "bad", "kind": "error"},
    ],
}


@pytest.mark.shared_data
def test_every_recorded_message_is_read_or_refused_and_the_table_is_current(shared):
    table, failures = wire.markdown(shared / "data" / "public")
    assert not failures
    assert wire.OUT.read_text() == table
    assert wire.CREDIT in table


def capture(shared, venue):
    (path,) = (shared / "data" / "public" / "wire" / venue).glob("*.ws.1.0.*")
    return [found for found in (wire.book_message(one, depth.SHORT_SUM) for one in messages(path)) if found], [
        one for one in messages(path) if wire.book_message(one, depth.SHORT_SUM)
    ]


def play(texts, facts):
    """Status of each message of a capture's books."""
    books = {}
    for text, (symbol, places, _, checksum, is_whole) in zip(texts, facts, strict=True):
        if symbol not in books:
            row = BookBoard([("v", symbol)], 50).row_of("v", symbol)
            books[symbol] = DepthBook(DepthSpec(symbol, symbol, *places, *places, sum_kind=depth.SHORT_SUM), row)
        raw = text.encode()
        at = raw.index(b'"bids":') + 7, raw.index(b'"asks":') + 7
        yield books[symbol].take(np.frombuffer(raw, np.uint8), at, (1, 1, 1), checksum, is_whole=is_whole)


@pytest.mark.shared_data
def test_a_changed_quantity_or_checksum_or_a_lost_message_is_seen(shared):
    facts, recorded = capture(shared, "OKX")
    texts = [one.text for one in recorded]
    assert set(play(texts, facts)) == {status.OK}
    updates = [i for i, one in enumerate(facts) if not one[4]]
    n_seen = n_lost_seen = 0
    for i in updates[::10]:
        wrong = [*facts]
        wrong[i] = (*facts[i][:3], facts[i][3] ^ 1, facts[i][4])
        assert list(itertools.islice(play(texts, wrong), i, i + 1)) == [status.BAD_CHECKSUM]
        # A digit of a level's quantity; beyond the 25 levels that the checksum covers nobody can see it.
        spoiled = [*texts]
        spoiled[i] = re.sub(
            r'\["([0-9.]+)","([0-9.]*)([0-9])"', lambda m: f'["{m[1]}","{m[2]}{(int(m[3]) + 1) % 10}"', texts[i]
        )
        n_seen += status.BAD_CHECKSUM in set(play(spoiled, facts))
        rest = [k for k in range(len(texts)) if k != i]
        n_lost_seen += status.BAD_CHECKSUM in set(play([texts[k] for k in rest], [facts[k] for k in rest]))
    n = len(updates[::10])
    assert n_seen >= n * 0.8
    assert n_lost_seen >= n * 0.8


def test_frames_are_unpacked_whatever_packed_them():
    assert unpack("plain") == "plain"
    assert unpack(repr(b'{"a":1}')) == '{"a":1}'


def test_a_fixture_is_what_the_first_rule_says():
    assert fixture("m", "m/orders", {}, RULES) == (Unused("own orders"),)
    (book,) = fixture("m", "m/orderbook", {"bids": [["1", "2"]], "asks": []}, RULES)
    assert book.symbol == "m"
    assert isinstance(fixture("m", "m/bad", {"no": 1}, RULES)[0], VenueSaysNo)
    assert fixture("m", "m/any", dict.fromkeys(("id", "request", "response", "uuid")), RULES) == (
        Unused("a test server"),
    )
    with pytest.raises(UnknownShape):
        fixture("m", "m/new", {}, RULES)


def test_book_messages_are_told_from_others():
    other = Recorded(0.0, "wss://v", json.dumps({"event": "subscribe"}), is_answer=False)
    assert wire.book_message(other, depth.SHORT_SUM) is None
    assert wire.decimals([["1.50", "2"]], depth.DIGITS_SUM) == (2, 0)
