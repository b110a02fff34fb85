"""Fate is decided by seed, venue and client id alone."""

from __future__ import annotations

from app.venues.faults import Faults, fate_of


def test_the_same_child_has_the_same_fate() -> None:
    faults = Faults(lose_request_ppm=500_000, lose_reports_ppm=500_000)
    fates = [(f.is_request_lost, f.is_untold) for f in (fate_of(faults, 7, "v", f"c{i}") for i in range(200))]
    again = [(f.is_request_lost, f.is_untold) for f in (fate_of(faults, 7, "v", f"c{i}") for i in range(200))]
    assert fates == again
    assert len(set(fates)) == 4


def test_chances_are_parts_per_million() -> None:
    lost = sum(fate_of(Faults(lose_request_ppm=50_000), 7, "v", f"c{i}").is_request_lost for i in range(4_000))
    assert 140 <= lost <= 260  # 200 expected, sd 14
    never = fate_of(Faults(), 7, "v", "c")
    always = fate_of(Faults(lose_request_ppm=1_000_000, lose_reports_ppm=1_000_000), 7, "v", "c")
    assert (never.is_request_lost, never.is_untold) == (False, False)
    assert (always.is_request_lost, always.is_untold) == (True, True)
