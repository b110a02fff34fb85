"""How a paper venue says no."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.book import Level
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder
from app.execution.simulator import VenueRefusal
from app.venues.exchange_spec import (
    REFUSAL_TEXT,
    AnsweringMarket,
    RestingMarket,
    answers,
    refused_report,
    takes_rests,
)


def test_every_refusal_has_its_words_and_a_duplicate_proves_nothing() -> None:
    assert REFUSAL_TEXT.keys() == {refusal.value for refusal in VenueRefusal}
    for refusal in VenueRefusal:
        report = refused_report("v", "c", refusal.value, 5, 17)
        is_duplicate = refusal is VenueRefusal.DUPLICATE_CLIENT_ID
        assert report.kind is (ReportKind.UNKNOWN if is_duplicate else ReportKind.REJECTED)
        assert (report.code, report.text) == (refusal.value, REFUSAL_TEXT[refusal.value])
        assert (report.evidence, report.venue_ts_ns) == ("ledger:v:17", 5)


class Silent:
    """A market that only shows."""


class Trading:
    def trade(self, child: object, now_ns: int) -> tuple[()]:
        return ()


class Waiting(Trading):
    def rest(self, child: object, now_ns: int) -> None: ...

    def withdraw(self, client_id: str, symbol: str, now_ns: int) -> None: ...

    def made(self, venue: str, symbol: str, now_ns: int) -> tuple[()]:
        return ()


def test_a_market_is_what_it_can_do() -> None:
    """As the protocols say, though each kind of market is asked once only."""
    for market in (Silent(), Trading(), Waiting(), Silent(), Trading(), Waiting()):
        assert answers(market) is isinstance(market, AnsweringMarket) is not isinstance(market, Silent)
        assert takes_rests(market) is isinstance(market, RestingMarket) is isinstance(market, Waiting)
