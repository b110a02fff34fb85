"""The conformance suite: which venues, which checks, and where the results are kept.

    python -m tests.venues.cex.conformance.suite

runs all of it and writes docs/results/conformance.json from what passed, about three minutes.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from tests.venues.cex.conformance import orders, outcomes, streams
from tests.venues.cex.conformance.desks import Desk, Place
from tests.venues.exchange.protocols.tokens import new_es256_key
from tests.venues.exchange.server import LocalExchange

Check = Callable[[Desk], Awaitable[None]]
RESULTS: Final = Path(__file__).resolve().parents[4] / "docs" / "results" / "conformance.json"
CHECKS: Final[dict[str, Check]] = {
    check.__name__: check for module in (orders, outcomes, streams) for check in module.CHECKS
}
PLACES: Final = {
    place.venue: place
    for place in (
        Place("binance"),
        Place("okx", market="BTC-USDT", tick="0.1", lot="0.00000001", passphrase="phrase"),
        Place("bybit", lot="0.000001"),
        Place("kraken", "BTC/USD", "XXBTZUSD", tick="0.1", lot="0.00000001"),
        Place("bitget", lot="0.000001", passphrase="phrase"),
        # Its own lot is a tenth: price and quantity together have more than nine decimals.
        Place(
            "coinbase",
            market="BTC-USDT",
            lot="0.0000001",
            secret=new_es256_key(),
            wrong_secret=new_es256_key(),
            key="organizations/local/apiKeys/{}",
        ),
        Place("deribit", market="BTC_USDT", lot="0.0001"),
        Place("kucoin", market="BTC-USDT", tick="0.1", lot="0.00000001", passphrase="phrase"),
        Place("gate", market="BTC_USDT", tick="0.1", lot="0.000001"),
        Place("htx", market="btcusdt", lot="0.000001"),
    )
}

# What a venue does not pass, and why; such a check must fail as long as it is named here.
GAPS: Final[dict[tuple[str, str], str]] = {}


def spoken() -> list[str]:
    """The venues that the local exchange speaks and the suite has a place at."""
    found = []
    for venue in PLACES:
        if importlib.util.find_spec(f"tests.venues.exchange.protocols.{venue}") is not None:
            found.append(venue)
    return found


def results() -> dict[str, dict[str, bool]]:
    """What a green suite means, by venue and check."""
    return {venue: {name: (venue, name) not in GAPS for name in CHECKS} for venue in spoken()}


async def run(places: Mapping[str, Place], checks: Mapping[str, Check]) -> dict[str, dict[str, bool]]:
    """Runs every check at every place of a local exchange and says, by venue and check, whether it passed."""
    found: dict[str, dict[str, bool]] = {}
    with LocalExchange(list(places)) as server:
        for venue, place in places.items():
            desk = await Desk(server, place).open()
            try:
                found[venue] = {name: await passes(desk, name, check) for name, check in checks.items()}
            finally:
                await desk.close()
    return found


async def passes(desk: Desk, name: str, check: Check) -> bool:
    """Whether one check passes at a settled desk; what fails is printed."""
    try:
        await desk.settle()
        desk.reports.clear()
        await check(desk)
    except Exception as error:  # a check may fail in any way, and the others are run all the same
        print(f"{desk.name} {name}: {type(error).__name__}: {error}")
        return False
    return True


def main() -> int:
    """Runs the suite and writes what it found to where the documents are made from; 1 where a check failed."""
    found = asyncio.run(run({venue: PLACES[venue] for venue in spoken()}, CHECKS))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(found != results())


if __name__ == "__main__":
    sys.exit(main())
