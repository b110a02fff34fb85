"""All 13,318 recorded instruments: each is a listing that comes back to its class, or is refused by name."""

from __future__ import annotations

import pytest

from app.venues.cex.symbols import NotRouted
from loadtests.reference_symbols import PAGE, page, read_rows, round_trips, sort_rows

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def reference(shared):
    return sort_rows(read_rows(shared / "data/public/reference"))


def test_every_row_is_counted_once(reference):
    refused = sum(len(names) for names in reference.refused.values())
    assert reference.n_rows == 13_318
    assert len(reference.listings) + refused + len(reference.twice) == reference.n_rows


def test_every_listing_comes_back_to_its_class(reference):
    assert round_trips(reference) == len(reference.listings) > 10_900


def test_no_option_and_no_quanto_is_a_listing(reference):
    n_refused = dict.fromkeys(NotRouted, 0)
    for (_, reason), names in reference.refused.items():
        n_refused[reason] += len(names)
    assert n_refused[NotRouted.OPTION] == 980 + 696 + 605
    assert n_refused[NotRouted.QUANTO] == 22
    assert {each.venue for each in reference.twice} == {"kraken"}


def test_the_committed_page_is_what_the_data_says(reference):
    assert PAGE.read_text(encoding="utf-8") == page(reference), "python -m loadtests.reference_symbols FOLDER --write"
