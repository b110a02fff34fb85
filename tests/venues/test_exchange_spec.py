"""How a paper venue says no."""

from __future__ import annotations

from app.domain.fills import ReportKind
from app.execution.simulator import VenueRefusal
from app.venues.exchange_spec import REFUSAL_TEXT, refused_report


def test_every_refusal_has_its_words_and_a_duplicate_proves_nothing() -> None:
    assert REFUSAL_TEXT.keys() == {refusal.value for refusal in VenueRefusal}
    for refusal in VenueRefusal:
        report = refused_report("v", "c", refusal.value, 5, 17)
        is_duplicate = refusal is VenueRefusal.DUPLICATE_CLIENT_ID
        assert report.kind is (ReportKind.UNKNOWN if is_duplicate else ReportKind.REJECTED)
        assert (report.code, report.text) == (refusal.value, REFUSAL_TEXT[refusal.value])
        assert (report.evidence, report.venue_ts_ns) == ("ledger:v:17", 5)
