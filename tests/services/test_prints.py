"""Interval VWAP of the public: own fills taken off the prints that show them, whichever is heard first."""

from __future__ import annotations

import random

import pytest

from app.domain.trade import TradePrint
from app.services import prints
from app.services.prints import MATCH_NS, Prints
from tests.worlds import MS, T0_NS


def trade(price_units: int, qty_units: int, *, ms: int, venue: str = "ven_a") -> TradePrint:
    at_ns = T0_NS + ms * MS
    return TradePrint(venue, "BTC/USDT", price_units, qty_units, None, at_ns, at_ns)


def test_prints_are_weighted_by_volume_and_both_ends_count() -> None:
    tape = Prints()
    for price, qty, ms in ((100, 1, 0), (200, 3, 10), (900, 9, 20)):
        tape.add(trade(price, qty, ms=ms), shows_own=False)
    assert tape.traded(T0_NS, T0_NS + 10 * MS) == (175, 4)
    assert tape.traded(T0_NS + 20 * MS, T0_NS + 90 * MS) == (900, 9)
    assert tape.traded(T0_NS + 11 * MS, T0_NS + 19 * MS) == (0, 0)
    assert Prints().traded(T0_NS, T0_NS + MS) == (0, 0)


@pytest.mark.parametrize("is_fill_first", [True, False])
def test_an_own_fill_is_taken_off_its_print_whichever_is_heard_first(is_fill_first: bool) -> None:
    tape = Prints()
    tape.add(trade(100, 4, ms=0), shows_own=True)
    if is_fill_first:
        tape.add_own("ven_a", T0_NS + 5 * MS, 200, 3)
    tape.add(trade(200, 8, ms=8), shows_own=True)  # three of it ours, five of others
    if not is_fill_first:
        tape.add_own("ven_a", T0_NS + 12 * MS, 200, 3)
    assert tape.traded(T0_NS, T0_NS + 20 * MS) == (156, 9)  # 1400 / 9
    # The order was done before its print came: what was printed later is not taken off what was printed earlier.
    assert tape.traded(T0_NS, T0_NS + 6 * MS) == (100, 4)


def test_a_fill_is_not_taken_off_what_cannot_be_its_print() -> None:
    tape = Prints()
    tape.add(trade(100, 4, ms=0), shows_own=True)
    tape.add(trade(100, 4, ms=0, venue="ven_b"), shows_own=False)
    late_ns = T0_NS + MATCH_NS + MS
    tape.add_own("ven_a", late_ns, 100, 4)  # too late
    tape.add_own("ven_b", T0_NS, 100, 4)  # that tape shows no fill of ours
    tape.add_own("ven_a", T0_NS, 101, 4)  # another price
    assert tape.traded(T0_NS, T0_NS + MS) == (100, 8)


def test_only_own_trades_are_no_trades_of_others() -> None:
    tape = Prints()
    tape.add_own("ven_a", T0_NS, 100, 4)
    tape.add(trade(100, 4, ms=1), shows_own=True)
    assert tape.traded(T0_NS, T0_NS + 10 * MS) == (0, 0)


def test_an_interval_whose_begin_is_forgotten_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prints, "KEPT", 10)
    tape = Prints()
    for i in range(20):
        tape.add(trade(100 + i, 1, ms=i), shows_own=False)
    assert tape.traded(T0_NS, T0_NS + 100 * MS) == (0, 0)
    assert tape.traded(T0_NS + 9 * MS, T0_NS + 100 * MS) == (0, 0)
    assert tape.traded(T0_NS + 10 * MS, T0_NS + 11 * MS) == (110, 2)  # 110.5, half to even
    assert len(tape._ts_ns) == 10


def test_the_answer_is_that_of_a_slow_sum() -> None:
    drawn = random.Random(5)
    tape, rows = Prints(), []
    for i in range(400):
        # The same price comes back after seven seconds: later than a print may be taken for a fill's.
        price, qty, own = 100 + i % 7, drawn.randint(2, 9), drawn.randint(0, 1)
        if own:
            tape.add_own("ven_a", T0_NS + i * 1_000 * MS, price, own)
        tape.add(trade(price, qty, ms=1_000 * i), shows_own=True)
        rows.append((i, price, qty - own))
    for _ in range(50):
        first, last = sorted(drawn.sample(range(400), 2))
        inside = [(p, q) for i, p, q in rows if first <= i <= last]
        qty = sum(q for _, q in inside)
        vwap = sum(p * q for p, q in inside) / qty
        found, found_qty = tape.traded(T0_NS + first * 1_000 * MS, T0_NS + last * 1_000 * MS)
        assert found_qty == qty
        assert abs(found - vwap) <= 0.5


def test_sizes_are_those_of_the_newest_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prints, "N_SIZES", 3)
    monkeypatch.setattr(prints, "KEPT", 4)
    tape = Prints()
    assert tape.sizes_units() == ()
    for i in range(1, 9):
        tape.add(trade(100, i, ms=i), shows_own=False)
        assert tape.sizes_units() == tuple(range(max(1, i - 2), i + 1))
