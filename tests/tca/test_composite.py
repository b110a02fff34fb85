"""The class mid with and without a venue: the reference of markouts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Side
from app.tca.composite import take_sample, weighted_median
from tests.worlds import MS, T0_NS, VENUES, flat_book, make_desk

AGES = dict.fromkeys(VENUES, 1_000 * MS)


def sample_of(mids: dict[str, int], lots: dict[str, int] | None = None, age_ms: int = 0):
    desk = make_desk()
    for venue, mid in mids.items():
        book = flat_book(venue, mid, T0_NS, book_seq=next(desk.book_seqs), lots=(lots or {}).get(venue, 200))
        desk.board.write_snapshot(book)
    return take_sample(desk.board.read("BTC/USDT"), AGES, T0_NS + age_ms * MS)


@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**6)), min_size=1, max_size=8))
def test_half_the_weight_lies_on_either_side(pairs) -> None:
    ordered = sorted(pairs)
    median, total = weighted_median(ordered), sum(w for _, w in ordered)
    assert 2 * sum(w for v, w in ordered if v < median) <= total
    assert 2 * sum(w for v, w in ordered if v > median) <= total


def test_of_nothing_there_is_no_median() -> None:
    assert weighted_median([]) == 0
    assert weighted_median([(10, 1), (20, 1)]) == 15


def test_a_venue_does_not_judge_itself() -> None:
    deep = {"ven_a": 90_000}
    quiet = sample_of({"ven_a": 6_000_000, "ven_b": 6_000_000, "ven_c": 6_000_000}, deep)
    moved = sample_of({"ven_a": 6_009_000, "ven_b": 6_000_000, "ven_c": 6_000_000}, deep)
    assert moved.without_half_units["ven_a"] == quiet.without_half_units["ven_a"]
    assert moved.without_half_units["ven_b"] != quiet.without_half_units["ven_b"]


def test_the_deeper_book_weighs_more() -> None:
    mids = {"ven_a": 6_000_000, "ven_b": 6_001_000, "ven_c": 6_002_000}
    deep = sample_of(mids, {"ven_a": 90_000, "ven_b": 10, "ven_c": 10})
    assert deep.without_half_units["ven_b"] == deep.without_half_units["ven_c"] == 12_000_000
    assert deep.mid_half_units == 12_002_000  # the stamped reference counts every venue alike


def test_stale_books_are_not_believed() -> None:
    late = sample_of({"ven_a": 6_000_000}, age_ms=1_001)
    assert late.mid_half_units == late.shown_ask_units == 0
    assert set(late.without_half_units.values()) == {0}


def test_what_is_shown_near_the_mid_is_summed_by_side() -> None:
    desk = make_desk()
    sample = take_sample(desk.board.read("BTC/USDT"), AGES, T0_NS)
    expected = sum(
        qty for venue in VENUES for price, qty in flat_book(venue, 6_000_000, T0_NS).asks if price <= 6_003_000
    )
    assert sample.shown_units(Side.BUY) == expected == sample.shown_ask_units
    assert sample.shown_units(Side.SELL) == sample.shown_bid_units > 0
