"""A message that was missed shows in the next one, whatever form the venue's numbers have."""

from __future__ import annotations

import pytest

from app.venues.cex.profile import BookRule, BookSource, Continuity
from app.venues.cex.sequences import SequenceWatch


class Connection:
    """Something that can be pointed to weakly."""


def rule(continuity: Continuity, **names: str) -> BookRule:
    return BookRule(BookSource.STREAM, continuity, "book", 50, **names)


RANGE = rule(Continuity.RANGE, first_field="U", last_field="u")
PREVIOUS = rule(Continuity.PREVIOUS, last_field="seqId", previous_field="prevSeqId")
PLUS_ONE = rule(Continuity.PLUS_ONE, last_field="sequence_num")


def by_range(first, last, market="BTCUSDT"):
    return {"e": "depthUpdate", "s": market, "U": first, "u": last}


def by_previous(previous, last, action="update"):
    return {
        "arg": {"channel": "books", "instId": "BTC-USDT"},
        "action": action,
        "data": [{"prevSeqId": previous, "seqId": last}],
    }


@pytest.mark.parametrize(
    ("watched", "messages", "wholes"),
    [
        (RANGE, [by_range(1, 3), by_range(4, 4), by_range(5, 9)], [True, True, True]),
        (RANGE, [by_range(1, 3), by_range(5, 6)], [True, False]),
        (RANGE, [by_range(1, 3), by_range(9, 9, "ETHUSDT"), by_range(4, 5)], [True, True, True]),
        (RANGE, [{"data": by_range(1, 3), "stream": "x"}, {"data": by_range(5, 6), "stream": "x"}], [True, False]),
        (PREVIOUS, [by_previous(-1, 10, "snapshot"), by_previous(10, 12), by_previous(12, 13)], [True, True, True]),
        (PREVIOUS, [by_previous(-1, 10, "snapshot"), by_previous(11, 12)], [True, False]),
        (PREVIOUS, [by_previous(-1, 10, "snapshot"), by_previous(10, 12), by_previous(-1, 3, "snapshot")], [True] * 3),
        (PREVIOUS, [by_previous(10, 12), by_previous(-1, 13, "snapshot")], [False, True]),
        (PLUS_ONE, [{"channel": "l2", "sequence_num": 0}, {"channel": "l2", "sequence_num": 1}], [True, True]),
        (PLUS_ONE, [{"channel": "l2", "sequence_num": 0}, {"channel": "l2", "sequence_num": 2}], [True, False]),
    ],
)
def test_only_a_missed_message_breaks_the_row(watched, messages, wholes):
    watch, connection = SequenceWatch(watched), Connection()
    assert [watch.is_whole(connection, message) for message in messages] == wholes


def test_a_new_connection_begins_anew():
    watch, old, new = SequenceWatch(RANGE), Connection(), Connection()
    assert watch.is_whole(old, by_range(1, 3))
    assert watch.is_whole(new, by_range(90, 95))


def test_a_venue_without_numbers_and_a_foreign_message_pass():
    connection = Connection()
    assert SequenceWatch(rule(Continuity.CHECKSUM)).is_whole(connection, by_range(9, 9))
    watch = SequenceWatch(RANGE)
    for message in ("pong", ["x"], {"result": None, "id": 1}, {"U": "a", "u": None}):
        assert watch.is_whole(connection, message)
