"""Mark prices of paper perpetuals: an index, and a bounded basis."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import ContractKind
from app.venues.paper_marks import BASIS_PPM, PaperMarks, mark_price_units
from app.venues.simulated_market import Sides
from tests.venues.test_exchange import LISTING, SYMBOL, VENUE


@pytest.mark.parametrize(
    ("index", "own", "mark"),
    [
        ([2_000_000, 2_000_200, 2_000_400], 2_000_200, 1_000_100),  # the median is its own
        ([2_000_000, 2_000_200, 2_000_400], 2_000_400, 1_000_200),  # a basis within the bound stands
        ([2_000_000, 2_000_200, 2_000_400], 3_000_000, 1_000_100 + 1_000_100 * BASIS_PPM // 1_000_000),
        ([2_000_000, 0, 0], 0, 1_000_000),  # no book of its own: its index
        ([0, 0], 2_000_000, 0),  # no index: none
        ([], 2_000_000, 0),
    ],
)
def test_the_mark_is_the_index_and_a_bounded_part_of_the_basis(index: list[int], own: int, mark: int) -> None:
    assert mark_price_units(index, own, 1) == mark


def test_it_is_on_the_venues_tick() -> None:
    assert mark_price_units([2_000_199], 2_000_199, 50) == 1_000_050


class Books:
    """Each venue's book stands around its own mid."""

    def __init__(self, mids: dict[str, int]) -> None:
        self.mids = mids

    def sides(self, venue: str, symbol: str, now_ns: int) -> Sides:
        mid = self.mids[venue]
        return Sides(1, ((mid - 10, 5),), ((mid + 10, 5),)) if mid else Sides(1, (), ())

    def refill_ns(self, venue: str, symbol: str) -> int:
        return 1

    def next_move_ns(self, venue: str, now_ns: int) -> int:
        return 0


def marks_of(kind: ContractKind, mids: dict[str, int]) -> PaperMarks:
    symbol = replace(LISTING.symbol, fungible=replace(LISTING.symbol.fungible, kind=kind))
    return PaperMarks(VENUE, Books(mids), {SYMBOL: replace(LISTING, symbol=symbol)}, {SYMBOL: tuple(mids)})


def test_only_contracts_have_one() -> None:
    mids = {VENUE: 1_000_000, "b": 1_000_100, "c": 1_000_300}
    assert marks_of(ContractKind.SPOT, mids).units(SYMBOL, 0) == 0
    assert not marks_of(ContractKind.SPOT, mids).symbols()
    perpetual = marks_of(ContractKind.LINEAR, mids)
    assert perpetual.symbols() == (SYMBOL,)
    assert perpetual.units(SYMBOL, 0) == 1_000_000
    assert marks_of(ContractKind.INVERSE, mids | {VENUE: 900_000}).units(SYMBOL, 0) == 1_000_100 - 500
