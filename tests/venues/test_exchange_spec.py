"""How a paper venue says no."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.book import Level
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder
from app.execution.simulator import VenueRefusal
from app.venues.exchange_spec import REFUSAL_TEXT, Made, answers, holds, refused_report
from app.venues.simulated_market import Sides


def test_every_refusal_has_its_words_and_a_duplicate_proves_nothing() -> None:
    assert REFUSAL_TEXT.keys() == {refusal.value for refusal in VenueRefusal}
    for refusal in VenueRefusal:
        report = refused_report("v", "c", refusal.value, 5, 17)
        is_duplicate = refusal is VenueRefusal.DUPLICATE_CLIENT_ID
        assert report.kind is (ReportKind.UNKNOWN if is_duplicate else ReportKind.REJECTED)
        assert (report.code, report.text) == (refusal.value, REFUSAL_TEXT[refusal.value])
        assert (report.evidence, report.venue_ts_ns) == ("ledger:v:17", 5)


class Standing:
    """A market that shows books and does nothing else."""

    def sides(self, venue: str, symbol: str, now_ns: int) -> Sides:
        return Sides(1, (), ())

    def refill_ns(self, venue: str, symbol: str) -> int:
        return 1

    def next_move_ns(self, venue: str, now_ns: int) -> int:
        return 0


class Answering(Standing):
    def trade(self, child: ChildOrder, now_ns: int) -> tuple[Level, ...]:
        return ()


class Resting(Answering):
    def rest(self, child: ChildOrder, now_ns: int) -> tuple[Level, ...] | None:
        return None

    def withdraw(self, client_id: str, symbol: str, now_ns: int) -> None:
        pass

    def made(self, venue: str, symbol: str, now_ns: int) -> Sequence[Made]:
        return ()


def test_what_a_market_does_is_told_by_what_it_offers() -> None:
    markets = (Standing(), Answering(), Resting())
    assert [answers(market) for market in markets] == [False, True, True]
    assert [holds(market) for market in markets] == [False, False, True]
