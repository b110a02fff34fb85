from __future__ import annotations

import numpy as np
import pytest

from app.domain.enums import ExclusionCode
from app.risk.reference import Reference, read_reference, without
from app.shm.books import SymbolBooks

NOW = 10_000_000_000
AGES = {f"v{i}": 1_000 for i in range(5)}


def books(tops: list[tuple[int, int]], **changes: list[int]) -> SymbolBooks:
    n = len(tops)
    price = np.zeros((n, 2, 4), np.int64)
    price[:, :, 0] = tops
    levels = np.array([[int(b > 0), int(a > 0)] for b, a in tops], np.int64)
    ages = changes.get("ages", [0] * n)
    return SymbolBooks(
        "BTC/USDT",
        tuple(f"v{i}" for i in range(n)),
        price,
        np.ones((n, 2, 4), np.int64),
        levels,
        np.array(changes.get("seqs", [1] * n), np.int64),
        np.array([NOW - age for age in ages], np.int64),
        np.zeros(n, np.int64),
        np.array(changes.get("gaps", [0] * n), bool),
    )


def test_the_mid_is_the_median_of_valid_mids() -> None:
    assert read_reference(books([(99, 101), (100, 102), (109, 111)]), AGES, NOW).mid_half_units == 202
    assert read_reference(books([(99, 101), (100, 102)]), AGES, NOW).mid_half_units == 201


def test_a_cross_between_venues_is_no_error() -> None:
    reference = read_reference(books([(99, 101), (103, 105)]), AGES, NOW)
    assert not reference.barred
    assert (reference.best_bid_units, reference.best_ask_units) == (103, 101)


@pytest.mark.parametrize(
    ("tops", "changes", "code"),
    [
        ([(99, 101)], {"ages": [1_001]}, ExclusionCode.STALE_BOOK),
        ([(101, 101)], {}, ExclusionCode.CROSSED_BOOK),
        ([(99, 101)], {"gaps": [1]}, ExclusionCode.BOOK_GAP),
        ([(99, 101)], {"seqs": [0]}, ExclusionCode.NO_BOOK),
        ([(0, 101)], {}, ExclusionCode.EMPTY_SIDE),
    ],
)
def test_a_bad_book_bars_its_venue_only(tops: list[tuple[int, int]], changes: dict, code: ExclusionCode) -> None:
    alone = read_reference(books(tops, **changes), AGES, NOW)
    assert alone.barred["v0"].code is code
    assert alone.mid_half_units == 0
    padded = {k: [*v, {"ages": 0, "gaps": 0, "seqs": 1}[k]] for k, v in changes.items()}
    both = read_reference(books([*tops, (99, 101)], **padded), AGES, NOW)
    assert set(both.barred) == {"v0"}
    assert both.mid_half_units == 200


def test_the_age_limit_is_inclusive_and_a_venue_without_one_fails_closed() -> None:
    assert not read_reference(books([(99, 101)], ages=[1_000]), AGES, NOW).barred
    assert read_reference(books([(99, 101)], ages=[1]), {}, NOW).barred["v0"].code is ExclusionCode.STALE_BOOK


def test_without_a_venue_the_others_say_mid_and_touch() -> None:
    market = books([(99, 101), (100, 102), (109, 111), (90, 95)], gaps=[0, 0, 0, 1])
    reference = read_reference(market, AGES, NOW)
    found = without(reference, market, {"v2", "v9"})
    assert found == Reference(201, 100, 101, reference.barred, {"v0": 200, "v1": 202}, has_any_book=True)
    assert without(reference, market, {"v3"}) is reference  # it has no say anyhow
    none = without(reference, market, {"v0", "v1", "v2"})
    assert (none.mid_half_units, none.best_bid_units, none.best_ask_units) == (0, 0, 0)
