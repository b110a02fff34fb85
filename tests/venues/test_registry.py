"""The committed universe is exact, simulated in name and in word, and refuses what does not divide."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.enums import ContractKind
from app.domain.errors import BadDecimal
from app.venues.registry import SIMULATED, load_universe, ns_of_ms, read_table


def test_six_venues_of_one_class_each_symbol() -> None:
    universe = load_universe()
    assert len(universe.venues) == 6
    for symbol in universe.symbols:
        listings = universe.listings(symbol)
        assert set(listings) == set(universe.venues)
        assert len({listing.fungible for listing in listings.values()}) == 1
        assert listings["sim_alpha"].fungible.kind is ContractKind.SPOT


def test_everything_says_that_it_is_simulated() -> None:
    universe = load_universe()
    for venue in universe.venues.values():
        assert venue.is_simulated
        assert venue.venue_id.startswith("sim_")
        assert venue.title.endswith("(simulated)")
    assert {(fee.source, fee.as_of) for fee in universe.fees.values()} == {("simulated", "2024-08-08")}


def test_venues_differ_in_what_a_router_looks_at() -> None:
    universe = load_universe()
    listings = universe.listings("BTC/USDT").values()
    assert len({fee.taker_fee_ppm for fee in universe.fees.values()}) == 6
    assert len({listing.tick_units for listing in listings}) >= 4
    assert len({listing.lot_units for listing in listings}) >= 4
    assert len({venue.latency_ns for venue in universe.venues.values()}) == 6
    assert [v for v, fee in universe.fees.items() if fee.fixed_nano] == ["sim_foxtrot"]


def test_a_notional_is_exact_at_every_venue() -> None:
    universe = load_universe()
    for (_, name), listing in universe.instruments.items():
        symbol = universe.symbols[name]
        one_nano = symbol.money_nano(listing.tick_units, listing.lot_units)
        scale = 10 ** (symbol.price_scale + symbol.qty_scale)
        assert one_nano * scale == listing.tick_units * listing.lot_units * 10**9


@pytest.mark.parametrize(("old", "new"), [("tick = '0.01'", "tick = '0.015'"), ("lot = '0.00001'", "lot = '0.000001'")])
def test_a_tick_or_lot_that_does_not_divide_is_refused(tmp_path: Path, old: str, new: str) -> None:
    changed = tmp_path / "changed.toml"
    changed.write_text(SIMULATED.read_text().replace(old, new, 1))
    with pytest.raises(BadDecimal):
        load_universe(changed)


def test_a_minimum_that_is_no_whole_lot_is_refused(tmp_path: Path) -> None:
    changed = tmp_path / "changed.toml"
    changed.write_text(SIMULATED.read_text().replace("min_qty = '0.0002'", "min_qty = '0.00025'", 1))
    with pytest.raises(BadDecimal):
        load_universe(changed)


def test_a_ceiling_on_book_age_only_lowers() -> None:
    own_ns = load_universe().venues["sim_alpha"].max_book_age_ns
    assert load_universe(max_book_age_ms=500).venues["sim_alpha"].max_book_age_ns == 500_000_000
    assert load_universe(max_book_age_ms=60_000).venues["sim_alpha"].max_book_age_ns == own_ns


def test_the_file_tells_where_its_figures_come_from() -> None:
    text = SIMULATED.read_text()
    assert "MIT, commit 5f3ec40b" in text
    assert "2024-08-08 23:54" in text
    assert read_table()["step_ms"] == 50
    assert ns_of_ms(2.5) == 2_500_000
