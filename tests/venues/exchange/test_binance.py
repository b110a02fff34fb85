"""Binance as ccxt speaks it, spot and USD-M, against the local exchange."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.venues.exchange import scenarios
from tests.venues.exchange.scenarios import Case, World
from tests.venues.exchange.server import LocalExchange

CASE = Case("binance", options={"fetchMarkets": {"types": ["spot", "linear"]}}, watches=("orders", "trades", "clock"))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with LocalExchange(["binance"]) as server:
        yield World(server, CASE)
        assert not server.control.imbalance()


@pytest.mark.parametrize("scenario", scenarios.ALL, ids=lambda s: s.__name__)
async def test_spot(world: World, scenario) -> None:
    await scenario(world)
