"""docs/venues.md says what the table and the suite's results say, and no level is claimed that is not shown."""

from __future__ import annotations

from dataclasses import replace

from app.venues.cex.page import PAGE, STOPS, page, read_conformance, shown, with_levels
from app.venues.cex.profile import Evidence, EvidenceLevel
from app.venues.cex.profile_table import VENUES, evidence_of, profile_of, profiles, refused_venues

RENEW = "python -m app.venues.cex.page --write"


def test_the_committed_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(
        profiles(), refused_venues(), read_conformance(), read_conformance(STOPS)
    ), RENEW


def test_the_table_claims_the_level_that_is_shown():
    conformance = read_conformance()
    claimed = {name: evidence_of(name).level for name in profiles()}
    assert claimed == {name: shown(profile, conformance) for name, profile in profiles().items()}, RENEW


def test_one_failed_check_is_no_l1():
    binance = profile_of("binance")
    assert shown(binance, {}) is EvidenceLevel.L0
    assert shown(binance, {"binance": {}}) is EvidenceLevel.L0
    assert shown(binance, {"binance": {"connect": True, "fees": False}}) is EvidenceLevel.L0
    assert shown(binance, {"binance": {"connect": True, "fees": True}}) is EvidenceLevel.L1
    certified = replace(binance, evidence=Evidence(EvidenceLevel.L2, "2026-12-01", 2024))
    assert shown(certified, {}) is EvidenceLevel.L2


def test_levels_are_written_and_nothing_else_changes():
    text = VENUES.read_text(encoding="utf-8")
    raised = with_levels(text, {"okx": EvidenceLevel.L3})
    before, after = text.splitlines(), raised.splitlines()
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    assert with_levels(raised, {"okx": profile_of("okx").evidence.level}) == text
    assert 'level = "L3"' in next(b for a, b in zip(before, after, strict=True) if a != b)


def test_results_are_told_check_by_check():
    results = {"okx": {"connect": True, "fees": False}, "kraken": {"connect": True}}
    text = page(profiles(), refused_venues(), results, {"okx": {"rests": True}})
    assert "| rests | yes |" in text
    assert "| check | okx | kraken |" in text
    assert "| fees | **no** | - |" in text
    assert "1 at L1" in text


def test_results_are_read_where_they_are(tmp_path):
    path = tmp_path / "conformance.json"
    assert read_conformance(path) == {}
    path.write_text('{"okx": {"connect": true}}')
    assert read_conformance(path) == {"okx": {"connect": True}}


def test_the_page_names_every_venue_and_every_refusal():
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| {name} |" in text for name in profiles())
    assert all(f"**{name}**" in text for name in refused_venues())


def test_the_page_says_where_a_key_may_place_and_what_can_be_emptied():
    text = PAGE.read_text(encoding="utf-8")
    assert "| okx | spot linear inverse | yes |" in text
    assert "| mexc | spot | - |" in text
    assert "| bithumb | - | - |" in text
