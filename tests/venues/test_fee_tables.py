"""Fee tables are refused whole where they are unsound, and say where they come from."""

from __future__ import annotations

import pytest

from app.domain.enums import FeeStatus, MarketKind
from app.domain.errors import InvariantBroken
from app.domain.fees import standing
from app.domain.units import NANO
from app.venues.fee_tables import load_schedules, reference_schedules, schedules_of

ROW = {"venue": "v", "market": "spot", "tiers": [["0", 10, 5], ["100", 8, 4]]}
FILE = {"source": "s", "as_of": "2026-01-31", "status": "compiled"}


def read(**row):
    return schedules_of({**FILE, "schedules": [{**ROW, **row}]}, "t.toml")[0]


def test_at_least_forty_venues_have_tables_with_source_and_date():
    tables = reference_schedules()
    assert len({venue for venue, _ in tables}) >= 40
    assert all(table.source and len(table.as_of) == 10 for table in tables.values())
    assert len({venue for (venue, _), table in tables.items() if len(table.tiers) > 1}) >= 30


def test_a_table_without_a_document_points_to_one_and_says_so():
    unverified = [t for t in reference_schedules().values() if t.status is FeeStatus.UNVERIFIED]
    assert unverified
    assert all(t.address.startswith("https://") and t.source.startswith("unverified") for t in unverified)


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx", "bitget", "mexc", "htx", "deribit"])
def test_what_the_compiled_tables_lack_is_there(venue):
    assert (venue, MarketKind.SPOT) in reference_schedules()


def test_holdings_tokens_names_and_windows_are_read():
    table = read(
        names=["a", "b"],
        holdings=[{"tier": 1, "asset": "BNB", "at_least": "25"}],
        token={"asset": "BNB", "discount_ppm": 250_000, "cover": "1"},
        volume_currency="USD",
        window_days=14,
        fixed="2.5",
        address="https://x",
    )
    assert (table.window_days, table.fixed_nano, table.assets) == (14, 2_500_000_000, {"BNB"})
    assert standing(table, 100 * NANO, {"BNB": 25 * NANO}).rule.tier == "b"
    assert standing(table, 100 * NANO, {"BNB": 24 * NANO}).rule.tier == "a"


@pytest.mark.parametrize(
    "change",
    [
        {"market": "swap"},
        {"status": "trusted"},
        {"surprise": 1},
        {"tiers": []},
        {"tiers": [["0", 10.5, 5]]},
        {"tiers": [["0", True, 0]]},
        {"tiers": [[0, 10, 5]]},
        {"tiers": [["0", 10]]},
        {"tiers": [["0", 5, 10]]},
        {"tiers": [["0.0000000001", 10, 5]]},
        {"names": ["only one"]},
        {"holdings": [{"tier": 0, "asset": "BNB", "at_least": "1"}]},
        {"token": {"asset": "BNB", "discount_ppm": 250_000}},
        {"token": {"asset": "BNB", "discount_ppm": 0, "cover": "1"}},
        {"window_days": 31},
        {"source": ""},
    ],
)
def test_an_unsound_row_is_refused_with_its_venue(change):
    with pytest.raises(InvariantBroken, match="v"):
        read(**change)


def test_unknown_keys_of_a_file_are_refused():
    with pytest.raises(InvariantBroken, match="surprise"):
        schedules_of({**FILE, "surprise": 1, "schedules": []}, "t.toml")


def test_a_market_is_told_once(tmp_path):
    text = (
        'source="s"\nas_of="2026-01-31"\nstatus="verified"\n[[schedules]]\nvenue="v"\nmarket="spot"\ntiers=[["0",1,1]]'
    )
    (tmp_path / "a.toml").write_text(text)
    (tmp_path / "b.toml").write_text(text)
    with pytest.raises(InvariantBroken, match="told twice"):
        load_schedules([tmp_path / "a.toml", tmp_path / "b.toml"])
