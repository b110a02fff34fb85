"""What the adapter is before it meets a venue. Everything else of it is in conformance/."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app.domain.errors import Unavailable
from app.domain.fills import ReportKind
from app.domain.orders import Approved
from app.domain.statement import VenueState
from app.venues.cex.adapter import CcxtVenue, listings_of, no_token
from app.venues.cex.budget import Budgets
from app.venues.cex.errors import placement_report
from app.venues.cex.profile_table import profile_of
from app.venues.cex.session import Call, SessionSettings
from app.venues.clock import SystemClock
from tests.venues.cex.markets import universe_of
from tests.venues.cex.signers import LocalSigner
from tests.venues.cex.test_reports import CHILD

UNIVERSE = universe_of("binance", {"BTC/USDT": ("0.01", "0.001")})


def a_signer():
    return LocalSigner({("binance", "desk"): {"apiKey": "k", "secret": "s"}}, {"binance": "binance"})


def an_adapter(signer):
    settings = SessionSettings("desk", "http://127.0.0.1:9", timeout_s=0.3)
    return CcxtVenue(profile_of("binance"), UNIVERSE, SystemClock(), settings, signer=signer, budgets=Budgets())


async def test_a_venue_that_is_away_takes_nothing_and_says_so():
    """Nobody listens on port 9: each call fails at once, nothing is placed, and the state says why."""
    signer = a_signer()
    reports, venue = [], an_adapter(signer)
    await venue.start(reports.append, reports.append)
    try:
        assert venue.health().state is VenueState.DOWN
        assert venue.health().reason
        await venue.send(Approved(CHILD, 1, 1))
        assert [(report.kind, report.code) for report in reports] == [(ReportKind.REJECTED, "not_sent")]
        for ask in (venue.open_client_ids(), venue.statement("desk"), venue.query(CHILD), venue.cancel(CHILD)):
            with pytest.raises(Unavailable):
                await ask
        assert signer.requests == []
    finally:
        await venue.stop()


async def test_half_a_character_in_a_venues_words_is_told_as_a_question_mark():
    reports, venue = [], an_adapter(a_signer())
    await venue.start(reports.append, reports.append)
    try:
        answer = json.loads('{"code":-2010,"msg":"no \\ud83d\\u0000funds"}')
        call = Call("place", may_have_left=True, status=400, answer=answer)
        venue._report(placement_report(profile_of("binance"), CHILD.client_id, call, None, ""))
    finally:
        await venue.stop()
    assert [(report.code, report.text) for report in reports] == [("-2010", "no ? funds")]


def test_listings_are_the_venues_own():
    both = replace(UNIVERSE)
    assert list(listings_of(both, "binance")) == ["BTC/USDT"]
    assert listings_of(both, "okx") == {}
    assert no_token(CHILD, 1, 1) is None
