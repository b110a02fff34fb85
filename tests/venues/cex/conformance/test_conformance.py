"""Every venue passes the same contract against an exchange that speaks its protocol: what L1 means."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from app.domain.statement import VenueState
from tests.venues.cex.conformance.desks import Desk
from tests.venues.cex.conformance.suite import CHECKS, GAPS, PLACES, RESULTS, results, run, spoken
from tests.venues.exchange.server import LocalExchange


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(spoken()) as running:
        yield running
        assert not running.control.imbalance()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=spoken())
async def shared_desk(request: pytest.FixtureRequest, server: LocalExchange) -> AsyncIterator[Desk]:
    desk = await Desk(server, PLACES[request.param]).open()
    yield desk
    await desk.close()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(shared_desk: Desk) -> Desk:
    await shared_desk.settle()
    shared_desk.reports.clear()
    return shared_desk


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("check", CHECKS)
async def test_conformance(desk: Desk, check: str) -> None:
    why = GAPS.get((desk.name, check))
    if why is None:
        await CHECKS[check](desk)
        return
    with pytest.raises(Exception):  # noqa: B017 - a named gap fails in its own way; one that passes is none
        await CHECKS[check](desk)


async def test_the_results_are_what_a_run_found() -> None:
    async def good(desk: Desk) -> None:
        assert desk.venue.health().state is VenueState.UP

    async def bad(desk: Desk) -> None:
        raise AssertionError("as it should")

    assert await run(["okx"], {"good": good, "bad": bad, "again": good}) == {
        "okx": {"good": True, "bad": False, "again": True}
    }


def test_the_committed_results_are_this_suites() -> None:
    assert json.loads(RESULTS.read_text(encoding="utf-8")) == results()
