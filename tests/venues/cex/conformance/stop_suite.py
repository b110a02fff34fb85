"""The conformance suite of stops: which venues, which checks, and where the results are kept.

    python -m tests.venues.cex.conformance.stop_suite

runs all of it and writes docs/results/conformance-stops.json from what passed, in some ten seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Final

from app.venues.stop_offers import served_offers
from tests.venues.cex.conformance import stops, suite
from tests.venues.cex.conformance.desks import Place
from tests.venues.cex.conformance.suite import Check, run

RESULTS: Final = suite.RESULTS.with_name("conformance-stops.json")
CHECKS: Final[dict[str, Check]] = {check.__name__: check for check in stops.CHECKS}
# Where a venue holds stops of contracts alone.
_CONTRACTS: Final = {"bybit": Place("bybit", "BTC/USDT:USDT", "BTCUSDT.linear", "0.1", "0.001")}
PLACES: Final = {venue: place for venue, place in (suite.PLACES | _CONTRACTS).items() if venue in served_offers()}


def results() -> dict[str, dict[str, bool]]:
    """What a green suite means, by venue and check."""
    return {venue: dict.fromkeys(CHECKS, True) for venue in PLACES}


def main() -> int:
    """Runs the suite and writes what it found to where the documents are made from; 1 where a check failed."""
    found = asyncio.run(run(PLACES, CHECKS))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(found != results())


if __name__ == "__main__":
    sys.exit(main())
