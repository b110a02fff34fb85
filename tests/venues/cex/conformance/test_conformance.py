"""Every venue passes the same contract against an exchange that speaks its protocol: what L1 means."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.domain.statement import VenueState
from tests.venues.cex.conformance.desks import Desk
from tests.venues.cex.conformance.suite import (
    CHECKS,
    GAPS,
    PLACES,
    RESULTS,
    assert_passed,
    desks_at,
    errors_of,
    results,
    run,
    spoken,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desks() -> AsyncIterator[dict[str, Desk]]:
    async with desks_at({venue: PLACES[venue] for venue in spoken()}) as found:
        yield found


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("check", CHECKS)
async def test_conformance(desks: dict[str, Desk], check: str) -> None:
    assert_passed(await errors_of(desks, CHECKS[check]), [venue for venue, name in GAPS if name == check])


async def good(desk: Desk) -> None:
    assert desk.venue.health().state is VenueState.UP


async def bad_at_one(desk: Desk) -> None:
    assert desk.name == "kraken", "as it should"


async def test_the_results_are_what_a_run_found() -> None:
    places = {venue: PLACES[venue] for venue in ("okx", "kraken")}
    assert await run(places, {"good": good, "bad": bad_at_one, "again": good}) == {
        "okx": {"good": True, "bad": False, "again": True},
        "kraken": {"good": True, "bad": True, "again": True},
    }


def test_what_fails_at_one_venue_is_told_and_so_is_a_gap_that_is_none() -> None:
    errors = {"okx": None, "kraken": ValueError("wrong")}
    assert_passed(errors, ["kraken"])
    with pytest.raises(ExceptionGroup, match="at 1 of 2 venues") as raised:
        assert_passed(errors)
    assert raised.value.exceptions[0].__notes__ == ["at kraken"]
    with pytest.raises(AssertionError):
        assert_passed({"okx": None, "kraken": None}, ["kraken"])


def test_the_committed_results_are_this_suites() -> None:
    assert json.loads(RESULTS.read_text(encoding="utf-8")) == results()
