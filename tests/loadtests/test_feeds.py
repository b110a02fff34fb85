"""The feed bench plays what was recorded, in the venue's words, and shares a book out without losing any of it."""

from __future__ import annotations

import itertools
import json

import pytest

from app.domain.units import PPM
from app.services.replay_protocol import load_protocol
from loadtests import feeds
from loadtests.feeds_source import decimal, market_of, message, read_okx_tape, read_tape, short

ROWS = [
    {"exch_ms": 5, "first_id": 7, "last_id": 9, "prev_id": 6, "side": 0, "price": 6183763, "qty": 0},
    {"exch_ms": 5, "first_id": 7, "last_id": 9, "prev_id": 6, "side": 1, "price": 6183800, "qty": 1500},
]


def test_a_recorded_diff_is_said_as_the_venue_says_it():
    spoken = json.loads(message(ROWS, (2, 3), is_futures=True))
    assert spoken["b"] == [["61837.63", "0.000"]]
    assert spoken["a"] == [["61838.00", "1.500"]]
    assert (spoken["U"], spoken["u"], spoken["pu"]) == (7, 9, 6)
    assert "pu" not in json.loads(message(ROWS, (2, 3), is_futures=False))


def test_decimals_and_markets():
    assert decimal(5, 3) == "0.005"
    assert (short(1500, 3), short(100, 2), short(7, 0)) == ("1.5", "1", "7")
    assert market_of("/fapi/v1/depth") == market_of("/fstream/stream") == "usdm"
    assert market_of("/api/v3/depth") == "spot"


def test_a_shared_book_is_never_more_than_the_book():
    served = feeds.many(load_protocol().shared, 20)
    assert len({one.venue for one in served}) == 20
    assert sum(one.share_ppm for one in served) <= PPM


@pytest.mark.shared_data
@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_a_tape_follows_its_whole_book_without_a_gap(shared, market):
    tape = read_tape(shared / "data" / "public" / "l2" / "binance_3mkt_20240808", market, 40)
    seq = json.loads(tape.whole)["lastUpdateId"]
    diffs = [json.loads(text) for text in tape.messages]
    assert diffs[0]["U"] <= seq + 1 <= diffs[0]["u"] + 1
    for before, after in itertools.pairwise(diffs):
        assert after["pu"] == before["u"] if market == "usdm" else after["U"] == before["u"] + 1
    assert tape.last_seq == diffs[-1]["u"]
    assert tape.n_rows == sum(len(diff["b"]) + len(diff["a"]) for diff in diffs)


@pytest.mark.shared_data
def test_the_okx_tape_is_numbered_and_its_sums_are_right(shared):
    """The feed itself proves every sum; here only that there is one a message and that they differ."""
    tape = read_okx_tape(shared / "data" / "public" / "l2" / "binance_3mkt_20240808", 20)
    rows = [json.loads(text)["data"][0] for text in tape.messages]
    assert [(row["seqId"], row["prevSeqId"]) for row in rows] == [(n, n - 1) for n in range(2, 22)]
    assert len({row["checksum"] for row in rows}) > 10
    assert all(-(2**31) <= row["checksum"] < 2**31 for row in rows)
