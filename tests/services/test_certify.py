"""A trial of a venue that is not there, or not idle, says so and stops; tests/cli/test_certify.py has the rest."""

from __future__ import annotations

import asyncio

import pytest

from app.domain.enums import Side
from app.domain.statement import VenueOpenOrder, VenueState, VenueStatement
from app.services import certify
from app.services.certify import Trial
from tests.api.gateway import open_gateway

TRIAL = Trial("ven_a", "BTC/USDT", "desk", 1, lambda: None)


async def test_a_venue_that_does_not_come_up_fails_at_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certify, "CONNECT_S", 0.2)
    async with open_gateway() as made:
        made.venues["ven_a"].state = VenueState.DOWN
        await asyncio.sleep(0.2)
        verdict = await certify.certify(made.services, TRIAL)
    assert [(step.name, step.is_passed) for step in verdict.steps] == [("connect", False)]
    assert not verdict.is_passed


async def test_an_account_that_is_not_idle_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = VenueOpenOrder("", "v1", "BTC/USDT", Side.BUY, 100, 1)

    async with open_gateway() as made:
        venue = made.venues["ven_a"]

        async def statement(account: str) -> VenueStatement:
            return VenueStatement("ven_a", 1, (), (), (foreign,))

        monkeypatch.setattr(venue, "statement", statement)
        verdict = await certify.certify(made.services, TRIAL)
        assert not venue.sent
    assert verdict.steps[-1].name == "statement"
    assert "1 orders are open there" in verdict.steps[-1].found
