"""What venues are said to hold of stops: every row has a source, and only what we speak is served."""

from __future__ import annotations

from datetime import date

from app.venues.registry import load_universe
from app.venues.stop_offers import load_offers, served_offers


def test_every_row_says_who_told_it_and_when() -> None:
    for offer in load_offers().values():
        assert offer.source
        assert date.fromisoformat(offer.as_of)
        assert bool(offer.sources) == (offer.has_stop or offer.has_stop_limit), offer.venue


def test_a_librarys_word_is_called_unverified() -> None:
    real = [offer for venue, offer in load_offers().items() if not venue.startswith("sim_")]
    assert len(real) > 30
    assert all(offer.source.startswith("unverified") for offer in real)


def test_what_is_served_is_offered_and_all_simulated_venues_are_told() -> None:
    assert load_universe().venues.keys() <= load_offers().keys()
    assert all(offer.has_stop and offer.sources for offer in served_offers().values())
    assert {v for v in served_offers() if v.startswith("sim_")} == load_universe().venues.keys() - {"sim_foxtrot"}
